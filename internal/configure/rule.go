package configure

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/expr"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/usererror"
)

// maxEventTypes is how many event types a subscription can list.
const maxEventTypes = 255

// rule is what a subscription asks for. Its lists are sets.
type rule struct {
	category   string
	eventTypes []string
	filter     types.EventFilter
	expression string
}

// same reports whether two rules ask for the same.
func (r rule) same(other rule) bool { return r.digest() == other.digest() }

func ruleOf(row *ent.EventSubscription) rule {
	return rule{category: row.Category, eventTypes: row.EventTypes, filter: row.Filter, expression: row.Expression}
}

// newRule says what is wrong with what a new subscription asks for, and returns it.
func (s *Service) newRule(ctx context.Context, c *change, in CreateEventSubscriptionInput) (rule, error) {
	before := len(c.wrong)
	r := rule{eventTypes: append([]string{}, in.EventTypes...)}
	var within *ent.Category
	var err error
	if in.Category != nil {
		r.category = *in.Category
		if within, err = c.findCategory(ctx, "input.category", r.category); err != nil {
			return r, err
		}
	}
	c.checkAsksForSomething(r)
	if err := c.checkEventTypes(ctx, "input.eventTypes", r.eventTypes, within); err != nil {
		return r, err
	}
	if in.Filter != nil {
		if r.filter, err = c.filter(ctx, "input.filter", *in.Filter, within); err != nil {
			return r, err
		}
	}
	if in.Expression != nil {
		r.expression = expression(&c.wrong, "input.expression", *in.Expression)
	}
	if len(c.wrong) > before {
		return r, nil
	}
	return r, s.checkSame(ctx, c, r)
}

// expression says what is wrong with an expression, and returns it.
func expression(wrong *usererror.List, path, text string) string {
	if _, err := expr.Compile(text); err != nil {
		code := usererror.Invalid
		if utf8.RuneCountInString(text) > expr.MaxLength {
			code = usererror.OutOfRange
		}
		wrong.Add(code, path, "%v", err)
	}
	return text
}

// checkAsksForSomething says that there are neither event types nor a category.
func (c *change) checkAsksForSomething(r rule) {
	if len(r.eventTypes) == 0 && r.category == "" {
		c.wrong.Add(usererror.Required, "input.eventTypes",
			"without a category, event types are needed: name some, or use wildcards such as `sms.*`; `*` takes all")
	}
}

// changedRule says what is wrong with what a changed subscription asks for, and returns it.
func (s *Service) changedRule(ctx context.Context, c *change, found *ent.EventSubscription, in UpdateEventSubscriptionInput) (rule, error) {
	before := len(c.wrong)
	r := ruleOf(found)
	var within *ent.Category
	var err error
	if r.category != "" {
		if within, err = c.Category.Query().Where(category.Key(r.category)).Only(ctx); err != nil {
			return r, err
		}
	}
	if in.EventTypes != nil {
		r.eventTypes = in.EventTypes
		c.checkAsksForSomething(r)
		if err := c.checkEventTypes(ctx, "input.eventTypes", r.eventTypes, within); err != nil {
			return r, err
		}
	}
	if in.Filter != nil {
		if r.filter, err = c.filter(ctx, "input.filter", *in.Filter, within); err != nil {
			return r, err
		}
	}
	if text, given := in.Expression.ValueOK(); given && text != nil {
		r.expression = expression(&c.wrong, "input.expression", *text)
	} else if given {
		r.expression = ""
	}
	if len(c.wrong) > before || r.same(ruleOf(found)) {
		return r, nil
	}
	return r, s.checkSame(ctx, c, r)
}

// findCategory returns nil, having said why, if there is no such category.
func (c *change) findCategory(ctx context.Context, path, key string) (*ent.Category, error) {
	if validKey(key) {
		row, err := c.Category.Query().Where(category.Key(key)).Only(ctx)
		if !ent.IsNotFound(err) {
			return row, err
		}
	}
	c.wrong.Add(usererror.NotFound, path, "there is no category %s; the query `categories` lists them", quote(key))
	return nil, nil
}

// checkEventTypes says what is wrong with the event types of a subscription to a category, nil for none.
func (c *change) checkEventTypes(ctx context.Context, path string, given []string, in *ent.Category) error {
	if len(given) > maxEventTypes {
		c.wrong.Add(usererror.OutOfRange, path, "there are %d event types: at most %d are allowed; wildcards such as `sms.*` stand for many",
			len(given), maxEventTypes)
		return nil
	}
	first := make(map[string]int, len(given))
	var exact []string // those that must be known
	for i, pattern := range given {
		at := path + "." + strconv.Itoa(i)
		if before, twice := first[pattern]; twice {
			c.wrong.Add(usererror.Invalid, at, "the event type %s is given twice, here and at %d: remove one of them", quote(pattern), before)
			continue
		}
		first[pattern] = i
		switch err := match.ValidatePattern(pattern); {
		case err != nil:
			c.wrong.Add(usererror.Invalid, at, "%v", err)
		case in != nil && !strings.HasPrefix(pattern, in.Key+"."):
			c.wrong.Add(usererror.Invalid, at, "the event type %s is not in the subscription's category %s: remove it, or take one that begins with `%s.`",
				quote(pattern), quote(in.Key), in.Key)
		case !strings.Contains(pattern, "*"):
			exact = append(exact, pattern)
		}
	}
	return c.checkKnown(ctx, path, exact, first)
}

// checkKnown says which names the catalogue does not have, and notes those that are deprecated; places tells where they stand in the input.
func (c *change) checkKnown(ctx context.Context, path string, names []string, places map[string]int) error {
	if len(names) == 0 {
		return nil
	}
	known, err := c.EventType.Query().Where(eventtype.NameIn(names...)).Order(ent.Asc(eventtype.FieldName)).
		Select(eventtype.FieldName, eventtype.FieldDeprecatedAt).All(ctx)
	if err != nil {
		return err
	}
	for _, row := range known {
		if row.DeprecatedAt != nil {
			c.deprecated = append(c.deprecated, row.Name)
		}
	}
	unknown := slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(known, func(row *ent.EventType) bool { return row.Name == name })
	})
	if len(unknown) == 0 {
		return nil
	}
	all, err := c.EventType.Query().Select(eventtype.FieldName).Strings(ctx)
	if err != nil {
		return err
	}
	for _, name := range unknown {
		hint := "the query `eventTypes` lists those that there are"
		if similar := mostSimilar(name, all); similar != "" {
			hint = "did you mean `" + similar + "`?"
		}
		c.wrong.Add(usererror.NotFound, path+"."+strconv.Itoa(places[name]), "unknown event type %s; %s", quote(name), hint)
	}
	return nil
}
