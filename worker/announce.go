package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// Operational events are what Hookline tells an account about itself. They are events of the account like any other, which its
// subscriptions can match. docs/operational-events.md describes them, and the catalogue has an example of each payload. None has
// a secret.

// object names what an operational event is about.
type object struct {
	ID  string `json:"id"`
	Key string `json:"key"`
}

// operational makes an operational event. Its idempotency key says what makes it the same event.
func operational(kind, resource string, at time.Time, key string, attributes []types.Attribute, payload any) accept.Event {
	text, _ := json.Marshal(payload) // texts, numbers and times: cannot fail
	return accept.Event{
		Type: "hookline." + kind, Payload: text, IdempotencyKey: kind + " " + key, OccurredAt: at, Resource: resource, Attributes: attributes,
	}
}

func subscriptionOf(t *store.Told) object {
	return object{id.Format(id.EventSubscription, t.ID), t.Key}
}

func failingEvent(t *store.Told) accept.Event {
	o := subscriptionOf(t)
	return operational("subscription.failing", t.Key, time.Now(), fmt.Sprintf("%s %d", o.ID, t.Record.FailingSince.UnixMicro()), nil, struct {
		Subscription   object    `json:"subscription"`
		FailingSince   time.Time `json:"failingSince"`
		FailedAttempts int       `json:"failedAttempts"`
		DisablesAt     time.Time `json:"disablesAt"`
	}{o, t.Record.FailingSince, t.Record.FailedAttempts, t.AutoDisable.DisablesAt(t.Record)})
}

func disabledEvent(t *store.Told) accept.Event {
	o := subscriptionOf(t)
	attributes := []types.Attribute{{Key: "reason", Value: t.Reason}}
	return operational("subscription.disabled", t.Key, t.DisabledAt, fmt.Sprintf("%s %d", o.ID, t.Version), attributes, struct {
		Subscription object    `json:"subscription"`
		Reason       string    `json:"reason"`
		DisabledAt   time.Time `json:"disabledAt"`
	}{o, t.Reason, t.DisabledAt})
}

func recoveredEvent(t *store.Told) accept.Event {
	o := subscriptionOf(t)
	return operational("subscription.recovered", t.Key, t.Record.LastSuccessAt, fmt.Sprintf("%s %d", o.ID, t.WarnedAt.UnixMicro()), nil, struct {
		Subscription object    `json:"subscription"`
		RecoveredAt  time.Time `json:"recoveredAt"`
	}{o, t.Record.LastSuccessAt})
}

func expiringEvent(c *store.Expiring, days int) accept.Event {
	o := object{id.Format(id.Certificate, c.ID), c.Key}
	return operational("certificate.expiring", c.Key, time.Now(), fmt.Sprintf("%s %d", o.ID, days), nil, struct {
		Certificate object    `json:"certificate"`
		Fingerprint string    `json:"fingerprint"`
		NotAfter    time.Time `json:"notAfter"`
	}{o, c.Fingerprint, c.NotAfter.UTC()})
}

// exhaustedEvent tells of a delivery that came to its end without success; key is that of its subscription, empty when it was sent without one.
func exhaustedEvent(r *stream.Result, key string) accept.Event {
	type event struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	}
	payload := struct {
		Delivery     string  `json:"delivery"`
		Event        event   `json:"event"`
		Subscription *object `json:"subscription"`
		Attempts     int     `json:"attempts"`
		Outcome      string  `json:"outcome"`
		StatusCode   *int    `json:"statusCode"`
	}{Delivery: id.Format(id.Delivery, r.DeliveryID), Event: event{id.Format(id.Event, r.EventID), r.EventType}, Attempts: r.Attempts}
	if key != "" {
		payload.Subscription = &object{id.Format(id.EventSubscription, r.SubscriptionID), key}
	}
	attributes := []types.Attribute{{Key: "eventType", Value: r.EventType}}
	if r.Attempt != nil {
		payload.Outcome = string(r.Attempt.Outcome)
		attributes = append(attributes, types.Attribute{Key: "outcome", Value: payload.Outcome})
		if r.Attempt.StatusCode != 0 {
			payload.StatusCode = &r.Attempt.StatusCode
		}
	}
	return operational("delivery.exhausted", key, time.Now(), fmt.Sprintf("%s %d", payload.Delivery, r.Attempts), attributes, payload)
}

// announceExhausted publishes the deliveries of a batch that are exhausted, where somebody listens. Of an event that tells of another one
// nothing is told: that would never end. It returns an error only when ctx ends; then nothing of the batch may be acknowledged.
func (w *Worker) announceExhausted(ctx context.Context, batch []stream.Logged) error {
	exhausted := make(map[id.ID][]stream.Logged) // by account
	for _, r := range batch {
		if r.Status == stream.StatusExhausted && !accept.IsOwn(r.EventType) {
			exhausted[r.AccountID] = append(exhausted[r.AccountID], r)
		}
	}
	for account, results := range exhausted {
		if len(w.heard(account, results)) == 0 {
			continue
		}
		ends, err := w.awaitEnds(ctx, results)
		if err != nil {
			return err
		}
		heard := w.heard(account, ends)
		if len(heard) == 0 {
			continue
		}
		for {
			err := w.accepter.Announce(ctx, account, heard)
			if err == nil {
				w.problems.clear("announce")
				break
			}
			w.problems.note("announce", err)
			if !errors.Is(err, accept.ErrOverloaded) && !errors.Is(err, accept.ErrUnavailable) && !errors.Is(err, accept.ErrUncertain) {
				break
			}
			pause.For(ctx, archivePause)
			if ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}

// heard returns the events that tell of an account's exhausted deliveries, as far as somebody listens.
func (w *Worker) heard(account id.ID, exhausted []stream.Logged) []accept.Event {
	events := make([]accept.Event, len(exhausted))
	for i, r := range exhausted {
		key := ""
		if s, _, known := w.registry.Subscription(account, r.SubscriptionID); known {
			key = s.Key
		}
		events[i] = exhaustedEvent(r.Result, key)
	}
	return w.accepter.Heard(account, events)
}

// awaitEnds returns those of the archived results by which their deliveries have come to their end: not those of a worker that woke up after
// others had gone on. It tries until it knows, or ctx ends.
func (w *Worker) awaitEnds(ctx context.Context, exhausted []stream.Logged) (ends []stream.Logged, err error) {
	ids := make([]id.ID, len(exhausted))
	for i, r := range exhausted {
		ids[i] = r.DeliveryID
	}
	for {
		rows, err := w.store.Ent.Delivery.Query().Where(delivery.IDIn(ids...), delivery.Status(string(stream.StatusExhausted))).
			Select(delivery.FieldID, delivery.FieldAttemptCount).All(access.WithSystem(ctx))
		if err == nil {
			w.problems.clear("announce")
			attempts := make(map[id.ID]int, len(rows))
			for _, row := range rows {
				attempts[row.ID] = row.AttemptCount
			}
			for _, r := range exhausted {
				if n, ended := attempts[r.DeliveryID]; ended && n == r.Attempts {
					ends = append(ends, r)
				}
			}
			return ends, nil
		}
		w.problems.note("announce", err)
		if !pause.For(ctx, archivePause) {
			return nil, err
		}
	}
}
