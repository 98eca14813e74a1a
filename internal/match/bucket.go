package match

// bucket holds the rules entered under one pattern.
type bucket struct {
	node   *node
	always list // rules that no condition serves to find
	by     map[slot]*list
	used   [dimensions]int // how many slots there are in each dimension
}

// slot is a value that a condition asks for.
type slot struct {
	by         dimension
	key, value string
}

// list holds the rules entered under one slot.
type list struct {
	bucket     *bucket
	slot       slot
	candidates []candidate
	one        [1]candidate // holds candidates while there is one
}

// candidate is an entry in a list: rule.places[place] refers back to it.
type candidate struct {
	rule  *rule
	place int
}

func newBucket(n *node) *bucket {
	b := &bucket{node: n}
	b.always.bucket = b
	return b
}

// collect appends the ids of the bucket's rules that e matches.
func (b *bucket) collect(e *Event, dst []ID) []ID {
	dst = b.always.collect(e, dst)
	for by := range attribute {
		if b.used[by] == 0 {
			continue
		}
		if value := e.value(by, ""); value != "" {
			dst = b.by[slot{by: by, value: value}].collect(e, dst)
		}
	}
	if b.used[attribute] == 0 {
		return dst
	}
	for i, a := range e.Attributes {
		if l := b.by[slot{attribute, a.Key, a.Value}]; l != nil && e.attribute(a.Key) == i {
			dst = l.collect(e, dst)
		}
	}
	return dst
}

// add enters a rule of so many patterns under the best of its conditions.
func (b *bucket) add(r *rule, wildcard, patterns int) {
	c := b.best(r.conditions, patterns)
	if c == nil {
		b.always.add(r, wildcard)
		return
	}
	for _, value := range c.values {
		at := slot{c.by, c.key, value}
		l := b.by[at]
		if l == nil {
			l = &list{bucket: b, slot: at}
			l.candidates = l.one[:0]
			if b.by == nil {
				b.by = make(map[slot]*list, 1)
			}
			b.by[at] = l
			b.used[c.by]++
		}
		l.add(r, wildcard)
	}
}

// best chooses the condition under which to enter a rule: the one that now has the fewest values and candidates under
// them. So the list of a value that many rules share grows only until another of their conditions serves better.
func (b *bucket) best(conditions []condition, patterns int) *condition {
	var best *condition
	var least int
	for i := range conditions {
		c := &conditions[i]
		if len(c.values)*patterns > maxPlaces {
			continue
		}
		cost := len(c.values)
		for _, value := range c.values {
			if l := b.by[slot{c.by, c.key, value}]; l != nil {
				cost += len(l.candidates)
			}
		}
		if best == nil || cost < least {
			best, least = c, cost
		}
	}
	return best
}

func (l *list) collect(e *Event, dst []ID) []ID {
	if l == nil {
		return dst
	}
	for _, c := range l.candidates {
		if c.rule.wants(e, c.place) {
			dst = append(dst, c.rule.id)
		}
	}
	return dst
}

func (l *list) add(r *rule, wildcard int) {
	r.places = append(r.places, place{list: l, position: len(l.candidates), wildcard: wildcard})
	l.candidates = append(l.candidates, candidate{rule: r, place: len(r.places) - 1})
	if len(l.candidates) > len(l.one) {
		l.one = [1]candidate{} // the candidates are elsewhere now; a rule that goes must not be held here
	}
}

// remove fills the gap with the last candidate, and takes away the list, and the bucket, that is left empty.
func (l *list) remove(position int) {
	last := len(l.candidates) - 1
	moved := l.candidates[last]
	l.candidates[position] = moved
	moved.rule.places[moved.place].position = position
	l.candidates[last] = candidate{}
	l.candidates = l.candidates[:last]
	b := l.bucket
	if last > 0 {
		return
	}
	if l != &b.always {
		delete(b.by, l.slot)
		b.used[l.slot.by]--
	}
	if len(b.by) == 0 && len(b.always.candidates) == 0 {
		b.node.drop(b)
	}
}
