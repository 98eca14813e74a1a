package match_test

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/match"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	event := match.Event{
		Type: "sms.delivery", User: "ann", Entity: "shop", Application: "otp", Resource: "4477",
		Attributes: []match.KV{{Key: "channelId", Value: "c1"}, {Key: "status", Value: "ok"}},
	}
	everything := match.Filter{
		Users: []string{"bob", "ann"}, Entities: []string{"shop"}, Applications: []string{"otp"}, Resources: []string{"4477", "12"},
		Attributes: []match.Attribute{{Key: "status", Values: []string{"ok"}}, {Key: "channelId", Values: []string{"c2", "c1"}}},
	}
	with := func(change func(*match.Filter)) match.Filter {
		f := everything
		f.Attributes = slices.Clone(f.Attributes)
		change(&f)
		return f
	}
	for name, c := range map[string]struct {
		patterns []string
		filter   match.Filter
		failedOn string
	}{
		"no filter":                    {patterns: []string{"sms.delivery"}},
		"no pattern":                   {failedOn: "eventTypes"},
		"another type":                 {patterns: []string{"sms.click"}, failedOn: "eventTypes"},
		"one pattern of several":       {patterns: []string{"sms.click", "sms.*"}},
		"several patterns at once":     {patterns: []string{"*", "sms.*", "*.delivery", "sms.delivery", "sms.delivery"}},
		"every condition":              {patterns: []string{"*"}, filter: everything},
		"another user":                 {[]string{"*"}, with(func(f *match.Filter) { f.Users = []string{"bob"} }), "filter.users"},
		"another entity":               {[]string{"*"}, with(func(f *match.Filter) { f.Entities = []string{"Shop"} }), "filter.entities"},
		"another application":          {[]string{"*"}, with(func(f *match.Filter) { f.Applications = []string{"o"} }), "filter.applications"},
		"another resource":             {[]string{"*"}, with(func(f *match.Filter) { f.Resources = []string{"44770"} }), "filter.resources"},
		"another attribute":            {[]string{"*"}, with(func(f *match.Filter) { f.Attributes[1].Values = []string{"c2"} }), "filter.attributes.channelId"},
		"an attribute the event lacks": {[]string{"*"}, with(func(f *match.Filter) { f.Attributes[1].Key = "other" }), "filter.attributes.other"},
		"an attribute without values":  {[]string{"*"}, with(func(f *match.Filter) { f.Attributes[1].Values = nil }), ""},
		"one key twice": {[]string{"*"}, match.Filter{Attributes: []match.Attribute{
			{Key: "status", Values: []string{"ok"}}, {Key: "status", Values: []string{"late"}},
		}}, "filter.attributes.status"},
		"the same value twice": {[]string{"*"}, match.Filter{Users: []string{"ann", "ann"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule := match.Rule{ID: match.ID{1}, Patterns: c.patterns, Filter: c.filter}
			failedOn, reason := match.Explain(rule, event)
			if failedOn != c.failedOn || (reason == "") != (failedOn == "") {
				t.Errorf("Explain = %q, %q, want %q", failedOn, reason, c.failedOn)
			}
			var x match.Index
			x.Put(rule)
			if got := x.Match(event, nil); len(got) != 0 != (failedOn == "") || len(got) > 1 {
				t.Errorf("Match = %v, but Explain says %q", got, failedOn)
			}
		})
	}
}

func TestMatchFailsConditionsOnValuesTheEventLacks(t *testing.T) {
	t.Parallel()
	var x match.Index
	for i, f := range []match.Filter{
		{Users: []string{""}},
		{Entities: []string{""}},
		{Applications: []string{""}},
		{Resources: []string{""}},
		{Attributes: []match.Attribute{{Key: "status", Values: []string{""}}}},
		{Attributes: []match.Attribute{{Key: "empty", Values: []string{""}}}},
	} {
		rule := match.Rule{ID: match.ID{byte(i)}, Patterns: []string{"*"}, Filter: f}
		x.Put(rule)
		if failedOn, _ := match.Explain(rule, match.Event{Type: "sms"}); failedOn == "" {
			t.Errorf("Explain(%+v): matched", f)
		}
	}
	if got := x.Match(match.Event{Type: "sms", Attributes: []match.KV{{Key: "empty"}}}, nil); len(got) > 0 {
		t.Errorf("Match = %v", got)
	}
}

