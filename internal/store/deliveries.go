package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// Queued is a delivery whose row says QUEUED and that is to be put into a work stream.
type Queued struct {
	ID             id.ID
	AccountID      id.ID
	EventID        id.ID
	SubscriptionID id.ID
	Attempts       int
	Failures       int
	QueuedAt       time.Time
}

// queuedColumns are what Queued is read from.
const queuedColumns = ` RETURNING id, account_id, event_id, subscription_id, attempt_count, failure_count, queued_at`

// ClaimDue turns up to limit deliveries whose next attempt is due from RETRYING to QUEUED and returns them, those that are due
// longest first. Several processes may call it at once: each delivery goes to one.
func (s *Store) ClaimDue(ctx context.Context, limit int) ([]Queued, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	// Index: delivery_next_attempt_at, of the rows that are RETRYING.
	queued, err := s.queue(ctx, `UPDATE deliveries SET status = 'QUEUED', queued_at = $1, next_attempt_at = NULL WHERE id IN (
		SELECT id FROM deliveries WHERE status = 'RETRYING' AND next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $2 `+s.skipLocked()+`)`,
		now, limit)
	if err != nil {
		return nil, fmt.Errorf("claim due deliveries: %w", err)
	}
	return queued, nil
}

// ClaimStranded returns up to limit deliveries that are QUEUED since before cutoff, and counts them as queued now: by the
// caller's word, no work entry is left of them.
func (s *Store) ClaimStranded(ctx context.Context, cutoff time.Time, limit int) ([]Queued, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	// Index: delivery_queued_at, of the rows that are QUEUED.
	queued, err := s.queue(ctx, `UPDATE deliveries SET queued_at = $1 WHERE id IN (
		SELECT id FROM deliveries WHERE status = 'QUEUED' AND queued_at < $3 ORDER BY queued_at LIMIT $2 `+s.skipLocked()+`)`,
		now, limit, cutoff.UTC())
	if err != nil {
		return nil, fmt.Errorf("claim stranded deliveries: %w", err)
	}
	return queued, nil
}

func (s *Store) skipLocked() string {
	if s.Embedded() {
		return ""
	}
	return "FOR UPDATE SKIP LOCKED"
}

func (s *Store) queue(ctx context.Context, update string, args ...any) ([]Queued, error) {
	var queued []Queued
	if !s.Embedded() {
		rows, err := s.pool.Query(ctx, update+queuedColumns, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByPos[Queued])
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, update+queuedColumns, args...)
		if err != nil {
			return err
		}
		queued, err = scanQueued(rows)
		return err
	})
	return queued, err
}

func scanQueued(rows *sql.Rows) ([]Queued, error) {
	defer rows.Close()
	var queued []Queued
	for rows.Next() {
		var q Queued
		if err := rows.Scan(&q.ID, &q.AccountID, &q.EventID, &q.SubscriptionID, &q.Attempts, &q.Failures, &q.QueuedAt); err != nil {
			return nil, err
		}
		queued = append(queued, q)
	}
	return queued, rows.Err()
}

// Works turns queued deliveries into works, with the events that they are of; those whose event is no longer kept are
// returned as lost.
func (s *Store) Works(ctx context.Context, queued []Queued) (works []stream.Work, lost []Queued, err error) {
	ids := make([]id.ID, len(queued))
	for i, q := range queued {
		ids[i] = q.EventID
	}
	rows, err := s.Ent.Event.Query().Where(event.IDIn(ids...)).All(access.WithSystem(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("read events of deliveries: %w", err)
	}
	events := make(map[id.ID]*ent.Event, len(rows))
	for _, row := range rows {
		events[row.ID] = row
	}
	byEvent := make(map[id.ID]int, len(rows)) // place in works
	for _, q := range queued {
		row := events[q.EventID]
		if row == nil {
			lost = append(lost, q)
			continue
		}
		place, known := byEvent[q.EventID]
		if !known {
			place = len(works)
			byEvent[q.EventID] = place
			works = append(works, stream.Work{Event: streamEvent(row)})
		}
		trigger := stream.TriggerFirst
		if q.Attempts > 0 {
			trigger = stream.TriggerRetry
		}
		works[place].Targets = append(works[place].Targets, stream.Target{
			SubscriptionID: q.SubscriptionID, Attempts: q.Attempts, Failures: q.Failures, Trigger: trigger,
			DueAt: stream.Micros(q.QueuedAt), QueuedAt: stream.Micros(q.QueuedAt),
		})
	}
	return works, lost, nil
}

func streamEvent(row *ent.Event) stream.Event {
	e := stream.Event{
		ID: row.ID, AccountID: row.AccountID, Type: row.Type, OccurredAt: stream.Micros(row.OccurredAt),
		Application: row.Application, Entity: row.Entity, User: row.User, Resource: row.Resource,
	}
	for _, a := range row.Attributes {
		e.Attributes = append(e.Attributes, stream.Attribute{Key: a.Key, Value: a.Value})
	}
	SetWebhook(&e, row.Webhook)
	e.SetPayload(row.Payload)
	return e
}

// Payload returns the payload of an event.
func (s *Store) Payload(ctx context.Context, eventID id.ID) (string, error) {
	payload, err := s.Ent.Event.Query().Where(event.ID(eventID)).Select(event.FieldPayload).String(access.WithSystem(ctx))
	if err != nil {
		return "", fmt.Errorf("read payload: %w", err)
	}
	return payload, nil
}

// Payloads returns the payloads of the events among those given that are kept.
func (s *Store) Payloads(ctx context.Context, events []id.ID) (map[id.ID]string, error) {
	if len(events) == 0 {
		return nil, nil
	}
	rows, err := s.Ent.Event.Query().Where(event.IDIn(events...)).Select(event.FieldID, event.FieldPayload).All(access.WithSystem(ctx))
	if err != nil {
		return nil, fmt.Errorf("read payloads: %w", err)
	}
	payloads := make(map[id.ID]string, len(rows))
	for _, row := range rows {
		payloads[row.ID] = row.Payload
	}
	return payloads, nil
}

// CancelLost ends deliveries whose event is no longer kept.
func (s *Store) CancelLost(ctx context.Context, lost []Queued) error {
	for _, q := range lost {
		_, err := s.exec(ctx, `UPDATE deliveries SET status = 'CANCELLED', queued_at = NULL, completed_at = $1 WHERE id = $2 AND status = 'QUEUED'`,
			time.Now().UTC(), q.ID)
		if err != nil {
			return fmt.Errorf("cancel deliveries without event: %w", err)
		}
	}
	return nil
}

// sweepMarker names the marker up to which every event has all its deliveries.
const sweepMarker = "sweep"

// sweepSpan is how many events Sweep looks at, at the most.
const sweepSpan = 20_000

// Sweep looks for events from before cutoff that lack deliveries: of which, by the caller's word, no work entry is left and no
// result is on its way. It writes the missing deliveries as QUEUED and returns them. It goes on where the last sweep ended, and
// more says that there is more to look at. When another process sweeps at this moment it does nothing.
func (s *Store) Sweep(ctx context.Context, cutoff time.Time) (queued []Queued, more bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		queued, more, err = sweep(ctx, tx, id.FirstAt(cutoff), s.skipLocked())
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("sweep events: %w", err)
	}
	return queued, more, nil
}

