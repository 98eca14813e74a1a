package catalogue

import (
	"slices"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	file, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(file.Categories); n != 26 {
		t.Errorf("%d categories, want 26", n)
	}
	var all []string
	byKey := map[string]Category{}
	for _, c := range file.Categories {
		all = append(all, c.EventTypes()...)
		byKey[c.Key] = c
	}
	if len(all) != 105 {
		t.Errorf("%d event types, want 105", len(all))
	}
	for _, name := range []string{
		"sms.delivery", "agent.presencechanged.v1", "numbers.10dlc.brand", "hookline.certificate.expiring", "number_lookup.number_lookup",
	} {
		if !slices.Contains(all, name) {
			t.Errorf("%s is missing", name)
		}
	}
	if got := file.AllowedFilters(byKey["numbers"]); len(got) != 0 {
		t.Errorf("numbers allows the filters %v, want none", got)
	}
	if got := file.AllowedFilters(byKey["sms"]); !slices.Equal(got, Filters) {
		t.Errorf("sms allows the filters %v, want the standard ones", got)
	}
	if got := byKey["navigators"].Attributes; !slices.Equal(got, []string{"navigatorId", "messageStatus"}) {
		t.Errorf("navigators allows the attributes %v", got)
	}
	if got := file.Groups[byKey["numbers"].Group]; got != "Numbers & Senders" {
		t.Errorf("numbers is in the group %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const head = "standardFilters: [users]\ngroups: {tools: Tools}\ncategories:\n"
	good := head + "  - {key: sms, name: SMS, group: tools, events: [delivery]}\n"
	if _, err := parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                 {"", "no categories"},
		"an unknown field":        {good + "    colour: red\n", "colour"},
		"a field twice":           {head + head, "groups"},
		"an unknown standard one": {strings.Replace(good, "[users]", "[user]", 1), `"user" is none of users`},
		"a category twice":        {good + "  - {key: sms, name: SMS, group: tools, events: []}\n", `category "sms" is listed twice`},
		"an unknown filter":       {head + "  - {key: sms, name: SMS, group: tools, filters: [color]}\n", `"color" is none of`},
		"an attribute twice":      {head + "  - {key: sms, name: SMS, group: tools, attributes: [a, a]}\n", `attributes: "a"`},
		"no key":                  {head + "  - {name: SMS, group: tools}\n", "its key"},
		"a dotted key":            {head + "  - {key: sms.in, name: SMS, group: tools}\n", "its key"},
		"an upper-case key":       {head + "  - {key: SMS, name: SMS, group: tools}\n", "its key"},
		"no name":                 {head + "  - {key: sms, group: tools}\n", "no name"},
		"an unknown group":        {strings.Replace(good, "Tools", "Toys", 1), `"Toys" is none of`},
		"no such group":           {head + "  - {key: sms, name: SMS, group: tool}\n", `group "tool"`},
		"an event twice":          {head + "  - {key: sms, name: SMS, group: tools, events: [a, a]}\n", `events: "a"`},
		"a wildcard":              {head + "  - {key: sms, name: SMS, group: tools, events: ['*']}\n", "wildcard"},
		"an empty event":          {head + "  - {key: sms, name: SMS, group: tools, events: ['']}\n", "empty"},
		"an upper-case event":     {head + "  - {key: sms, name: SMS, group: tools, events: [Seen]}\n", "lower case"},
		"a long event": {
			head + "  - {key: sms, name: SMS, group: tools, events: [" + strings.Repeat("a", 252) + "]}\n", "at most 255",
		},
	} {
		_, err := parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}
