package registry

import (
	"slices"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
)

// Route is what an account says happens to the events of a resource in place of following the subscriptions.
type Route struct {
	// ID stands among an event's targets where a subscription's stands otherwise.
	ID id.ID
	// ProfileID is where they are forwarded to; id.Nil when nobody gets them.
	ProfileID id.ID
}

// typedRoute is a route and the events that it is for.
type typedRoute struct {
	Route
	patterns []string // nil for all
}

// Route returns the route of a resource's events of a type; ok is false when they follow the subscriptions.
func (r *Registry) Route(accountID id.ID, resource, eventType string) (route Route, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.accounts[accountID]
	if a == nil {
		return Route{}, false
	}
	found, ok := a.routes[resource]
	if !ok || !Covers(found.patterns, eventType) {
		return Route{}, false
	}
	return found.Route, true
}

// Covers reports whether a route with these event types, nil for all, is for events of a type.
func Covers(patterns []string, eventType string) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(p string) bool { return match.MatchPattern(p, eventType) })
}

func (r *Registry) putRoute(row *ent.ResourceRoute) id.ID {
	route := typedRoute{Route: Route{ID: row.ID}, patterns: row.EventTypes}
	if row.ProfileID != nil {
		route.ProfileID = *row.ProfileID
	}
	a := r.in(row.AccountID)
	a.routes[row.Resource] = route
	a.resources[row.ID] = row.Resource
	r.owners[row.ID] = row.AccountID
	return row.ID
}

// removeRoute forgets a route. The resource may have another one by now, which stays.
func (a *account) removeRoute(route id.ID) {
	resource := a.resources[route]
	delete(a.resources, route)
	if a.routes[resource].ID == route {
		delete(a.routes, resource)
	}
}

// forwarding returns a route as a subscription, which is enabled and has the account's secret; nil if it forwards nothing.
func (a *account) forwarding(route id.ID) *Subscription {
	profile := a.routes[a.resources[route]].ProfileID
	if profile == id.Nil || a.secret == nil {
		return nil
	}
	s := *a.secret
	s.ID, s.ProfileID = route, profile
	return &s
}
