package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// A delivery to a subscription that is disabled is held: it is SKIPPED, which is final, or PARKED until the subscription is enabled
// again. Its row is written in the transaction of its event, so that nothing that is parked can get lost, and the sweeper finds as many
// deliveries of an event as it has targets.

// held is a delivery whose row is written with its event.
type held struct {
	event        *NewEvent
	subscription id.ID
	status       stream.Status
}

// heldDeliveries lists the deliveries of the events that are held.
func heldDeliveries(events []*NewEvent) []held {
	var found []held
	for _, e := range events {
		for i, status := range e.Held {
			from := (e.ToDeliver() + i) * len(id.ID{})
			found = append(found, held{event: e, subscription: id.ID(e.Targets[from : from+len(id.ID{})]), status: status})
		}
	}
	return found
}

func (h *held) id() id.ID { return id.ForDelivery(h.event.ID, h.subscription) }

// completedAt returns when a skipped delivery came to its end: with its event.
func (h *held) completedAt() *time.Time {
	if h.status != stream.StatusSkipped {
		return nil
	}
	at := id.Time(h.event.ID).UTC()
	return &at
}

func postgresHeld(all []held) arrayStatement {
	n := len(all)
	id, account, event, subscription, kind, status, completed := ids(n), ids(n), ids(n), ids(n), textsOf(n, 16), textsOf(n, 7), timestamps(n)
	for i := range all {
		h := &all[i]
		id.addID(h.id())
		account.addID(h.event.AccountID)
		event.addID(h.event.ID)
		subscription.addID(h.subscription)
		kind.addText(h.event.Type)
		status.addText(string(h.status))
		completed.addTimeOrNull(h.completedAt())
	}
	return arrayStatement{
		name: "insert held deliveries",
		query: insertDeliveries + `SELECT id, account, event, subscription, kind, status, 0, 0, NULL, NULL, completed
			FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
			AS new(id, account, event, subscription, kind, status, completed)`,
		columns: []*pgArray{id, account, event, subscription, kind, status, completed},
	}
}

func holdSQLite(ctx context.Context, tx *sql.Tx, all []held) error {
	for i := range all {
		h := &all[i]
		_, err := tx.ExecContext(ctx, insertDeliveries+`VALUES (?, ?, ?, ?, ?, ?, 0, 0, NULL, NULL, ?)`,
			h.id(), h.event.AccountID, h.event.ID, h.subscription, h.event.Type, string(h.status), h.completedAt())
		if err != nil {
			return err
		}
	}
	return nil
}

// Parked returns up to limit subscriptions that have parked deliveries although they are not disabled any more, or are gone.
func (s *Store) Parked(ctx context.Context, limit int) ([]id.ID, error) {
	// Index: delivery_subscription_id, of the rows that are PARKED. It is read once for each subscription, however many deliveries wait.
	rows, err := s.db.QueryContext(ctx, `WITH RECURSIVE parked(id) AS (
			SELECT (SELECT subscription_id FROM deliveries WHERE status = 'PARKED' ORDER BY subscription_id LIMIT 1)
			UNION ALL
			SELECT (SELECT subscription_id FROM deliveries WHERE status = 'PARKED' AND subscription_id > parked.id ORDER BY subscription_id LIMIT 1)
				FROM parked WHERE parked.id IS NOT NULL)
		SELECT parked.id FROM parked LEFT JOIN event_subscriptions s ON s.id = parked.id
			WHERE parked.id IS NOT NULL AND (s.id IS NULL OR s.enabled) LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read subscriptions with parked deliveries: %w", err)
	}
	defer rows.Close()
	var found []id.ID
	for rows.Next() {
		var subscription id.ID
		if err := rows.Scan(&subscription); err != nil {
			return nil, fmt.Errorf("read subscriptions with parked deliveries: %w", err)
		}
		found = append(found, subscription)
	}
	return found, rows.Err()
}

// Unpark makes up to limit parked deliveries of a subscription due now, and returns how many.
func (s *Store) Unpark(ctx context.Context, subscription id.ID, limit int) (int64, error) {
	// Index: delivery_subscription_id.
	n, err := s.exec(ctx, `UPDATE deliveries SET status = 'RETRYING', next_attempt_at = $1 WHERE id IN (
		SELECT id FROM deliveries WHERE status = 'PARKED' AND subscription_id = $2 LIMIT $3 `+s.skipLocked()+`)`,
		time.Now().UTC().Truncate(time.Microsecond), subscription, limit)
	if err != nil {
		return 0, fmt.Errorf("queue parked deliveries: %w", err)
	}
	return n, nil
}
