package egress

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
)

func TestPacer(t *testing.T) {
	t.Parallel()
	p := newPacer(time.Hour)
	var done []func()
	turn := func(p *pacer, host string) {
		t.Helper()
		leave, err := p.await(&call{}, host)
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, leave)
	}
	for range dialsAtOnce {
		turn(p, "a:443")
	}
	turn(p, "b:443") // waits for nobody

	served := &call{}
	served.serve()
	if _, err := p.await(served, "a:443"); !errors.Is(err, errNotNeeded) {
		t.Errorf("a dial for a request that has a connection: %v", err)
	}

	later := make(chan func())
	go func() {
		leave, err := p.await(&call{}, "a:443")
		if err != nil {
			t.Error(err)
		}
		later <- leave
	}()
	select {
	case <-later:
		t.Errorf("more than %d dials at once", dialsAtOnce)
	default:
	}
	done[0]()
	done = append(done[1:], <-later)
	for _, leave := range done {
		leave()
	}
	if len(p.hosts) > 0 {
		t.Errorf("hosts that nobody dials are kept: %v", p.hosts)
	}

	done = nil
	hasty := newPacer(time.Millisecond)
	for range 2*dialsAtOnce + 1 {
		turn(hasty, "a:443") // in spite of those that hang
	}
	for _, leave := range done {
		leave()
	}
	if len(hasty.hosts) > 0 {
		t.Errorf("hosts that nobody dials are kept: %v", hasty.hosts)
	}
}

// What got an idle connection while its dial waited for its turn does not dial, and what is waiting for that gets it as soon as it is free.
func TestDialsThatAreNotNeeded(t *testing.T) {
	t.Parallel()
	const requests = 3 * dialsAtOnce
	release := make(chan struct{})
	var first sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		first.Do(func() { <-release })
	}))
	defer server.Close()
	client := New(Config{Policy: addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true}})
	defer client.Close()
	d := client.transports.dialer
	d.pacer = newPacer(time.Hour)
	var dials atomic.Int32
	begun, all, hang := make(chan struct{}), make(chan struct{}), make(chan struct{})
	d.control = func(string, string, syscall.RawConn) error {
		switch dials.Add(1) {
		case 1:
			close(begun)
			return nil
		case 1 + dialsAtOnce:
			close(all)
		}
		<-hang
		return errors.New("too late")
	}
	var sent sync.WaitGroup
	send := func() {
		sent.Go(func() {
			if resp := client.Do(t.Context(), Request{URL: server.URL, Body: []byte("{}")}); resp.Err != nil {
				t.Error(resp.Err)
			}
		})
	}
	send()
	<-begun
	for range requests {
		send()
	}
	<-all
	close(release)
	sent.Wait()
	if n := dials.Load(); n != 1+dialsAtOnce {
		t.Errorf("%d dials, want %d", n, 1+dialsAtOnce)
	}
	close(hang)
}
