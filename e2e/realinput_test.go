package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// rule is a subscription, and the names of the sample payloads that it should get, each with any number behind it.
type rule struct {
	input, profile fields
	gets           []string
}

var rules = map[string]rule{
	"everything": {gets: []string{""}},
	"one-type":   {input: fields{"eventTypes": []string{"sms.delivery"}}, gets: []string{"sms.delivery."}},
	"wildcard-at-the-end": {
		input: fields{"eventTypes": []string{"voice_video.*", "email.open"}}, gets: []string{"voice_video.", "email.open."},
	},
	"wildcard-in-front":  {input: fields{"eventTypes": []string{"*.delivery"}}, gets: []string{"sms.delivery.", "rcs.delivery.", "whatsapp.delivery."}},
	"wildcard-in-middle": {input: fields{"eventTypes": []string{"agent.*.v1"}}, gets: []string{"agent.presencechanged.v1."}},
	"category":           {input: fields{"category": "whatsapp"}, gets: []string{"whatsapp."}},
	"users": {
		input: fields{"filter": fields{"users": []string{"usuário-ñandú-7", "9007199254740993"}}}, gets: []string{"channels.inbound.", "rcs.delivery."},
	},
	"entities":     {input: fields{"filter": fields{"entities": []string{"north-branch"}}}, gets: []string{"sms.delivery."}},
	"applications": {input: fields{"filter": fields{"applications": []string{"weekly-digest"}}}, gets: []string{"email."}},
	"resources":    {input: fields{"filter": fields{"resources": []string{"447700900100"}}}, gets: []string{"whatsapp.", "channels.inbound."}},
	"all-filters": {
		input: fields{"category": "whatsapp", "filter": fields{
			"users": []string{"customer-88"}, "entities": []string{"support", "sales"},
			"applications": []string{"helpdesk"}, "resources": []string{"447700900100"},
		}},
		gets: []string{"whatsapp.delivery.", "whatsapp.seen."},
	},
	"filter-of-nobody": {input: fields{"filter": fields{"users": []string{"nobody"}}}},
	"disabled":         {input: fields{"enabled": false}},
	"raw":              {profile: fields{"payloadFormat": "RAW"}, input: fields{"eventTypes": []string{"customer_engagement.*"}}, gets: []string{"customer_engagement."}},
	"fails-at-first": {
		profile: fields{"retryPolicy": fields{"kind": "CUSTOM", "delays": []string{"PT1S"}}},
		input:   fields{"eventTypes": []string{"blocklist.block"}}, gets: []string{"blocklist.block."},
	},
}

// wants reports whether the subscription should get a sample payload.
func (r rule) wants(name string) bool {
	return slices.ContainsFunc(r.gets, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// wanting returns the keys of the subscriptions that should get a sample payload.
func wanting(name string) (keys []string) {
	for key, r := range rules {
		if r.wants(name) {
			keys = append(keys, key)
		}
	}
	return keys
}

// sample is an event as it is published.
type sample struct {
	name string
	body []byte // the JSON object
	fields
	payload json.RawMessage
	loose   bool // published in a way that keeps all values, but not the bytes
}

func samples(t *testing.T) []sample {
	t.Helper()
	var all []sample
	for _, p := range testenv.Payloads(t) {
		s := sample{name: p.Name, body: p.Body}
		var event struct{ Payload json.RawMessage }
		if err := json.Unmarshal(p.Body, &event); err != nil {
			t.Fatal(err)
		}
		s.payload = event.Payload
		s.fields = decode(t, p.Body)
		all = append(all, s)
	}
	return all
}

// decode decodes an object; numbers keep all their digits.
func decode(t *testing.T, text []byte) fields {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object fields
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%v: %.200s", err, text)
	}
	return object
}

// canonical writes JSON in the one form that all ways of writing the same values have.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	object, err := json.Marshal(decode(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return string(object)
}

// compacted returns the sample on one line.
func (s sample) compacted(t *testing.T) sample {
	t.Helper()
	var body, payload bytes.Buffer
	if json.Compact(&body, s.body) != nil || json.Compact(&payload, s.payload) != nil {
		t.Fatalf("%s is not JSON", s.name)
	}
	s.body, s.payload = body.Bytes(), payload.Bytes()
	return s
}

// asInput returns the sample as the input of publishEvents.
func (s sample) asInput() fields {
	input := maps.Clone(s.fields)
	if given, ok := input["attributes"].(fields); ok {
		var attributes []fields
		for key, value := range given {
			attributes = append(attributes, fields{"key": key, "value": value})
		}
		input["attributes"] = attributes
	}
	return input
}

