package graph

import (
	"context"
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
	AuthSettingConnection         = Connection[ent.AuthSetting]
	ResourceRouteConnection       = Connection[ent.ResourceRoute]
	CertificateConnection         = Connection[ent.Certificate]
	EventConnection               = Connection[ent.Event]
	DeliveryConnection            = Connection[ent.Delivery]
	DeliveryAttemptConnection     = Connection[ent.Attempt]
	AuditEntryConnection          = Connection[ent.AuditEntry]

	AccountEdge             = Edge[ent.Account]
	APIKeyEdge              = Edge[ent.APIKey]
	EventSubscriptionEdge   = Edge[ent.EventSubscription]
	MatchExplanationEdge    = Edge[MatchExplanation]
	NotificationProfileEdge = Edge[ent.NotificationProfile]
	AuthSettingEdge         = Edge[ent.AuthSetting]
	ResourceRouteEdge       = Edge[ent.ResourceRoute]
	CertificateEdge         = Edge[ent.Certificate]
	EventEdge               = Edge[ent.Event]
	DeliveryEdge            = Edge[ent.Delivery]
	DeliveryAttemptEdge     = Edge[ent.Attempt]
	AuditEntryEdge          = Edge[ent.AuditEntry]
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

// page is which part of a list was asked for.
type page struct {
	size     int
	backward bool // from the end
	sorting  sorting
	after    place // nowhere: from the start
	before   place // nowhere: to the end
}

// readPage reads the arguments that all lists have, of one that runs from the newest id to the oldest.
func readPage(first *int, after *string, last *int, before *string) (page, error) {
	return readSortedPage(nil, first, after, last, before)
}

// readSortedPage reads the arguments of a list whose order can be chosen.
func readSortedPage(order *Order, first *int, after *string, last *int, before *string) (page, error) {
	p := page{size: DefaultPage, sorting: sortingOf(order)}
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
	if p.after, err = p.sorting.readCursor("after", after); err != nil {
		return p, err
	}
	p.before, err = p.sorting.readCursor("before", before)
	return p, err
}

// restrict adds the page's bounds to a selection, without its size.
func (p page) restrict(s *sql.Selector) {
	if p.after != (place{}) {
		s.Where(p.sorting.beyond(s, p.after))
	}
	if p.before != (place{}) {
		opposite := p.sorting
		opposite.ascending = !opposite.ascending
		s.Where(opposite.beyond(s, p.before))
	}
}

// order sorts the page's rows: from the end, if that is where it was asked for.
func (p page) order(s *sql.Selector) {
	for _, name := range p.sorting.names(s.C) {
		if p.sorting.ascending != p.backward {
			s.OrderBy(sql.Asc(name))
		} else {
			s.OrderBy(sql.Desc(name))
		}
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

// list reads a page of all that q selects, from the newest id to the oldest.
func list[Q query[Q, T, P, O], T any, P, O ~func(*sql.Selector)](
	ctx context.Context, q Q, p page, idOf func(*T) id.ID,
) (*Connection[T], error) {
	return sortedList(ctx, q, p, idOf, func(*T, string) string { return "" })
}

// connect makes a connection of a page's rows, of a list that runs from the newest id to the oldest.
func connect[T any](rows []*T, p page, idOf func(*T) id.ID, count func(context.Context) (int, error)) *Connection[T] {
	return connectAt(rows, p, func(row *T) place { return place{id: idOf(row)} }, count)
}

// connectAt makes a connection of a page's rows, which are in the order that the page asked for and one more than its
// size if there is more.
func connectAt[T any](rows []*T, p page, placeOf func(*T) place, count func(context.Context) (int, error)) *Connection[T] {
	more := len(rows) > p.size
	rows = rows[:min(len(rows), p.size)]
	c := &Connection[T]{Nodes: rows, PageInfo: &PageInfo{HasNextPage: more, HasPreviousPage: p.after != (place{})}, count: count}
	if p.backward {
		slices.Reverse(rows)
		c.PageInfo.HasNextPage, c.PageInfo.HasPreviousPage = p.before != (place{}), more
	}
	for _, row := range rows {
		c.cursors = append(c.cursors, p.sorting.cursor(placeOf(row)))
	}
	if len(rows) > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.cursors[0], &c.cursors[len(rows)-1]
	}
	return c
}
