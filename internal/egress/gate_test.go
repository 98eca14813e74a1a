package egress_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/hookline/hookline/internal/egress"
)

// gate lets requests pass until it is shut, and counts how often it was asked.
type gate struct {
	shut  atomic.Bool
	asked atomic.Int32
}

var errShut = errors.New("shut")

func (g *gate) Pass() error {
	g.asked.Add(1)
	if g.shut.Load() {
		return errShut
	}
	return nil
}

func TestGate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for name, over := range map[string]struct{ tls, http2 bool }{"http": {}, "https": {tls: true}, "http2": {tls: true, http2: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			handler := func(_ http.ResponseWriter, r *http.Request) {
				if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
					requests.Add(1)
				}
			}
			var url string
			if over.tls {
				url = serveTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}, over.http2, handler)
			} else {
				server := httptest.NewServer(http.HandlerFunc(handler))
				defer server.Close()
				url = server.URL
			}
			client := newClient(t, egress.Config{RootCAs: ca.pool})
			g := &gate{}
			for sent := range int32(2) { // on a new connection, and on one that has been used
				if resp := do(t, client, url, egress.Request{Gate: g}); resp.Err != nil || g.asked.Load() != sent+1 {
					t.Fatalf("%v, asked %d times", resp.Err, g.asked.Load())
				}
			}
			g.shut.Store(true)
			for asked := range int32(2) { // on one that has been used, and perhaps on a new one
				resp := do(t, client, url, egress.Request{Gate: g})
				if resp.Err == nil || !errors.Is(resp.Err, errShut) || resp.StatusCode != 0 || g.asked.Load() != 3+asked {
					t.Errorf("status %d, %v, asked %d times", resp.StatusCode, resp.Err, g.asked.Load())
				}
			}
			if resp := do(t, client, url, egress.Request{}); resp.Err != nil {
				t.Errorf("a request without a gate: %v", resp.Err)
			}
			if n := requests.Load(); n != 3 {
				t.Errorf("%d requests were sent, want those 3 that passed", n)
			}
		})
	}
}
