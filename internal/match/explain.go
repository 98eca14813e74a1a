package match

import "slices"

// Explain reports whether an event matches a rule and, if not, names the first condition that failed: eventTypes,
// filter.users, filter.entities, filter.applications, filter.resources or filter.attributes.<key>. It agrees with
// Index.Match.
func Explain(r Rule, e Event) (matched bool, failedOn string) {
	if !slices.ContainsFunc(r.Patterns, func(p string) bool { return MatchPattern(p, e.Type) }) {
		return false, "eventTypes"
	}
	f := &r.Filter
	for _, c := range []struct {
		values []string
		got    string
		name   string
	}{
		{f.Users, e.User, "filter.users"},
		{f.Entities, e.Entity, "filter.entities"},
		{f.Applications, e.Application, "filter.applications"},
		{f.Resources, e.Resource, "filter.resources"},
	} {
		if !holds(c.values, c.got) {
			return false, c.name
		}
	}
	for _, a := range f.Attributes {
		if !holds(a.Values, e.value(attribute, a.Key)) {
			return false, "filter.attributes." + a.Key
		}
	}
	return true, ""
}

// holds reports whether a condition with these values is met by what the event has.
func holds(values []string, got string) bool {
	return len(values) == 0 || got != "" && slices.Contains(values, got)
}
