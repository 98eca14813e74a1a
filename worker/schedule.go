package worker

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// How due deliveries are queued.
const (
	scheduleEvery   = 200 * time.Millisecond
	scheduleBatch   = 500
	scheduleTimeout = 10 * time.Second
)

// schedule queues deliveries whose next attempt is due, until ctx ends.
func (w *Worker) schedule(ctx context.Context) error {
	return w.every(ctx, scheduleEvery, "schedule", func(ctx context.Context) error {
		for ctx.Err() == nil && w.mayQueue() {
			due, err := w.queueDue(ctx)
			if err != nil || due < scheduleBatch {
				return err
			}
		}
		return nil
	})
}

// queueDue queues up to scheduleBatch deliveries and returns how many. What it claims it queues, though a stop may begin meanwhile:
// otherwise it would lie until the sweeper finds it.
func (w *Worker) queueDue(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scheduleTimeout)
	defer cancel()
	due, err := w.store.ClaimDue(ctx, scheduleBatch)
	if err != nil {
		return 0, err
	}
	if err := w.queue(ctx, due); err != nil {
		return 0, err
	}
	w.metrics.scheduled.Add(float64(len(due)))
	return len(due), nil
}

// queue puts deliveries whose rows say QUEUED into the work streams, each partition's by itself. What it cannot queue, the sweeper finds: that
// is also for partitions whose Redis does not answer.
func (w *Worker) queue(ctx context.Context, queued []store.Queued) error {
	if len(queued) == 0 {
		return nil
	}
	works, lost, err := w.store.Works(ctx, queued)
	if err != nil {
		return err
	}
	if err := w.store.CancelLost(ctx, lost); err != nil {
		return err
	}
	byPartition := make(map[int][]stream.Work)
	for _, work := range works {
		partition := w.streams.PartitionOf(work.Event.ID)
		byPartition[partition] = append(byPartition[partition], work)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	queueing := errgroup.Group{}
	for partition, works := range byPartition {
		if away := &w.tended[partition].away; !away.Load() {
			queueing.Go(func() error {
				_, _, err := w.streams.Enqueue(ctx, works)
				if err != nil {
					away.Store(true) // until it is looked at again
				}
				return err
			})
		}
	}
	return queueing.Wait()
}
