package configure_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/configchange"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

func raw(text string) graphql.Omittable[json.RawMessage] {
	return graphql.OmittableOf(json.RawMessage(text))
}

// aCategory makes a category and returns its key.
func (e *env) aCategory() string {
	e.Helper()
	key := strings.ReplaceAll(e.next("category"), "-", "_")
	if _, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{Key: key, Name: new("Category")}); err != nil {
		e.Fatal(err)
	}
	return key
}

// catalogueLines returns the objects of the lines of config_changes that are no account's, the last n of them.
func (e *env) catalogueLines(n int) (lines []string) {
	e.Helper()
	for _, row := range e.Store.Ent.ConfigChange.Query().Where(configchange.AccountID(id.Nil)).
		Order(ent.Desc(configchange.FieldID)).Limit(n).AllX(access.WithSystem(e.Context())) {
		lines = append(lines, id.Format(id.Prefix(row.Kind), row.ObjectID))
	}
	return lines
}

func TestUpsertCategory(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{Key: "orders_2", Name: new("Orders")})
		if err != nil {
			e.Fatal(err)
		}
		if made.Name != "Orders" || made.Group != "Custom" || len(made.Filters) != 4 || made.Attributes == nil || len(made.Attributes) != 0 {
			e.Errorf("made %v", made)
		}
		changed, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{
			Key: "orders_2", Group: new("Tools"), Filters: []string{}, Attributes: []string{"shop"},
		})
		if err != nil {
			e.Fatal(err)
		}
		if changed.ID != made.ID || changed.Name != "Orders" || changed.Group != "Tools" || len(changed.Filters) != 0 || fmt.Sprint(changed.Attributes) != "[shop]" {
			e.Errorf("changed to %v", changed)
		}
	})
}

func TestCategoriesThatAreShippedAreOnlyExtended(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{
			Key: "channels", Name: new("Mine"), Group: new("Custom"), Filters: []string{"users"}, Attributes: []string{},
		})
		wants(e, "a change", err,
			"IMMUTABLE input.name `Channel messages`", "IMMUTABLE input.group ",
			"IMMUTABLE input.filters `entities`", "IMMUTABLE input.filters `applications`", "IMMUTABLE input.filters `resources`",
			"IMMUTABLE input.attributes `channelId`", "IMMUTABLE input.attributes `messageStatus`", "IMMUTABLE input.attributes `interactionType`",
			"IMMUTABLE input.attributes `platformId`", "IMMUTABLE input.attributes `channelStatus`", "IMMUTABLE input.attributes `status`")
		numbers := e.Store.Ent.Category.Query().Where(category.Key("numbers")).OnlyX(e.ctx())
		extended, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{
			Key: "numbers", Name: &numbers.Name, Group: &numbers.Group, Filters: []string{"resources"}, Attributes: append(numbers.Attributes, "country"),
		})
		if err != nil {
			e.Fatal(err)
		}
		if len(extended.Filters) != 1 || len(extended.Attributes) != len(numbers.Attributes)+1 {
			e.Errorf("extended to %v", extended)
		}
	})
}

func TestUpsertCategoryRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		many := make([]string, 51)
		for name, c := range map[string]struct {
			in   configure.CategoryInput
			want []string
		}{
			"no key":              {configure.CategoryInput{}, []string{"REQUIRED input.key "}},
			"a long key":          {configure.CategoryInput{Key: strings.Repeat("a", 101)}, []string{"OUT_OF_RANGE input.key 101"}},
			"a dotted key":        {configure.CategoryInput{Key: "a.b"}, []string{"INVALID input.key "}},
			"an upper-case key":   {configure.CategoryInput{Key: "A"}, []string{"INVALID input.key "}},
			"no name":             {configure.CategoryInput{Key: "new"}, []string{"REQUIRED input.name "}},
			"an empty name":       {configure.CategoryInput{Key: "new", Name: new("")}, []string{"REQUIRED input.name "}},
			"an unknown group":    {configure.CategoryInput{Key: "new", Name: new("x"), Group: new("Toys")}, []string{"INVALID input.group `Channels`, `Numbers & Senders`, `Tools`, `Custom`"}},
			"unknown filters":     {configure.CategoryInput{Key: "new", Name: new("x"), Filters: []string{"users", "color", "users"}}, []string{"INVALID input.filters.1 `color`", "INVALID input.filters.2 twice"}},
			"wrong attributes":    {configure.CategoryInput{Key: "new", Name: new("x"), Attributes: []string{"", "a", "a", "\x00", strings.Repeat("é", 256)}}, []string{"OUT_OF_RANGE input.attributes.0 ", "INVALID input.attributes.2 twice", "INVALID input.attributes.3 NUL", "OUT_OF_RANGE input.attributes.4 256"}},
			"too many attributes": {configure.CategoryInput{Key: "new", Name: new("x"), Attributes: many}, []string{"OUT_OF_RANGE input.attributes 51"}},
		} {
			_, err := e.UpsertCategory(e.ctx(), c.in)
			wants(e, name, err, c.want...)
		}
		if e.Store.Ent.Category.Query().Where(category.Key("new")).ExistX(e.ctx()) {
			e.Error("it was made all the same")
		}
	})
}

