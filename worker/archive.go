package worker

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/stream"
)

// How results are archived: a batch is written when it is full or its first result has waited for archiveLinger. This is not on
// the way of an event to its endpoint, nor to a dashboard.
const (
	archiveBatch  = 500
	archiveLinger = 50 * time.Millisecond
	// archiveGather is how long results gather in Redis before they are read again: each reading costs about as much as five results.
	archiveGather = 10 * time.Millisecond
	archivePause  = 500 * time.Millisecond
	// maxUnarchived is how many results of a partition may wait for the database; then no more work is taken.
	maxUnarchived = 100_000
)

// archive moves results of all partitions into the database, until ctx ends. A batch that it has read it also writes, until
// finishing ends.
func (w *Worker) archive(ctx, finishing context.Context) error {
	results := make(chan []stream.Logged)
	readers := errgroup.Group{}
	for partition := range w.streams.Partitions() {
		readers.Go(func() error { w.readResults(ctx, partition, results); return nil })
	}
	go func() { _ = readers.Wait(); close(results) }()
	for first := range results {
		batch := w.fillBatch(first, results)
		if err := w.writeBatch(finishing, batch); err != nil {
			w.log.Error("results not archived; another worker will", "results", len(batch), "error", err)
		}
	}
	return nil
}

func (w *Worker) readResults(ctx context.Context, partition int, results chan<- []stream.Logged) {
	lastTakeover := time.Time{}
	for ctx.Err() == nil {
		var read []stream.Logged
		var err error
		if time.Since(lastTakeover) > archiveTakeoverEvery {
			lastTakeover = time.Now()
			timed, cancel := context.WithTimeout(ctx, commandTimeout)
			read, err = w.streams.TakeOverResults(timed, w.name, partition, archiveBatch, w.reject)
			cancel()
		}
		if err == nil && len(read) == 0 {
			timed, cancel := context.WithTimeout(ctx, readWait+commandTimeout)
			read, err = w.streams.ReadResults(timed, w.name, partition, archiveBatch, readWait, w.reject)
			cancel()
		}
		if len(read) > 0 {
			results <- read
			if len(read) < archiveBatch {
				pause.For(ctx, archiveGather)
			}
		}
		if err != nil && ctx.Err() == nil {
			w.streamFailed(ctx, partition, err)
		}
	}
}

const archiveTakeoverEvery = 5 * time.Second

// fillBatch adds what comes within archiveLinger to first, until the batch is full.
func (w *Worker) fillBatch(first []stream.Logged, results <-chan []stream.Logged) []stream.Logged {
	batch := first
	linger := time.NewTimer(archiveLinger)
	defer linger.Stop()
	for len(batch) < archiveBatch {
		select {
		case more, open := <-results:
			if !open {
				return batch
			}
			batch = append(batch, more...)
		case <-linger.C:
			return batch
		}
	}
	return batch
}

// writeBatch writes a batch and acknowledges it. While the database is away it tries again: the streams keep what comes.
func (w *Worker) writeBatch(ctx context.Context, batch []stream.Logged) error {
	var added int
	for {
		var err error
		if added, err = w.store.Archive(ctx, batch); err == nil {
			break
		}
		w.problems.note("archive", err)
		if !pause.For(ctx, archivePause) {
			return err
		}
	}
	w.problems.clear("archive")
	w.metrics.archived.Add(float64(len(batch)))
	w.health.note(batch, added)
	w.disableGone(ctx, batch)
	if err := w.announceExhausted(ctx, batch); err != nil {
		return err
	}
	byPartition := make(map[int][]stream.Logged)
	for _, result := range batch {
		byPartition[result.Partition] = append(byPartition[result.Partition], result)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	acks := errgroup.Group{}
	for partition, results := range byPartition {
		acks.Go(func() error {
			if err := w.streams.AckResults(ctx, partition, results); err != nil {
				w.problems.note(streamsOf(partition), err) // they are archived again, which changes nothing
			}
			return nil
		})
	}
	return acks.Wait()
}

// gate holds back who waits for it while it is closed.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil while open
}

// set closes or opens the gate, and reports whether that was a change.
func (g *gate) set(open bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open == (g.closed == nil) {
		return false
	}
	if open {
		close(g.closed)
		g.closed = nil
	} else {
		g.closed = make(chan struct{})
	}
	return true
}

// open reports whether the gate is open.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed == nil
}

// wait returns when the gate is open, or with ctx's error.
func (g *gate) wait(ctx context.Context) error {
	for {
		g.mu.Lock()
		closed := g.closed
		g.mu.Unlock()
		if closed == nil {
			return ctx.Err()
		}
		select {
		case <-closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
