package graph

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqljson"

	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/store"
)

// maxListed is how many values each list in a filter may have.
const maxListed = 100

// checkListed says which list of a filter is too long. An empty list asks for nothing, like one that is not given.
func checkListed(lengths map[string]int) error {
	for name, n := range lengths {
		if n > maxListed {
			return inputErrorf("filter.%s: %d values are too many, the limit is %d", name, n, maxListed)
		}
	}
	return nil
}

// during selects rows by the time in their ids, which is in milliseconds.
func during(since, until *time.Time) func(*sql.Selector) {
	return func(s *sql.Selector) {
		if since != nil {
			s.Where(sql.GTE(s.C("id"), firstFrom(*since)))
		}
		if until != nil {
			s.Where(sql.LT(s.C("id"), firstFrom(*until)))
		}
	}
}

// firstFrom returns the smallest id of the millisecond t, or of the next one if t lies within one.
func firstFrom(t time.Time) id.ID {
	if whole := t.Truncate(time.Millisecond); whole.Before(t) {
		t = whole.Add(time.Millisecond)
	}
	return id.FirstAt(t)
}

// nobody is an id that nothing has: what text that is no id of the right type stands for in a filter.
var nobody = id.ID{15: 1}

func parseID(prefix id.Prefix, text string) id.ID {
	if parsed, err := id.ParseAs(prefix, text); err == nil {
		return parsed
	}
	return nobody
}

func parseIDs(prefix id.Prefix, all []string) []id.ID {
	parsed := make([]id.ID, len(all))
	for i, text := range all {
		parsed[i] = parseID(prefix, text)
	}
	return parsed
}

// maxSearch is how many characters the text that is searched for may have, as many as names and keys have at most.
const maxSearch = 255

// containing selects the rows of which one of the columns contains the text, in upper or lower case. It looks at all rows
// that the query selects without it.
func containing(argument, text string, columns ...string) (func(*sql.Selector), error) {
	if n := utf8.RuneCountInString(text); n > maxSearch {
		return nil, inputErrorf("%s: %d characters are too many, the limit is %d", argument, n, maxSearch)
	}
	return store.ContainsFold(text, columns...), nil
}

func subscriptionsWhere(f *EventSubscriptionFilter) ([]predicate.EventSubscription, error) {
	if f == nil {
		return nil, nil
	}
	var where []predicate.EventSubscription
	if f.Search != nil {
		found, err := containing("filter.search", *f.Search, eventsubscription.FieldKey, eventsubscription.FieldName)
		if err != nil {
			return nil, err
		}
		where = append(where, found)
	}
	if f.Category != nil {
		where = append(where, eventsubscription.Category(*f.Category))
	}
	if f.EventType != nil {
		if err := match.ValidatePattern(*f.EventType); err != nil || strings.Contains(*f.EventType, "*") {
			return nil, inputErrorf("filter.eventType: %.64q is not the name of an event type, such as sms.delivery", *f.EventType)
		}
		where = append(where, store.TakesEventType(*f.EventType))
	}
	if f.Application != nil {
		where = append(where, naming("applications", *f.Application))
	}
	if f.Entity != nil {
		where = append(where, naming("entities", *f.Entity))
	}
	if f.Profile != nil {
		where = append(where, sendingThrough(*f.Profile))
	}
	if f.Enabled != nil {
		where = append(where, eventsubscription.Enabled(*f.Enabled))
	}
	if err := checkListed(map[string]int{"health": len(f.Health)}); err != nil {
		return nil, err
	}
	if len(f.Health) > 0 {
		where = append(where, configure.HealthIn(time.Now(), f.Health))
	}
	return where, nil
}

// naming selects the subscriptions whose filter has the value in its part. It looks at all rows that the query selects
// without it.
func naming(part, value string) predicate.EventSubscription {
	return func(s *sql.Selector) {
		s.Where(sqljson.ValueContains(s.C(eventsubscription.FieldFilter), value, sqljson.Path(part)))
	}
}

func sendingThrough(profile configure.Ref) predicate.EventSubscription {
	if profile.Key != nil {
		return eventsubscription.HasProfileWith(notificationprofile.Key(*profile.Key))
	}
	return eventsubscription.ProfileID(parseID(id.NotificationProfile, orZero(profile.ID)))
}

