package server_test

import (
	"strings"
	"testing"
)

// TestIdempotencyKeyHeader: the header is the key of a single event, and is never ignored.
func TestIdempotencyKeyHeader(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t))
	_, key := w.customer("acme")
	send := func(body string, headers ...string) reply {
		header := bearer(key)
		header.Del("Content-Type")
		for i := 0; i < len(headers); i += 2 {
			header.Add(headers[i], headers[i+1])
		}
		return w.send(request{method: "POST", path: "/v1/events", body: body, header: header})
	}
	stored := func() string {
		return w.get(key, `{events(first: 1) {nodes {idempotencyKey}}}`, nil, "events.nodes.0.idempotencyKey")
	}
	const event, header = `{"type":"sms.delivery","payload":1}`, "Idempotency-Key"
	keyed := strings.Replace(event, "{", `{"idempotencyKey":"k",`, 1)
	const cloudEvent = `{"specversion":"1.0","type":"sms.delivery","source":"/s","id":"1"}`
	structured := []string{"Content-Type", "application/cloudevents+json"}
	binary := []string{"Ce-Specversion", "1.0", "Ce-Type", "sms.delivery", "Ce-Source", "/s", "Ce-Id", "2"}

	t.Run("takes the key", func(t *testing.T) {
		for name, c := range map[string]struct {
			body    string
			headers []string
			want    string
		}{
			"as it is":                           {event, []string{header, `8e03978e-40d5 \"`}, `8e03978e-40d5 \"`},
			"in quotes":                          {event, []string{header, `"a \"b\" \\"`}, `a "b" \`},
			"the same as in the body":            {keyed, []string{header, `"k"`}, `k`},
			"a CloudEvent's id":                  {cloudEvent, append(structured, header, `1`), `/s 1`},
			"a CloudEvent's key":                 {strings.Replace(cloudEvent, `"1"}`, `"5"}`, 1), append(structured, header, `"/s 5"`), `/s 5`},
			"the id of a CloudEvent in headers":  {"", append(binary, header, `2`), `/s 2`},
			"a line, of which there is only one": {event + "\n", []string{header, "line"}, `line`},
		} {
			if got := send(c.body, c.headers...); got.status != 202 || stored() != `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.want)+`"` && stored() != c.want {
				t.Errorf("%s: %d %s, stored %s", name, got.status, got.body, stored())
			}
		}
		first, second := send(event, header, "twice"), send(event, header, `"twice"`)
		if at(t, []byte(second.body), "results.0.duplicate") != "true" || at(t, []byte(second.body), "results.0.id") != at(t, []byte(first.body), "results.0.id") {
			t.Errorf("%s %s", first.body, second.body)
		}
		if got := send(event, header, strings.Repeat("x", 256)); got.status != 422 || at(t, []byte(got.body), "results.0.error.path") != `["idempotencyKey"]` {
			t.Errorf("a long one: %d %s", got.status, got.body)
		}
	})

	t.Run("refuses what it cannot be the key of", func(t *testing.T) {
		before := w.get(key, `{events(first: 100) {nodes {id}}}`, nil, "events.nodes")
		for name, c := range map[string]struct {
			body    string
			headers []string
			says    string
		}{
			"another in the body":     {keyed, []string{header, "other"}, "differs from the event's idempotencyKey: give one"},
			"an array":                {"[" + event + "]", []string{header, "k1"}, "is for a single event: give each event of several an idempotencyKey"},
			"several":                 {event + event, []string{header, "k1"}, "is for a single event"},
			"lines":                   {event, []string{"Content-Type", "application/x-ndjson", header, "k1"}, "is for a single event"},
			"a batch":                 {"[" + cloudEvent + "]", []string{"Content-Type", "application/cloudevents-batch+json", header, "1"}, "a source and an id"},
			"another CloudEvent":      {strings.Replace(cloudEvent, `"1"}`, `"3"}`, 1), append(structured, header, "1"), "differs from the CloudEvent's id"},
			"another one, in headers": {"", append(binary[:6:6], "Ce-Id", "4", header, "1"), "differs from the CloudEvent's id"},
			"two of them":             {event, []string{header, "a", header, "a"}, "given twice"},
			"none":                    {event, []string{header, ""}, "must be a key"},
			"an empty one":            {event, []string{header, `""`}, "must be a key"},
			"no end":                  {event, []string{header, `"a`}, "must be a key"},
			"parameters":              {event, []string{header, `"a";b=1`}, "must be a key"},
			"another escape":          {event, []string{header, `"a\n"`}, "must be a key"},
			"beyond ASCII, in quotes": {event, []string{header, `"ü"`}, "must be a key"},
		} {
			if got := send(c.body, c.headers...); got.status != 400 || at(t, []byte(got.body), "error.code") != "BAD_USER_INPUT" || !strings.Contains(got.body, c.says) {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		if after := w.get(key, `{events(first: 100) {nodes {id}}}`, nil, "events.nodes"); after != before {
			t.Errorf("something was published: %s, before %s", after, before)
		}
	})
}
