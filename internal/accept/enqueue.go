package accept

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// What is committed is enqueued as soon as Redis takes it, many works of a partition in a round trip. What cannot be enqueued in time is
// left to the sweeper, which finds every event without deliveries: Redis being away costs time, never an event. Each partition has an
// enqueuer of its own: a node of a Redis Cluster that hangs holds up no other's works.
const (
	maxUnqueued    = 20_000 // works that wait for Redis, of all partitions
	maxPipeline    = 500    // works in a round trip
	enqueueTimeout = 2 * time.Second
	enqueuePause   = 200 * time.Millisecond
)

func newWorks(partitions int) []chan *stream.Work {
	works := make([]chan *stream.Work, partitions)
	for i := range works {
		works[i] = make(chan *stream.Work, maxUnqueued/partitions)
	}
	return works
}

// enqueue hands a work over, unless too many wait already.
func (a *Accepter) enqueue(w stream.Work) {
	select {
	case a.works[a.streams.PartitionOf(w.Event.ID)] <- &w:
	default:
		a.metrics.leftToSweeper.Inc()
	}
}

// enqueueAll enqueues a partition's works until there are no more.
func (a *Accepter) enqueueAll(ctx context.Context, partition int) {
	works := a.works[partition]
	batch := make([]stream.Work, 0, maxPipeline)
	failing := false
	for w := range works {
		batch = append(batch[:0], *w)
		for len(batch) < cap(batch) && len(works) > 0 {
			batch = append(batch, *<-works)
		}
		err := a.enqueueBatch(ctx, batch, failing)
		if err != nil && !failing {
			a.log.Error("work cannot be enqueued; the sweeper will, when Redis is back", "partition", partition, "error", err)
		}
		failing = err != nil
	}
}

// errLate says that works have waited for so long that the sweeper may take them for lost.
var errLate = errors.New("the works have waited for too long")

// enqueueBatch tries until it is too late, if Redis refuses. What it may have taken without saying so is not sent again: the sweeper tells.
func (a *Accepter) enqueueBatch(ctx context.Context, batch []stream.Work, silent bool) error {
	lastTry := id.Time(batch[0].Event.ID).Add(stream.EnqueueWithin - enqueueTimeout)
	err := errLate
	for time.Now().Before(lastTry) {
		if batch, err = a.tryEnqueue(ctx, batch, silent); len(batch) == 0 {
			return err
		}
		<-time.After(enqueuePause)
	}
	a.metrics.leftToSweeper.Add(float64(len(batch)))
	return err
}

// tryEnqueue returns what is left to try. While Redis is silent, only one batch is put at stake.
func (a *Accepter) tryEnqueue(ctx context.Context, batch []stream.Work, silent bool) (left []stream.Work, err error) {
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	if silent {
		if err := a.streams.Reach(ctx, a.streams.PartitionOf(batch[0].Event.ID)); err != nil {
			return batch, err
		}
	}
	refused, unknown, err := a.streams.Enqueue(ctx, batch)
	a.metrics.leftToSweeper.Add(float64(len(unknown)))
	return refused, err
}
