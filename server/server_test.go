package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

func embedded(t *testing.T) testenv.Backend {
	t.Helper()
	return testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t), func(c *server.Config) {
		c.Dashboard = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/panic" {
				panic("the secret inside")
			}
			_, _ = fmt.Fprint(w, "dashboard")
		})
	})

	t.Run("get an id, the client's if it is sane", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		seen := make(map[string]bool)
		for given, kept := range map[string]bool{"abc-123_x.y": true, "": false, "a b": false, strings.Repeat("a", 65): false, "a\"b": false} {
			got := w.send(request{method: "GET", path: "/", header: http.Header{"X-Request-Id": {given}}}).header.Get("X-Request-Id")
			if (got == given) != kept || got == "" || seen[got] {
				t.Errorf("%q: %q", given, got)
			}
			seen[got] = true
		}
	})

	t.Run("get security headers", func(t *testing.T) {
		t.Parallel()
		header := w.in(t).send(request{method: "GET", path: "/livez"}).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
	})

	t.Run("leave one line in the log, without their query", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.send(request{method: "GET", path: "/some/page?token=hunter2", header: http.Header{"X-Request-Id": {"the-line"}}})
		var lines []string
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, `"requestId":"the-line"`) {
				lines = append(lines, line)
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], `"path":"/some/page"`) || !strings.Contains(lines[0], `"status":200`) || strings.Contains(lines[0], "hunter2") {
			t.Errorf("got %v", lines)
		}
	})

	t.Run("that panic are answered, and logged", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		got := w.send(request{method: "GET", path: "/panic", header: http.Header{"X-Request-Id": {"the-panic"}}})
		if got.status != 500 || at(t, []byte(got.body), "error.requestId") != "the-panic" || strings.Contains(got.body, "secret") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if log := w.log.String(); !strings.Contains(log, "the secret inside") {
			t.Error("the log does not tell")
		}
	})

	t.Run("are counted by route and status", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {version}}"}`, header: bearer(adminKey)})
		got := w.send(request{method: "GET", path: "/metrics"})
		if got.status != 200 || !strings.Contains(got.body, `hookline_http_request_duration_seconds_count{route="/graphql",status="200"}`) {
			t.Errorf("%d %s", got.status, got.body)
		}
	})

	t.Run("for the page to try operations on get its files", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for path, contentType := range map[string]string{
			"/graphiql": "text/html", "/graphiql/script.js": "text/javascript", "/graphiql/style.css": "text/css",
		} {
			got := w.send(request{method: "GET", path: path})
			if got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), contentType) ||
				!strings.Contains(got.header.Get("Content-Security-Policy"), "script-src 'self'") || got.body == "" {
				t.Errorf("%s: %d %v", path, got.status, got.header)
			}
		}
		for _, path := range []string{"/graphiql/nothing.js", "/graphiql/..%2fserver.go"} {
			if got := w.send(request{method: "GET", path: path}); got.status == 200 && got.body != "dashboard" {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	})

	t.Run("for the schema get it as it is printed", func(t *testing.T) {
		t.Parallel()
		got := w.in(t).send(request{method: "GET", path: "/schema.graphql"})
		if got.status != 200 || !strings.Contains(got.body, "type DeliveryAttempt implements Node @scope(any: [LOG_READ])") {
			t.Errorf("%d %.100s", got.status, got.body)
		}
	})
}

