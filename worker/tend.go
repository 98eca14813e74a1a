package worker

import (
	"context"
	"time"

	"github.com/hookline/hookline/internal/stream"
)

// tendEvery is how often the streams are looked after; see tend.
const tendEvery = time.Second

// stableAfter is for how long a worker must have reached Redis without a break before it takes others for dead: after an outage of Redis
// every worker has been silent.
const stableAfter = 6 * time.Second

// tend says that this worker is alive, and for each partition notices lost data, lets go of what is archived, trims, stops the taking of
// work while too much waits for the database, and takes over from workers that have fallen silent. Until ctx ends.
func (w *Worker) tend(ctx context.Context) error {
	stableSince := time.Now()
	return w.every(ctx, tendEvery, "streams", func(ctx context.Context) error {
		err := w.tendStreams(ctx, time.Since(stableSince) >= stableAfter)
		if err != nil {
			stableSince = time.Now()
		}
		return err
	})
}

func (w *Worker) tendStreams(ctx context.Context, stable bool) error {
	if err := w.streams.KeepAlive(ctx, w.name); err != nil {
		return err
	}
	var unarchived, backlog int64
	for partition := range w.streams.Partitions() {
		progress, err := w.streams.Progress(ctx, partition)
		if stream.IsNoGroup(err) || (err == nil && progress.Epoch != w.epochs.get(partition)) {
			w.checkEpoch(ctx, partition)
			continue
		}
		if err != nil {
			return err
		}
		unarchived = max(unarchived, progress.Unarchived)
		backlog += progress.Backlog
		w.settlers[partition].archived(progress.ArchivedBefore)
		if err := w.streams.Trim(ctx, partition, progress); err != nil {
			return err
		}
		if stable {
			if err := w.takeOver(ctx, partition); err != nil {
				return err
			}
		}
	}
	w.metrics.backlog.Set(float64(backlog))
	w.metrics.unarchived.Set(float64(unarchived))
	if open := unarchived < maxUnarchived; w.archiving.set(open) {
		w.log.Warn("taking of work", "goes on", open, "results that wait for the database", unarchived)
	}
	return nil
}

// checkEpoch makes the partition's groups again if they are gone, and if Redis has lost data writes again what may have been lost of
// this worker's results. What was to be delivered, the sweeper finds.
func (w *Worker) checkEpoch(ctx context.Context, partition int) {
	w.epochs.mu.Lock()
	defer w.epochs.mu.Unlock()
	epoch, err := w.streams.Prepare(ctx, partition)
	if err != nil {
		w.problems.note("streams", err)
		return
	}
	if epoch == w.epochs.known[partition] {
		return
	}
	rewritten, err := w.settlers[partition].rewrite(ctx)
	if err != nil {
		w.problems.note("streams", err)
		return
	}
	w.dispatcher.sendOpen()
	w.epochs.known[partition] = epoch
	w.log.Warn("Redis has lost data; results written again", "partition", partition, "results", rewritten)
}
