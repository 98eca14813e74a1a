package server

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParseEvents measures reading a batch of 100 events of 512 bytes.
func BenchmarkParseEvents(b *testing.B) {
	event := `{"type":"sms.delivery","idempotencyKey":"0b5d4b4f-1b1e-4bb4-a7ef-3f5f1a4a2b5c","entity":"berlin","payload":{"text":"` +
		strings.Repeat("x", 380) + `","n":12.5}}`
	body := []byte("[" + strings.Repeat(event+",", 99) + event + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if s, err := parseEvents(body, false); err != nil || len(s.events) != 100 {
			b.Fatal(err)
		}
	}
}

// TestParseEventsWithManyMistakes: a body full of mistakes takes no more time or memory than others of its size.
func TestParseEventsWithManyMistakes(t *testing.T) {
	t.Parallel()
	const names = 200_000
	var distinct, repeated, numbers strings.Builder
	for i := range names {
		fmt.Fprintf(&distinct, `"x%d":1,`, i)
		repeated.WriteString(`"type":1,`)
		fmt.Fprintf(&numbers, `"k%d":1,`, i)
	}
	for name, body := range map[string]string{
		"unknown fields":      `{` + distinct.String() + `"type":"a"}`,
		"repeated fields":     `{` + repeated.String() + `"type":"a"}`,
		"attributes":          `{"attributes":{` + numbers.String() + `"k":1}}`,
		"a list of them":      `{"attributes":[` + strings.Repeat("1,", names) + `1]}`,
		"an attribute":        `{"attributes":[{` + distinct.String() + `"key":"a","value":"b"}]}`,
		"fields of a webhook": `{"webhook":{` + distinct.String() + `"notify":true}}`,
	} {
		s, err := parseEvents([]byte(body), false)
		if err != nil || len(s.events) != 1 || len(s.wrong[0]) == 0 || len(s.wrong[0]) > maxMistakes {
			t.Errorf("%s: %v, %d events, %d mistakes", name, err, len(s.events), len(s.wrong[0]))
		}
	}
	for name, body := range map[string]string{
		"attributes": `{` + distinct.String() + `"id":"a"}`, "repeated": `{` + repeated.String() + `"id":"a"}`,
		"names that are none": `{` + strings.ReplaceAll(distinct.String(), "x", "X") + `"id":"a"}`,
	} {
		s, err := parseCloudEvents([]byte(body), false)
		if err != nil || len(s.wrong[0]) == 0 || len(s.wrong[0]) > maxMistakes || len(s.events[0].Attributes) > maxCloudEventNames {
			t.Errorf("CloudEvent, %s: %v, %d mistakes, %d attributes", name, err, len(s.wrong[0]), len(s.events[0].Attributes))
		}
	}
}

// FuzzParseEvents: no body makes the reader panic, and what it reads are slices of JSON within the body.
func FuzzParseEvents(f *testing.F) {
	for _, seed := range []string{
		`{"type":"a","payload":{"b":[1,2]},"attributes":{"a":"b"}}`, `[{"type":"a","payload":1},{"x":null}]`, "{}\n{}\nx",
		`[{"attributes":[{"key":"a","value":"b"}],"occurredAt":"2026-01-01T00:00:00Z","intermediate":true}]`, "", "[", `{"payload":`,
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		s, err := parseEvents(body, lines)
		if err != nil {
			return
		}
		if len(s.events) != len(s.wrong) {
			t.Fatalf("%d events, %d lists of mistakes", len(s.events), len(s.wrong))
		}
		for _, e := range s.events {
			if !strings.Contains(string(body), string(e.Payload)) {
				t.Fatalf("payload %q is not of the body", e.Payload)
			}
		}
	})
}