func TestInternalErrors(t *testing.T) {
	t.Parallel()
	b := embedded(t)
	var statements atomic.Int64
	reads := counted(t, b, &statements)
	w := start(t, b, func(c *server.Config) { c.Ent, c.Configure = reads, nil })
	_, key := w.customer("acme")
	ask := func(document string) reply {
		header := bearer(key)
		header.Set("X-Request-Id", "the-request")
		header.Set("Accept", "application/graphql-response+json")
		return w.send(request{method: "POST", path: "/graphql", body: fmt.Sprintf(`{"query":%q}`, document), header: header})
	}
	if got := ask(`{events {nodes {id}}}`); got.status != 200 {
		t.Fatal(got.body)
	}
	check(t, reads.Close())

	t.Run("are masked, and in the log", func(t *testing.T) {
		got := ask(`{events {nodes {id}}}`)
		if got.status != 500 || at(t, []byte(got.body), "errors.0.message") != "internal error" ||
			at(t, []byte(got.body), "errors.0.extensions") != `{"code":"INTERNAL","requestId":"the-request"}` || strings.Contains(got.body, "closed") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if log := w.log.String(); !strings.Contains(log, "database is closed") {
			t.Errorf("the log does not tell: %s", log)
		}
	})
	t.Run("panics are too", func(t *testing.T) {
		const document = `mutation {deleteEventSubscription(by: {key: "a"}) {deletedId}}` // there is nothing to configure with
		got := ask(document)
		if got.status != 500 || at(t, []byte(got.body), "errors.0.extensions.requestId") != "the-request" || strings.Contains(got.body, "nil pointer") {
			t.Errorf("%d %s", got.status, got.body)
		}
		s := w.in(t).socket(key)
		s.subscribe("1", document, nil)
		if got := s.read(); !strings.Contains(string(got.Payload), `"internal error"`) || strings.Contains(string(got.Payload), "nil pointer") {
			t.Errorf("got %s %s", got.Type, got.Payload)
		}
		if log := w.log.String(); !strings.Contains(log, "nil pointer") {
			t.Errorf("the log does not tell: %s", log)
		}
	})
	t.Run("what is left of an answer is given", func(t *testing.T) {
		got := ask(`{__typename event(id: "evt_01h455vb4pex5vsknk084sn02q") {id}}`)
		if got.status != 200 || at(t, []byte(got.body), "data") != `{"__typename":"Query","event":null}` {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}

func TestHealth(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		var broken atomic.Bool
		w := start(t, b, func(c *server.Config) {
			c.Ready = append(c.Ready, server.Check{Name: "other", Run: func(context.Context) error {
				if broken.Load() {
					return errors.New("password=hunter2")
				}
				return nil
			}})
		})
		if got := w.send(request{method: "GET", path: "/livez"}); got.status != 200 || got.body != `{"status":"ok"}`+"\n" {
			t.Errorf("/livez: %d %s", got.status, got.body)
		}
		if got := w.send(request{method: "GET", path: "/readyz"}); got.status != 200 || at(t, []byte(got.body), "checks") != `{"database":"ok","other":"ok","redis":"ok"}` {
			t.Errorf("/readyz: %d %s", got.status, got.body)
		}
		broken.Store(true)
		testenv.Eventually(t, time.Minute, func() bool {
			got := w.send(request{method: "GET", path: "/readyz"})
			return got.status == 503 && at(t, []byte(got.body), "checks") == `{"database":"ok","other":"failing","redis":"ok"}` && !strings.Contains(got.body, "hunter2")
		}, "not said to be failing")
	})
}

// TestWorkerServer: a server without the API, as a worker has it.
func TestWorkerServer(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t), func(c *server.Config) {
		c.Authenticator, c.Accepter, c.Configure, c.Hub, c.Dashboard = nil, nil, nil, nil, nil
	})
	for path, status := range map[string]int{"/livez": 200, "/readyz": 200, "/metrics": 200, "/graphql": 404, "/v1/events": 404, "/schema.graphql": 404, "/": 404} {
		if got := w.send(request{method: "GET", path: path}); got.status != status {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestOverload(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t))
	w.stopAccepting()
	<-w.accepting
	const event = `{"type":"sms.delivery","payload":1}`
	got := w.send(request{method: "POST", path: "/v1/events", body: event, header: bearer(adminKey)})
	if got.status != 503 || got.header.Get("Retry-After") != "1" || at(t, []byte(got.body), "error.code") != "OVERLOADED" {
		t.Errorf("/v1/events: %d %s", got.status, got.body)
	}
	for _, accept := range []string{"application/json", "*/*"} {
		header := bearer(adminKey)
		header.Set("Accept", accept)
		got = w.send(request{method: "POST", path: "/graphql", header: header,
			body: `{"query":"mutation {publishEvents(events: [{type: \"sms.delivery\", payload: 1}]) {results {id}}}"}`})
		if got.status != 503 || got.header.Get("Retry-After") != "1" || at(t, []byte(got.body), "errors.0.extensions.code") != "OVERLOADED" {
			t.Errorf("/graphql: %d %s", got.status, got.body)
		}
	}
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t), func(c *server.Config) { c.Receiver = server.NewReceiver() })

	t.Run("keeps what came, the newest first", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.send(request{method: "POST", path: "/receiver/mine", body: `{"n":1}`, header: http.Header{"Webhook-Id": {"evt_1"}}})
		if got := w.send(request{method: "POST", path: "/receiver/mine?status=503", body: strings.Repeat("x", 20_000)}); got.status != 503 {
			t.Errorf("answered with %d", got.status)
		}
		got := w.send(request{method: "GET", path: "/receiver/mine"})
		if at(t, []byte(got.body), "requests.1.body") != `{"n":1}` || at(t, []byte(got.body), "requests.1.headers.Webhook-Id.0") != "evt_1" ||
			at(t, []byte(got.body), "requests.1.truncated") != "false" || at(t, []byte(got.body), "requests.0.status") != "503" ||
			at(t, []byte(got.body), "requests.0.truncated") != "true" || len(at(t, []byte(got.body), "requests.0.body")) != 16<<10 {
			t.Error(got.body)
		}
		if got := w.send(request{method: "GET", path: "/receiver/other"}); got.body != `{"name":"other","requests":[]}`+"\n" {
			t.Error(got.body)
		}
	})

	t.Run("keeps 100 of a name, and 50 names", func(t *testing.T) {
		t.Parallel()
		w := start(t, embedded(t), func(c *server.Config) { c.Receiver = server.NewReceiver() })
		for i := range 102 {
			w.send(request{method: "POST", path: "/receiver/full", body: fmt.Sprint(i)})
		}
		got := w.send(request{method: "GET", path: "/receiver/full"})
		if strings.Count(got.body, `"at"`) != 100 || at(t, []byte(got.body), "requests.0.body") != "101" || at(t, []byte(got.body), "requests.99.body") != "2" {
			t.Errorf("%d of them", strings.Count(got.body, `"at"`))
		}
		for i := range 50 {
			w.send(request{method: "POST", path: fmt.Sprintf("/receiver/n%d", i)})
		}
		if got := w.send(request{method: "GET", path: "/receiver/full"}); strings.Contains(got.body, `"at"`) {
			t.Error("the name that was used least lately is still there")
		}
	})

	t.Run("refuses what is out of bounds", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for query, says := range map[string]string{
			"status=99": "from 200 to 599", "status=600": "from 200 to 599", "status=x": "from 200 to 599",
			"delayMs=-1": "from 0 to 30000", "delayMs=30001": "from 0 to 30000",
		} {
			if got := w.send(request{method: "POST", path: "/receiver/mine?" + query}); got.status != 400 || !strings.Contains(got.body, says) {
				t.Errorf("%s: %d %s", query, got.status, got.body)
			}
		}
		if got := w.send(request{method: "POST", path: "/receiver/" + strings.Repeat("a", 65)}); got.status != 400 {
			t.Errorf("a long name: %d", got.status)
		}
		if got := w.send(request{method: "PUT", path: "/receiver/mine"}); got.status != 405 {
			t.Errorf("PUT: %d", got.status)
		}
	})

	t.Run("is not there unless it is switched on", func(t *testing.T) {
		t.Parallel()
		if got := start(t, embedded(t)).send(request{method: "POST", path: "/receiver/mine"}); got.status != 404 {
			t.Errorf("%d", got.status)
		}
	})
}
