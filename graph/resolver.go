// Package graph is the GraphQL API: the schema (schema.graphqls at the root, and schema/ by feature), resolvers that
// translate between it and the packages that do the work, and what every operation goes through:
//
//	limits.go      a document that is too large is refused before it is validated
//	variables.go   values of variables, as far as gqlparser does not check them
//	scope.go       the scopes of all fields that are selected, before anything is executed
//	handler.go     the above put together, and complexity
//	loaders.go     one statement for all objects of a kind on a level of the answer
//	connection.go  pages of lists, and order.go the orders that they can be in
//	live.go        the live log, whose rows are rendered once for all readers (rows.go)
//	errors.go      what clients see of errors
package graph

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
)

// Resolver resolves the schema.
type Resolver struct {
	// Ent reads.
	Ent *ent.Client
	// Configure changes the configuration.
	Configure *configure.Service
	// Accepter publishes.
	Accepter *accept.Accepter
	// Live shows attempts as they end.
	Live *livelog.Hub
	// Version is the server's.
	Version string

	rows *rows // set by NewHandler
}

func (r *Resolver) reads() reads { return reads{r.Ent} }

// own returns the account that the request works in.
func own(ctx context.Context) (id.ID, error) {
	account, _, err := access.Confinement(ctx)
	return account, err
}

// orNull returns what the database holds for an absent value, an empty text or zero, as null.
func orNull[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// orZero is the inverse of orNull.
func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// orMissing turns ent's error for a row that is not there into nil.
func orMissing[T any](row *T, err error) (*T, error) {
	if ent.IsNotFound(err) {
		return nil, nil // a missing object is null in the answer
	}
	return row, err
}

// find loads the object with the id that text shows. Text that is not an id of this type finds nothing, like an id that
// nothing has.
func find[T any](ctx context.Context, prefix id.Prefix, text string, from *loader[id.ID, *T]) (*T, error) {
	key, err := id.ParseAs(prefix, text)
	if err != nil {
		return nil, nil //nolint:nilerr // a missing object is null in the answer
	}
	return from.load(ctx, key)
}

// In resolvers with an argument called id the package of that name is out of reach, hence these.

func findEvent(ctx context.Context, text string) (*ent.Event, error) {
	return find(ctx, id.Event, text, loadersOf(ctx).event)
}

func findDelivery(ctx context.Context, text string) (*ent.Delivery, error) {
	return find(ctx, id.Delivery, text, loadersOf(ctx).delivery)
}

func findAttempt(ctx context.Context, text string) (*ent.Attempt, error) {
	return find(ctx, id.Attempt, text, loadersOf(ctx).attempt)
}

// The ids of rows, for lists.
func accountID(a *ent.Account) id.ID             { return a.ID }
func apiKeyID(k *ent.APIKey) id.ID               { return k.ID }
func profileID(p *ent.NotificationProfile) id.ID { return p.ID }
func authSettingID(a *ent.AuthSetting) id.ID     { return a.ID }
func certificateID(c *ent.Certificate) id.ID     { return c.ID }
func subscriptionID(s *ent.EventSubscription) id.ID {
	return s.ID
}
func resourceRouteID(r *ent.ResourceRoute) id.ID { return r.ID }
func auditEntryID(e *ent.AuditEntry) id.ID       { return e.ID }
func eventID(e *ent.Event) id.ID                 { return e.ID }
func deliveryID(d *ent.Delivery) id.ID           { return d.ID }
func attemptID(a *ent.Attempt) id.ID             { return a.ID }
