package configure_test

import (
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/internal/configure"
)

func TestExpressions(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		for name, c := range map[string]struct{ text, want string }{
			"a good one":       {`event.payload.price.amount > 0.05`, ""},
			"4,000 characters": {`event.user == "` + strings.Repeat("ü", 3984) + `"`, ""},
			"4,001 characters": {`event.user == "` + strings.Repeat("ü", 3985) + `"`, "OUT_OF_RANGE input.expression 4001 characters: at most 4000"},
			"nothing":          {"", "INVALID input.expression empty: leave it out, or give null"},
			"no condition":     {"event.user", "INVALID input.expression a value of type string instead of true or false"},
			"a mistake":        {"event.user ==\n 1", "INVALID input.expression line 1, column 12: "},
			"an unknown field": {"event.colour == 'red'", "INVALID input.expression line 1, column 1: event has no such field"},
			"too costly":       {"event.payload.all(a, event.payload.all(b, a == b))", "INVALID input.expression the limit is 100000"},
			"NUL":              {"true //\x00", "INVALID input.expression NUL"},
			"no UTF-8":         {"true //\xff", "INVALID input.expression UTF-8"},
		} {
			in := e.input()
			in.Expression = &c.text
			_, err := e.CreateEventSubscription(e.ctx(), in)
			_, changeErr := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{Expression: graphql.OmittableOf(&c.text)})
			if c.want != "" {
				wants(e, "creating with "+name, err, c.want)
				wants(e, "changing to "+name, changeErr, c.want)
			} else if err != nil || changeErr != nil {
				e.Errorf("%s: %v, %v", name, err, changeErr)
			}
		}
		for _, step := range []struct {
			in   configure.UpdateEventSubscriptionInput
			want string
		}{
			{configure.UpdateEventSubscriptionInput{Expression: graphql.OmittableOf(new("event.user == 'a'"))}, "event.user == 'a'"},
			{configure.UpdateEventSubscriptionInput{Filter: &configure.EventFilterInput{}}, "event.user == 'a'"},
			{configure.UpdateEventSubscriptionInput{Expression: graphql.OmittableOf[*string](nil)}, ""},
		} {
			changed, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), step.in)
			if err != nil || changed.Expression != step.want {
				e.Errorf("%+v: %v, want the expression %q", step.in, err, step.want)
			}
		}
	})
}

func TestSameSubscriptionsHaveTheSameExpression(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Limits.SameSubscriptions = 1
		create := func(expression *string) error {
			in := e.input()
			in.Filter, in.Expression = nil, expression
			_, err := e.CreateEventSubscription(e.ctx(), in)
			return err
		}
		for _, expression := range []*string{nil, new("true"), new("false")} {
			if err := create(expression); err != nil {
				e.Error(err)
			}
		}
		wants(e, "the same expression", create(new("true")), "LIMIT_REACHED  this expression")
		wants(e, "none again", create(nil), "LIMIT_REACHED  ")
	})
}

func TestWhileDisabled(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		if row.WhileDisabled != configure.Skip {
			e.Errorf("while it is disabled: %q, want SKIP", row.WhileDisabled)
		}
		changed, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{WhileDisabled: new(configure.Park)})
		if err != nil || changed.WhileDisabled != configure.Park {
			e.Errorf("changed to PARK: %v", err)
		}
		in := e.input()
		in.WhileDisabled = "park\n"
		_, err = e.CreateEventSubscription(e.ctx(), in)
		wants(e, "another value", err, "INVALID input.whileDisabled \"park\\n\": it must be one of SKIP, PARK")
		_, err = e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{WhileDisabled: new("")})
		wants(e, "an empty value", err, "INVALID input.whileDisabled one of SKIP, PARK")
	})
}
