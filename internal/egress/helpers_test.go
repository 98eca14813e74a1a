package egress_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
)

func TestMain(m *testing.M) {
	// Nothing listens there: a request that took a proxy from the environment would fail.
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_ = os.Setenv(name, "http://127.0.0.1:1")
	}
	goleak.VerifyTestMain(m)
}

// loopback lets tests reach their own servers on 127.0.0.1, and no other address of the network 127.0.0.0/8.
var loopback = addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, AllowHTTP: true}

// secret is in the query of every URL that tests call: it must not turn up in any error.
const secret = "s3cret"

func newClient(t *testing.T, config egress.Config) *egress.Client {
	t.Helper()
	if config.Policy.Allow == nil {
		config.Policy = loopback
	}
	client := egress.New(config)
	t.Cleanup(client.Close)
	return client
}

// do sends req to url and checks what holds for every outcome.
func do(t *testing.T, client *egress.Client, url string, req egress.Request) egress.Response {
	t.Helper()
	return doContext(t.Context(), t, client, url, req)
}

func doContext(ctx context.Context, t *testing.T, client *egress.Client, url string, req egress.Request) egress.Response {
	t.Helper()
	req.URL = url + "/?token=" + secret
	if req.Body == nil {
		req.Body = []byte(`{"hello":"world"}`)
	}
	resp := client.Do(ctx, req)
	if resp.Timing.Total <= 0 {
		t.Errorf("Total = %v", resp.Timing.Total)
	}
	if resp.Err != nil {
		if text := resp.Err.Error() + resp.Err.Hint(); strings.Contains(text, secret) {
			t.Errorf("the error gives the URL's query away: %s", text)
		}
	}
	return resp
}

// wantKind fails the test unless resp failed with kind, and text in its error.
func wantKind(t *testing.T, resp egress.Response, kind egress.Kind, text string) {
	t.Helper()
	switch {
	case resp.Err == nil:
		t.Fatalf("status %d and no error, want %s: …%s", resp.StatusCode, kind, text)
	case resp.Err.Kind != kind || !strings.Contains(resp.Err.Error(), text):
		t.Fatalf("error %q of kind %s (%#v), want %s: …%s", resp.Err, resp.Err.Kind, resp.Err.Err, kind, text)
	}
}

// listen serves every connection to a fresh listener on address with handle, which may block until the connection or
// the test ends. It returns the listener's address and a count of connections.
func listen(t *testing.T, address string, handle func(net.Conn)) (string, *connCount) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var (
		count connCount
		wg    sync.WaitGroup
	)
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.add(conn)
			wg.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		count.closeAll()
		wg.Wait()
	})
	return listener.Addr().String(), &count
}

type connCount struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (c *connCount) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
}

func (c *connCount) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}

func (c *connCount) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// awaitRequest returns when the first byte of a request has come: net/http drops a connection that answers unasked.
func awaitRequest(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) }

// drain reads from conn until it ends.
func drain(conn net.Conn) {
	buf := make([]byte, 4096)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// trickle writes text byte by byte, one every pause, until it is done or conn ends.
func trickle(conn net.Conn, text string, pause time.Duration) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for i := range len(text) {
		<-tick.C
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
	}
}
