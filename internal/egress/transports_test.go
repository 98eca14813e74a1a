package egress

import (
	"crypto/tls"
	"net/http"
	"testing"
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
