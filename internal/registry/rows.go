package registry

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/accountsecret"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/id"
)

// pageSize is how many rows are read at a time.
const pageSize = 1000

// reader reads the first pageSize rows of a kind for which where holds, in the order of their ids.
type reader[R any] func(ctx context.Context, where func(*sql.Selector)) ([]*R, error)

// readAll gives every row of a kind to put, which returns the row's id.
func readAll[R any](ctx context.Context, kind string, read reader[R], put func(*R) id.ID) error {
	for last, more := id.Nil, true; more; {
		rows, err := read(ctx, sql.FieldGT("id", last))
		if err != nil {
			return fmt.Errorf("read %s: %w", kind, err)
		}
		for _, row := range rows {
			last = put(row)
		}
		more = len(rows) == pageSize
	}
	return nil
}

// readChanged returns the rows of a kind that have one of the ids; for no ids it asks nothing.
func readChanged[R any](ctx context.Context, kind string, read reader[R], ids []id.ID) (all []*R, err error) {
	for page := range slices.Chunk(ids, pageSize) {
		rows, err := read(ctx, sql.FieldIn("id", page...))
		if err != nil {
			return nil, fmt.Errorf("read changed %s: %w", kind, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

func (r *Registry) readEventTypes(ctx context.Context, where func(*sql.Selector)) ([]*ent.EventType, error) {
	return r.client.EventType.Query().Where(where).Order(ent.Asc(eventtype.FieldID)).Limit(pageSize).All(ctx)
}

func (r *Registry) readProfiles(ctx context.Context, where func(*sql.Selector)) ([]*ent.NotificationProfile, error) {
	return r.client.NotificationProfile.Query().Where(where).WithAuthSetting().WithCertificate().WithNextCertificate().
		Order(ent.Asc(notificationprofile.FieldID)).Limit(pageSize).All(ctx)
}

func (r *Registry) readSubscriptions(ctx context.Context, where func(*sql.Selector)) ([]*ent.EventSubscription, error) {
	return r.client.EventSubscription.Query().Where(where).Order(ent.Asc(eventsubscription.FieldID)).Limit(pageSize).All(ctx)
}

func (r *Registry) readRoutes(ctx context.Context, where func(*sql.Selector)) ([]*ent.ResourceRoute, error) {
	return r.client.ResourceRoute.Query().Where(where).Order(ent.Asc(resourceroute.FieldID)).Limit(pageSize).All(ctx)
}

func (r *Registry) readAccountSecrets(ctx context.Context, where func(*sql.Selector)) ([]*ent.AccountSecret, error) {
	return r.client.AccountSecret.Query().Where(where).Order(ent.Asc(accountsecret.FieldID)).Limit(pageSize).All(ctx)
}
