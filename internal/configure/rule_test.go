package configure_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/usererror"
)

// numbered returns n different values.
func numbered(n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = "v" + strconv.Itoa(i)
	}
	return values
}

func TestEventTypes(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		create := func(category string, eventTypes ...string) error {
			in := e.input()
			in.EventTypes = eventTypes
			if category != "" {
				in.Category = &category
			}
			_, err := e.CreateEventSubscription(e.ctx(), in)
			return err
		}
		wildcards := make([]string, 256)
		for i := range wildcards {
			wildcards[i] = "custom" + strconv.Itoa(i) + ".*"
		}
		for _, good := range []struct {
			category   string
			eventTypes []string
		}{
			{"", []string{"*"}},
			{"", []string{"sms.delivery", "email.open", "sms.*", "agent.*.v1", "*.delivery"}},
			{"", []string{"nothing.of.ours.*"}}, // a type that matches may come later
			{"", wildcards[:255]},
			{"agent", []string{"agent.*.v1", "agent.presencechanged.v1", "agent.*"}},
			{"numbers", []string{"numbers.10dlc.brand", "numbers.10dlc.*"}},
		} {
			filterless := e.input()
			filterless.EventTypes, filterless.Filter = good.eventTypes, nil
			if good.category != "" {
				filterless.Category = &good.category
			}
			e.create(filterless)
		}
		for name, c := range map[string]struct {
			err  error
			want []string
		}{
			"too many":               {create("", wildcards...), []string{"OUT_OF_RANGE input.eventTypes 256 event types: at most 255"}},
			"far too many":           {create("", numbered(10_000)...), []string{"OUT_OF_RANGE input.eventTypes 10000 event types: at most 255"}},
			"an unknown one":         {create("", "sms.*", "sms.delivry"), []string{"NOT_FOUND input.eventTypes.1 unknown event type `sms.delivry`; did you mean `sms.delivery`?"}},
			"one like no other":      {create("", "completely.different"), []string{"NOT_FOUND input.eventTypes.0 unknown event type `completely.different`; the query"}},
			"two unknown ones":       {create("", "sms.clck", "mms.clik"), []string{"NOT_FOUND input.eventTypes.0 `sms.click`", "NOT_FOUND input.eventTypes.1 `mms.click`"}},
			"the same twice":         {create("", "sms.*", "sms.delivery", "sms.*"), []string{"INVALID input.eventTypes.2 given twice, here and at 0"}},
			"a category's name":      {create("", "sms"), []string{"NOT_FOUND input.eventTypes.0 `sms`"}},
			"an empty one":           {create("", ""), []string{"INVALID input.eventTypes.0 empty"}},
			"upper case":             {create("", "SMS.delivery"), []string{"INVALID input.eventTypes.0 lower case"}},
			"a * in a segment":       {create("", "sms.del*"), []string{"INVALID input.eventTypes.0 whole one"}},
			"an empty segment":       {create("", "sms..delivery"), []string{"INVALID input.eventTypes.0 empty segment"}},
			"a long one":             {create("", strings.Repeat("a", 256)), []string{"INVALID input.eventTypes.0 256 characters, at most 255"}},
			"NUL":                    {create("", "sms.\x00"), []string{"INVALID input.eventTypes.0 "}},
			"not UTF-8":              {create("", "sms.\xff"), []string{"INVALID input.eventTypes.0 "}},
			"outside its category":   {create("sms", "sms.*", "email.open", "*"), []string{"INVALID input.eventTypes.1 `email.open` is not in the subscription's category `sms`", "INVALID input.eventTypes.2 `sms`"}},
			"a category that begins": {create("agent", "agents.*"), []string{"INVALID input.eventTypes.0 `agent`"}},
			"no such category":       {create("fax", "sms.*"), []string{"NOT_FOUND input.category `fax`"}},
			"a malformed category":   {create("fax\x00", "sms.*"), []string{"NOT_FOUND input.category "}},
			"an empty category":      {create("", "sms.*"), nil},
		} {
			if c.want == nil {
				if c.err != nil {
					e.Errorf("%s: %v", name, c.err)
				}
				continue
			}
			wants(e, name, c.err, c.want...)
		}
	})
}

