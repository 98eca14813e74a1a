package accept

import (
	"encoding/json"
	"time"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// Event is an event as its publisher gave it.
type Event struct {
	Type           string
	Payload        json.RawMessage
	IdempotencyKey string
	OccurredAt     time.Time // zero: now
	User           string
	Entity         string
	Application    string
	Resource       string
	Attributes     []types.Attribute
	Intermediate   bool
	Webhook        *Webhook // nil for none

	own         bool   // Hookline's own
	schemaError string // how the payload fails its type's JSON Schema; set by validate
}

// Result is what became of an event: an id, which means that it is committed, or the mistakes for which it was refused.
type Result struct {
	ID        id.ID
	Duplicate bool
	Matched   int
	// Errors have paths that begin at the event (`payload`, `attributes.3.key`).
	Errors usererror.List
}
