package registry

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
)

// Route is what an account says happens to the events of a resource in place of following the subscriptions.
type Route struct {
	// ID stands among an event's targets where a subscription's stands otherwise.
	ID id.ID
	// ProfileID is where they are forwarded to; id.Nil when nobody gets them.
	ProfileID id.ID
}

// Route returns the route of a resource; ok is false when its events follow the subscriptions.
func (r *Registry) Route(accountID id.ID, resource string) (route Route, ok bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := r.accounts[accountID]
	if a == nil {
		return Route{}, false
	}
	route, ok = a.routes[resource]
	return route, ok
}

func (r *Registry) putRoute(row *ent.ResourceRoute) id.ID {
	route := Route{ID: row.ID}
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
