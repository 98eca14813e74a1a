package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
)

// TestDatabaseAway: while the database is away publishers are told to come again, whether their key is remembered or not; and
// nothing was accepted of what they were told so about.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	database := testenv.StartPostgres(t)
	w := start(t, testenv.Backend{DatabaseURL: database.URL(), RedisURL: "embedded"})
	ctx, known := w.customer("acme")
	unknown, other := w.key(ctx, access.EventsPublish), w.key(ctx, access.EventsPublish)
	const event = `{"type":"sms.delivery","payload":1}`
	overHTTP := func(key string) reply {
		return w.send(request{method: "POST", path: "/v1/events", body: event, header: bearer(key)})
	}
	overGraphQL := func(key string) reply {
		return w.send(request{method: "POST", path: "/graphql", header: bearer(key),
			body: `{"query":"mutation {publishEvents(events: [{type: \"sms.delivery\", payload: 1}]) {results {id}}}"}`})
	}
	w.publish(known, event)
	database.StopImmediate()

	for name, c := range map[string]struct {
		code  string // where it is
		reply reply
	}{
		"/v1/events, a known key":    {"error.code", overHTTP(known)},
		"/graphql, a known key":      {"errors.0.extensions.code", overGraphQL(known)},
		"/v1/events, an unknown key": {"error.code", overHTTP(unknown)},
		"/graphql, an unknown key":   {"errors.0.extensions.code", overGraphQL(other)},
	} {
		code := at(t, []byte(c.reply.body), c.code)
		uncertain := code == "UNCERTAIN" && strings.Contains(name, "a known key") // on a connection that was cut
		if c.reply.status != 503 || c.reply.header.Get("Retry-After") != "1" || code != "UNAVAILABLE" && !uncertain {
			t.Errorf("%s: %d %v %s", name, c.reply.status, c.reply.header, c.reply.body)
		}
		if strings.Contains(c.reply.body, "127.0.0.1") || strings.Contains(c.reply.body, "dial") {
			t.Errorf("%s tells of the inside: %s", name, c.reply.body)
		}
	}
	if !strings.Contains(w.log.String(), "API keys cannot be checked") {
		t.Error("the log does not tell why")
	}

	database.Start()
	testenv.Eventually(t, time.Minute, func() bool { return overHTTP(unknown).status == 202 }, "not published when the database is back")
	var events []json.RawMessage
	check(t, json.Unmarshal([]byte(w.get(w.key(ctx, access.LogRead), `{events(first: 10) {nodes {id}}}`, nil, "events.nodes")), &events))
	if len(events) != 2 {
		t.Errorf("%d events were accepted, want 2", len(events))
	}
}
