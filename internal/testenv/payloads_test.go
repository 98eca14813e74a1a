package testenv

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
	"time"
)

func TestPayloads(t *testing.T) {
	t.Parallel()
	all := Payloads(t)
	if len(all) < 20 {
		t.Errorf("only %d", len(all))
	}
	numbered := regexp.MustCompile(`^(.+)\.\d+$`)
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			var event struct {
				Type        string
				Payload     json.RawMessage
				OccurredAt  time.Time
				User        string
				Entity      string
				Application string
				Resource    string
				Attributes  map[string]string
			}
			strict := json.NewDecoder(bytes.NewReader(p.Body))
			strict.DisallowUnknownFields()
			if err := strict.Decode(&event); err != nil {
				t.Fatal(err)
			}
			if name := numbered.FindStringSubmatch(p.Name); name == nil || name[1] != event.Type {
				t.Errorf("the file is not named after its type %s", event.Type)
			}
			if event.OccurredAt.IsZero() || len(event.Payload) == 0 {
				t.Error("occurredAt or payload is missing")
			}
			if len(event.Payload) > 256<<10 {
				t.Errorf("the payload has %d bytes, more than may be published", len(event.Payload))
			}
		})
	}
}
