package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hookline/hookline/internal/stream"
)

// tendEvery is how often the streams are looked after; see tend.
const tendEvery = time.Second

// stableAfter is for how long a worker must have reached a partition's Redis without a break before it takes others for dead: after an outage
// of Redis every worker has been silent.
const stableAfter = 6 * time.Second

// tended is what the worker knows of a partition's streams. The partitions of a Redis Cluster are on several nodes, and each is looked
// after by itself: a node that hangs holds up no other's.
type tended struct {
	epoch     epoch
	archiving gate        // closed while too many results wait for the database
	away      atomic.Bool // Redis did not answer when it was last looked at

	backlog, unarchived atomic.Int64
}

// epoch is a partition's epoch as this worker knows it.
type epoch struct {
	mu    sync.Mutex // held while what was lost is written again
	known string
}

func (e *epoch) get() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.known
}

// streamsOf names a partition's streams among the worker's problems.
func streamsOf(partition int) string { return fmt.Sprintf("streams, partition %d", partition) }

// tend says in a partition that this worker is alive, notices lost data, lets go of what is archived, trims, stops the taking of work while
// too much waits for the database, until ctx ends, and takes over from workers that have fallen silent, until taking ends.
func (w *Worker) tend(ctx, taking context.Context, partition int) error {
	stableSince := time.Now()
	return w.every(ctx, tendEvery, streamsOf(partition), func(ctx context.Context) error {
		err := w.look(ctx, partition)
		w.tended[partition].away.Store(err != nil)
		if err == nil && taking.Err() == nil && time.Since(stableSince) >= stableAfter {
			err = w.takeOver(taking, partition)
		}
		if err != nil && ctx.Err() == nil {
			stableSince = time.Now()
		}
		return err
	})
}

// look looks after a partition's streams once.
func (w *Worker) look(ctx context.Context, partition int) error {
	timed, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	if err := w.streams.KeepAlive(timed, w.name, partition); err != nil {
		return err
	}
	known := &w.tended[partition]
	progress, err := w.streams.Progress(timed, partition)
	if stream.IsNoGroup(err) || (err == nil && progress.Epoch != known.epoch.get()) {
		w.checkEpoch(ctx, partition)
		return nil
	}
	if err != nil {
		return err
	}
	w.settlers[partition].archived(progress.ArchivedBefore)
	known.backlog.Store(progress.Backlog)
	known.unarchived.Store(progress.Unarchived)
	w.observeStreams()
	if open := progress.Unarchived < maxUnarchived; known.archiving.set(open) {
		w.log.Warn("taking of work", "goes on", open, "partition", partition, "results that wait for the database", progress.Unarchived)
	}
	return w.streams.Trim(timed, partition, progress)
}

// observeStreams counts what waits in the streams.
func (w *Worker) observeStreams() {
	var backlog, unarchived int64
	for i := range w.tended {
		backlog += w.tended[i].backlog.Load()
		unarchived = max(unarchived, w.tended[i].unarchived.Load())
	}
	w.metrics.backlog.Set(float64(backlog))
	w.metrics.unarchived.Set(float64(unarchived))
}

// mayQueue reports whether further deliveries may be queued: some streams can be reached, and in all of these there is room.
func (w *Worker) mayQueue() bool {
	reached := false
	for i := range w.tended {
		if w.tended[i].away.Load() {
			continue
		}
		if !w.tended[i].archiving.open() {
			return false
		}
		reached = true
	}
	return reached
}

// checkEpoch makes the partition's groups again if they are gone, and if Redis has lost data writes again what may have been lost of
// this worker's results. What was to be delivered, the sweeper finds.
func (w *Worker) checkEpoch(ctx context.Context, partition int) {
	known := &w.tended[partition].epoch
	known.mu.Lock()
	defer known.mu.Unlock()
	prepareCtx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	epoch, err := w.streams.Prepare(prepareCtx, partition)
	if err != nil {
		w.problems.note(streamsOf(partition), err)
		return
	}
	if epoch == known.known {
		return
	}
	rewritten, err := w.settlers[partition].rewrite(ctx)
	if err != nil {
		w.problems.note(streamsOf(partition), err)
		return
	}
	w.dispatcher.sendOpen()
	known.known = epoch
	w.log.Warn("Redis may have lost data; results written again", "partition", partition, "results", rewritten)
}
