package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

func TestIngest(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		w.subscribe(ctx, "all-sms", "sms.*")
		send := func(contentType, body string) reply {
			header := bearer(key)
			header.Set("Content-Type", contentType)
			return w.send(request{method: "POST", path: "/v1/events", body: body, header: header})
		}

		t.Run("publishes one, an array, and lines", func(t *testing.T) {
			const event = `{"type":"sms.delivery","payload":{"n":1}}`
			for name, c := range map[string]struct {
				contentType, body string
				events            int
			}{
				"one":                  {"application/json", event, 1},
				"one, no type":         {"", " " + event + "\n", 1},
				"array":                {"application/json; charset=utf-8", "[" + event + "," + event + "]", 2},
				"lines":                {"application/x-ndjson", event + "\n\n" + event + "\r\n" + event, 3},
				"lines without saying": {"application/json", event + "\n" + event + "\n", 2},
			} {
				got := send(c.contentType, c.body)
				if got.status != 202 {
					t.Errorf("%s: %d %s", name, got.status, got.body)
					continue
				}
				var answer struct {
					Results []struct {
						ID        string
						Duplicate bool
						Matched   int
						Error     json.RawMessage
					}
				}
				if err := json.Unmarshal([]byte(got.body), &answer); err != nil || len(answer.Results) != c.events {
					t.Errorf("%s: %s", name, got.body)
				}
				for _, result := range answer.Results {
					if !strings.HasPrefix(result.ID, "evt_") || result.Duplicate || result.Matched != 1 || result.Error != nil {
						t.Errorf("%s: %s", name, got.body)
					}
				}
			}
		})

		t.Run("keeps every field, and the payload byte by byte", func(t *testing.T) {
			const payload = `{"b": 1.10, "a": 12345678901234567890123, "é": "<&>"}`
			published := w.publish(key, `{"type":"sms.delivery","occurredAt":"2026-01-02T03:04:05.678+01:00","idempotencyKey":"k1","user":"u","entity":"e",
				"application":"a","resource":"r","attributes":{"channelId":"7","status":"x"},"intermediate":true,"payload":`+payload+`}`)
			const document = `query($id: ID!) {event(id: $id) {type occurredAt application entity user resource attributes {key value}
				intermediate idempotencyKey matched payload {contentType text base64 sizeBytes truncated}}}`
			got := w.get(key, document, map[string]any{"id": published}, "event")
			want := string(must(json.Marshal(map[string]any{
				"type": "sms.delivery", "occurredAt": "2026-01-02T02:04:05.678Z", "application": "a", "entity": "e", "user": "u", "resource": "r",
				"attributes":   []any{map[string]any{"key": "channelId", "value": "7"}, map[string]any{"key": "status", "value": "x"}},
				"intermediate": true, "idempotencyKey": "k1", "matched": 1,
				"payload": map[string]any{"contentType": "application/json", "text": payload, "base64": nil, "sizeBytes": len(payload), "truncated": false},
			})))
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})

		t.Run("an attribute that is null is absent", func(t *testing.T) {
			published := w.publish(key, `{"type":"email.open","payload":1,"attributes":{"a":null,"b":""},"occurredAt":"2026-01-02t03:04:05z"}`)
			if got := w.get(key, `query($id: ID!) {event(id: $id) {attributes {key value} occurredAt}}`, map[string]any{"id": published}, "event"); got != `{"attributes":[{"key":"b","value":""}],"occurredAt":"2026-01-02T03:04:05Z"}` {
				t.Error(got)
			}
		})

		t.Run("takes attributes as GraphQL has them, and nulls", func(t *testing.T) {
			published := w.publish(key, `{"type":"email.open","payload":null,"attributes":[{"key":"a","value":"b"}],"user":null,"occurredAt":null,"intermediate":null}`)
			if got := w.get(key, `query($id: ID!) {event(id: $id) {attributes {key value} user matched payload {text}}}`, map[string]any{"id": published}, "event"); got != `{"attributes":[{"key":"a","value":"b"}],"matched":0,"payload":{"text":"null"},"user":null}` {
				t.Error(got)
			}
		})

		t.Run("answers a known idempotency key with the first event", func(t *testing.T) {
			const event = `{"type":"sms.delivery","payload":1,"idempotencyKey":"twice"}`
			first := send("application/json", event)
			second := send("application/json", event)
			if at(t, []byte(second.body), "results.0.id") != at(t, []byte(first.body), "results.0.id") ||
				at(t, []byte(first.body), "results.0.duplicate") != "false" || at(t, []byte(second.body), "results.0.duplicate") != "true" {
				t.Errorf("%s %s", first.body, second.body)
			}
		})

		t.Run("refuses an event on its own", func(t *testing.T) {
			const good = `{"type":"sms.delivery","payload":1}`
			for event, want := range map[string][3]string{ // code, path, part of the message
				`{"type":"sms.nothing","payload":1}`:                                                      {"NOT_FOUND", `["type"]`, `sms.nothing`},
				`{"payload":1}`:                                                                           {"REQUIRED", `["type"]`, "type"},
				`{"type":"sms.delivery"}`:                                                                 {"REQUIRED", `["payload"]`, "payload"},
				`{"type":"sms.delivery","payload":1,"paylod":2}`:                                          {"INVALID", `["paylod"]`, `no field \"paylod\"`},
				`{"type":"sms.delivery","payload":1,"Type":2}`:                                            {"INVALID", `["Type"]`, `no field \"Type\"`},
				`{"type":"sms.delivery","payload":1,"type":"email.open"}`:                                 {"INVALID", `["type"]`, "twice"},
				`{"type":7,"payload":1}`:                                                                  {"INVALID", `["type"]`, "must be a string"},
				`{"type":"sms.delivery","payload":1,"user":{"a":1}}`:                                      {"INVALID", `["user"]`, "must be a string"},
				`{"type":"sms.delivery","payload":1,"intermediate":"yes"}`:                                {"INVALID", `["intermediate"]`, "true or false"},
				`{"type":"sms.delivery","payload":1,"occurredAt":"yesterday"}`:                            {"INVALID", `["occurredAt"]`, "RFC 3339"},
				`{"type":"sms.delivery","payload":1,"occurredAt":12}`:                                     {"INVALID", `["occurredAt"]`, "must be a string"},
				`{"type":"sms.delivery","payload":1,"attributes":"a"}`:                                    {"INVALID", `["attributes"]`, "object of strings"},
				`{"type":"sms.delivery","payload":1,"attributes":{"a":1}}`:                                {"INVALID", `["attributes","a"]`, "must be a string"},
				`{"type":"sms.delivery","payload":1,"attributes":{"a.b":1}}`:                              {"INVALID", `["attributes","a.b"]`, "must be a string"},
				`{"type":"sms.delivery","payload":1,"attributes":[1]}`:                                    {"INVALID", `["attributes","0"]`, "a key and a value"},
				`{"type":"sms.delivery","payload":1,"attributes":[{"k":"v"}]}`:                            {"INVALID", `["attributes","0","k"]`, `no field \"k\"`},
				`{"type":"sms.delivery","payload":1,"attributes":[{"key":"k","value":"v"},{"key":"k"}]}`:  {"REQUIRED", `["attributes","1","value"]`, "needs a value"},
				`{"type":"sms.delivery","payload":1,"attributes":[{"value":"v"}]}`:                        {"REQUIRED", `["attributes","0","key"]`, "needs a key"},
				`{"type":"sms.delivery","payload":1,"attributes":[{"key":"k","value":null}]}`:             {"REQUIRED", `["attributes","0","value"]`, "not null"},
				`{"type":"sms.delivery","payload":1,"attributes":[{"key":"k","key":"l","value":""}]}`:     {"INVALID", `["attributes","0","key"]`, "twice"},
				`{"type":"sms.delivery","payload":1,"occurredAt":"0001-01-01T00:00:00Z"}`:                 {"OUT_OF_RANGE", `["occurredAt"]`, "1970"},
				`{"type":"sms.delivery","payload":1,"occurredAt":"2026-03-01T12:00:00,5Z"}`:               {"INVALID", `["occurredAt"]`, "RFC 3339"},
				`{"type":"sms.delivery","payload":1,"occurredAt":""}`:                                     {"INVALID", `["occurredAt"]`, "RFC 3339"},
				`{"type":"sms.delivery","payload":1,"occurredAt":"2026-03-01T12:00:00+24:00"}`:            {"INVALID", `["occurredAt"]`, "RFC 3339"},
				`{"type":"sms.delivery","payload":"` + strings.Repeat("x", 256<<10) + `"}`:                {"OUT_OF_RANGE", `["payload"]`, "the limit is 262144"},
				`{"type":"sms.delivery","payload":1,"user":"` + strings.Repeat("x", 256) + `"}`:           {"OUT_OF_RANGE", `["user"]`, "255"},
				`{"type":"sms.delivery","payload":1,"idempotencyKey":"` + strings.Repeat("x", 256) + `"}`: {"OUT_OF_RANGE", `["idempotencyKey"]`, "255"},
				`[]`:   {"INVALID", `null`, "an event is an object"},
				`null`: {"INVALID", `null`, "an event is an object"},
			} {
				got := send("application/json", "["+good+","+event+","+good+"]")
				if got.status != 202 || at(t, []byte(got.body), "results.1.error.code") != want[0] ||
					at(t, []byte(got.body), "results.1.error.path") != want[1] || !strings.Contains(got.body, want[2]) {
					t.Errorf("%.80s: %d %.400s", event, got.status, got.body)
				}
				for _, other := range []string{"results.0.id", "results.2.id"} {
					if !strings.HasPrefix(at(t, []byte(got.body), other), "evt_") {
						t.Errorf("%.80s: %s is not published: %s", event, other, got.body)
					}
				}
				if !strings.HasPrefix(event, "{") {
					continue
				}
				if got := send("application/json", event); got.status != 422 || at(t, []byte(got.body), "results.0.error.code") != want[0] {
					t.Errorf("%.80s alone: %d %.400s", event, got.status, got.body)
				}
			}
		})

		t.Run("lines that are not JSON are refused on their own", func(t *testing.T) {
			got := send("application/x-ndjson", `{"type":"sms.delivery","payload":1}`+"\n{\"type\":\n"+`{"type":"sms.delivery","payload":1} x`+"\n\"a\"\n")
			if got.status != 202 || !strings.Contains(at(t, []byte(got.body), "results.1.error.message"), "not an event in JSON") ||
				!strings.Contains(at(t, []byte(got.body), "results.2.error.message"), "at byte") ||
				at(t, []byte(got.body), "results.3.error.message") != "an event is an object" {
				t.Errorf("%d %s", got.status, got.body)
			}
			if got := send("application/x-ndjson", "x\ny\n"); got.status != 422 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})

		t.Run("a body that is not JSON publishes nothing", func(t *testing.T) {
			before := w.get(key, `{events(first: 1) {nodes {id}}}`, nil, "events.nodes")
			for body, says := range map[string]string{
				``:   "ends too early",
				`  `: "ends too early",
				`{"type":"sms.delivery","payload":{"a":]}`:         "at byte 38",
				`[{"type":"sms.delivery","payload":1},{"type"`:     "ends too early",
				`[{"type":"sms.delivery","payload":1}] []`:         "more after the end",
				`[{"type":"sms.delivery","payload":1},]`:           "at byte",
				`{"type":"sms.delivery","payload":01}`:             "at byte",
				"{\"type\":\"sms.delivery\",\"payload\":\"\xff\"}": "UTF-8",
				`"text"`: "expected an object or an array",
				`[]`:     "no event",
			} {
				got := send("application/json", body)
				if got.status != 400 || at(t, []byte(got.body), "error.code") != "BAD_USER_INPUT" || !strings.Contains(got.body, says) {
					t.Errorf("%s: %d %s, want %s", body, got.status, got.body, says)
				}
			}
			if after := w.get(key, `{events(first: 1) {nodes {id}}}`, nil, "events.nodes"); after != before {
				t.Errorf("%s was published", after)
			}
		})

		t.Run("takes 1,000 events and no more", func(t *testing.T) {
			var events []string
			for i := range 1000 {
				events = append(events, fmt.Sprintf(`{"type":"sms.delivery","payload":%d}`, i))
			}
			if got := send("application/json", "["+strings.Join(events, ",")+"]"); got.status != 202 {
				t.Errorf("1,000: %d %.200s", got.status, got.body)
			}
			events = append(events, events[0])
			for contentType, body := range map[string]string{
				"application/json": "[" + strings.Join(events, ",") + "]", "application/x-ndjson": strings.Join(events, "\n"),
			} {
				if got := send(contentType, body); got.status != 400 || !strings.Contains(got.body, "at most 1000 events") {
					t.Errorf("1,001 as %s: %d %.200s", contentType, got.status, got.body)
				}
			}
		})

		t.Run("refuses other methods, media types and keys", func(t *testing.T) {
			if got := send("text/plain", `{}`); got.status != 415 {
				t.Errorf("text/plain: %d %s", got.status, got.body)
			}
			if got := w.send(request{method: "GET", path: "/v1/events", header: bearer(key)}); got.status != 405 || got.header.Get("Allow") != "POST" {
				t.Errorf("GET: %d %s", got.status, got.body)
			}
			narrow := w.key(ctx, access.LogRead)
			got := w.send(request{method: "POST", path: "/v1/events", body: `{"type":"sms.delivery","payload":1}`, header: bearer(narrow)})
			if got.status != 403 || at(t, []byte(got.body), "error.code") != "FORBIDDEN" || !strings.Contains(got.body, "EVENTS_PUBLISH") {
				t.Errorf("without the scope: %d %s", got.status, got.body)
			}
		})
	})
}