func sweep(ctx context.Context, tx *sql.Tx, cutoff id.ID, lock string) (queued []Queued, more bool, err error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO markers (id, position) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, sweepMarker, id.Nil); err != nil {
		return nil, false, err
	}
	var from id.ID
	err = tx.QueryRowContext(ctx, `SELECT position FROM markers WHERE id = $1 `+lock, sweepMarker).Scan(&from)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil // another process is at it
	}
	if err != nil {
		return nil, false, err
	}
	// The end of this sweep: cutoff, or the event with which the span is full.
	to := cutoff
	err = tx.QueryRowContext(ctx, `SELECT id FROM events WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1 OFFSET $3`, from, cutoff, sweepSpan).Scan(&to)
	switch {
	case err == nil:
		more = true
	case !errors.Is(err, sql.ErrNoRows):
		return nil, false, err
	}
	if bytes.Compare(from[:], to[:]) >= 0 {
		return nil, false, nil
	}
	missing, err := eventsWithout(ctx, tx, from, to)
	if err != nil {
		return nil, false, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	for _, e := range missing {
		made, err := makeDeliveries(ctx, tx, e, now)
		if err != nil {
			return nil, false, err
		}
		queued = append(queued, made...)
	}
	_, err = tx.ExecContext(ctx, `UPDATE markers SET position = $1 WHERE id = $2`, to, sweepMarker)
	return queued, more, err
}

// incomplete is an event that has fewer deliveries than targets.
type incomplete struct {
	id, account id.ID
	eventType   string
	targets     []byte
}

// eventsWithout returns the events in [from, to) that have fewer deliveries than targets. Deliveries lie in the same range of
// ids as their events (id.DeliveryRange), so both sides are scans of a primary key.
func eventsWithout(ctx context.Context, tx *sql.Tx, from, to id.ID) ([]incomplete, error) {
	first, _ := id.DeliveryRange(from)
	_, last := id.DeliveryRange(to)
	rows, err := tx.QueryContext(ctx,
		`SELECT e.id, e.account_id, e.type, e.targets FROM events e
			LEFT JOIN (SELECT event_id, count(*) AS n FROM deliveries WHERE id >= $3 AND id <= $4 GROUP BY event_id) d ON d.event_id = e.id
			WHERE e.id >= $1 AND e.id < $2 AND length(e.targets) > 16 * coalesce(d.n, 0) ORDER BY e.id`,
		from, to, first, last)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []incomplete
	for rows.Next() {
		var e incomplete
		if err := rows.Scan(&e.id, &e.account, &e.eventType, &e.targets); err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, rows.Err()
}

// makeDeliveries writes the deliveries that the event lacks as QUEUED, and returns them.
func makeDeliveries(ctx context.Context, tx *sql.Tx, e incomplete, now time.Time) ([]Queued, error) {
	var made []Queued
	for targets := e.targets; len(targets) >= len(id.ID{}); targets = targets[len(id.ID{}):] {
		subscription := id.ID(targets[:len(id.ID{})])
		delivery := id.ForDelivery(e.id, subscription)
		result, err := tx.ExecContext(ctx,
			insertDeliveries+`VALUES ($1, $2, $3, $4, $5, 'QUEUED', 0, 0, NULL, $6, NULL) ON CONFLICT (id) DO NOTHING`,
			delivery, e.account, e.id, subscription, e.eventType, now)
		if err != nil {
			return nil, err
		}
		inserted, err := result.RowsAffected()
		if err != nil {
			return nil, err
		}
		if inserted > 0 {
			made = append(made, Queued{
				ID: delivery, AccountID: e.account, EventID: e.id, SubscriptionID: subscription, QueuedAt: now,
			})
		}
	}
	return made, nil
}
