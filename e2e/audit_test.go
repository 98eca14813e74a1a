package e2e

import (
	"fmt"
	"slices"
)

// posts is what an endpoint got of an event.
type posts struct {
	took    int // requests that it took, or would have taken had it been let to answer
	refused int // requests that it answered with an error
}

// audit is what must hold after whatever has happened, and how much of it there was. It knows nothing of Hookline but what publishers
// were told, what the log says, and what the endpoints got.
type audit struct {
	events, deliveries, attempts int
	duplicates                   int // requests of events that the endpoint had got before and not refused
	explained                    int // attempts by which duplicates are explained: those of which nobody knows whether the endpoint took them
	lost                         int // deliveries that are not at their end, or that claim what did not happen
	problems                     []error
}

// unknown are the outcomes of attempts of which nobody knows whether the endpoint took them.
var unknown = []string{"INTERRUPTED", "TIMEOUT"}

// maxProblems is how many problems an audit tells; it counts all.
const maxProblems = 10

func (a *audit) found(format string, args ...any) {
	if len(a.problems) < maxProblems {
		a.problems = append(a.problems, fmt.Errorf(format, args...))
	}
}

// check audits. accepted is how many subscriptions each accepted event has matched, and got what the endpoints got, by subscription
// and event. exhausts are the keys of subscriptions whose endpoints refuse until no retry is left.
func check(accepted map[string]int, logged []loggedEvent, got map[string]map[string]posts, exhausts ...string) *audit {
	a := &audit{events: len(accepted)}
	found := make(map[string]bool, len(logged))
	for _, event := range logged {
		found[event.ID] = true
		matched := accepted[event.ID]
		a.deliveries += matched
		if len(event.Deliveries) != matched {
			a.lost += max(matched-len(event.Deliveries), 0)
			a.found("event %s matched %d subscriptions and has %d deliveries", event.ID, matched, len(event.Deliveries))
		}
		for _, d := range event.Deliveries {
			a.checkDelivery(event.ID, d, got[d.Subscription.Key][event.ID], exhausts)
		}
	}
	for id, matched := range accepted {
		if !found[id] {
			a.deliveries += matched
			a.lost += matched
			a.found("event %s was accepted and is not in the log", id)
		}
	}
	for key, events := range got {
		for id, p := range events {
			if _, was := accepted[id]; !was {
				a.found("%s got %d requests of event %s, which was not accepted", key, p.took+p.refused, id)
			}
		}
	}
	return a
}

func (a *audit) checkDelivery(event string, d loggedDelivery, p posts, exhausts []string) {
	uncertain, requests := d.count(unknown...), p.took+p.refused
	duplicates := max(p.took-1, 0)
	a.attempts += len(d.Attempts)
	a.duplicates += duplicates
	wrong := func(what string) { a.found("event %s: %s, which got %+v: %+v", event, what, p, d) }

	switch {
	case d.Status == "SUCCEEDED" && p.took == 0:
		a.lost++
		wrong("has succeeded, but the endpoint took nothing")
	case d.Status == "EXHAUSTED" && (!slices.Contains(exhausts, d.Subscription.Key) || p.took > 0):
		a.lost++
		wrong("was given up, but the endpoint would have taken it")
	case d.Status != "SUCCEEDED" && d.Status != "EXHAUSTED", d.NextAttemptAt != nil:
		a.lost++
		wrong("is not at its end")
	}
	if requests > len(d.Attempts) {
		wrong("the endpoint got more requests than there are attempts in the log")
	}
	a.explained += uncertain
	if duplicates > uncertain {
		wrong("came again though no attempt explains it")
	}
}
