package accept

import (
	"github.com/hookline/hookline/internal/id"
)

// route returns the targets of an event whose resource has a route for its type: the route itself if it forwards, or none. It reports false when
// the event goes to the subscriptions that it matches, as Hookline's own always do.
func (a *Accepter) route(account id.ID, e *Event) (targets []byte, is bool) {
	if e.Resource == "" || IsOwn(e.Type) {
		return nil, false
	}
	route, is := a.registry.Route(account, e.Resource, e.Type)
	if !is || route.ProfileID == id.Nil {
		return []byte{}, is
	}
	return route.ID[:], true
}
