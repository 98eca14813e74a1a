package accept

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// What is committed is enqueued as soon as Redis takes it, many works in a round trip. What cannot be enqueued in time is
// left to the sweeper, which finds every event without deliveries: Redis being away costs time, never an event.
const (
	maxUnqueued    = 20_000 // works that wait for Redis
	maxPipeline    = 500    // works in a round trip
	enqueueTimeout = 2 * time.Second
	enqueuePause   = 200 * time.Millisecond
)

// enqueue hands a work over, unless too many wait already.
func (a *Accepter) enqueue(w stream.Work) {
	select {
	case a.works <- &w:
	default:
		a.metrics.leftToSweeper.Inc()
	}
}

// enqueueAll enqueues works until there are no more.
func (a *Accepter) enqueueAll(ctx context.Context) {
	batch := make([]stream.Work, 0, maxPipeline)
	failing := false
	for w := range a.works {
		batch = append(batch[:0], *w)
		for len(batch) < cap(batch) && len(a.works) > 0 {
			batch = append(batch, *<-a.works)
		}
		err := a.enqueueBatch(ctx, batch, failing)
		if err != nil && !failing {
			a.log.Error("work cannot be enqueued; the sweeper will, when Redis is back", "error", err)
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
		if err := a.streams.Ping(ctx); err != nil {
			return batch, err
		}
	}
	refused, unknown, err := a.streams.Enqueue(ctx, batch)
	a.metrics.leftToSweeper.Add(float64(len(unknown)))
	return refused, err
}
