package registry

import (
	"slices"
	"time"

	"github.com/hookline/hookline/internal/expr"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
)

// Event is an event that is to be matched.
type Event struct {
	match.Event
	OccurredAt time.Time
	Payload    []byte // JSON
}

// Held is a disabled subscription that an event matches.
type Held struct {
	SubscriptionID id.ID
	// Park says that the event is to be kept until the subscription is enabled again.
	Park bool
}

// Match appends to dst the ids of the account's enabled subscriptions that the event matches, and returns the disabled ones that it
// matches apart. An expression that fails on the event does not match.
func (r *Registry) Match(accountID id.ID, event *Event, dst []match.ID) (matched []match.ID, held []Held) {
	before := len(dst)
	matched, held, conditions := r.candidates(accountID, event, dst)
	if len(conditions) == 0 {
		return matched, held
	}
	// Outside of the lock: expressions take their time, and a change of the configuration need not wait for them.
	seen := event.seen()
	fails := func(subscription id.ID) bool {
		x := conditions[subscription]
		if x == nil {
			return false
		}
		holds, _ := x.Matches(seen)
		return !holds
	}
	kept := slices.DeleteFunc(matched[before:], func(found match.ID) bool { return fails(id.ID(found)) })
	held = slices.DeleteFunc(held, func(found Held) bool { return fails(found.SubscriptionID) })
	return matched[:before+len(kept)], held
}

// seen is the event as expressions see it.
func (e *Event) seen() *expr.Event {
	seen := &expr.Event{
		Type: e.Type, User: e.User, Entity: e.Entity, Application: e.Application, Resource: e.Resource,
		OccurredAt: e.OccurredAt, Attributes: make(map[string]string, len(e.Attributes)), Payload: e.Payload,
	}
	for _, a := range slices.Backward(e.Attributes) {
		seen.Attributes[a.Key] = a.Value
	}
	return seen
}

// candidates finds the subscriptions by type and filter, and the expressions of those that have one.
func (r *Registry) candidates(accountID id.ID, event *Event, dst []match.ID) (matched []match.ID, held []Held, conditions map[id.ID]*expr.Expression) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.accounts[accountID]
	if a == nil {
		return dst, nil, nil
	}
	before := len(dst)
	matched = a.index.Match(event.Event, dst)
	if a.disabled.Len() > 0 {
		for _, found := range a.disabled.Match(event.Event, nil) {
			held = append(held, Held{SubscriptionID: id.ID(found), Park: a.subscriptions[id.ID(found)].Park})
		}
	}
	if a.expressions == 0 {
		return matched, held, nil
	}
	conditions = make(map[id.ID]*expr.Expression)
	note := func(subscription id.ID) {
		if x := a.subscriptions[subscription].expression; x != nil {
			conditions[subscription] = x
		}
	}
	for _, found := range matched[before:] {
		note(id.ID(found))
	}
	for _, found := range held {
		note(found.SubscriptionID)
	}
	return matched, held, conditions
}
