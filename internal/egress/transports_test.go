package egress

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/hookline/hookline/internal/addrguard"
)

func TestTransportsAreSharedByTLSIdentity(t *testing.T) {
	t.Parallel()
	first, second := new(tls.Certificate), new(tls.Certificate)
	same := [][2]TLS{
		{{}, {MinVersion: tls.VersionTLS12}},
		{{}, {MinVersion: tls.VersionTLS10}},
		{{Certificate: first}, {Certificate: first}},
		{{Certificate: first, Identity: "a"}, {Certificate: second, Identity: "a"}},
	}
	different := [][2]TLS{
		{{}, {MinVersion: tls.VersionTLS13}},
		{{}, {MaxVersion: tls.VersionTLS12}},
		{{}, {Certificate: first}},
		{{Certificate: first}, {Certificate: second}},
		{{Certificate: first, Identity: "a"}, {Certificate: first, Identity: "b"}},
	}
	ts := newTransports(maxTransports, new(dialer), nil)
	for _, pair := range same {
		if ts.get(pair[0]) != ts.get(pair[1]) {
			t.Errorf("%+v and %+v have transports of their own", pair[0], pair[1])
		}
	}
	for _, pair := range different {
		if ts.get(pair[0]) == ts.get(pair[1]) {
			t.Errorf("%+v and %+v share a transport", pair[0], pair[1])
		}
	}
}

func TestTransportsForgetTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	ts := newTransports(2, new(dialer), nil)
	get := func(name string) *http.Transport { return ts.get(TLS{Identity: name}) }
	a, b := get("a"), get("b")
	get("a")
	get("c")
	if get("a") != a {
		t.Error("a, used more recently, was forgotten")
	}
	if get("b") == b {
		t.Error("b was kept")
	}
}

func TestForgottenTransportsCloseTheirConnections(t *testing.T) {
	t.Parallel()
	closed := make(chan net.Conn, 10)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- conn
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := New(Config{Policy: addrguard.Policy{
		AllowAddrs: []netip.AddrPort{server.Listener.Addr().(*net.TCPAddr).AddrPort()},
	}})
	t.Cleanup(client.Close)
	client.transports = newTransports(1, client.transports.dialer, nil)
	for _, name := range []string{"a", "b"} {
		resp := client.Do(t.Context(), Request{URL: server.URL, Body: []byte("x"), TLS: TLS{Identity: name}})
		if resp.Err != nil {
			t.Fatal(resp.Err)
		}
	}
	<-closed // that of a
	client.Forget("a")
	client.Forget("b")
	<-closed
}

func TestForgetsTheTransportsOfACertificate(t *testing.T) {
	t.Parallel()
	ts := newTransports(maxTransports, new(dialer), nil)
	both := []TLS{{Identity: "a"}, {Identity: "a", MinVersion: tls.VersionTLS13}}
	first, second, other := ts.get(both[0]), ts.get(both[1]), ts.get(TLS{Identity: "b"})
	ts.forget("a")
	if ts.get(both[0]) == first || ts.get(both[1]) == second {
		t.Error("a was kept")
	}
	if ts.get(TLS{Identity: "b"}) != other {
		t.Error("b was forgotten")
	}
}
