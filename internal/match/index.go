package match

import "slices"

// maxPlaces bounds how often one rule is entered in an index, and with it the memory and the time that Put takes: a
// condition of which patterns × values is more does not serve to find the rule, only to verify it.
const maxPlaces = 4096

// Index holds the rules of one account. Putting and removing touch only what the rule itself is entered under, however
// many others there are.
//
// The zero value is empty and ready. Match and Len may run concurrently with each other, but not with Put or Remove:
// the owner guards an Index with a sync.RWMutex.
//
// Rules are found in two steps. A trie over the segments of patterns leads from an event's type to one bucket per
// distinct pattern that matches it. Inside a bucket a rule is entered under the values of a single condition of its
// filter, and an event looks up only the values it has. What is found so is then verified in full.
type Index struct {
	rules map[ID]*rule
	root  node
}

// rule is a Rule made ready for matching. Most have one pattern and one condition of one value: these are kept within it, because what an index of
// many rules costs is that the garbage collector follows its pointers.
type rule struct {
	id         ID
	conditions []condition
	wildcards  []string // the patterns that are not plain names
	places     []place

	onePlace     [1]place
	oneCondition [1]condition
}

// condition is one condition of a filter.
type condition struct {
	by     dimension
	key    string   // of the attribute
	values []string // sorted, each once
}

// place is one entry of a rule in the index.
type place struct {
	list     *list
	position int // in list.candidates
	wildcard int // place in rule.wildcards of the pattern entered here, 0 if it is a plain name
}

// Len returns the number of rules.
func (x *Index) Len() int { return len(x.rules) }

// Match appends to dst the ids of all rules that match e, each once and in no particular order. It allocates nothing
// but what dst needs to grow.
func (x *Index) Match(e Event, dst []ID) []ID {
	return x.root.collect(&e, e.Type, dst)
}

// Put adds a rule, or replaces the one with the same id. It keeps nothing of the slices in r. The patterns must be such
// that ValidatePattern lets through.
func (x *Index) Put(r Rule) {
	x.Remove(r.ID)
	patterns, wildcards := split(r.Patterns)
	made := &rule{id: r.ID, wildcards: wildcards}
	made.conditions = conditions(&r.Filter, made.oneCondition[:0])
	made.places = made.onePlace[:0]
	count := len(patterns) + len(wildcards)
	for _, p := range patterns {
		x.root.bucket(p).add(made, 0, count)
	}
	for i, p := range wildcards {
		x.root.bucket(p).add(made, i, count)
	}
	if x.rules == nil {
		x.rules = make(map[ID]*rule)
	}
	x.rules[r.ID] = made
}

// Remove takes the rule with this id out; without one it does nothing.
func (x *Index) Remove(id ID) {
	r := x.rules[id]
	if r == nil {
		return
	}
	delete(x.rules, id)
	for _, p := range r.places {
		p.list.remove(p.position)
	}
}

// split sorts a rule's patterns into plain names and wildcards, each once, and without those that another wildcard of
// the rule covers: so an event finds a rule by one name, or by wildcards only.
func split(patterns []string) (names, wildcards []string) {
	each := slices.Compact(slices.Sorted(slices.Values(patterns)))
	for _, p := range each {
		covers := func(other string) bool { return other != p && isWildcard(other) && MatchPattern(other, p) }
		switch {
		case slices.ContainsFunc(each, covers):
		case isWildcard(p):
			wildcards = append(wildcards, p)
		default:
			names = append(names, p)
		}
	}
	return names, wildcards
}

// conditions appends the conditions of a filter to all.
func conditions(f *Filter, all []condition) []condition {
	add := func(by dimension, key string, values []string) {
		if len(values) > 0 {
			all = append(all, condition{by, key, slices.Compact(slices.Sorted(slices.Values(values)))})
		}
	}
	add(user, "", f.Users)
	add(entity, "", f.Entities)
	add(application, "", f.Applications)
	add(resource, "", f.Resources)
	for _, a := range f.Attributes {
		add(attribute, a.Key, a.Values)
	}
	return all
}

// wants verifies a rule that was found by the place via: its filter must hold, and none of its wildcards before the
// one it was found by may match, since that one has found it already.
func (r *rule) wants(e *Event, via int) bool {
	for i := range r.conditions {
		if !r.conditions[i].holds(e) {
			return false
		}
	}
	for _, earlier := range r.wildcards[:r.places[via].wildcard] {
		if MatchPattern(earlier, e.Type) {
			return false
		}
	}
	return true
}

func (c *condition) holds(e *Event) bool {
	got := e.value(c.by, c.key)
	if got == "" {
		return false
	}
	_, found := slices.BinarySearch(c.values, got)
	return found
}
