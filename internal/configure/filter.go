package configure

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/usererror"
)

// maxFilterValues is how many values each list of a filter can have.
const maxFilterValues = 1000

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
