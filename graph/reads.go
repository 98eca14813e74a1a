package graph

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/ent/accountsecret"
	entapikey "github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// reads are the statements of the loaders: each reads what many keys ask for. Tables of an account are confined to the
// account of the context by package ent; accounts and API keys are confined here.
type reads struct{ client *ent.Client }

// byKey makes a map of rows, each by a key of its own.
func byKey[K comparable, T any](rows []T, err error, keyOf func(T) K) (map[K]T, error) {
	if err != nil {
		return nil, err
	}
	found := make(map[K]T, len(rows))
	for _, row := range rows {
		found[keyOf(row)] = row
	}
	return found, nil
}

// grouped makes a map of rows, all of those with the same key together, in their order.
func grouped[K comparable, T any](rows []T, err error, keyOf func(T) K) (map[K][]T, error) {
	if err != nil {
		return nil, err
	}
	found := make(map[K][]T)
	for _, row := range rows {
		found[keyOf(row)] = append(found[keyOf(row)], row)
	}
	return found, nil
}

// accounts reads the account of the context, and all others for those who may see them.
func (r reads) accounts(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Account, error) {
	own, _, err := access.Confinement(ctx)
	if err != nil {
		return nil, err
	}
	if !access.PrincipalFrom(ctx).Has(access.AccountsAdmin) {
		ids = slices.DeleteFunc(ids, func(i id.ID) bool { return i != own })
	}
	rows, err := r.client.Account.Query().Where(account.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(a *ent.Account) id.ID { return a.ID })
}

func (r reads) apiKeys(ctx context.Context, ids []id.ID) (map[id.ID]*ent.APIKey, error) {
	own, _, err := access.Confinement(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := r.client.APIKey.Query().Where(entapikey.IDIn(ids...), entapikey.AccountID(own)).All(ctx)
	return byKey(rows, err, func(k *ent.APIKey) id.ID { return k.ID })
}

func (r reads) auditEntries(ctx context.Context, ids []id.ID) (map[id.ID]*ent.AuditEntry, error) {
	rows, err := r.client.AuditEntry.Query().Where(auditentry.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(e *ent.AuditEntry) id.ID { return e.ID })
}

func (r reads) categories(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Category, error) {
	rows, err := r.client.Category.Query().Where(category.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(c *ent.Category) id.ID { return c.ID })
}

func (r reads) categoriesByKey(ctx context.Context, keys []string) (map[string]*ent.Category, error) {
	rows, err := r.client.Category.Query().Where(category.KeyIn(keys...)).All(ctx)
	return byKey(rows, err, func(c *ent.Category) string { return c.Key })
}

func (r reads) eventTypes(ctx context.Context, ids []id.ID) (map[id.ID]*ent.EventType, error) {
	rows, err := r.client.EventType.Query().Where(eventtype.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(t *ent.EventType) id.ID { return t.ID })
}

func (r reads) eventTypesOf(ctx context.Context, categories []id.ID) (map[id.ID][]*ent.EventType, error) {
	rows, err := r.client.EventType.Query().Where(eventtype.CategoryIDIn(categories...)).
		Order(ent.Asc(eventtype.FieldName)).All(ctx)
	return grouped(rows, err, func(t *ent.EventType) id.ID { return t.CategoryID })
}

func (r reads) authSettings(ctx context.Context, ids []id.ID) (map[id.ID]*ent.AuthSetting, error) {
	rows, err := r.client.AuthSetting.Query().Where(authsetting.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(a *ent.AuthSetting) id.ID { return a.ID })
}

func (r reads) resourceRoutes(ctx context.Context, ids []id.ID) (map[id.ID]*ent.ResourceRoute, error) {
	rows, err := r.client.ResourceRoute.Query().Where(resourceroute.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(r *ent.ResourceRoute) id.ID { return r.ID })
}

func (r reads) accountSecrets(ctx context.Context, ids []id.ID) (map[id.ID]*ent.AccountSecret, error) {
	rows, err := r.client.AccountSecret.Query().Where(accountsecret.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(s *ent.AccountSecret) id.ID { return s.ID })
}

func (r reads) profiles(ctx context.Context, ids []id.ID) (map[id.ID]*ent.NotificationProfile, error) {
	rows, err := r.client.NotificationProfile.Query().Where(notificationprofile.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(p *ent.NotificationProfile) id.ID { return p.ID })
}

func (r reads) subscriptions(ctx context.Context, ids []id.ID) (map[id.ID]*ent.EventSubscription, error) {
	rows, err := r.client.EventSubscription.Query().Where(eventsubscription.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(s *ent.EventSubscription) id.ID { return s.ID })
}

// pageKey asks for a page of the rows that refer to an object.
type pageKey struct {
	of   id.ID
	page page
}

// subscriptionsOf reads pages of the subscriptions of profiles, by the index on profile_id.
func (r reads) subscriptionsOf(ctx context.Context, keys []pageKey) (map[pageKey][]*ent.EventSubscription, error) {
	of := func(s *ent.EventSubscription) id.ID { return s.ProfileID }
	return pagesOf(ctx, r.client.EventSubscription.Query(), eventsubscription.FieldProfileID, of, keys)
}

// profilesOf reads pages of the profiles of auth settings, by the index on auth_setting_id.
func (r reads) profilesOf(ctx context.Context, keys []pageKey) (map[pageKey][]*ent.NotificationProfile, error) {
	of := func(p *ent.NotificationProfile) id.ID { return *p.AuthSettingID } // it is what was asked for
	return pagesOf(ctx, r.client.NotificationProfile.Query(), notificationprofile.FieldAuthSettingID, of, keys)
}

// pagesOf reads pages of the rows of q whose column refers to an object, one row more than the page's size where there is
// more; only those that are selected by all restrictions, too. There is one statement for all objects, unless the document
// has several lists of them.
func pagesOf[Q query[Q, T, P, O], T any, P, O ~func(*sql.Selector)](
	ctx context.Context, q Q, column string, of func(*T) id.ID, keys []pageKey, restrictions ...func(*sql.Selector),
) (map[pageKey][]*T, error) {
	found := make(map[pageKey][]*T)
	objects := make(map[page][]id.ID)
	for _, key := range keys {
		objects[key.page] = append(objects[key.page], key.of)
	}
	for p, ids := range objects {
		rows, err := q.Clone().Where(firstOfEach(p, column, ids, restrictions)).Order(p.order).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			key := pageKey{of(row), p}
			found[key] = append(found[key], row)
		}
	}
	return found, nil
}