func TestMatchAppends(t *testing.T) {
	t.Parallel()
	var x match.Index
	x.Put(match.Rule{ID: match.ID{2}, Patterns: []string{"sms"}})
	got := x.Match(match.Event{Type: "sms"}, []match.ID{{1}})
	if want := []match.ID{{1}, {2}}; !slices.Equal(got, want) {
		t.Errorf("Match = %v, want %v", got, want)
	}
}

func TestPutKeepsNothingOfItsArgument(t *testing.T) {
	t.Parallel()
	var x match.Index
	rule := match.Rule{Patterns: []string{"sms"}, Filter: match.Filter{Users: []string{"b", "a"}}}
	x.Put(rule)
	if rule.Filter.Users[0] != "b" {
		t.Error("Put sorted its argument")
	}
	rule.Patterns[0], rule.Filter.Users[0] = "mms", "c"
	if len(x.Match(match.Event{Type: "sms", User: "b"}, nil)) != 1 {
		t.Error("changing the argument after Put changed the index")
	}
}

// TestIndexAgreesWithExplain puts, replaces and removes at random; after each step every event must find exactly the
// rules that Explain accepts, each once. Removing all must leave nothing behind.
func TestIndexAgreesWithExplain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var x match.Index
		model := map[match.ID]match.Rule{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			rule := rules.Draw(t, "rule")
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				x.Remove(rule.ID)
				delete(model, rule.ID)
			} else {
				x.Put(rule)
				model[rule.ID] = rule
			}
			if x.Len() != len(model) {
				t.Fatalf("Len = %d, want %d", x.Len(), len(model))
			}
			event := events.Draw(t, "event")
			var want []match.ID
			for id, r := range model {
				failedOn, reason := match.Explain(r, event)
				if matches := naive(r, event); matches != (failedOn == "") || matches != (reason == "") {
					t.Fatalf("Explain(%+v, %+v) = %q, %q", r, event, failedOn, reason)
				}
				if failedOn == "" {
					want = append(want, id)
				}
			}
			got := x.Match(event, nil)
			byBytes := func(a, b match.ID) int { return bytes.Compare(a[:], b[:]) }
			slices.SortFunc(got, byBytes)
			slices.SortFunc(want, byBytes)
			if !slices.Equal(got, want) {
				t.Fatalf("Match(%+v) = %v, want %v of %+v", event, got, want, model)
			}
		}
		for id := range model {
			x.Remove(id)
		}
		if !match.IsPristine(&x) {
			t.Fatalf("something is left of %+v", model)
		}
	})
}

// naive is the definition of matching, in the words of Rule and Filter.
func naive(r match.Rule, e match.Event) bool {
	byType := slices.ContainsFunc(r.Patterns, func(p string) bool { return match.MatchPattern(p, e.Type) })
	one := func(values []string, got string) bool {
		return len(values) == 0 || got != "" && slices.Contains(values, got)
	}
	attributes := map[string]string{}
	for _, a := range slices.Backward(e.Attributes) {
		attributes[a.Key] = a.Value
	}
	f := r.Filter
	all := one(f.Users, e.User) && one(f.Entities, e.Entity) && one(f.Applications, e.Application) && one(f.Resources, e.Resource)
	for _, a := range f.Attributes {
		all = all && one(a.Values, attributes[a.Key])
	}
	return byType && all
}

