package worker

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/stream"
)

// The sweeper makes good what got lost on its way: an event that was committed and never enqueued, because the process died or
// Redis was away; and everything that was in Redis when Redis lost its data. It tells what is lost from what is still on its way
// in two steps, so that it never queues twice what is merely slow:
//
//  1. It looks at the work streams. What was queued before their oldest entry, less sweepSlack for the way from the commit
//     into the stream, is in none of them: it is settled, or lost.
//  2. It waits until all results that were written by then are archived. Now what is settled has its row, and what has none is lost.
//
// It needs all streams for that: while a node of a Redis Cluster does not answer, it waits.
const (
	sweepEvery = time.Second
	sweepBatch = 500
	// sweepSlack is longer than a work can take from when it is due to its work stream (stream.EnqueueWithin) by as much as the clocks of
	// all processes can differ; Redis' own may be any.
	sweepSlack = 15 * time.Second
)

// sweeper is step 1's finding, until step 2 can act on it.
type sweeper struct {
	cutoff  time.Time         // zero: step 1 is next
	results []stream.Position // for each partition, the newest result at step 1
}

// sweep runs the sweeper until ctx ends.
func (w *Worker) sweep(ctx context.Context) error {
	s := &sweeper{}
	if w.streams.IsEmbedded() {
		// The embedded Redis began empty with this process, which is the only one: all from before is settled or lost.
		s.cutoff, s.results = w.started, make([]stream.Position, w.streams.Partitions())
	}
	return w.every(ctx, sweepEvery, "sweep", func(ctx context.Context) error { return w.sweepStep(ctx, s) })
}

func (w *Worker) sweepStep(ctx context.Context, s *sweeper) error {
	progress, err := w.progress(ctx)
	if err != nil {
		return err
	}
	if !s.cutoff.IsZero() {
		for p, newest := range s.results {
			if newest != 0 && progress[p].ArchivedBefore <= newest && progress[p].OldestResult != 0 {
				return nil // step 2 must wait
			}
		}
		if err := w.recover(ctx, s.cutoff); err != nil {
			return err
		}
	}
	s.cutoff, s.results = time.Now(), s.results[:0]
	for _, p := range progress {
		if oldest := p.OldestWork.Time().Add(-p.Ahead); p.OldestWork != 0 && oldest.Before(s.cutoff) {
			s.cutoff = oldest
		}
		s.results = append(s.results, p.LastResult)
	}
	s.cutoff = s.cutoff.Add(-sweepSlack)
	return nil
}

// recover queues what is lost from before cutoff.
func (w *Worker) recover(ctx context.Context, cutoff time.Time) error {
	for more := true; more && ctx.Err() == nil; {
		queued, again, err := w.store.Sweep(ctx, cutoff)
		if err != nil {
			return err
		}
		if err := w.queue(ctx, queued); err != nil {
			return err
		}
		w.swept(len(queued), "events without their deliveries")
		more = again
	}
	for ctx.Err() == nil {
		queued, err := w.store.ClaimStranded(ctx, cutoff, sweepBatch)
		if err != nil {
			return err
		}
		if err := w.queue(ctx, queued); err != nil {
			return err
		}
		w.swept(len(queued), "deliveries without their work entry")
		if len(queued) < sweepBatch {
			return nil
		}
	}
	return nil
}

func (w *Worker) swept(n int, what string) {
	if n > 0 {
		w.metrics.swept.Add(float64(n))
		w.log.Warn("lost deliveries queued again", "deliveries", n, "found", what)
	}
}

// progress looks at all partitions, side by side.
func (w *Worker) progress(ctx context.Context) ([]stream.Progress, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	all := make([]stream.Progress, w.streams.Partitions())
	looking := errgroup.Group{}
	for partition := range all {
		looking.Go(func() (err error) {
			all[partition], err = w.streams.Progress(ctx, partition)
			return err
		})
	}
	return all, looking.Wait()
}
