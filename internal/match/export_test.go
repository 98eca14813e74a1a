package match

import "runtime"

// Freed returns a channel that is closed when nothing holds what the index keeps of a rule any more, and the garbage collector has seen it.
func Freed(x *Index, id ID) <-chan struct{} {
	freed := make(chan struct{})
	runtime.AddCleanup(x.rules[id], func(done chan struct{}) { close(done) }, freed)
	return freed
}

// LongestList returns the number of candidates in the longest list of an index: the most rules that an event can have
// to be compared with for each pattern and each value of it.
func LongestList(x *Index) int {
	longest := 0
	for _, r := range x.rules {
		for _, p := range r.places {
			longest = max(longest, len(p.list.candidates))
		}
	}
	return longest
}

// IsPristine reports whether nothing is left of rules that were removed.
func IsPristine(x *Index) bool {
	r := &x.root
	return len(x.rules) == 0 && len(r.next) == 0 && r.any == nil && r.here == nil && r.more == nil
}

// Entries returns how many entries all rules together have.
func Entries(x *Index) int {
	n := 0
	for _, r := range x.rules {
		n += len(r.places)
	}
	return n
}
