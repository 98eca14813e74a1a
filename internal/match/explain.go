package match

import (
	"fmt"
	"slices"
	"strings"
)

// Explain reports on which condition of a rule an event fails first: eventTypes, filter.users, filter.entities, filter.applications,
// filter.resources or filter.attributes.<key>; empty when it matches. reason says in words what the condition asks for and what the
// event has. It agrees with Index.Match.
func Explain(r Rule, e Event) (failedOn, reason string) {
	if !slices.ContainsFunc(r.Patterns, func(p string) bool { return MatchPattern(p, e.Type) }) {
		return "eventTypes", differs("type", e.Type, r.Patterns)
	}
	f := &r.Filter
	for _, c := range []struct {
		values           []string
		got, part, words string
	}{
		{f.Users, e.User, "users", "user"},
		{f.Entities, e.Entity, "entities", "entity"},
		{f.Applications, e.Application, "applications", "application"},
		{f.Resources, e.Resource, "resources", "resource"},
	} {
		if !holds(c.values, c.got) {
			return "filter." + c.part, differs(c.words, c.got, c.values)
		}
	}
	for _, a := range f.Attributes {
		if got := e.value(attribute, a.Key); !holds(a.Values, got) {
			return "filter.attributes." + a.Key, differs("attribute `"+a.Key+"`", got, a.Values)
		}
	}
	return "", ""
}

// holds reports whether a condition with these values is met by what the event has.
func holds(values []string, got string) bool {
	return len(values) == 0 || got != "" && slices.Contains(values, got)
}

// maxNamed is how many of a condition's values a reason names.
const maxNamed = 5

// differs says that what an event has is not what is asked for.
func differs(what, got string, values []string) string {
	named := make([]string, min(len(values), maxNamed))
	for i := range named {
		named[i] = "`" + values[i] + "`"
	}
	asked := strings.Join(named, ", ")
	if more := len(values) - len(named); more > 0 {
		asked += fmt.Sprintf(" and %d more", more)
	}
	if got == "" {
		return fmt.Sprintf("the event has no %s; the subscription asks for %s", what, asked)
	}
	return fmt.Sprintf("the event's %s is `%s`; the subscription asks for %s", what, got, asked)
}
