package worker

import (
	"context"
	"time"
)

// How the database is maintained.
const (
	maintainEvery = time.Minute
	dropBatch     = 10_000
	// changeLife is how long lines of config_changes are kept: far longer than a registry goes back.
	changeLife = time.Hour
)

// maintain makes partitions ahead and drops what has had its time, until ctx ends.
func (w *Worker) maintain(ctx context.Context) error {
	return w.every(ctx, maintainEvery, "maintenance", func(ctx context.Context) error {
		if err := w.store.EnsurePartitions(ctx); err != nil {
			return err
		}
		for _, drop := range []func(context.Context, int) (int64, error){
			w.store.DropExpiredKeys,
			func(ctx context.Context, limit int) (int64, error) {
				return w.store.DropConfigChanges(ctx, time.Now().Add(-changeLife), limit)
			},
		} {
			for dropped := int64(dropBatch); dropped == dropBatch && ctx.Err() == nil; {
				var err error
				if dropped, err = drop(ctx, dropBatch); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
