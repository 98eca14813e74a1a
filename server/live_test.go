package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

// batch is an AttemptBatch as the tests ask for it.
type batch struct {
	Kind     string
	Cursor   string
	Attempts []struct {
		ID, Outcome string
		Number      int
		Delivery    struct {
			ID, Status   string
			AttemptCount int
		}
		Response struct{ Body struct{ Text string } }
	}
	Matched, Skipped int
}

const watch = `subscription($filter: AttemptFilter, $after: Cursor, $backfill: Int! = 100) {
	deliveryAttempts(filter: $filter, after: $after, backfill: $backfill) {
		kind cursor matched skipped attempts {id outcome number delivery {id status attemptCount} response {body {text}}}}}`

// next reads batches until one has attempts.
func (s *socket) next() batch {
	s.t.Helper()
	for {
		f := s.read()
		var got struct {
			Data   struct{ DeliveryAttempts batch }
			Errors []any
		}
		if err := json.Unmarshal(f.Payload, &got); err != nil || f.Type != "next" || len(got.Errors) > 0 {
			s.t.Fatalf("got %s %s", f.Type, f.Payload)
		}
		if len(got.Data.DeliveryAttempts.Attempts) > 0 {
			return got.Data.DeliveryAttempts
		}
	}
}

func TestLiveLog(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		account := must(accountOf(ctx))
		strangerCtx, strangerKey := w.customer("stranger")
		event, subscription := id.New(), id.New()
		one := result(account, event, subscription, 1, stream.StatusRetrying)
		two := result(account, event, subscription, 2, stream.StatusSucceeded)
		three := result(account, id.New(), id.New(), 1, stream.StatusExhausted)
		w.settle(one)

		s := w.socket(key)
		s.subscribe("all", watch, nil)
		first := s.next()
		if len(first.Attempts) != 1 || first.Attempts[0].ID != id.Format(id.Attempt, one.Attempt.ID) || first.Matched != 1 {
			t.Errorf("first: %+v", first)
		}

		stranger := w.socket(strangerKey)
		stranger.subscribe("all", watch, map[string]any{"backfill": 1000})
		filtered := w.socket(key)
		filtered.subscribe("failures", watch, map[string]any{"filter": map[string]any{"outcomes": []string{"SUCCESS"}, "deliveryId": id.Format(id.Delivery, two.DeliveryID)}})

		w.settle(two, three)
		second := s.next()
		if second.Kind != "LIVE" || second.Attempts[0].Number != 2 {
			t.Errorf("second: %+v", second)
		}

		t.Run("an attempt is whole before it is archived", func(t *testing.T) {
			got := second.Attempts[0]
			if got.Delivery.ID != id.Format(id.Delivery, two.DeliveryID) || got.Delivery.Status != "SUCCEEDED" || got.Delivery.AttemptCount != 2 || got.Response.Body.Text != "down" {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("a filter is applied on the server", func(t *testing.T) {
			filtered.t = t
			if got := filtered.next(); len(got.Attempts) != 1 || got.Attempts[0].ID != id.Format(id.Attempt, two.Attempt.ID) {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("goes on after a cursor with no gap and no duplicate", func(t *testing.T) {
			again := w.in(t).socket(key)
			again.subscribe("1", watch, map[string]any{"after": first.Cursor})
			var ids []string
			for len(ids) < 2 {
				for _, attempt := range again.next().Attempts {
					ids = append(ids, attempt.ID)
				}
			}
			if want := []string{id.Format(id.Attempt, two.Attempt.ID), id.Format(id.Attempt, three.Attempt.ID)}; strings.Join(ids, " ") != strings.Join(want, " ") {
				t.Errorf("got %v, want %v", ids, want)
			}
		})
		t.Run("another account sees nothing of it", func(t *testing.T) {
			own := result(must(accountOf(strangerCtx)), id.New(), id.New(), 1, stream.StatusSucceeded)
			w.settle(own)
			stranger.t = t
			if got := stranger.next(); len(got.Attempts) != 1 || got.Attempts[0].ID != id.Format(id.Attempt, own.Attempt.ID) || got.Skipped > 0 {
				t.Errorf("got %+v", got)
			}
		})
		t.Run("says which argument is wrong", func(t *testing.T) {
			s := w.in(t).socket(key)
			for arguments, says := range map[string]string{
				"backfill: 1001":      "backfill: 1001 is outside its limits, 0 to 1000",
				"backfill: -1":        "backfill: -1 is outside its limits",
				"maxPerSecond: 0":     "maxPerSecond: 0 is outside its limits, 1 to 10000",
				"maxPerSecond: 10001": "outside its limits",
				`after: "nonsense"`:   "the cursor is not one of this stream",
			} {
				s.subscribe(arguments, fmt.Sprintf(`subscription {deliveryAttempts(%s) {cursor}}`, arguments), nil)
				if got := s.read(); got.ID != arguments || got.Type != "error" && got.Type != "next" || !strings.Contains(string(got.Payload), says) || !strings.Contains(string(got.Payload), "BAD_USER_INPUT") {
					t.Errorf("%s: %s %s", arguments, got.Type, got.Payload)
				}
			}
		})
		t.Run("over server-sent events", func(t *testing.T) {
			w := w.in(t)
			events := w.events(key, watch, nil)
			w.settle(result(account, id.New(), id.New(), 1, stream.StatusSucceeded))
			if name, data := events(); name != "next" || !strings.Contains(data, `"kind":"BACKFILL"`) || !strings.Contains(data, "att_") {
				t.Errorf("%s %s", name, data)
			}
		})
	})
}

func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"})
	ctx, key := w.customer("acme")

	t.Run("serve queries", func(t *testing.T) {
		t.Parallel()
		events := w.in(t).events(key, `{viewer {version}}`, nil)
		if name, data := events(); name != "next" || data != `{"data":{"viewer":{"version":"1.2.3"}}}` {
			t.Errorf("%s %s", name, data)
		}
		if name, data := events(); name != "complete" || data != "" {
			t.Errorf("%s %s", name, data)
		}
	})
	t.Run("serve errors", func(t *testing.T) {
		t.Parallel()
		events := w.in(t).events(w.in(t).key(ctx, access.EventsPublish), watch, nil)
		if name, data := events(); name != "next" || !strings.Contains(data, "FORBIDDEN") || strings.Contains(data, `"data"`) {
			t.Errorf("%s %s", name, data)
		}
		if name, _ := events(); name != "complete" {
			t.Error(name)
		}
	})
	t.Run("end when the key is revoked", func(t *testing.T) {
		t.Parallel()
		short, token, err := w.configure.CreateAPIKey(ctx, "short", []access.Scope{access.LogRead, access.PayloadsRead}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.settle(result(must(accountOf(ctx)), id.New(), id.New(), 1, stream.StatusSucceeded))
		events := w.in(t).events(token, watch, nil)
		if name, _ := events(); name != "next" {
			t.Fatal(name)
		}
		must(w.configure.RevokeAPIKey(ctx, short.ID))
		for name, _ := events(); name != ""; name, _ = events() {
			if name == "complete" {
				t.Error("the stream is said to be complete")
			}
		}
	})
}

// TestShutdown: streams and websockets end, a request under way is answered, and the server was not ready since.
func TestShutdown(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"})
	ctx, key := w.customer("acme")
	w.settle(result(must(accountOf(ctx)), id.New(), id.New(), 1, stream.StatusSucceeded))
	events := w.events(key, watch, nil)
	if name, _ := events(); name != "next" {
		t.Fatal(name)
	}
	s := w.socket(key)
	s.subscribe("1", watch, nil)
	s.next()

	stopping, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := w.server.Shutdown(stopping); err != nil {
		t.Error(err)
	}
	if code, _ := s.closed(); code != 1001 {
		t.Errorf("websocket closed with %d", code)
	}
	for name, _ := events(); name != ""; name, _ = events() {
		if name == "complete" {
			t.Error("the stream is said to be complete")
		}
	}
}

// events executes an operation as server-sent events, and returns what reads the next one; its name is empty at the end.
func (w *world) events(key, document string, vars map[string]any) func() (name, data string) {
	w.t.Helper()
	body := string(must(json.Marshal(map[string]any{"query": document, "variables": vars})))
	req := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/graphql", strings.NewReader(body)))
	req.Header = bearer(key)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("%d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name, data string) {
		for lines.Scan() {
			line := lines.Text()
			if text, found := strings.CutPrefix(line, "event: "); found {
				name = text
			}
			if text, found := strings.CutPrefix(line, "data: "); found {
				data = text
			}
			if line == "" && name != "" {
				return name, data
			}
		}
		return "", ""
	}
}

// TestLiveStatements: how many statements a live attempt takes does not grow with those who watch it.
func TestLiveStatements(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		var statements atomic.Int64
		w := start(t, b, func(c *server.Config) { c.Ent = counted(t, b, &statements) })
		ctx, key := w.customer("acme")
		subscription := w.subscribe(ctx, "sms", "sms.*")
		watchers := make([]*socket, 20)
		for i := range watchers {
			watchers[i] = w.socket(key)
			watchers[i].subscribe("1", `subscription {deliveryAttempts(backfill: 0) {kind attempts {id subscription {name}}}}`, nil)
			watchers[i].read() // the stream is joined
		}
		before := statements.Load()
		r := result(subscription.AccountID, id.New(), subscription.ID, 1, stream.StatusSucceeded)
		w.settle(r)
		for _, s := range watchers {
			if got := s.next(); got.Attempts[0].ID != id.Format(id.Attempt, r.Attempt.ID) {
				t.Errorf("got %+v", got)
			}
		}
		if n := statements.Load() - before; n > 1 {
			t.Errorf("%d statements for one attempt", n)
		}
	})
}
