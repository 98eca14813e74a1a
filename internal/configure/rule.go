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
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of what a subscription asks for.
const (
	maxEventTypes   = 255
	maxFilterValues = 1000 // in each list
)

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

// checkKnown says which names the catalogue does not have; places tells where they stand in the input.
func (c *change) checkKnown(ctx context.Context, path string, names []string, places map[string]int) error {
	if len(names) == 0 {
		return nil
	}
	known, err := c.EventType.Query().Where(eventtype.NameIn(names...)).Select(eventtype.FieldName).Strings(ctx)
	if err != nil {
		return err
	}
	unknown := slices.DeleteFunc(names, func(name string) bool { return slices.Contains(known, name) })
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

// filter says what is wrong with the filter of a subscription to a category, nil for none, and returns it with each value
// once.
func filter(wrong *usererror.List, path string, given EventFilterInput, in *ent.Category) types.EventFilter {
	out := types.EventFilter(given)
	for _, part := range partsOf(&out) {
		at, values := path+"."+part.name, *part.values
		switch {
		case len(values) == 0:
		case in != nil && !slices.Contains(in.Filters, part.name):
			wrong.Add(usererror.Invalid, at, "the category %s does not allow the filter `%s`: it allows %s", quote(in.Key), part.name, listed(in.Filters))
		case len(values) > maxFilterValues:
			wrong.Add(usererror.OutOfRange, at, "%s has %d values: at most %d are allowed", part.name, len(values), maxFilterValues)
		default:
			*part.values = checkValues(wrong, at, values)
		}
	}
	return out
}

// part is a list of a filter.
type part struct {
	name   string // in GraphQL and in JSON
	values *[]string
}

// partsOf returns the lists of a filter.
func partsOf(f *types.EventFilter) []part {
	return []part{{"users", &f.Users}, {"entities", &f.Entities}, {"applications", &f.Applications}, {"resources", &f.Resources}}
}

// checkValues says what is wrong with the values of a filter, and returns each of them once.
func checkValues(wrong *usererror.List, path string, values []string) []string {
	seen := make(map[string]bool, len(values))
	once := make([]string, 0, len(values))
	for i, value := range values {
		at := path + "." + strconv.Itoa(i)
		switch n := utf8.RuneCountInString(value); {
		case n == 0:
			wrong.Add(usererror.Invalid, at, "the value is empty: a value has 1 to %d characters", maxText)
		case n > maxText:
			wrong.Add(usererror.OutOfRange, at, "the value has %d characters: at most %d are allowed", n, maxText)
		case !storable(value):
			wrong.Add(usererror.Invalid, at, "the value %s has NUL characters or is not UTF-8: remove them", quote(value))
		}
		if !seen[value] {
			seen[value] = true
			once = append(once, value)
		}
	}
	return once
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
