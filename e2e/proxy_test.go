package e2e

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy passes TCP connections on to a server, and can cut them, and hold what passes (trap_test.go).
type proxy struct {
	listener net.Listener
	running  sync.WaitGroup
	traps    traps

	mu     sync.Mutex
	target string // host:port; empty: connections are closed at once
	open   map[net.Conn]struct{}
}

// newProxy starts a proxy to the server at url. It ends with the test.
func newProxy(t *testing.T, url string) *proxy {
	t.Helper()
	return newProxyAt(t, "127.0.0.1:0", url)
}

// newProxyAt is newProxy on an address.
func newProxyAt(t *testing.T, addr, url string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, open: make(map[net.Conn]struct{})}
	p.mend(url)
	p.running.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.cut()
		p.running.Wait()
	})
	return p
}

func (p *proxy) url() string  { return "http://" + p.addr() }
func (p *proxy) addr() string { return p.listener.Addr().String() }

// cut closes all connections, whatever is on its way in them, and those that come until mend.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for conn := range p.open {
		conn.Close()
	}
}

// mend passes connections on to the server at url.
func (p *proxy) mend(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, p.target, _ = strings.Cut(url, "://")
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test ends
		}
		p.running.Go(func() { p.pass(client) })
	}
}

// pass passes on what client and server send, until one of them closes its connection.
func (p *proxy) pass(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target) // fails while there is no target
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	lost := p.target != target
	p.open[client], p.open[server] = struct{}{}, struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, client)
		delete(p.open, server)
	}()
	if lost {
		return
	}
	ended := make(chan struct{}, 2)
	through := &passage{traps: &p.traps, gone: make(chan struct{})}
	defer close(through.gone)
	for _, carry := range []func(){
		func() { _, _ = io.Copy(server, through.requests(client)) }, // either side may leave at any time
		func() { _, _ = io.Copy(client, through.answers(server)) },
	} {
		p.running.Go(func() {
			carry()
			ended <- struct{}{}
		})
	}
	<-ended
}
