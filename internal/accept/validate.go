package accept

import (
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of an event. Lengths of text are in characters.
const (
	MaxEvents         = 1000      // events in one request
	DefaultMaxPayload = 256 << 10 // bytes
	maxText           = 255
	maxAttributes     = 50
)

// Limits are those that the operator sets.
type Limits struct {
	// MaxPayload is the largest payload in bytes; 0 means DefaultMaxPayload.
	MaxPayload int
}

// Limits returns the limits that hold.
func (a *Accepter) Limits() Limits { return a.limits }

// validate returns what is wrong with an event, and sets what it leaves open.
func (a *Accepter) validate(e *Event) (wrong usererror.List) {
	kind := a.registry.EventType(e.Type)
	switch {
	case e.Type == "":
		wrong.Add(usererror.Required, "type", "an event needs a type, such as `sms.delivery`")
	case IsOwn(e.Type) && !e.own:
		wrong.Add(usererror.Invalid, "type", "only Hookline itself publishes %.100q: use a type that does not begin with `%s`", e.Type, reserved)
	case kind == nil:
		wrong.Add(usererror.NotFound, "type", "there is no event type %.100q; the query `eventTypes` lists them", e.Type)
	}
	switch {
	case len(e.Payload) == 0:
		wrong.Add(usererror.Required, "payload", "an event needs a payload; `null` is one")
	case len(e.Payload) > a.limits.MaxPayload:
		wrong.Add(usererror.OutOfRange, "payload", "the payload has %d bytes; the limit is %d", len(e.Payload), a.limits.MaxPayload)
	case !utf8.Valid(e.Payload):
		wrong.Add(usererror.Invalid, "payload", "the payload must be UTF-8")
	case kind != nil && kind.Schema != nil:
		e.schemaError = kind.Schema.Check(e.Payload)
		if e.schemaError != "" && kind.Reject && !e.own {
			wrong.Add(usererror.Invalid, "payload", "the payload does not satisfy the JSON Schema of `%s`: %s", e.Type, e.schemaError)
		}
	}
	for _, field := range []struct{ name, value string }{
		{"idempotencyKey", e.IdempotencyKey}, {"user", e.User}, {"entity", e.Entity}, {"application", e.Application}, {"resource", e.Resource},
	} {
		if mistake := textError(field.value); mistake != nil {
			mistake.Path = []string{field.name}
			wrong = append(wrong, mistake)
		}
	}
	if len(e.Attributes) > maxAttributes {
		wrong.Add(usererror.OutOfRange, "attributes", "an event has at most %d attributes; this one has %d", maxAttributes, len(e.Attributes))
		return wrong
	}
	seen := make(map[string]bool, len(e.Attributes))
	for _, attribute := range e.Attributes {
		switch {
		case attribute.Key == "":
			wrong.Add(usererror.Required, "attributes", "an attribute needs a key")
		case seen[attribute.Key]:
			wrong.Add(usererror.Invalid, "attributes", "the attribute %.100q is given twice", attribute.Key)
		case utf8.RuneCountInString(attribute.Key) > maxText || !storable(attribute.Key):
			wrong.Add(usererror.OutOfRange, "attributes", "an attribute's key has 1–%d characters, none of them NUL", maxText)
		default:
			if mistake := textError(attribute.Value); mistake != nil {
				mistake.Path = []string{"attributes", attribute.Key}
				wrong = append(wrong, mistake)
			}
		}
		seen[attribute.Key] = true
	}
	if e.Webhook != nil {
		e.Webhook.validate(&wrong, a.guard)
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = time.Now()
	}
	checkOccurredAt(&wrong, "occurredAt", e.OccurredAt)
	return wrong
}

// textError returns what is wrong with a short text, nil for nothing.
func textError(value string) *usererror.Error {
	if n := utf8.RuneCountInString(value); n > maxText {
		return usererror.New(usererror.OutOfRange, "", "has %d characters; the limit is %d", n, maxText)
	}
	if !storable(value) {
		return usererror.New(usererror.Invalid, "", "must be UTF-8 without NUL characters")
	}
	return nil
}

// storable reports whether every database can hold the text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// keyID stands for the event's idempotency key in an account; id.Nil for none. Nobody's key stands for the same as one of Hookline's own.
func (e *Event) keyID(account id.ID) id.ID {
	key := e.IdempotencyKey
	if key == "" {
		return id.Nil
	}
	if e.own {
		key = "\x00" + key // which no other key has
	}
	sum := sha256.Sum256(append(account[:], key...))
	return id.ID(sum[:16])
}