func TestUpsertEventType(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := e.aCategory()
		made, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{
			Name: key + ".paid.v1", Description: new("Paid."), JSONSchema: raw(`{"required":["id"]}`), Validation: new("REJECT"), Example: raw(`{"id":7}`),
		})
		if err != nil {
			e.Fatal(err)
		}
		if made.Description != "Paid." || made.JSONSchema != `{"required":["id"]}` || made.Validation != "REJECT" || made.Example != `{"id":7}` || made.DeprecatedAt != nil {
			e.Errorf("made %v", made)
		}
		if got := made.QueryCategory().OnlyX(e.ctx()); got.Key != key {
			e.Errorf("it is in %v", got)
		}
		if got := e.catalogueLines(1); fmt.Sprint(got) != "["+id.Format(id.EventType, made.ID)+"]" {
			e.Errorf("recorded %v", got)
		}
		if got := e.changed[len(e.changed)-1]; got != id.Format(id.EventType, made.ID) {
			e.Errorf("Changed was called for %v", got)
		}
		deprecated, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: made.Name, Deprecated: new(true)})
		if err != nil {
			e.Fatal(err)
		}
		again, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: made.Name, Deprecated: new(true)})
		if err != nil {
			e.Fatal(err)
		}
		if deprecated.DeprecatedAt == nil || !again.DeprecatedAt.Equal(*deprecated.DeprecatedAt) || again.JSONSchema != made.JSONSchema || again.Description != "Paid." {
			e.Errorf("deprecated to %v, then %v", deprecated, again)
		}
		bare, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{
			Name: made.Name, Deprecated: new(false), JSONSchema: raw("null"), Example: raw(""), Validation: new("OFF"),
		})
		if err != nil {
			e.Fatal(err)
		}
		if bare.DeprecatedAt != nil || bare.JSONSchema != "" || bare.Example != "" || bare.Validation != "OFF" || bare.ID != made.ID {
			e.Errorf("bared to %v", bare)
		}
	})
}

func TestEventTypesThatAreShippedCanBeExtended(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: "sms.delivery", JSONSchema: raw(`true`), Deprecated: new(true)})
		if err != nil || row.JSONSchema != "true" || row.DeprecatedAt == nil {
			e.Errorf("%v, %v", row, err)
		}
		if _, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: "sms.mine"}); err != nil {
			e.Error(err)
		}
	})
}

func TestUpsertEventTypeRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := e.aCategory()
		name := key + ".paid"
		if _, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{
			Name: key + ".known", JSONSchema: raw(`{"type":"object"}`), Example: raw("{}"), Validation: new("WARN"),
		}); err != nil {
			e.Fatal(err)
		}
		for what, c := range map[string]struct {
			in   configure.EventTypeInput
			want []string
		}{
			"no name":                {configure.EventTypeInput{}, []string{"REQUIRED input.name "}},
			"one segment":            {configure.EventTypeInput{Name: key}, []string{"INVALID input.name one segment"}},
			"a wildcard":             {configure.EventTypeInput{Name: key + ".*"}, []string{"INVALID input.name wildcard"}},
			"upper case":             {configure.EventTypeInput{Name: key + ".Paid"}, []string{"INVALID input.name lower case"}},
			"a hyphen":               {configure.EventTypeInput{Name: key + ".a-b"}, []string{"INVALID input.name "}},
			"an empty segment":       {configure.EventTypeInput{Name: key + "..a"}, []string{"INVALID input.name empty segment"}},
			"a long name":            {configure.EventTypeInput{Name: key + "." + strings.Repeat("a", 255)}, []string{"OUT_OF_RANGE input.name at most 255"}},
			"an unknown category":    {configure.EventTypeInput{Name: "nothing.paid"}, []string{"NOT_FOUND input.name `nothing`"}},
			"a long description":     {configure.EventTypeInput{Name: name, Description: new(strings.Repeat("é", 1001))}, []string{"OUT_OF_RANGE input.description 1001"}},
			"NUL in the description": {configure.EventTypeInput{Name: name, Description: new("\x00")}, []string{"INVALID input.description NUL"}},
			"no schema":              {configure.EventTypeInput{Name: name, JSONSchema: raw(`{"type":"strin"}`)}, []string{"INVALID input.jsonSchema /type"}},
			"a remote schema":        {configure.EventTypeInput{Name: name, JSONSchema: raw(`{"$ref":"https://example.com/"}`)}, []string{"INVALID input.jsonSchema never loaded"}},
			"a large schema":         {configure.EventTypeInput{Name: name, JSONSchema: raw(`{"title":"` + strings.Repeat("a", 64<<10) + `"}`)}, []string{"OUT_OF_RANGE input.jsonSchema 65536"}},
			"a large example":        {configure.EventTypeInput{Name: name, Example: raw(`"` + strings.Repeat("a", 64<<10) + `"`)}, []string{"OUT_OF_RANGE input.example 65536"}},
			"a wrong example":        {configure.EventTypeInput{Name: name, JSONSchema: raw(`{"type":"object"}`), Example: raw("[]")}, []string{"INVALID input.example got array, want object"}},
			"validation by nothing":  {configure.EventTypeInput{Name: name, Validation: new("WARN")}, []string{"REQUIRED input.validation "}},
			"an unknown validation":  {configure.EventTypeInput{Name: name, JSONSchema: raw(`true`), Validation: new("MAYBE")}, []string{"INVALID input.validation `MAYBE`"}},
			"the schema taken away":  {configure.EventTypeInput{Name: key + ".known", JSONSchema: raw("null")}, []string{"REQUIRED input.jsonSchema `OFF`"}},
			"another schema":         {configure.EventTypeInput{Name: key + ".known", JSONSchema: raw(`{"type":"array"}`)}, []string{"INVALID input.example "}},
			"another example":        {configure.EventTypeInput{Name: key + ".known", Example: raw("7")}, []string{"INVALID input.example "}},
		} {
			_, err := e.UpsertEventType(e.ctx(), c.in)
			wants(e, what, err, c.want...)
		}
		if e.Store.Ent.EventType.Query().Where(eventtype.Name(name)).ExistX(e.ctx()) {
			e.Error("it was made all the same")
		}
	})
}