func resourceRoutesWhere(action *string, profile *configure.Ref) []predicate.ResourceRoute {
	var where []predicate.ResourceRoute
	if action != nil {
		where = append(where, resourceroute.Action(*action))
	}
	switch {
	case profile == nil:
	case profile.Key != nil:
		where = append(where, resourceroute.HasProfileWith(notificationprofile.Key(*profile.Key)))
	default:
		where = append(where, resourceroute.ProfileID(parseID(id.NotificationProfile, orZero(profile.ID))))
	}
	return where
}

func eventTypesWhere(categoryKey *string, deprecated bool) []predicate.EventType {
	var where []predicate.EventType
	if categoryKey != nil {
		where = append(where, eventtype.HasCategoryWith(category.Key(*categoryKey)))
	}
	if !deprecated {
		where = append(where, eventtype.DeprecatedAtIsNil())
	}
	return where
}

func eventsWhere(f *EventLogFilter) ([]predicate.Event, error) {
	if f == nil {
		return nil, nil
	}
	if err := checkListed(map[string]int{"types": len(f.Types)}); err != nil {
		return nil, err
	}
	where := []predicate.Event{during(f.Since, f.Until)}
	if len(f.Types) > 0 {
		where = append(where, event.TypeIn(f.Types...))
	}
	for _, text := range []struct {
		given *string
		equal func(string) predicate.Event
	}{
		{f.Application, event.Application}, {f.Entity, event.Entity}, {f.User, event.User}, {f.Resource, event.Resource},
	} {
		if text.given != nil {
			where = append(where, text.equal(*text.given))
		}
	}
	if f.Matched != nil {
		matched := event.And(event.TargetsNotNil(), event.TargetsNEQ([]byte{}))
		if !*f.Matched {
			matched = event.Or(event.TargetsIsNil(), event.TargetsEQ([]byte{}))
		}
		where = append(where, matched)
	}
	return where, nil
}

func deliveriesWhere(f *DeliveryFilter) ([]predicate.Delivery, error) {
	if f == nil {
		return nil, nil
	}
	err := checkListed(map[string]int{"subscriptions": len(f.Subscriptions), "eventTypes": len(f.EventTypes)})
	if err != nil {
		return nil, err
	}
	where := []predicate.Delivery{during(f.Since, f.Until)}
	if len(f.Statuses) > 0 {
		where = append(where, delivery.StatusIn(texts(f.Statuses)...))
	}
	if len(f.Subscriptions) > 0 {
		where = append(where, delivery.SubscriptionIDIn(parseIDs(id.EventSubscription, f.Subscriptions)...))
	}
	if f.EventID != nil {
		where = append(where, ofEvent(parseID(id.Event, *f.EventID)))
	}
	if len(f.EventTypes) > 0 {
		where = append(where, delivery.EventTypeIn(f.EventTypes...))
	}
	return where, nil
}

// check says which list is too long.
func (f *AttemptFilter) check() error {
	return checkListed(map[string]int{
		"subscriptions": len(f.Subscriptions), "eventTypes": len(f.EventTypes), "statusCodes": len(f.StatusCodes),
	})
}

func (r reads) attemptsWhere(ctx context.Context, f *AttemptFilter) ([]predicate.Attempt, error) {
	filter, err := liveFilter(f)
	if err != nil {
		return nil, err
	}
	event := filter.EventID
	filter.EventID = id.Nil
	where := store.AttemptsWanted(filter)
	if event != id.Nil {
		of, err := r.attemptsOfEvent(ctx, event)
		if err != nil {
			return nil, err
		}
		where = append(where, of)
	}
	return where, nil
}

// attemptsOfEvent selects the attempts of an event: by its deliveries, whose ids are known by their range, as there is an
// index on delivery_id and none on event_id. Of an event with a great many deliveries it looks at all attempts since.
func (r reads) attemptsOfEvent(ctx context.Context, e id.ID) (predicate.Attempt, error) {
	deliveries, err := r.client.Delivery.Query().Where(ofEvent(e)).Limit(maxDeliveries + 1).IDs(ctx)
	if err != nil {
		return nil, err
	}
	if len(deliveries) > maxDeliveries {
		return attempt.And(attempt.EventID(e), attempt.IDGTE(id.FirstAt(id.Time(e)))), nil
	}
	return attempt.DeliveryIDIn(deliveries...), nil
}
