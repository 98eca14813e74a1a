package configure

import (
	"context"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqljson"

	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/usererror"
)

// checkSame says that the account has as many subscriptions with the same rule as it may have, before there is one more.
func (s *Service) checkSame(ctx context.Context, c *change, r rule) error {
	limit := s.Limits.SameSubscriptions
	if limit == 0 {
		limit = defaultSameSubscriptions
	}
	// By index account_id, id. The database leaves out nearly all of an account's rows, and leaves to us those that have
	// the same first values in lists of the same length.
	rows, err := c.EventSubscription.Query().
		Where(eventsubscription.Category(r.category), eventsubscription.Expression(r.expression), alike(r)).
		Select(eventsubscription.FieldCategory, eventsubscription.FieldEventTypes, eventsubscription.FieldFilter, eventsubscription.FieldExpression).All(ctx)
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
			"%d event subscriptions of the account have this category, these event types, this filter and this expression already, which is the limit: "+
				"use one of them, or ask for something else", limit)
	}
	return nil
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
		if n := len(r.filter.Attributes); n > 0 {
			query.Where(sqljson.LenEQ(query.C(eventsubscription.FieldFilter), n, sqljson.Path("attributes")))
		}
	}
}
