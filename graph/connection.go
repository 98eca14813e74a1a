package graph

import (
	"context"

	"github.com/hookline/hookline/ent"
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

// TotalCount counts the whole list. It is asked for only when it is selected.
func (c *Connection[T]) TotalCount(ctx context.Context) (*int, error) {
	n, err := c.count(ctx)
	return &n, err
}