// TestBodyLimits: bodies that are too large are refused by what is announced of them, before they come.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t), func(c *server.Config) { c.MaxEventsBody, c.MaxGraphQLBody = 1<<20, 1000 })
	for path, c := range map[string]struct {
		size  int
		code  string
		limit string
	}{
		"/v1/events": {1<<20 + 1, "error.code", "1048576 bytes (1 MiB): publish fewer events"},
		"/graphql":   {1001, "errors.0.extensions.code", "1000 bytes: publish fewer events in a request, or by POST /v1/events"},
	} {
		check := func(how string, got reply) {
			t.Helper()
			if got.status != http.StatusRequestEntityTooLarge || at(t, []byte(got.body), c.code) != "TOO_LARGE" || !strings.Contains(got.body, c.limit) {
				t.Errorf("%s %s: %d %s", path, how, got.status, got.body)
			}
		}
		check("sent", w.send(request{method: "POST", path: path, body: `{"query":"` + strings.Repeat("x", c.size), header: bearer(adminKey)}))
		announced := w.announce(path, c.size)
		check("announced", announced.reply())
		chunked := w.announce(path, -1)
		must(fmt.Fprintf(chunked, "%x\r\n%s\r\n", c.size, strings.Repeat("x", c.size)))
		check("in chunks", chunked.reply())
	}
}