// firstOfEach selects, for each object to which the column refers, the rows of a page and one more.
func firstOfEach(p page, column string, objects []id.ID, restrictions []func(*sql.Selector)) func(*sql.Selector) {
	return func(s *sql.Selector) {
		build := sql.Dialect(s.Dialect())
		table := build.Table(s.TableName())
		order := sql.Desc(table.C("id")) // such lists have no other order
		if p.backward {
			order = sql.Asc(table.C("id"))
		}
		place := sql.RowNumber().PartitionBy(table.C(column)).OrderExpr(sql.Raw(order))
		ranked := build.Select(table.C("id")).AppendSelectExprAs(place, "place").From(table)
		ranked.Where(sql.In(table.C(column), anys(objects)...))
		p.restrict(ranked)
		for _, restrict := range restrictions {
			restrict(ranked)
		}
		of := ranked.As("ranked")
		s.Where(sql.In(s.C("id"), build.Select(of.C("id")).From(of).Where(sql.LTE(of.C("place"), p.size+1))))
	}
}

func anys[T any](values []T) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func (r reads) subscriptionsCount(ctx context.Context, profiles []id.ID) (map[id.ID]int, error) {
	var rows []struct {
		ProfileID id.ID `json:"profile_id"`
		Count     int   `json:"count"`
	}
	err := r.client.EventSubscription.Query().Where(eventsubscription.ProfileIDIn(profiles...)).
		GroupBy(eventsubscription.FieldProfileID).Aggregate(ent.Count()).Scan(ctx, &rows)
	found := make(map[id.ID]int, len(rows))
	for _, row := range rows {
		found[row.ProfileID] = row.Count
	}
	return found, err
}

func (r reads) profilesCount(ctx context.Context, authSettings []id.ID) (map[id.ID]int, error) {
	var rows []struct {
		AuthSettingID id.ID `json:"auth_setting_id"`
		Count         int   `json:"count"`
	}
	err := r.client.NotificationProfile.Query().Where(notificationprofile.AuthSettingIDIn(authSettings...)).
		GroupBy(notificationprofile.FieldAuthSettingID).Aggregate(ent.Count()).Scan(ctx, &rows)
	found := make(map[id.ID]int, len(rows))
	for _, row := range rows {
		found[row.AuthSettingID] = row.Count
	}
	return found, err
}

