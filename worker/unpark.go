package worker

import (
	"context"
	"time"

	"github.com/hookline/hookline/internal/id"
)

// How parked deliveries are let go. The rows are looked for again and again, and not only when a subscription is enabled: a server or
// worker that has not heard of that yet may park a last one afterwards.
const (
	unparkEvery         = 500 * time.Millisecond
	unparkSubscriptions = 100
	unparkBatch         = 500
)

// unpark makes parked deliveries due whose subscription is enabled again, until ctx ends; also those whose subscription is gone, which are
// cancelled by whoever takes them.
func (w *Worker) unpark(ctx context.Context) error {
	return w.every(ctx, unparkEvery, "unpark", func(ctx context.Context) error {
		subscriptions, err := w.store.Parked(ctx, unparkSubscriptions)
		if err != nil {
			return err
		}
		// A batch of each in turn, so that one with many does not hold up the others.
		for len(subscriptions) > 0 && ctx.Err() == nil && w.mayQueue() {
			var more []id.ID
			for _, subscription := range subscriptions {
				n, err := w.store.Unpark(ctx, subscription, unparkBatch)
				if err != nil {
					return err
				}
				if n == unparkBatch {
					more = append(more, subscription)
				}
			}
			subscriptions = more
		}
		return nil
	})
}
