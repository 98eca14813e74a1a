package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
)

// Event is an event as expressions see it. Its payload is parsed when the first expression asks for it, and once: an Event is
// made for one event and all of its candidates, and is not safe for concurrent use.
type Event struct {
	Type, User, Entity, Application, Resource string
	OccurredAt                                time.Time
	Attributes                                map[string]string
	Payload                                   []byte // JSON

	parsed   any
	isParsed bool
}

// ResolveName and Parent make an Event the activation of an evaluation.
func (e *Event) ResolveName(name string) (any, bool) {
	switch name {
	case "event.type":
		return e.Type, true
	case "event.occurredAt":
		return e.OccurredAt, true
	case "event.user":
		return e.User, true
	case "event.entity":
		return e.Entity, true
	case "event.application":
		return e.Application, true
	case "event.resource":
		return e.Resource, true
	case "event.attributes":
		return e.Attributes, true
	case "event.payload":
		return e.payload(), true
	}
	return nil, false
}

// Parent returns nil: an Event is all that an expression sees.
func (e *Event) Parent() cel.Activation { return nil }

// payload returns the parsed payload; nil, which is null in CEL, if it is no JSON.
func (e *Event) payload() any {
	if !e.isParsed {
		e.isParsed = true
		if json.Unmarshal(e.Payload, &e.parsed) != nil {
			e.parsed = nil
		}
	}
	return e.parsed
}

// Matches reports whether the expression holds for the event. If it fails on the event it does not hold, and why says on what.
func (x *Expression) Matches(e *Event) (matched bool, why error) {
	ctx, cancel := context.WithTimeout(context.Background(), maxDuration)
	defer cancel()
	return x.matches(ctx, e)
}

func (x *Expression) matches(ctx context.Context, e *Event) (matched bool, why error) {
	got, _, err := x.program.ContextEval(ctx, e)
	if err != nil {
		return false, fmt.Errorf("evaluate expression: %w", err)
	}
	matched, ok := got.Value().(bool)
	if !ok {
		return false, errors.New("evaluate expression: neither true nor false")
	}
	return matched, nil
}
