package server

import (
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