func TestFilters(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		create := func(category string, f configure.EventFilterInput) error {
			in := e.input()
			in.Category, in.EventTypes, in.Filter = &category, nil, &f
			_, err := e.CreateEventSubscription(e.ctx(), in)
			return err
		}
		odd := []string{" ", "+49 (30) 1", `"quoted" \ and %`, "two\nlines", "🚚", "$.users", strings.Repeat("ü", 255)}
		for name, f := range map[string]configure.EventFilterInput{
			"all lists":    {Users: []string{"u"}, Entities: []string{"e"}, Applications: []string{"a"}, Resources: []string{"r"}},
			"odd values":   {Users: odd, Resources: odd},
			"1,000 values": {Users: numbered(1000), Entities: numbered(1000), Applications: numbered(1000), Resources: numbered(1000)},
			"empty lists":  {Users: []string{}},
		} {
			if err := create("sms", f); err != nil {
				e.Errorf("%s: %v", name, err)
			}
		}
		if err := create("numbers", configure.EventFilterInput{Users: []string{}}); err != nil {
			e.Errorf("an empty list that the category does not allow: %v", err)
		}
		for name, c := range map[string]struct {
			err  error
			want []string
		}{
			"one that is not allowed": {create("numbers", configure.EventFilterInput{Users: []string{"u"}, Resources: []string{""}}), []string{
				"INVALID input.filter.users it allows none", "INVALID input.filter.resources `numbers` does not allow the filter `resources`",
			}},
			"1,001 values":  {create("sms", configure.EventFilterInput{Entities: numbered(1001)}), []string{"OUT_OF_RANGE input.filter.entities 1001 values: at most 1000"}},
			"10,000 values": {create("sms", configure.EventFilterInput{Resources: numbered(10_000)}), []string{"OUT_OF_RANGE input.filter.resources 10000 values: at most 1000"}},
			"bad values": {create("sms", configure.EventFilterInput{Applications: []string{"good", "", strings.Repeat("ü", 256), "nul\x00", "\xff"}}), []string{
				"INVALID input.filter.applications.1 empty", "OUT_OF_RANGE input.filter.applications.2 256 characters: at most 255",
				"INVALID input.filter.applications.3 NUL", "INVALID input.filter.applications.4 UTF-8",
			}},
		} {
			wants(e, name, c.err, c.want...)
		}
	})
}

func TestAttributeFilters(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, err := e.Store.Ent.Category.Create().SetKey("wide").SetName("Wide").SetGroup("Custom").
			SetFilters([]string{}).SetAttributes(numbered(30)).Save(e.ctx())
		if err != nil {
			e.Fatal(err)
		}
		attributes := func(n, values int) []types.AttributeFilter {
			all := make([]types.AttributeFilter, n)
			for i, key := range numbered(n) {
				all[i] = types.AttributeFilter{Key: key, Values: numbered(values)}
			}
			return all
		}
		one := func(key string, values ...string) []types.AttributeFilter {
			return []types.AttributeFilter{{Key: key, Values: values}}
		}
		create := func(category string, given []types.AttributeFilter) (*configure.CreatedEventSubscription, error) {
			in := e.input()
			in.Filter = &configure.EventFilterInput{Attributes: given}
			if in.EventTypes = []string{"*"}; category != "" {
				in.Category, in.EventTypes = &category, nil
			}
			return e.CreateEventSubscription(e.ctx(), in)
		}
		for name, c := range map[string]struct {
			category string
			given    []types.AttributeFilter
			want     []string // empty: good
		}{
			"none":                    {"sms", []types.AttributeFilter{}, nil},
			"one of the category":     {"conversations", one("channelId", "c1", "🚚", "two\nlines"), nil},
			"20 of the category":      {"wide", attributes(20, 1), nil},
			"1,000 values":            {"wide", attributes(2, 1000), nil},
			"without a category":      {"", slices.Concat(one("channelId", "c"), one("navigatorId", "n"), one("v29", "w")), nil},
			"one of another category": {"sms", one("channelId", "c"), []string{"INVALID input.filter.attributes.0.key the category `sms` does not have an attribute `channelId`: allowed are none"}},
			"one of no category":      {"", one("colour", "red"), []string{"INVALID input.filter.attributes.0.key no category has an attribute `colour`: allowed are `channelId`"}},
			"an empty key":            {"wide", one("", "a"), []string{"INVALID input.filter.attributes.0.key "}},
			"an odd key":              {"wide", one("v1\x00\n", "a"), []string{"INVALID input.filter.attributes.0.key \"v1\\x00\\n\""}},
			"a key twice":             {"wide", slices.Concat(one("v1", "a"), one("v2", "a"), one("v1", "b")), []string{"INVALID input.filter.attributes.2.key `v1` is given twice, here and at 0"}},
			"no values":               {"wide", one("v1"), []string{"REQUIRED input.filter.attributes.0.values has no values"}},
			"1,001 values":            {"wide", attributes(1, 1001), []string{"OUT_OF_RANGE input.filter.attributes.0.values 1001 values: at most 1000"}},
			"10,000 values":           {"wide", attributes(1, 10_000), []string{"OUT_OF_RANGE input.filter.attributes.0.values 10000 values: at most 1000"}},
			"21 attributes":           {"wide", attributes(21, 1), []string{"OUT_OF_RANGE input.filter.attributes 21 attributes: at most 20"}},
			"10,000 attributes":       {"wide", attributes(10_000, 1), []string{"OUT_OF_RANGE input.filter.attributes 10000 attributes: at most 20"}},
			"bad values": {"wide", one("v1", "", strings.Repeat("ü", 256), "nul\x00", "\xff"), []string{
				"INVALID input.filter.attributes.0.values.0 empty", "OUT_OF_RANGE input.filter.attributes.0.values.1 256 characters: at most 255",
				"INVALID input.filter.attributes.0.values.2 NUL", "INVALID input.filter.attributes.0.values.3 UTF-8",
			}},
		} {
			_, err := create(c.category, c.given)
			if c.want != nil {
				wants(e, name, err, c.want...)
			} else if err != nil {
				e.Errorf("%s: %v", name, err)
			}
		}
		made, err := create("wide", slices.Concat(one("v2", "b", "a", "b"), one("v1", "c")))
		if err != nil {
			e.Fatal(err)
		}
		got := e.Store.Ent.EventSubscription.GetX(e.ctx(), made.ID).Filter.Attributes
		if want := slices.Concat(one("v1", "c"), one("v2", "b", "a")); !reflect.DeepEqual(got, want) {
			e.Errorf("stored %v, want %v: by key, each value once", got, want)
		}
	})
}

func TestSixthSubscriptionOfTheSameKindIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		rule := func() configure.CreateEventSubscriptionInput {
			in := e.input()
			in.Category, in.EventTypes = new("sms"), []string{"sms.delivery", "sms.click"}
			in.Filter = &configure.EventFilterInput{Users: []string{"a", "b"}, Entities: []string{"c", "d"}}
			return in
		}
		for range 5 {
			e.create(rule())
		}
		const refused = "LIMIT_REACHED  5 event subscriptions"
		_, err := e.CreateEventSubscription(e.ctx(), rule())
		wants(e, "the sixth", err, refused)
		shuffled := rule()
		slices.Reverse(shuffled.EventTypes)
		shuffled.Filter = &configure.EventFilterInput{Users: []string{"b", "a", "b"}, Entities: []string{"d", "c"}}
		_, err = e.CreateEventSubscription(e.ctx(), shuffled)
		wants(e, "the sixth in another order", err, refused)

		others := map[string]func(in *configure.CreateEventSubscriptionInput){
			"without the category": func(in *configure.CreateEventSubscriptionInput) { in.Category = nil },
			"with one type less":   func(in *configure.CreateEventSubscriptionInput) { in.EventTypes = in.EventTypes[:1] },
			"with another type":    func(in *configure.CreateEventSubscriptionInput) { in.EventTypes[1] = "sms.*" },
			"with all types":       func(in *configure.CreateEventSubscriptionInput) { in.EventTypes = nil },
			"with one value less":  func(in *configure.CreateEventSubscriptionInput) { in.Filter.Users = []string{"a"} },
			"with one value more":  func(in *configure.CreateEventSubscriptionInput) { in.Filter.Users = []string{"a", "b", "c"} },
			"with a list less":     func(in *configure.CreateEventSubscriptionInput) { in.Filter.Entities = nil },
			"with lists exchanged": func(in *configure.CreateEventSubscriptionInput) {
				in.Filter.Users, in.Filter.Entities = in.Filter.Entities, in.Filter.Users
			},
			"without filter":           func(in *configure.CreateEventSubscriptionInput) { in.Filter = nil },
			"with a list more":         func(in *configure.CreateEventSubscriptionInput) { in.Filter.Resources = []string{"r"} },
			"with another user":        func(in *configure.CreateEventSubscriptionInput) { in.Filter.Users = []string{"a", "B"} },
			"with another application": func(in *configure.CreateEventSubscriptionInput) { in.Filter.Applications = []string{"a"} },
		}
		for name, change := range others {
			in := rule()
			change(&in)
			if _, err := e.CreateEventSubscription(e.ctx(), in); err != nil {
				e.Errorf("another one, %s: %v", name, err)
			}
		}

		if _, err := e.CreateEventSubscription(e.in(e.newAccount("bank")), rule()); err != nil {
			e.Errorf("another one, in another account: %v", err)
		}
	})
}