// halfSent is a request whose headers are sent.
type halfSent struct {
	*world
	net.Conn
}

// announce sends the headers of a request with a body of this size, or in chunks if that is negative.
func (w *world) announce(path string, size int) halfSent {
	w.t.Helper()
	conn := must(net.Dial("tcp", strings.TrimPrefix(w.url, "http://")))
	w.t.Cleanup(func() { _ = conn.Close() })
	length := fmt.Sprintf("Content-Length: %d", size)
	if size < 0 {
		length = "Transfer-Encoding: chunked"
	}
	must(fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n\r\n", path, adminKey, length))
	return halfSent{w, conn}
}

// reply reads the answer.
func (h halfSent) reply() reply {
	h.t.Helper()
	check(h.t, h.SetReadDeadline(time.Now().Add(30*time.Second)))
	resp := must(http.ReadResponse(bufio.NewReader(h), nil))
	defer resp.Body.Close()
	return reply{resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body)))}
}

// TestBodiesUnderWay: bodies that are on their way hold memory as far as they have come. When there is no more of it, large requests
// are told to come again; small ones go on.
func TestBodiesUnderWay(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t), func(c *server.Config) { c.MaxBodies = 1 << 20 })
	large := `{"type":"sms.delivery","payload":"` + strings.Repeat("x", 200<<10) + `"}`
	query := `{"query":"{viewer {version}}","variables":{"x":"` + strings.Repeat("x", 200<<10) + `"}}`
	post := func(path, body string) reply {
		return w.send(request{method: "POST", path: path, body: body, header: bearer(adminKey)})
	}
	await := func(bytes int) {
		t.Helper()
		gauge := fmt.Sprintf("hookline_http_body_bytes %g\n", float64(bytes))
		testenv.Eventually(t, 30*time.Second, func() bool {
			return strings.Contains(w.send(request{method: "GET", path: "/metrics"}).body, gauge)
		}, "bodies never take %d bytes", bytes)
	}
	var announced []halfSent
	for range 5 {
		announced = append(announced, w.announce("/v1/events", 30<<20))
	}
	await(5 * 64 << 10) // nothing of them has come
	if got := post("/v1/events", large); got.status != 202 {
		t.Fatalf("beside what is only announced: %d %s", got.status, got.body)
	}
	for _, conn := range announced {
		must(conn.Write(bytes.Repeat([]byte("x"), 100<<10)))
	}
	await(5 * 128 << 10)
	if got := post("/v1/events", large); got.status != 503 || got.header.Get("Retry-After") != "1" || at(t, []byte(got.body), "error.code") != "OVERLOADED" {
		t.Errorf("%d %v %s", got.status, got.header, got.body)
	}
	if got := post("/graphql", query); got.status != 503 || got.header.Get("Retry-After") != "1" || at(t, []byte(got.body), "errors.0.extensions.code") != "OVERLOADED" {
		t.Errorf("GraphQL: %d %s", got.status, got.body)
	}
	if got := post("/v1/events", `{"type":"sms.delivery","payload":1}`); got.status != 202 {
		t.Errorf("a small one: %d %s", got.status, got.body)
	}
	for _, conn := range announced {
		check(t, conn.Close())
	}
	await(0)
	for path, body := range map[string]string{"/v1/events": large, "/graphql": query} {
		if got := post(path, body); got.status > 202 {
			t.Errorf("%s when there is room again: %d %s", path, got.status, got.body)
		}
	}
	await(0)
}