// Sample events of every kind go to exactly the subscriptions that want them, signed and unchanged, however they are published; and
// the live log shows each attempt once, whatever happens to its connection.
func TestRealInput(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		server, _ := in.startAll(2)
		api := server.api()
		to := endpoints{}
		for key, r := range rules {
			to.add(api, key, r.input, r.profile)
		}
		to["fails-at-first"].Respond(func(n int, _ *testenv.Received) testenv.Response {
			if n == 1 {
				return testenv.Response{Status: http.StatusServiceUnavailable}
			}
			return testenv.Response{}
		})
		line := newProxy(t, server.url)
		live := watchLiveLog(t, line.url())
		sent := make(map[string]sample) // by the event's id
		note := func(how []sample, results []published, err error) {
			t.Helper()
			if err != nil || len(results) != len(how) {
				t.Fatalf("%d results for %d events: %v", len(results), len(how), err)
			}
			for i, s := range how {
				sent[results[i].ID] = s
				if want := len(wanting(s.name)) + 1; results[i].Matched != want { // the disabled one, too
					t.Errorf("%s matched %d subscriptions, want %d", s.name, results[i].Matched, want)
				}
			}
		}

		all := samples(t)
		for _, s := range all {
			results, err := api.publish(t.Context(), "application/json", s.body)
			note([]sample{s}, results, err)
		}
		live.awaitSeen(len(all))
		line.cut()
		var array, lines [][]byte
		var compact, loose []sample
		var inputs []fields
		for _, s := range all {
			array = append(array, s.body)
			compact = append(compact, s.compacted(t))
			lines = append(lines, compact[len(compact)-1].body)
			inputs = append(inputs, s.asInput())
			s.loose = true
			loose = append(loose, s)
		}
		results, err := api.publish(t.Context(), "application/json", slices.Concat([]byte("["), bytes.Join(array, []byte(",")), []byte("]")))
		note(all, results, err)
		to["everything"].Wait(soon(t), 2*len(all))
		line.mend(server.url)
		live.awaitJoined(2)
		results, err = api.publish(t.Context(), "application/x-ndjson", bytes.Join(lines, []byte("\n")))
		note(compact, results, err)
		line.cut() // while they are delivered
		line.mend(server.url)
		var data struct{ PublishEvents struct{ Results []published } }
		err = api.query(`mutation ($events: [PublishEventInput!]!) { publishEvents(events: $events) { results { id matched } } }`,
			fields{"events": inputs}, &data)
		note(loose, data.PublishEvents.Results, err)

		ids := slices.Sorted(maps.Keys(sent))
		api.awaitEvents(ids, func(events []loggedEvent) error { return asRuled(events, sent) })
		to.assertSigned(t)
		for key, receiver := range to {
			for _, got := range receiver.Received() {
				assertSame(t, key, got, sent[got.ID])
			}
		}
		live.assertSeenOnce(api)
	})
}

// asRuled returns an error unless each event has been delivered to those that want it, was skipped for the disabled subscription, and has
// no deliveries to others.
func asRuled(events []loggedEvent, sent map[string]sample) error {
	for _, event := range events {
		name := sent[event.ID].name
		if wanted := len(wanting(name)) + 1; len(event.Deliveries) != wanted {
			return fmt.Errorf("%s has %d deliveries, want %d: %+v", name, len(event.Deliveries), wanted, event.Deliveries)
		}
		for _, d := range event.Deliveries {
			if d.Status == "SKIPPED" && d.Subscription.Key == "disabled" {
				continue
			}
			if d.Status != "SUCCEEDED" || !rules[d.Subscription.Key].wants(name) {
				return fmt.Errorf("%s: %+v", name, d)
			}
		}
	}
	return nil
}

// assertSame fails the test unless a request carries what was published.
func assertSame(t *testing.T, key string, got testenv.Received, s sample) {
	t.Helper()
	if !rules[key].wants(s.name) {
		t.Errorf("%s came to %s", s.name, key)
		return
	}
	data := got.Body
	if rules[key].profile["payloadFormat"] != "RAW" {
		var envelope struct{ Data json.RawMessage }
		if err := json.Unmarshal(got.Body, &envelope); err != nil {
			t.Errorf("%s came to %s as what is not JSON: %v", s.name, key, err)
			return
		}
		data = envelope.Data
		shell := decode(t, got.Body)
		for _, field := range []string{"type", "user", "entity", "application", "resource"} {
			if shell[field] != s.fields[field] {
				t.Errorf("%s came to %s with %s %v, want %v", s.name, key, field, shell[field], s.fields[field])
			}
		}
		if fmt.Sprint(shell["attributes"]) != fmt.Sprint(s.fields["attributes"]) || shell["id"] != got.ID {
			t.Errorf("%s came to %s as %s", s.name, key, got.Body)
		}
	}
	same := bytes.Equal(data, s.payload)
	if s.loose {
		same = canonical(t, data) == canonical(t, s.payload)
	}
	if !same {
		t.Errorf("%s came to %s as\n%s\nand was published as\n%s", s.name, key, data, s.payload)
	}
}