var (
	values = rapid.SampledFrom([]string{"", "x", "y", "z"})
	keys   = rapid.SampledFrom([]string{"", "k", "l"})
	lists  = rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(values, 0, 4))
	rules  = rapid.Custom(func(t *rapid.T) match.Rule {
		attributes := rapid.Custom(func(t *rapid.T) match.Attribute {
			return match.Attribute{Key: keys.Draw(t, "key"), Values: rapid.SliceOfN(values, 0, 3).Draw(t, "values")}
		})
		return match.Rule{
			ID:       match.ID{rapid.ByteRange(0, 9).Draw(t, "id")},
			Patterns: rapid.SliceOfN(patterns, 0, 6).Draw(t, "patterns"),
			Filter: match.Filter{
				Users:        lists.Draw(t, "users"),
				Entities:     lists.Draw(t, "entities"),
				Applications: lists.Draw(t, "applications"),
				Resources:    lists.Draw(t, "resources"),
				Attributes:   rapid.SliceOfN(attributes, 0, 2).Draw(t, "attributes"),
			},
		}
	})
	events = rapid.Custom(func(t *rapid.T) match.Event {
		kv := rapid.Custom(func(t *rapid.T) match.KV {
			return match.KV{Key: keys.Draw(t, "key"), Value: values.Draw(t, "value")}
		})
		return match.Event{
			Type:        names.Draw(t, "type"),
			User:        values.Draw(t, "user"),
			Entity:      values.Draw(t, "entity"),
			Application: values.Draw(t, "application"),
			Resource:    values.Draw(t, "resource"),
			Attributes:  rapid.SliceOfN(kv, 0, 4).Draw(t, "attributes"),
		}
	})
)

// TestMatchRunsConcurrently is for the race detector.
func TestMatchRunsConcurrently(t *testing.T) {
	t.Parallel()
	x := indexOf(100, byEntity)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 100 {
				event := match.Event{Type: "sms.delivery", Entity: fmt.Sprint("entity-", (i+g)%100)}
				if got := x.Match(event, nil); len(got) != 1 {
					t.Errorf("Match(%v) = %v", event, got)
				}
			}
		})
	}
	wg.Wait()
}

