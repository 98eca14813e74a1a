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
	enqueueWithin  = 8 * time.Second
	enqueueTimeout = 2 * time.Second
	enqueuePause   = 200 * time.Millisecond
)

// enqueue hands a work over, unless too many wait already.
func (a *Accepter) enqueue(w stream.Work) {
	select {
	case a.works <- w:
	default:
		a.metrics.leftToSweeper.Inc()
	}
}

// enqueueAll enqueues works until there are no more.
func (a *Accepter) enqueueAll(ctx context.Context) {
	batch := make([]stream.Work, 0, maxPipeline)
	failing := false
	for w := range a.works {
		batch = append(batch[:0], w)
		for len(batch) < cap(batch) && len(a.works) > 0 {
			batch = append(batch, <-a.works)
		}
		err := a.enqueueBatch(ctx, batch)
		if err != nil && !failing {
			a.log.Error("work cannot be enqueued; the sweeper will, when Redis is back", "error", err)
		}
		failing = err != nil
	}
}

// errLate says that works have waited for so long that the sweeper may take them for lost.
var errLate = errors.New("the works have waited for too long")

// enqueueBatch tries until enqueueWithin is over. What comes later is not tried even once: the sweeper may have queued it already.
func (a *Accepter) enqueueBatch(ctx context.Context, batch []stream.Work) error {
	lastTry := id.Time(batch[0].Event.ID).Add(enqueueWithin - enqueueTimeout)
	err := errLate
	for time.Now().Before(lastTry) {
		timed, cancel := context.WithTimeout(ctx, enqueueTimeout)
		err = a.streams.Enqueue(timed, batch)
		cancel()
		if err == nil {
			return nil
		}
		<-time.After(enqueuePause)
	}
	a.metrics.leftToSweeper.Add(float64(len(batch)))
	return err
}
