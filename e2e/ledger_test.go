package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// loggedEvent is an event as the log has it.
type loggedEvent struct {
	ID         string
	Deliveries []loggedDelivery
}

type loggedDelivery struct {
	ID            string
	Status        string
	NextAttemptAt *string
	Subscription  struct{ Key string }
	Attempts      []loggedAttempt
}

type loggedAttempt struct {
	Number  int
	Outcome string
}

// count counts a delivery's attempts with one of the outcomes.
func (d loggedDelivery) count(outcomes ...string) (n int) {
	for _, a := range d.Attempts {
		if slices.Contains(outcomes, a.Outcome) {
			n++
		}
	}
	return n
}

// askedAtOnce is how many events one query asks for.
const askedAtOnce = 50

// events reads events from the log, at most askedAtOnce.
func (a *api) events(ids []string) ([]loggedEvent, error) {
	var document strings.Builder
	document.WriteString(`fragment logged on Event { id deliveries {
		id status nextAttemptAt subscription { key } attempts { number outcome }
	} } {`)
	for i, id := range ids {
		fmt.Fprintf(&document, "\n e%d: event(id: %q) { ...logged }", i, id)
	}
	document.WriteString("\n}")
	data := make(map[string]*loggedEvent, len(ids))
	if err := a.query(document.String(), nil, &data); err != nil {
		return nil, err
	}
	events := make([]loggedEvent, len(ids))
	for i, id := range ids {
		event := data[fmt.Sprintf("e%d", i)]
		if event == nil {
			return nil, fmt.Errorf("there is no event %s", id)
		}
		events[i] = *event
	}
	return events, nil
}

// awaitEvents waits until holds returns nil for all of the events, which it gets in parts, and returns them.
func (a *api) awaitEvents(ids []string, holds func([]loggedEvent) error) []loggedEvent {
	a.t.Helper()
	all := make([]loggedEvent, 0, len(ids))
	var err error
	defer func() {
		if err != nil {
			a.t.Log(err) // what Eventually has waited for
		}
	}()
	for part := range slices.Chunk(ids, askedAtOnce) {
		var events []loggedEvent
		testenv.Eventually(a.t, patience, func() bool {
			if events, err = a.events(part); err == nil {
				err = holds(events)
			}
			return err == nil
		}, "what is expected of all events")
		all = append(all, events...)
	}
	return all
}

// endpoints are receivers, by the key of the subscription that sends to them.
type endpoints map[string]*testenv.Receiver

// add starts a receiver and subscribes it to all events, unless input says otherwise.
func (e endpoints) add(a *api, key string, input, profile fields) *testenv.Receiver {
	a.t.Helper()
	receiver := testenv.NewReceiver(a.t)
	receiver.SetSecret(a.subscribe(key, receiver.URL(), input, profile))
	e[key] = receiver
	return receiver
}

// delivered returns an error unless each of the events has come to every endpoint, its deliveries have succeeded, and every request
// that a receiver has got is explained by a row of an attempt.
func (e endpoints) delivered(events []loggedEvent) error { return e.deliveredBut(events, 0) }

// deliveredAfterKill is delivered after the embedded Redis has been lost with its process: of each delivery, the row of one attempt
// may be lost.
func (e endpoints) deliveredAfterKill(events []loggedEvent) error { return e.deliveredBut(events, 1) }

func (e endpoints) deliveredBut(events []loggedEvent, lostRows int) error {
	for key, receiver := range e {
		posts := receiver.ByID()
		for _, event := range events {
			place := slices.IndexFunc(event.Deliveries, func(d loggedDelivery) bool { return d.Subscription.Key == key })
			if place < 0 {
				return fmt.Errorf("event %s has no delivery to %s", event.ID, key)
			}
			d := event.Deliveries[place]
			switch n := posts[event.ID]; {
			case n == 0:
				return fmt.Errorf("event %s has not come to %s: %+v", event.ID, key, d)
			case d.Status != "SUCCEEDED" || d.NextAttemptAt != nil:
				return fmt.Errorf("event %s has come to %s, but its delivery is not at its end: %+v", event.ID, key, d)
			case n > len(d.Attempts)+lostRows:
				return fmt.Errorf("event %s has come to %s %d times: more than its log explains: %+v", event.ID, key, n, d)
			}
		}
		if len(events) > 0 && len(events[0].Deliveries) != len(e) {
			return fmt.Errorf("event %s has deliveries that it should not: %+v", events[0].ID, events[0].Deliveries)
		}
	}
	return nil
}

// assertExplained fails the test for each delivery that succeeded more than once, or came more than once, though no attempt of it was
// lost.
func (e endpoints) assertExplained(t *testing.T, events []loggedEvent) {
	t.Helper()
	for key, receiver := range e {
		posts := receiver.ByID()
		for _, event := range events {
			for _, d := range event.Deliveries {
				if d.Subscription.Key != key {
					continue
				}
				successes := d.count("SUCCESS")
				if (successes > 1 || posts[event.ID] > 1) && successes == len(d.Attempts) {
					t.Errorf("event %s came to %s %d times though no attempt was lost: %+v", event.ID, key, posts[event.ID], d)
				}
			}
		}
	}
}

// assertSigned fails the test for each request whose signature is wrong.
func (e endpoints) assertSigned(t *testing.T) {
	t.Helper()
	for key, receiver := range e {
		for _, r := range receiver.Received() {
			if r.Signature != nil {
				t.Errorf("request to %s: %v", key, r.Signature)
				break
			}
		}
	}
}

// countAttempts counts the attempts of the events with one of the outcomes.
func countAttempts(events []loggedEvent, outcomes ...string) (n int) {
	for _, event := range events {
		for _, d := range event.Deliveries {
			n += d.count(outcomes...)
		}
	}
	return n
}

// retrying returns an error unless the events' deliveries to the endpoint have failed and wait for their retry.
func retrying(events []loggedEvent, key string) error {
	for _, event := range events {
		place := slices.IndexFunc(event.Deliveries, func(d loggedDelivery) bool { return d.Subscription.Key == key })
		if place < 0 || event.Deliveries[place].Status != "RETRYING" || event.Deliveries[place].count("HTTP_ERROR") == 0 {
			return fmt.Errorf("event %s does not wait for its retry: %+v", event.ID, event.Deliveries)
		}
	}
	return nil
}
