package accept

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/usererror"
)

func attributes(n int) []types.Attribute {
	all := make([]types.Attribute, n)
	for i := range all {
		all[i] = types.Attribute{Key: fmt.Sprintf("k%d", i), Value: "v"}
	}
	return all
}

func payload(size int) json.RawMessage {
	return json.RawMessage(`"` + strings.Repeat("a", size-2) + `"`)
}

// invalid are changes that make an event invalid, by the code and path of what is said about it.
var invalid = map[string][]func(*Event){
	"REQUIRED type":        {func(e *Event) { e.Type = "" }},
	"NOT_FOUND type":       {func(e *Event) { e.Type = "sms.unknown" }, func(e *Event) { e.Type = "SMS.DELIVERY" }, func(e *Event) { e.Type = "sms.*" }},
	"INVALID type":         {func(e *Event) { e.Type = "hookline.delivery.exhausted" }, func(e *Event) { e.Type = "hookline.unknown" }},
	"REQUIRED payload":     {func(e *Event) { e.Payload = nil }, func(e *Event) { e.Payload = json.RawMessage{} }},
	"OUT_OF_RANGE payload": {func(e *Event) { e.Payload = payload(DefaultMaxPayload + 1) }},
	"INVALID payload":      {func(e *Event) { e.Payload = json.RawMessage("\"\xff\"") }},
	"OUT_OF_RANGE attributes": {
		func(e *Event) { e.Attributes = attributes(maxAttributes + 1) },
		func(e *Event) { e.Attributes = []types.Attribute{{Key: strings.Repeat("ü", maxText+1)}} },
		func(e *Event) { e.Attributes = []types.Attribute{{Key: "a\x00"}} },
		func(e *Event) { e.Attributes = []types.Attribute{{Key: "a\xff"}} },
	},
	"REQUIRED attributes":        {func(e *Event) { e.Attributes = []types.Attribute{{Value: "v"}} }},
	"INVALID attributes":         {func(e *Event) { e.Attributes = append(attributes(2), attributes(2)[1]) }},
	"OUT_OF_RANGE attributes.k1": {func(e *Event) { e.Attributes = attributes(2); e.Attributes[1].Value = strings.Repeat("ü", maxText+1) }},
	"INVALID attributes.k0":      {func(e *Event) { e.Attributes = attributes(1); e.Attributes[0].Value = "\x00" }},
	"OUT_OF_RANGE occurredAt": {
		func(e *Event) { e.OccurredAt = minOccurredAt.Add(-1) }, func(e *Event) { e.OccurredAt = maxOccurredAt.Add(1) },
		func(e *Event) { e.OccurredAt = time.Date(1969, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3599)) },
	},
}

// texts are the fields of an event that hold a short text, by path.
var texts = map[string]func(*Event) *string{
	"idempotencyKey": func(e *Event) *string { return &e.IdempotencyKey },
	"user":           func(e *Event) *string { return &e.User },
	"entity":         func(e *Event) *string { return &e.Entity },
	"application":    func(e *Event) *string { return &e.Application },
	"resource":       func(e *Event) *string { return &e.Resource },
}

// said is what validation says, as code and path.
func said(wrong usererror.List) []string {
	all := []string{}
	for _, e := range wrong {
		all = append(all, string(e.Code)+" "+strings.Join(e.Path, "."))
	}
	slices.Sort(all)
	return all
}

func TestValidate(t *testing.T) {
	t.Parallel()
	onEach(t, "names each mistake with its path", func(t *testing.T, r *rig) {
		check := func(want string, change func(*Event)) {
			t.Helper()
			e := sms()
			change(&e)
			wrong := r.validate(&e)
			if got := said(wrong); !slices.Equal(got, []string{want}) {
				t.Errorf("said %v, want %s, of %.200v", got, want, e)
			}
			for _, mistake := range wrong {
				if mistake.Message == "" {
					t.Errorf("%s has no message", want)
				}
			}
		}
		for want, changes := range invalid {
			for _, change := range changes {
				check(want, change)
			}
		}
		for path, field := range texts {
			check("OUT_OF_RANGE "+path, func(e *Event) { *field(e) = strings.Repeat("ü", maxText+1) })
			check("INVALID "+path, func(e *Event) { *field(e) = "a\x00b" })
			check("INVALID "+path, func(e *Event) { *field(e) = "a\xffb" })
		}
	})

	onEach(t, "names the attribute, whatever its key", func(t *testing.T, r *rig) {
		e := sms()
		e.Attributes = []types.Attribute{{Key: "a.b", Value: "\x00"}}
		if wrong := r.validate(&e); len(wrong) != 1 || !slices.Equal(wrong[0].Path, []string{"attributes", "a.b"}) {
			t.Errorf("said %v", wrong)
		}
	})

	onEach(t, "finds all mistakes at once", func(t *testing.T, r *rig) {
		e := Event{User: strings.Repeat("a", 256), Resource: "\x00", Attributes: []types.Attribute{{}, {Key: "k", Value: "\x00"}}, OccurredAt: minOccurredAt.Add(-1)}
		want := []string{
			"INVALID attributes.k", "INVALID resource", "OUT_OF_RANGE occurredAt", "OUT_OF_RANGE user", "REQUIRED attributes", "REQUIRED payload",
			"REQUIRED type",
		}
		if got := said(r.publish(e)[0].Errors); !slices.Equal(got, want) {
			t.Errorf("said %v, want %v", got, want)
		}
	})

	// What is just inside the limits is accepted, and every database can hold it.
	onEach(t, "accepts what is just inside the limits", func(t *testing.T, r *rig) {
		longest := strings.Repeat("🙂", maxText)
		full := Event{Type: "sms.delivery", Payload: payload(DefaultMaxPayload), OccurredAt: maxOccurredAt, Attributes: attributes(maxAttributes - 1)}
		for _, field := range texts {
			*field(&full) = longest
		}
		full.Attributes = append(full.Attributes, types.Attribute{Key: longest, Value: longest})
		least := Event{Type: "sms.delivery", Payload: json.RawMessage(`0`), OccurredAt: minOccurredAt, Attributes: []types.Attribute{{Key: " "}}}
		r.start(r.Accepter)
		for i, result := range r.publish(full, least) {
			if len(result.Errors) > 0 {
				t.Fatalf("event %d is refused: %v", i, result.Errors)
			}
		}
		rows := r.rows()
		for i, e := range []Event{full, least} {
			row := rows[i]
			if row.User != e.User || row.Entity != e.Entity || row.Application != e.Application || row.Resource != e.Resource ||
				row.IdempotencyKey != e.IdempotencyKey || row.Payload != string(e.Payload) || !row.OccurredAt.Equal(e.OccurredAt) ||
				!slices.Equal(row.Attributes, e.Attributes) {
				t.Errorf("event %d is kept as %.500v", i, row)
			}
		}
	})

	onEach(t, "takes the operator's limit of payloads", func(t *testing.T, r *rig) {
		r.limits.MaxPayload = 10
		for size, want := range map[int]int{10: 0, 11: 1} {
			if got := r.validate(&Event{Type: "sms.delivery", Payload: payload(size)}); len(got) != want {
				t.Errorf("payload of %d bytes: %v", size, got)
			}
		}
	})
}