// The payloads of events and the bodies of responses are large, and most answers are without them: they are read only
// where they are selected.
var (
	eventColumns = slices.DeleteFunc(slices.Clone(event.Columns),
		func(column string) bool { return column == event.FieldPayload })
	attemptColumns = slices.DeleteFunc(slices.Clone(attempt.Columns),
		func(column string) bool { return column == attempt.FieldResponseBody })
)

// eventQuery selects events, without their payloads.
func (r reads) eventQuery() *ent.EventQuery {
	q := r.client.Event.Query()
	q.Select(eventColumns...)
	return q
}

// attemptQuery selects attempts, without the bodies of their responses.
func (r reads) attemptQuery() *ent.AttemptQuery {
	q := r.client.Attempt.Query()
	q.Select(attemptColumns...)
	return q
}

func (r reads) events(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Event, error) {
	rows, err := r.eventQuery().Where(event.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(e *ent.Event) id.ID { return e.ID })
}

func (r reads) payloads(ctx context.Context, events []id.ID) (map[id.ID]*string, error) {
	rows, err := r.client.Event.Query().Where(event.IDIn(events...)).Select(event.FieldID, event.FieldPayload).All(ctx)
	found := make(map[id.ID]*string, len(rows))
	for _, row := range rows {
		found[row.ID] = &row.Payload
	}
	return found, err
}

func (r reads) deliveries(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Delivery, error) {
	rows, err := r.client.Delivery.Query().Where(delivery.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(d *ent.Delivery) id.ID { return d.ID })
}

// maxDeliveries is how many deliveries are shown within their event.
const maxDeliveries = 1000

func (r reads) deliveriesOf(ctx context.Context, events []id.ID) (map[id.ID][]*ent.Delivery, error) {
	of := make([]predicate.Delivery, len(events))
	for i, e := range events {
		of[i] = ofEvent(e)
	}
	limit := maxDeliveries * len(events)
	rows, err := r.client.Delivery.Query().Where(delivery.Or(of...)).Order(ent.Asc(delivery.FieldID)).Limit(limit).All(ctx)
	if len(rows) == limit && len(events) > 1 { // some event has more than its share, at the cost of others
		return r.deliveriesOneByOne(ctx, events)
	}
	return grouped(rows, err, func(d *ent.Delivery) id.ID { return d.EventID })
}

func (r reads) deliveriesOneByOne(ctx context.Context, events []id.ID) (map[id.ID][]*ent.Delivery, error) {
	found := make(map[id.ID][]*ent.Delivery, len(events))
	for _, e := range events {
		one, err := r.deliveriesOf(ctx, []id.ID{e})
		if err != nil {
			return nil, err
		}
		found[e] = one[e]
	}
	return found, nil
}

// ofEvent selects the deliveries of an event, by the range of their ids: there is no index on event_id.
func ofEvent(e id.ID) predicate.Delivery {
	first, last := id.DeliveryRange(e)
	return delivery.And(delivery.IDGTE(first), delivery.IDLTE(last), delivery.EventID(e))
}

func (r reads) attempts(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Attempt, error) {
	rows, err := r.attemptQuery().Where(attempt.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(a *ent.Attempt) id.ID { return a.ID })
}

func (r reads) attemptsOf(ctx context.Context, deliveries []id.ID) (map[id.ID][]*ent.Attempt, error) {
	rows, err := r.attemptQuery().Where(attempt.DeliveryIDIn(deliveries...)).Order(ent.Asc(attempt.FieldID)).All(ctx)
	return grouped(rows, err, func(a *ent.Attempt) id.ID { return a.DeliveryID })
}

func (r reads) responseBodies(ctx context.Context, attempts []id.ID) (map[id.ID][]byte, error) {
	rows, err := r.client.Attempt.Query().Where(attempt.IDIn(attempts...)).
		Select(attempt.FieldID, attempt.FieldResponseBody).All(ctx)
	found := make(map[id.ID][]byte, len(rows))
	for _, row := range rows {
		found[row.ID] = row.ResponseBody
	}
	return found, err
}
