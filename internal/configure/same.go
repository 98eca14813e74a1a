package configure

import (
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqljson"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// rule is what a subscription asks for. Its lists are sets.
type rule struct {
	category   string
	eventTypes []string
	filter     types.EventFilter
}

// same reports whether two rules ask for the same.
func (r rule) same(other rule) bool {
	theirs := partsOf(&other.filter)
	for i, mine := range partsOf(&r.filter) {
		if !sameSet(*mine.values, *theirs[i].values) {
			return false
		}
	}
	return r.category == other.category && sameSet(r.eventTypes, other.eventTypes)
}

// sameSet compares lists that have each value once.
func sameSet(a, b []string) bool {
	return len(a) == len(b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// checkSame says that the account has as many subscriptions with the same rule as it may have, besides except.
func (s *Service) checkSame(ctx context.Context, c *change, r rule, except id.ID) error {
	limit := s.Limits.SameSubscriptions
	if limit == 0 {
		limit = defaultSameSubscriptions
	}
	// By index account_id, id. The database leaves out nearly all of an account's rows, and leaves to us those that have
	// the same first values in lists of the same length.
	rows, err := c.EventSubscription.Query().
		Where(eventsubscription.IDNEQ(except), eventsubscription.Category(r.category), alike(r)).
		Select(eventsubscription.FieldCategory, eventsubscription.FieldEventTypes, eventsubscription.FieldFilter).All(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, row := range rows {
		if r.same(ruleOf(row)) {
			n++
		}
	}
	if n >= limit {
		c.wrong.Add(usererror.LimitReached, "",
			"%d event subscriptions of the account have this category, these event types and this filter already, which is the limit: "+
				"use one of them, or ask for something else", limit)
	}
	return nil
}

func ruleOf(row *ent.EventSubscription) rule {
	return rule{category: row.Category, eventTypes: row.EventTypes, filter: row.Filter}
}

// alike finds every rule that is the same, and some more.
func alike(r rule) func(*sql.Selector) {
	return func(query *sql.Selector) {
		where := func(values []string, column string, path ...sqljson.Option) {
			query.Where(sqljson.LenEQ(query.C(column), len(values), path...))
			query.Where(sqljson.ValueContains(query.C(column), values[0], path...))
		}
		if len(r.eventTypes) > 0 {
			where(r.eventTypes, eventsubscription.FieldEventTypes)
		}
		for _, part := range partsOf(&r.filter) {
			if len(*part.values) > 0 {
				where(*part.values, eventsubscription.FieldFilter, sqljson.Path(part.name))
			}
		}
	}
}
