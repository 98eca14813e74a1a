package testenv

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Payload is one of the sample events in testdata/payloads.
type Payload struct {
	Name string // such as "sms.delivery.1"
	Body []byte // what a publisher posts: one JSON event with type, payload and the rest
}

// Payloads returns all sample events by name. They look like those that messaging platforms send, and hold what
// careless code breaks: numbers that a float64 cannot hold, escapes, right-to-left text, deep nesting, empty values.
func Payloads(t testing.TB) []Payload {
	t.Helper()
	_, source, _, _ := runtime.Caller(0)
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(source), "../../testdata/payloads/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	payloads := make([]Payload, len(paths))
	for i, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		payloads[i] = Payload{Name: strings.TrimSuffix(filepath.Base(path), ".json"), Body: body}
	}
	return payloads
}