//nolint:paralleltest // AllocsPerRun must not run beside others
func TestMatchAllocatesNothing(t *testing.T) {
	x := indexOf(1000, byEntity)
	dst := make([]match.ID, 0, 4)
	event := match.Event{Type: "sms.delivery", Entity: "entity-7", Attributes: []match.KV{{Key: "k", Value: "v"}}}
	if allocs := testing.AllocsPerRun(100, func() { x.Match(event, dst) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestEventsMeetFewCandidates: 10,000 rules that share all conditions but one are each found by the one in which they
// differ, whichever it is.
func TestEventsMeetFewCandidates(t *testing.T) {
	t.Parallel()
	for name, vary := range map[string]func(*match.Rule, string){
		"users":        func(r *match.Rule, v string) { r.Filter.Users = []string{v, v + "b"} },
		"entities":     func(r *match.Rule, v string) { r.Filter.Entities = []string{v, v + "b"} },
		"applications": func(r *match.Rule, v string) { r.Filter.Applications = []string{v, v + "b"} },
		"resources":    func(r *match.Rule, v string) { r.Filter.Resources = []string{v, v + "b"} },
		"attributes": func(r *match.Rule, v string) {
			r.Filter.Attributes = append(r.Filter.Attributes, match.Attribute{Key: "channelId", Values: []string{v, v + "b"}})
		},
		"event types": func(r *match.Rule, v string) { r.Patterns = []string{"sms." + v} },
		"wildcards":   func(r *match.Rule, v string) { r.Patterns = []string{"*." + v, "sms." + v + ".*"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := indexOf(10_000, func(i int) match.Rule {
				r := match.Rule{ID: idOf(i), Patterns: []string{"sms.*"}, Filter: match.Filter{
					Users: []string{"same"}, Entities: []string{"same"}, Applications: []string{"same"}, Resources: []string{"same"},
					Attributes: []match.Attribute{{Key: "status", Values: []string{"same"}}},
				}}
				vary(&r, fmt.Sprint("v", i))
				return r
			})
			if longest := match.LongestList(x); longest > 10 {
				t.Errorf("an event can meet %d candidates that do not match", longest)
			}
		})
	}
}

// TestPutBoundsTheEntriesOfARule: patterns × values would be a million.
func TestPutBoundsTheEntriesOfARule(t *testing.T) {
	t.Parallel()
	rule := match.Rule{}
	for i := range 250 {
		rule.Patterns = append(rule.Patterns, fmt.Sprint("sms.type_", i))
	}
	for i := range 4000 {
		rule.Filter.Users = append(rule.Filter.Users, fmt.Sprint("user-", i))
	}
	var x match.Index
	x.Put(rule)
	if got := match.Entries(&x); got > 4096 {
		t.Errorf("one rule takes %d entries", got)
	}
	if got := x.Match(match.Event{Type: "sms.type_249", User: "user-3999"}, nil); len(got) != 1 {
		t.Errorf("Match = %v", got)
	}
	if got := x.Match(match.Event{Type: "sms.type_249", User: "user-4000"}, nil); len(got) != 0 {
		t.Errorf("Match = %v", got)
	}
}

func byEntity(i int) match.Rule {
	return match.Rule{ID: idOf(i), Patterns: []string{"sms.*"}, Filter: match.Filter{Entities: []string{fmt.Sprint("entity-", i)}}}
}

func byType(i int) match.Rule {
	return match.Rule{ID: idOf(i), Patterns: []string{fmt.Sprintf("sms.type_%d.v1", i)}}
}

func idOf(i int) match.ID { return match.ID{byte(i), byte(i >> 8), byte(i >> 16)} }

func indexOf(n int, rule func(int) match.Rule) *match.Index {
	var x match.Index
	for i := range n {
		x.Put(rule(i))
	}
	return &x
}

func TestRemoveHoldsNothing(t *testing.T) {
	t.Parallel()
	var x match.Index
	for i := range 3 { // under the same value
		x.Put(match.Rule{ID: idOf(i), Patterns: []string{"sms.*"}, Filter: match.Filter{Entities: []string{"shop"}}})
	}
	for i := range 2 {
		freed := match.Freed(&x, idOf(i))
		x.Remove(idOf(i))
		for within := time.After(10 * time.Second); ; {
			runtime.GC()
			select {
			case <-freed:
			case <-within:
				t.Fatalf("rule %d is held after it was removed", i)
			default:
				continue
			}
			break
		}
	}
	if matched := x.Match(match.Event{Type: "sms.delivery", Entity: "shop"}, nil); !slices.Equal(matched, []match.ID{idOf(2)}) {
		t.Errorf("matched %v, want the rule that is left", matched)
	}
}

// BenchmarkMatch matches events that each match another one of n rules.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 10_000, 100_000} {
		b.Run(fmt.Sprintf("entity/%d", n), func(b *testing.B) {
			benchmarkMatch(b, indexOf(n, byEntity), n, func(i int) match.Event {
				return match.Event{Type: "sms.delivery", Entity: fmt.Sprint("entity-", i)}
			})
		})
		b.Run(fmt.Sprintf("type/%d", n), func(b *testing.B) {
			benchmarkMatch(b, indexOf(n, byType), n, func(i int) match.Event {
				return match.Event{Type: fmt.Sprintf("sms.type_%d.v1", i)}
			})
		})
	}
}

func benchmarkMatch(b *testing.B, x *match.Index, n int, event func(int) match.Event) {
	events := make([]match.Event, 1000)
	for i := range events {
		events[i] = event(i * 7919 % n)
		events[i].User, events[i].Application, events[i].Resource = "ann", "otp", "447700900123"
		events[i].Attributes = []match.KV{{Key: "channelId", Value: "c1"}, {Key: "messageStatus", Value: "DELIVERED"}}
	}
	dst := make([]match.ID, 0, 4)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if len(x.Match(events[i%len(events)], dst)) != 1 {
			b.Fatal("no match")
		}
		i++
	}
}

// BenchmarkPut replaces one rule of 100,000.
func BenchmarkPut(b *testing.B) {
	for name, rule := range map[string]func(int) match.Rule{
		"entity": byEntity,
		"type":   byType,
		"all":    func(i int) match.Rule { return match.Rule{ID: idOf(i), Patterns: []string{"*"}} },
	} {
		b.Run(name, func(b *testing.B) {
			x := indexOf(100_000, rule)
			r := rule(4711)
			b.ReportAllocs()
			for b.Loop() {
				x.Put(r)
			}
		})
	}
}
