package registry

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
)

// Route is what an account says happens to the events of a resource in place of following the subscriptions.
type Route struct {
	// ProfileID is where they are forwarded to; id.Nil when nobody gets them.
	ProfileID id.ID

	id id.ID
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

func (r *Registry) putRoute(row *ent.ResourceRoute) {
	route := Route{id: row.ID}
	if row.ProfileID != nil {
		route.ProfileID = *row.ProfileID
	}
	a := r.in(row.AccountID)
	a.routes[row.Resource] = route
	a.resources[row.ID] = row.Resource
	r.owners[row.ID] = row.AccountID
}

// removeRoute forgets a route. The resource may have another one by now, which stays.
func (a *account) removeRoute(route id.ID) {
	resource := a.resources[route]
	delete(a.resources, route)
	if a.routes[resource].id == route {
		delete(a.routes, resource)
	}
}
