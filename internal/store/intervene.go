package store

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// RetryNow makes a delivery that waits for its next attempt due at once, and reports whether there was one to make due: of the
// account of ctx, and RETRYING. It stays where it is in its retry schedule.
func (s *Store) RetryNow(ctx context.Context, of id.ID) (done bool, err error) {
	n, err := s.Ent.Delivery.Update().Where(delivery.ID(of), inStatus(stream.StatusRetrying)).
		SetNextAttemptAt(time.Now().UTC().Truncate(time.Microsecond)).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("make delivery due: %w", err)
	}
	return n > 0, nil
}

// Cancel calls a delivery off that has not come to its end, and reports whether there was one to call off: of the account of ctx, and
// RETRYING, QUEUED or PARKED. No attempt of it begins any more; of one that is under way only a success still counts.
func (s *Store) Cancel(ctx context.Context, of id.ID) (done bool, err error) {
	n, err := s.Ent.Delivery.Update().Where(delivery.ID(of), inStatus(stream.StatusRetrying, stream.StatusQueued, stream.StatusParked)).
		SetStatus(string(stream.StatusCancelled)).SetCompletedAt(time.Now().UTC().Truncate(time.Microsecond)).
		ClearNextAttemptAt().ClearQueuedAt().Save(ctx)
	if err != nil {
		return false, fmt.Errorf("cancel delivery: %w", err)
	}
	return n > 0, nil
}

func inStatus(statuses ...stream.Status) predicate.Delivery {
	texts := make([]string, len(statuses))
	for i, status := range statuses {
		texts[i] = string(status)
	}
	return delivery.StatusIn(texts...)
}

// Cancelled returns those of the deliveries that have been called off. One that has no row yet has not.
func (s *Store) Cancelled(ctx context.Context, of []id.ID) (map[id.ID]bool, error) {
	found, err := s.Ent.Delivery.Query().Where(delivery.IDIn(of...), inStatus(stream.StatusCancelled)).IDs(access.WithSystem(ctx))
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	cancelled := make(map[id.ID]bool, len(found))
	for _, key := range found {
		cancelled[key] = true
	}
	return cancelled, nil
}
