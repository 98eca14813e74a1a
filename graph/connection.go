package graph

import (
	"context"
	"encoding/base64"
	"slices"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
)

// Node is any object with an id of its own: a pointer to a type of package ent.
type Node any

// The connections of the schema, all made alike.
type (
	AccountConnection             = Connection[ent.Account]
	APIKeyConnection              = Connection[ent.APIKey]
	EventSubscriptionConnection   = Connection[ent.EventSubscription]
	NotificationProfileConnection = Connection[ent.NotificationProfile]
	EventConnection               = Connection[ent.Event]
	DeliveryConnection            = Connection[ent.Delivery]
	DeliveryAttemptConnection     = Connection[ent.Attempt]

	AccountEdge             = Edge[ent.Account]
	APIKeyEdge              = Edge[ent.APIKey]
	EventSubscriptionEdge   = Edge[ent.EventSubscription]
	NotificationProfileEdge = Edge[ent.NotificationProfile]
	EventEdge               = Edge[ent.Event]
	DeliveryEdge            = Edge[ent.Delivery]
	DeliveryAttemptEdge     = Edge[ent.Attempt]
)

// Connection is a page of a list (Relay cursor connections).
type Connection[T any] struct {
	Nodes    []*T
	PageInfo *PageInfo
	cursors  []string
	count    func(context.Context) (int, error)
}

// Edge is an object and its place in the list.
type Edge[T any] struct {
	Node   *T
	Cursor string
}

// Edges pairs the page's objects with their cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	edges := make([]*Edge[T], len(c.Nodes))
	for i, node := range c.Nodes {
		edges[i] = &Edge[T]{Node: node, Cursor: c.cursors[i]}
	}
	return edges
}

// TotalCount counts the whole list. It runs only when it is selected.
func (c *Connection[T]) TotalCount(ctx context.Context) (*int, error) {
	n, err := c.count(ctx)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// The sizes of pages.
const (
	DefaultPage = 20
	MaxPage     = 100
)

// page is which part of a list was asked for. Lists run from the newest id to the oldest.
type page struct {
	size     int
	backward bool  // from the end
	after    id.ID // nil: from the start
	before   id.ID // nil: to the end
}

// readPage reads the arguments that all lists have.
func readPage(first *int, after *string, last *int, before *string) (page, error) {
	p := page{size: DefaultPage}
	var err error
	if first != nil && last != nil {
		return p, inputErrorf("first and last: give only one of them")
	}
	if first != nil {
		if err := checkRange("first", *first, 1, MaxPage); err != nil {
			return p, err
		}
		p.size = *first
	}
	if last != nil {
		if err := checkRange("last", *last, 1, MaxPage); err != nil {
			return p, err
		}
		p.size, p.backward = *last, true
	}
	if p.after, err = readCursor("after", after); err != nil {
		return p, err
	}
	p.before, err = readCursor("before", before)
	return p, err
}

// cursorVersion is the first byte of every cursor; 16 bytes of an id follow.
const cursorVersion = 1

func cursorOf(at id.ID) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorVersion}, at[:]...))
}

func readCursor(argument string, cursor *string) (id.ID, error) {
	if cursor == nil {
		return id.Nil, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*cursor)
	if err != nil || len(raw) != 1+len(id.Nil) || raw[0] != cursorVersion {
		return id.Nil, inputErrorf("%s: %.64q is not a cursor of a list", argument, *cursor)
	}
	return id.ID(raw[1:]), nil
}

// restrict adds the page's bounds to a selection, without its size.
func (p page) restrict(s *sql.Selector) {
	if p.after != id.Nil {
		s.Where(sql.LT(s.C("id"), p.after))
	}
	if p.before != id.Nil {
		s.Where(sql.GT(s.C("id"), p.before))
	}
}

func (p page) order(s *sql.Selector) {
	if p.backward {
		s.OrderBy(sql.Asc(s.C("id")))
	} else {
		s.OrderBy(sql.Desc(s.C("id")))
	}
}

// query is what ent's queries have in common, of tables whose key is called id.
type query[Q, T any, P, O ~func(*sql.Selector)] interface {
	Clone() Q
	Where(...P) Q
	Order(...O) Q
	Limit(int) Q
	All(context.Context) ([]*T, error)
	Count(context.Context) (int, error)
}

// list reads a page of all that q selects.
func list[Q query[Q, T, P, O], T any, P, O ~func(*sql.Selector)](
	ctx context.Context, q Q, p page, idOf func(*T) id.ID,
) (*Connection[T], error) {
	rows, err := q.Clone().Where(p.restrict).Order(p.order).Limit(p.size + 1).All(ctx)
	if err != nil {
		return nil, err
	}
	return connect(rows, p, idOf, q.Count), nil
}

// connect makes a connection of a page's rows, which are in the order that the page asked for and one more than its
// size if there is more.
func connect[T any](rows []*T, p page, idOf func(*T) id.ID, count func(context.Context) (int, error)) *Connection[T] {
	more := len(rows) > p.size
	rows = rows[:min(len(rows), p.size)]
	c := &Connection[T]{Nodes: rows, PageInfo: &PageInfo{HasNextPage: more, HasPreviousPage: p.after != id.Nil}, count: count}
	if p.backward {
		slices.Reverse(rows)
		c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = p.before != id.Nil, more
	}
	for _, row := range rows {
		c.cursors = append(c.cursors, cursorOf(idOf(row)))
	}
	if len(rows) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.cursors[0], &c.cursors[len(rows)-1]
	}
	return c
}