func TestUpsertsAtOnceMakeOneEventType(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := e.aCategory()
		failed := together(4, func(int) error {
			_, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: key + ".paid"})
			return err
		})
		if len(failed) > 0 {
			e.Error(failed)
		}
		if n := e.Store.Ent.EventType.Query().Where(eventtype.Name(key + ".paid")).CountX(e.ctx()); n != 1 {
			e.Errorf("%d event types", n)
		}
	})
}

func TestFiltersOfNewCategoriesAreHeldToWhatTheyAllow(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := e.aCategory()
		if _, err := e.UpsertCategory(e.ctx(), configure.CategoryInput{Key: key, Filters: []string{"users"}, Attributes: []string{"shop"}}); err != nil {
			e.Fatal(err)
		}
		in := e.input()
		in.Category, in.EventTypes = &key, nil
		in.Filter = &configure.EventFilterInput{Entities: []string{"a"}, Attributes: []types.AttributeFilter{{Key: "color", Values: []string{"red"}}}}
		_, err := e.CreateEventSubscription(e.ctx(), in)
		wants(e, "filters that are not allowed", err, "INVALID input.filter.entities `users`", "INVALID input.filter.attributes.0.key `shop`")
		in.Filter = &configure.EventFilterInput{Users: []string{"a"}, Attributes: []types.AttributeFilter{{Key: "shop", Values: []string{"7"}}}}
		if _, err := e.CreateEventSubscription(e.ctx(), in); err != nil {
			e.Error(err)
		}
	})
}

func TestSubscribingToDeprecatedEventTypesIsWarnedOf(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := e.aCategory()
		for _, name := range []string{key + ".new", key + ".old"} {
			if _, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: name, Deprecated: new(strings.HasSuffix(name, "old"))}); err != nil {
				e.Fatal(err)
			}
		}
		in := e.input()
		in.EventTypes = []string{key + ".new", key + ".old", key + ".*"}
		made, err := e.CreateEventSubscription(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		var found []string
		for _, warning := range made.Warnings {
			if strings.Contains(warning, "deprecated") {
				found = append(found, warning)
			}
		}
		if len(found) != 1 || !strings.Contains(found[0], "`"+key+".old`") {
			e.Errorf("warned of %q", made.Warnings)
		}
	})
}

func TestChangesOfTheCatalogueAreAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		start := id.New()
		key := e.aCategory()
		for range 2 { // the second changes nothing
			if _, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: key + ".paid", JSONSchema: raw(`{"type":"object"}`)}); err != nil {
				e.Fatal(err)
			}
		}
		if _, err := e.UpsertEventType(e.ctx(), configure.EventTypeInput{Name: key + ".paid", Validation: new("REJECT")}); err != nil {
			e.Fatal(err)
		}
		lines := e.audit(start)
		if got, want := fmt.Sprint(summary(lines)), "[hookline CREATE Category hookline CREATE EventType hookline UPDATE EventType]"; got != want {
			e.Fatalf("got %s, want %s", got, want)
		}
		if got := member(e.T, lines[1].After, "jsonSchema"); got != `{"type":"object"}` {
			e.Errorf("the schema is shown as %v", got)
		}
		if got, want := member(e.T, lines[1].After, "categoryId"), id.Format(id.Category, lines[0].TargetID); got != want {
			e.Errorf("the category is shown as %v, want %s", got, want)
		}
		if l := lines[2]; l.Before != `{"validation":"OFF"}` || l.After != `{"validation":"REJECT"}` {
			e.Errorf("a change is shown as %s, %s", l.Before, l.After)
		}
	})
}
