package server_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/testenv"
)

// explained is one of an event's explanations.
type explained struct {
	Subscription                      struct{ Key string }
	Matched, MatchedWhenPublished     bool
	FailedOn, Reason, ExpressionError string
}

func (w *world) explain(key, event string) (decidedBy string, matches []explained) {
	w.t.Helper()
	answer := w.query(key, `query($id: ID!) {explainEvent(id: $id, first: 100, order: {field: KEY, direction: ASC}) {event {id} decidedBy resourceRoute {resource}
		nodes {subscription {key} matched failedOn reason expressionError matchedWhenPublished}}}`, map[string]any{"id": event})
	if len(answer.Errors) > 0 {
		w.t.Fatal(answer.Errors)
	}
	if id := at(w.t, answer.Data, "explainEvent.event.id"); id != event {
		w.t.Errorf("explained %s, asked for %s", id, event)
	}
	check(w.t, json.Unmarshal([]byte(at(w.t, answer.Data, "explainEvent.nodes")), &matches))
	decidedBy = at(w.t, answer.Data, "explainEvent.decidedBy")
	if route := at(w.t, answer.Data, "explainEvent.resourceRoute"); (route != "null") != (decidedBy == "RESOURCE_ROUTE") {
		w.t.Errorf("decided by %s, with the route %s", decidedBy, route)
	}
	return decidedBy, matches
}

// subscribeTo makes a disabled subscription that takes everything, but for the changes.
func (w *world) subscribeTo(ctx context.Context, key string, change func(*configure.CreateEventSubscriptionInput)) {
	w.t.Helper()
	profile := configure.ProfileInput(key, "https://203.0.113.7/"+key)
	in := configure.CreateEventSubscriptionInput{
		Key: key, Name: key, EventTypes: []string{"*"}, Enabled: true, Profile: configure.ProfileChoice{Create: &profile},
	}
	change(&in)
	must(w.configure.CreateEventSubscription(ctx, in))
}

