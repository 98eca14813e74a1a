package e2e

import (
	"encoding/json"
	"slices"

	"github.com/hookline/hookline/internal/testenv"
)

// operational are the types of the events in which Hookline tells an account of itself.
var operational = []string{
	"hookline.subscription.failing", "hookline.subscription.disabled", "hookline.subscription.recovered",
	"hookline.delivery.exhausted", "hookline.certificate.expiring",
}

// operational returns the operational events in the log, the newest first, and how many subscriptions each has matched.
func (a *api) operational() (matched map[string]int, ids []string) {
	a.t.Helper()
	matched = make(map[string]int)
	var after *string
	for more := true; more; {
		var data struct {
			Events struct {
				Nodes []struct {
					ID      string
					Matched int
				}
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		a.must(`query ($types: [String!], $after: Cursor) {
			events(filter: {types: $types}, first: 100, after: $after) { nodes { id matched } pageInfo { hasNextPage endCursor } }
		}`, fields{"types": operational, "after": after}, &data)
		for _, event := range data.Events.Nodes {
			matched[event.ID], ids = event.Matched, append(ids, event.ID)
		}
		more, after = data.Events.PageInfo.HasNextPage, data.Events.PageInfo.EndCursor
	}
	return matched, ids
}

// telling is an operational event of an exhausted delivery, as an endpoint reads it.
type telling struct {
	Type string
	Data struct {
		Delivery     string
		Event        struct{ ID string }
		Subscription struct{ Key string }
		Attempts     int
		Outcome      string
	}
}

// agrees reports whether what is told is what the log says of the delivery.
func (t telling) agrees(event string, d loggedDelivery) bool {
	return t.Type == "hookline.delivery.exhausted" && t.Data.Event.ID == event && t.Data.Subscription.Key == d.Subscription.Key &&
		slices.Contains(d.Attempts, loggedAttempt{t.Data.Attempts, t.Data.Outcome})
}

// tellings returns what an endpoint was told, by event.
func tellings(received []testenv.Received) map[string]telling {
	told := make(map[string]telling)
	for _, r := range received {
		var t telling
		_ = json.Unmarshal(r.Body, &t) // what cannot be read tells of nothing that the log knows
		told[r.ID] = t
	}
	return told
}

// checkTold checks that each exhausted delivery is told of in one operational event, and nothing else is. told is by event: that it comes,
// and how often, is checked as of all events.
func (a *audit) checkTold(logged []loggedEvent, told map[string]telling) {
	of := make(map[string][]telling, len(told)) // by delivery
	for _, t := range told {
		of[t.Data.Delivery] = append(of[t.Data.Delivery], t)
	}
	for _, event := range logged {
		for _, d := range event.Deliveries {
			ends := of[d.ID]
			delete(of, d.ID)
			switch {
			case d.Status == "EXHAUSTED" && len(ends) == 0:
				a.lost++
				a.found("event %s was given up, and nobody was told: %+v", event.ID, d)
			case d.Status != "EXHAUSTED" && len(ends) > 0:
				a.found("event %s is told of as given up: %+v: %+v", event.ID, ends, d)
			case len(ends) > 1:
				a.found("event %s was given up once, and is told of %d times: %+v: %+v", event.ID, len(ends), ends, d)
			case slices.ContainsFunc(ends, func(t telling) bool { return !t.agrees(event.ID, d) }):
				a.found("event %s is told of otherwise than the log does: %+v: %+v", event.ID, ends, d)
			}
		}
	}
	for _, ends := range of {
		a.found("what is told is of no delivery: %+v", ends)
	}
}