// TestIngestEncodings: what is not JSON in UTF-8 is refused as such; a byte order mark does no harm.
func TestIngestEncodings(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t))
	_, key := w.customer("acme")
	send := func(path, body string, headers ...string) reply {
		header := bearer(key)
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return w.send(request{method: "POST", path: path, body: body, header: header})
	}
	const event, query = `{"type":"sms.delivery","payload":1}`, `{"query":"{viewer {version}}"}`
	const cloudEvent = `{"specversion":"1.0","type":"sms.delivery","source":"/s","id":"1"}`
	for path, body := range map[string]string{"/v1/events": event, "/graphql": query} {
		got := send(path, body, "Content-Encoding", "gzip")
		if got.status != 415 || !strings.Contains(got.body, "Content-Encoding") || got.header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s in gzip: %d %v %s", path, got.status, got.header, got.body)
		}
		if got := send(path, body, "Content-Encoding", "Identity"); got.status > 202 {
			t.Errorf("%s as it is: %d %s", path, got.status, got.body)
		}
		for _, mediaType := range []string{"application/json", "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"} {
			if got := send(path, body, "Content-Type", mediaType+"; charset=utf-16"); got.status != 415 || !strings.Contains(got.body, "UTF-8") {
				t.Errorf("%s as %s in UTF-16: %d %s", path, mediaType, got.status, got.body)
			}
		}
		if got := send(path, "\uFEFF"+body, "Content-Type", "application/json; charset=UTF-8"); got.status > 202 || strings.Contains(got.body, "rror") {
			t.Errorf("%s with a byte order mark: %d %s", path, got.status, got.body)
		}
	}
	for name, got := range map[string]reply{
		"lines":                send("/v1/events", "\uFEFF"+event+"\n"+event, "Content-Type", "application/x-ndjson"),
		"lines without saying": send("/v1/events", "\uFEFF"+event+"\n"+event),
		"an array":             send("/v1/events", "\uFEFF["+event+"]"),
		"a CloudEvent":         send("/v1/events", "\uFEFF"+cloudEvent, "Content-Type", "application/cloudevents+json"),
		"CloudEvents":          send("/v1/events", "\uFEFF["+cloudEvent+"]", "Content-Type", "application/cloudevents-batch+json"),
		"data":                 send("/v1/events", "\uFEFF{}", "Ce-Specversion", "1.0", "Ce-Type", "sms.delivery", "Ce-Source", "/s", "Ce-Id", "2"),
	} {
		if got.status != 202 || strings.Contains(got.body, "error") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}