func TestExplainEvent(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		type input = configure.CreateEventSubscriptionInput
		many := []string{"a", "b", "c", "d", "e", "f", "g"}
		want := []struct {
			key, failedOn, reason, expressionError string
			change                                 func(*input)
		}{
			{key: "a-all", change: func(*input) {}},
			{key: "b-disabled", change: func(in *input) { in.Enabled = false }},
			{key: "c-type", failedOn: "eventTypes", reason: "the event's type is `channels.inbound`; the subscription asks for `sms.*`, `sms.click`",
				change: func(in *input) { in.EventTypes = []string{"sms.*", "sms.click"} }},
			{key: "d-category", failedOn: "eventTypes", reason: "the event's type is `channels.inbound`; the subscription asks for `sms.*`",
				change: func(in *input) { in.EventTypes, in.Category = nil, new("sms") }},
			{key: "e-user", failedOn: "filter.users", reason: "the event has no user; the subscription asks for `a`, `b`, `c`, `d`, `e` and 2 more",
				change: func(in *input) { in.Filter = &configure.EventFilterInput{Users: many} }},
			{key: "f-entity", failedOn: "filter.entities", reason: "the event's entity is `berlin`; the subscription asks for `paris`",
				change: func(in *input) { in.Filter = &configure.EventFilterInput{Entities: []string{"paris"}} }},
			{key: "g-entity", change: func(in *input) { in.Filter = &configure.EventFilterInput{Entities: []string{"paris", "berlin"}} }},
			{key: "h-attribute", failedOn: "filter.attributes.channelId", reason: "the event's attribute `channelId` is `c1`; the subscription asks for `c2`",
				change: func(in *input) {
					in.Filter = &configure.EventFilterInput{Attributes: []types.AttributeFilter{{Key: "channelId", Values: []string{"c2"}}}}
				}},
			{key: "i-true", change: func(in *input) { in.Expression = new(`event.payload.n > 1`) }},
			{key: "j-false", failedOn: "expression", reason: "the expression is false for this event",
				change: func(in *input) { in.Expression = new(`event.payload.n > 2`) }},
			{key: "k-fails", failedOn: "expression", reason: "the expression cannot be evaluated on this event, which counts as no match", expressionError: "no such key",
				change: func(in *input) { in.Expression = new(`event.payload.missing > 2`) }},
		}
		for _, s := range want {
			w.subscribeTo(ctx, s.key, s.change)
		}
		const event = `{"type":"channels.inbound","payload":{"n":2},"entity":"berlin","resource":"+49","attributes":{"channelId":"c1"}`
		published := w.publish(key, event+"}")
		decidedBy, matches := w.explain(key, published)
		if decidedBy != "SUBSCRIPTIONS" || len(matches) != len(want) {
			t.Fatalf("decided by %s: %+v", decidedBy, matches)
		}
		for i, s := range want {
			got := matches[i]
			if got.Subscription.Key != s.key || got.Matched != (s.failedOn == "") || got.FailedOn != s.failedOn || got.Reason != s.reason ||
				!strings.Contains(got.ExpressionError, s.expressionError) || (got.ExpressionError == "") != (s.expressionError == "") {
				t.Errorf("got %+v, want %+v", got, s)
			}
			if got.MatchedWhenPublished != got.Matched { // what it was given to is what the explanation says
				t.Errorf("published to %+v", got)
			}
		}

		must(w.configure.UpdateEventSubscription(ctx, configure.Ref{Key: new("a-all")}, configure.UpdateEventSubscriptionInput{EventTypes: []string{"sms.*"}}))
		_, matches = w.explain(key, published)
		if got := matches[0]; got.Matched || got.FailedOn != "eventTypes" || !got.MatchedWhenPublished {
			t.Errorf("after a change of the subscription: %+v", got)
		}

		for decider, fields := range map[string]string{"EVENT": `,"webhook":{"notify":false}`, "RESOURCE_ROUTE": ""} {
			w.query(key, setResourceRoute, map[string]any{"resource": "+49", "action": "NONE"})
			decidedBy, matches := w.explain(key, w.publish(key, event+fields+"}"))
			if decidedBy != decider || slices.ContainsFunc(matches, func(x explained) bool { return x.MatchedWhenPublished }) ||
				!slices.ContainsFunc(matches, func(x explained) bool { return x.Matched }) {
				t.Errorf("decided by %s, want %s: %+v", decidedBy, decider, matches)
			}
		}

		const page = `query($id: ID!, $after: Cursor) {explainEvent(id: $id, filter: {enabled: true, search: "entity"}, first: 1, after: $after) {
			totalCount pageInfo {hasNextPage endCursor} edges {node {subscription {key}}}}}`
		first := w.query(key, page, map[string]any{"id": published})
		second := w.query(key, page, map[string]any{"id": published, "after": at(t, first.Data, "explainEvent.pageInfo.endCursor")})
		if got := at(t, first.Data, "explainEvent.edges.0.node.subscription.key") + at(t, first.Data, "explainEvent.totalCount") +
			at(t, second.Data, "explainEvent.edges.0.node.subscription.key") + at(t, second.Data, "explainEvent.pageInfo.hasNextPage"); got != "g-entity2f-entityfalse" {
			t.Errorf("pages: %s", got)
		}

		_, stranger := w.customer("bank")
		for name, id := range map[string]string{"of another account": published, "no id": "x"} {
			if got := w.get(stranger, `query($id: ID!) {explainEvent(id: $id) {decidedBy}}`, map[string]any{"id": id}, "explainEvent"); got != "null" {
				t.Errorf("an event %s is explained: %s", name, got)
			}
		}
		reader := w.key(ctx, access.LogRead, access.SubscriptionsRead)
		if got := w.query(reader, `query($id: ID!) {explainEvent(id: $id) {nodes {expressionError}}}`, map[string]any{"id": published}); len(got.Errors) != 1 {
			t.Errorf("without the scope for payloads: %+v", got)
		}
	})
}
