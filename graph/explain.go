package graph

import (
	"context"
	"slices"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/registry"
)

// MatchExplanationConnection says who gets an event, and why.
type MatchExplanationConnection struct {
	*Connection[MatchExplanation]

	Event         *ent.Event
	DecidedBy     string             // one of decidedBy…
	ResourceRoute *ent.ResourceRoute // nil for none
}

// What decides who gets an event.
const (
	decidedBySubscriptions = "SUBSCRIPTIONS"
	decidedByEvent         = "EVENT"
	decidedByRoute         = "RESOURCE_ROUTE"
)

// MatchExplanation says whether an event matches a subscription, and why not.
type MatchExplanation struct {
	Subscription         *ent.EventSubscription
	Matched              bool
	FailedOn             *string
	Reason               *string
	ExpressionError      *string
	MatchedWhenPublished bool
}

// explain says what decides who gets an event, and of each subscription of a page whether the event matches it.
func (r *Resolver) explain(ctx context.Context, event *ent.Event, page *Connection[ent.EventSubscription]) (*MatchExplanationConnection, error) {
	x := &MatchExplanationConnection{Event: event, DecidedBy: decidedBySubscriptions}
	switch {
	case event.Webhook.Decides():
		x.DecidedBy = decidedByEvent
	case event.Resource != "" && !accept.IsOwn(event.Type):
		route, err := orMissing(r.Ent.ResourceRoute.Query().Where(resourceroute.Resource(event.Resource)).Only(ctx))
		if err != nil {
			return nil, err
		}
		if route != nil && registry.Covers(route.EventTypes, event.Type) {
			x.DecidedBy, x.ResourceRoute = decidedByRoute, route
		}
	}
	var err error
	x.Connection, err = explainMatches(ctx, event, page)
	return x, err
}

// explainMatches says of each subscription of a page whether an event matches it.
func explainMatches(ctx context.Context, event *ent.Event, page *Connection[ent.EventSubscription]) (*Connection[MatchExplanation], error) {
	seen := &registry.Event{
		Event: match.Event{
			Type: event.Type, User: event.User, Entity: event.Entity, Application: event.Application, Resource: event.Resource,
		},
		OccurredAt: event.OccurredAt,
	}
	for _, a := range event.Attributes {
		seen.Attributes = append(seen.Attributes, match.KV{Key: a.Key, Value: a.Value})
	}
	if slices.ContainsFunc(page.Nodes, func(row *ent.EventSubscription) bool { return row.Expression != "" }) {
		payload, err := loadersOf(ctx).payload.load(ctx, event.ID)
		if err != nil {
			return nil, err
		}
		seen.Payload = []byte(orZero(payload))
	}
	explained := &Connection[MatchExplanation]{PageInfo: page.PageInfo, cursors: page.cursors, count: page.count}
	for _, row := range page.Nodes {
		x := registry.Explain(row, seen)
		shown := &MatchExplanation{
			Subscription: row, Matched: x.FailedOn == "", FailedOn: orNull(x.FailedOn), Reason: orNull(x.Reason),
			MatchedWhenPublished: targets(event, row.ID),
		}
		if x.ExpressionError != nil {
			shown.ExpressionError = orNull(x.ExpressionError.Error())
		}
		explained.Nodes = append(explained.Nodes, shown)
	}
	return explained, nil
}

// targets reports whether an event was for a subscription when it was published.
func targets(event *ent.Event, subscription id.ID) bool {
	for target := range slices.Chunk(event.Targets, len(id.Nil)) {
		if id.ID(target) == subscription {
			return true
		}
	}
	return false
}
