package server_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

// admitted opens a websocket and reports whether the server let the key in, with the close code and reason if not.
func (w *world) admitted(key string) (s *socket, code int, reason string) {
	w.t.Helper()
	s, _, err := w.dial(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	s.write(map[string]any{"type": "connection_init", "payload": map[string]any{"authorization": "Bearer " + key}})
	_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var f frame
	if err := s.conn.ReadJSON(&f); err == nil && f.Type == "connection_ack" {
		return s, 0, ""
	}
	code, reason = s.closed()
	return nil, code, reason
}

func TestSocketsPerKey(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) { c.MaxSocketsPerKey = 2 })
	ctx, key := w.customer("acme")
	first, _, _ := w.admitted(key)
	if second, _, _ := w.admitted(key); first == nil || second == nil {
		t.Fatal("the first two are not admitted")
	}
	if third, code, reason := w.admitted(key); third != nil || code != 4403 || reason != "the API key has 2 websockets open, which is the limit: close one first" {
		t.Errorf("the third is closed with %d %s", code, reason)
	}
	if another, code, reason := w.admitted(w.key(ctx, access.LogRead)); another == nil {
		t.Errorf("that of another key is closed with %d %s", code, reason)
	}
	if got := w.get(key, `{viewer {version}}`, nil, "viewer.version"); got != "1.2.3" {
		t.Errorf("over HTTP: %s", got)
	}
	check(t, first.conn.Close())
	testenv.Eventually(t, time.Minute, func() bool { s, _, _ := w.admitted(key); return s != nil }, "another one is admitted in place of one that was closed")
}

func TestOperationsPerKey(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) { c.MaxOperationsPerKey = 2 })
	ctx, key := w.customer("acme")
	const watch = `subscription {deliveryAttempts {cursor}}`
	s := w.socket(key)
	s.subscribe("1", watch, nil)
	s.subscribe("2", watch, nil)
	over := func() answer { return w.query(key, `{viewer {version}}`, nil) }
	more := 2
	testenv.Eventually(t, time.Minute, func() bool {
		if over().code() == "TOO_MANY_OPERATIONS" {
			return true
		}
		more++ // the second may have been refused, because the question itself was the second
		s.subscribe(strconv.Itoa(more), watch, nil)
		return false
	}, "two run")

	if a := over(); len(a.Errors) != 1 || a.Errors[0].Message != "the API key runs 2 operations, which is the limit: complete one first" {
		t.Errorf("over HTTP: %s %+v", a.Data, a.Errors)
	}
	got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {version}}"}`, header: bearer(key)})
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("over HTTP: %d %v", got.status, got.header)
	}
	stream := bearer(key)
	stream.Set("Accept", "text/event-stream")
	if got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"` + watch + `"}`, header: stream}); !strings.Contains(got.body, "TOO_MANY_OPERATIONS") {
		t.Errorf("over a stream: %d %s", got.status, got.body)
	}
	other := w.socket(key)
	other.subscribe("1", watch, nil)
	if f := other.read(); f.ID != "1" || f.Type != "error" || !strings.Contains(string(f.Payload), "TOO_MANY_OPERATIONS") {
		t.Errorf("over another websocket: %+v %s", f, f.Payload)
	}
	if another := w.key(ctx, access.LogRead); w.get(another, `{viewer {version}}`, nil, "viewer.version") != "1.2.3" {
		t.Error("another key is held up")
	}
	for n := range more {
		s.write(map[string]any{"id": strconv.Itoa(n + 1), "type": "complete"})
	}
	testenv.Eventually(t, time.Minute, func() bool { return over().code() == "" }, "one is let through in place of those that were completed")
	for range 20 { // a query is over when it is answered
		if a := over(); len(a.Errors) > 0 {
			t.Fatalf("one query after the other: %+v", a.Errors)
		}
	}
}
