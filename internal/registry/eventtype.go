package registry

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/id"
)

// EventType is an event type as events of it are accepted. It does not change: a change of the event type makes another.
type EventType struct {
	// Schema is what payloads are held against; nil when they are not looked at.
	Schema *catalogue.Schema
	// Reject refuses payloads that fail the schema; otherwise they are accepted and marked.
	Reject bool
}

// EventType returns what the catalogue says of an event type, nil if it has none of the name.
func (r *Registry) EventType(name string) *EventType {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.eventTypes[name]
}

// EventTypeKnown reports whether the catalogue has an event type of that name.
func (r *Registry) EventTypeKnown(name string) bool { return r.EventType(name) != nil }

// eventType compiles the schema of a row, unless payloads are not to be looked at.
func (r *Registry) eventType(row *ent.EventType) *EventType {
	t := &EventType{Reject: row.Validation == "REJECT"}
	if row.Validation == "OFF" || row.JSONSchema == "" {
		return t
	}
	schema, err := catalogue.CompileSchema([]byte(row.JSONSchema))
	if err != nil { // it could be compiled when it was saved
		r.log.Error("payloads of an event type are not validated: its JSON Schema cannot be used", "eventType", row.Name, "error", err)
	}
	t.Schema = schema
	return t
}

func (r *Registry) putEventType(row *ent.EventType) id.ID {
	r.eventTypes[row.Name] = r.eventType(row)
	return row.ID
}

// changedEventTypes reads event types, by name. It compiles their schemas, which may take long, without the lock.
func (r *Registry) changedEventTypes(ctx context.Context, ids []id.ID) (map[string]*EventType, error) {
	rows, err := readChanged(ctx, "event types", r.readEventTypes, ids)
	if err != nil {
		return nil, err
	}
	types := make(map[string]*EventType, len(rows))
	for _, row := range rows {
		types[row.Name] = r.eventType(row)
	}
	return types, nil
}
