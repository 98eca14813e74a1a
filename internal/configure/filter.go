package configure

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/usererror"
)

// maxFilterValues is how many values each list of a filter can have.
const maxFilterValues = 1000

// maxAttributes is how many attributes a filter can have conditions on.
const maxAttributes = 20

// filter says what is wrong with the filter of a subscription to a category, nil for none, and returns it with each value
// once.
func (c *change) filter(ctx context.Context, path string, given EventFilterInput, in *ent.Category) (types.EventFilter, error) {
	out, wrong := types.EventFilter(given), &c.wrong
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
	var err error
	out.Attributes, err = c.attributes(ctx, path+".attributes", given.Attributes, in)
	return out, err
}

// attributes says what is wrong with the conditions on attributes, and returns them by key, with each value once.
func (c *change) attributes(ctx context.Context, path string, given []types.AttributeFilter, in *ent.Category) ([]types.AttributeFilter, error) {
	if len(given) == 0 {
		return nil, nil
	}
	if len(given) > maxAttributes {
		c.wrong.Add(usererror.OutOfRange, path, "there are conditions on %d attributes: at most %d are allowed", len(given), maxAttributes)
		return nil, nil
	}
	allowed, err := c.attributeKeys(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make([]types.AttributeFilter, 0, len(given))
	first := make(map[string]int, len(given))
	for i, a := range given {
		at := path + "." + strconv.Itoa(i)
		before, twice := first[a.Key]
		switch {
		case twice:
			c.wrong.Add(usererror.Invalid, at+".key", "the attribute %s is given twice, here and at %d: put all its values into one", quote(a.Key), before)
		case !slices.Contains(allowed, a.Key):
			whose := "no category has"
			if in != nil {
				whose = "the category " + quote(in.Key) + " does not have"
			}
			c.wrong.Add(usererror.Invalid, at+".key", "%s an attribute %s: allowed are %s", whose, quote(a.Key), listed(allowed))
		default:
			first[a.Key] = i
		}
		switch n := len(a.Values); {
		case n == 0:
			c.wrong.Add(usererror.Required, at+".values", "the attribute %s has no values: give at least one, or leave it out", quote(a.Key))
		case n > maxFilterValues:
			c.wrong.Add(usererror.OutOfRange, at+".values", "the attribute %s has %d values: at most %d are allowed", quote(a.Key), n, maxFilterValues)
		default:
			out = append(out, types.AttributeFilter{Key: a.Key, Values: checkValues(&c.wrong, at+".values", a.Values)})
		}
	}
	slices.SortFunc(out, func(a, b types.AttributeFilter) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

// attributeKeys returns the keys that attribute filters may use: those of the category, or without one those of all.
func (c *change) attributeKeys(ctx context.Context, in *ent.Category) ([]string, error) {
	if in != nil {
		return in.Attributes, nil
	}
	rows, err := c.Category.Query().Select(category.FieldAttributes).All(ctx)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, row := range rows {
		keys = append(keys, row.Attributes...)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
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
