// Package match decides which event subscriptions an event matches.
//
// A Rule is the part of a subscription that decides: patterns over the event type, and a filter. An Index holds the
// rules of one account and finds those that match an event in time that depends on how many match, not on how many
// there are. Explain says of a single rule on which condition an event failed.
package match

// ID identifies a rule: the id of its subscription.
type ID = [16]byte

// Rule says which events a subscription wants: those whose type matches any of Patterns and that pass Filter. A rule
// without patterns matches nothing.
type Rule struct {
	ID       ID
	Patterns []string
	Filter   Filter
}

// Filter is a set of conditions, all of which must hold. A condition holds if the event has one of its values; an
// empty list is no condition. An event without a value (or with an empty one) fails any condition on it. Values are
// compared byte by byte.
type Filter struct {
	Users, Entities, Applications, Resources []string
	// Attributes are further conditions, all of which must hold, also when two are on the same key.
	Attributes []Attribute
}

// Attribute is a condition on the event's attribute Key.
type Attribute struct {
	Key    string
	Values []string
}

// Event is the part of an event that decides which rules it matches. An empty string means that the event does not
// have that value.
type Event struct {
	Type, User, Entity, Application, Resource string
	// Attributes are the event's attributes in any order. Of several with the same key the first one counts.
	Attributes []KV
}

// KV is one attribute of an event.
type KV struct{ Key, Value string }

// attribute returns the place of the event's attribute key, -1 if there is none.
func (e *Event) attribute(key string) int {
	for i := range e.Attributes {
		if e.Attributes[i].Key == key {
			return i
		}
	}
	return -1
}

// dimension is a part of an event on which a filter can have a condition.
type dimension uint8

// The dimensions, in the order in which Explain reports their conditions.
const (
	user dimension = iota
	entity
	application
	resource
	attribute
	dimensions
)

// value returns what the event has in a dimension; key names the attribute.
func (e *Event) value(by dimension, key string) string {
	switch by {
	case user:
		return e.User
	case entity:
		return e.Entity
	case application:
		return e.Application
	case resource:
		return e.Resource
	}
	if i := e.attribute(key); i >= 0 {
		return e.Attributes[i].Value
	}
	return ""
}
