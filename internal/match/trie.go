package match

import "strings"

// node is a place in the trie of patterns: the segments from the root to it are how its patterns begin.
type node struct {
	parent  *node
	segment string
	next    map[string]*node // by the next segment
	any     *node            // where the next segment is a *
	here    *bucket          // rules whose pattern ends here
	more    *bucket          // rules whose pattern goes on with a * as its last segment
}

// collect appends the ids of the rules that match e, of which rest (one segment or more) is what is left of the type
// at this node.
func (n *node) collect(e *Event, rest string, dst []ID) []ID {
	if n.more != nil {
		dst = n.more.collect(e, dst)
	}
	segment, rest, goesOn := strings.Cut(rest, ".")
	for _, child := range [...]*node{n.next[segment], n.any} {
		switch {
		case child == nil:
		case goesOn:
			dst = child.collect(e, rest, dst)
		case child.here != nil:
			dst = child.here.collect(e, dst)
		}
	}
	return dst
}

// bucket returns the bucket of a pattern below this node, made if need be.
func (n *node) bucket(pattern string) *bucket {
	segment, rest, goesOn := strings.Cut(pattern, ".")
	if !goesOn && segment == "*" {
		if n.more == nil {
			n.more = newBucket(n)
		}
		return n.more
	}
	child := n.child(segment)
	if goesOn {
		return child.bucket(rest)
	}
	if child.here == nil {
		child.here = newBucket(child)
	}
	return child.here
}

// child returns the node below this one, made if need be.
func (n *node) child(segment string) *node {
	if segment == "*" {
		if n.any == nil {
			n.any = &node{parent: n, segment: segment}
		}
		return n.any
	}
	child := n.next[segment]
	if child == nil {
		child = &node{parent: n, segment: segment}
		if n.next == nil {
			n.next = make(map[string]*node, 1)
		}
		n.next[segment] = child
	}
	return child
}

// drop takes an empty bucket off, with the nodes that only led to it.
func (n *node) drop(b *bucket) {
	if n.here == b {
		n.here = nil
	} else {
		n.more = nil
	}
	for n.parent != nil && n.here == nil && n.more == nil && n.any == nil && len(n.next) == 0 {
		if n.parent.any == n {
			n.parent.any = nil
		} else {
			delete(n.parent.next, n.segment)
		}
		n = n.parent
	}
}