func TestUpdatesKeepToTheLimitOfSameSubscriptions(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Limits.SameSubscriptions = 2
		rule := func() configure.CreateEventSubscriptionInput {
			in := e.input()
			in.Filter = nil
			return in
		}
		first := e.create(rule())
		e.create(rule())
		third := e.subscription() // with a filter of its own
		_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(third.ID), configure.UpdateEventSubscriptionInput{Filter: &configure.EventFilterInput{}})
		wants(e, "a change to the same", err, "LIMIT_REACHED  2 event subscriptions")

		e.Limits.SameSubscriptions = 1
		if _, err := e.UpdateEventSubscription(e.ctx(), bySubscription(first.ID), configure.UpdateEventSubscriptionInput{
			Name: new("Name"), EventTypes: first.EventTypes,
		}); err != nil {
			e.Errorf("a change of something else, though there are too many by now: %v", err)
		}
		if _, err := e.UpdateEventSubscription(e.ctx(), bySubscription(first.ID), configure.UpdateEventSubscriptionInput{EventTypes: []string{"*"}}); err != nil {
			e.Errorf("a change to something else: %v", err)
		}
	})
}

func TestLimitOfSameSubscriptionsHoldsForManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		inputs := make([]configure.CreateEventSubscriptionInput, 9)
		for i := range inputs {
			inputs[i] = e.input()
			inputs[i].Filter = nil
		}
		failed := together(len(inputs), func(i int) error {
			_, err := e.CreateEventSubscription(e.ctx(), inputs[i])
			return err
		})
		if len(failed) != len(inputs)-5 {
			e.Errorf("%d of %d were refused, want all but 5", len(failed), len(inputs))
		}
		for _, err := range failed {
			wants(e, "one too many", err, "LIMIT_REACHED  ")
		}
	})
}

// TestSameSubscriptionsAgreeWithAModel: with a limit of one, a subscription is refused exactly if there is one of the
// same sets.
func TestSameSubscriptionsAgreeWithAModel(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Limits.SameSubscriptions = 1
		keys := []string{"channelId", "status"}
		e.Store.Ent.Category.Update().Where(category.Key("sms")).SetAttributes(keys).ExecX(e.ctx())
		profile := byProfile(e.profile().ID)
		present := map[string]bool{}
		eventTypes := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"sms.click", "sms.delivery", "sms.*"}), 1, 3, rapid.ID)
		values := rapid.SliceOfN(rapid.SampledFrom([]string{"a", `"`, `\`, "%", "ü", "null", "$.users", "a\nb"}), 0, 3)
		rapid.Check(e, func(t *rapid.T) {
			in := e.input()
			in.Profile = configure.ProfileChoice{Existing: &profile}
			in.EventTypes = eventTypes.Draw(t, "event types")
			in.Filter = &configure.EventFilterInput{Users: values.Draw(t, "users"), Resources: values.Draw(t, "resources")}
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 0, 2, rapid.ID).Draw(t, "keys") {
				in.Filter.Attributes = append(in.Filter.Attributes, types.AttributeFilter{Key: key, Values: append(values.Draw(t, key), "v")})
			}
			if rapid.Bool().Draw(t, "bound") {
				in.Category = new("sms")
			}
			rule := fmt.Sprintf("%v %q %q %q", in.Category == nil, set(in.EventTypes), set(in.Filter.Users), set(in.Filter.Resources))
			for _, key := range keys {
				for _, a := range in.Filter.Attributes {
					if a.Key == key {
						rule += fmt.Sprintf(" %s: %q", key, set(a.Values))
					}
				}
			}
			_, err := e.CreateEventSubscription(e.ctx(), in)
			if _, isMistake := errors.AsType[usererror.List](err); err != nil && !isMistake {
				t.Fatal(err)
			}
			if refused := err != nil; refused != present[rule] {
				t.Fatalf("%s: %v, though it is there: %v", rule, err, present[rule])
			}
			present[rule] = true
		})
	})
}

// set returns the values in order, each once.
func set(values []string) []string { return slices.Compact(slices.Sorted(slices.Values(values))) }
