package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// traffic is events that are published one by one, by several publishers at once. What is not accepted for certain is published
// again, with the same idempotency key, until it is.
type traffic struct {
	t      *testing.T
	cancel context.CancelFunc
	done   sync.WaitGroup
	name   string        // begins the idempotency keys
	ending chan struct{} // closed when no further events are begun

	watched
	ids      []string       // accepted, that is answered with 202
	matched  map[string]int // by id, how many subscriptions
	refused  int            // requests that were answered otherwise
	finished bool
}

const (
	publishers   = 4
	publishAgain = 50 * time.Millisecond // a publisher's pause after a failure
)

// startTraffic begins to publish n events; 0 is without end.
func (a *api) startTraffic(n int64) *traffic { return a.startSteadyTraffic(n, 0) }

// startSteadyTraffic is startTraffic with a pause before each event, the same for all publishers; 0 is none.
func (a *api) startSteadyTraffic(n int64, pause time.Duration) *traffic {
	ctx, cancel := context.WithCancel(a.t.Context())
	tr := &traffic{t: a.t, cancel: cancel, name: rand.Text(), ending: make(chan struct{}), matched: make(map[string]int)}
	always := make(chan time.Time)
	close(always)
	var turns <-chan time.Time = always
	if pause > 0 {
		ticker := time.NewTicker(pause)
		a.t.Cleanup(ticker.Stop)
		turns = ticker.C
	}
	var next atomic.Int64
	for range publishers {
		tr.done.Go(func() {
			for {
				select {
				case <-turns:
				case <-ctx.Done():
				}
				number := next.Add(1)
				if (n > 0 && number > n) || tr.isEnding() || !tr.publish(ctx, a, number) {
					return
				}
			}
		})
	}
	go func() {
		tr.done.Wait()
		tr.update(func() { tr.finished = true })
	}()
	a.t.Cleanup(func() {
		cancel()
		tr.done.Wait()
	})
	return tr
}

// publish publishes one event until it is accepted. It returns false when ctx ends before.
func (tr *traffic) publish(ctx context.Context, a *api, number int64) bool {
	body := fmt.Appendf(nil, `{"type":"sms.delivery","entity":"e%d","payload":{"n":%d},"idempotencyKey":"%s%d"}`, number%10, number, tr.name, number)
	for ctx.Err() == nil {
		results, err := a.publish(ctx, "application/json", body)
		if err == nil {
			tr.update(func() {
				tr.ids = append(tr.ids, results[0].ID)
				tr.matched[results[0].ID] = results[0].Matched
			})
			return true
		}
		if errors.Is(err, errRefused) {
			tr.update(func() { tr.refused++ })
		}
		select {
		case <-time.After(publishAgain):
		case <-ctx.Done():
		}
	}
	return false
}

// awaitAccepted waits until n events have been accepted.
func (tr *traffic) awaitAccepted(n int) {
	tr.t.Helper()
	tr.await(tr.t, fmt.Sprintf("%d events are accepted", n), func() bool { return len(tr.ids) >= n })
}

// awaitMore waits until n more events have been accepted than up to now.
func (tr *traffic) awaitMore(n int) {
	tr.t.Helper()
	tr.awaitAccepted(len(tr.accepted()) + n)
}

// awaitRefused waits until n more requests have been refused.
func (tr *traffic) awaitRefused(n int) {
	tr.t.Helper()
	tr.read(func() { n += tr.refused })
	tr.await(tr.t, "publishing is refused", func() bool { return tr.refused >= n })
}

// accepted returns the ids of the events that have been accepted.
func (tr *traffic) accepted() (ids []string) {
	tr.read(func() { ids = slices.Clone(tr.ids) })
	return ids
}

// wait waits until all events have been accepted, and returns their ids.
func (tr *traffic) wait() []string {
	tr.t.Helper()
	tr.await(tr.t, "all events are accepted", func() bool { return tr.finished })
	return tr.accepted()
}

// finish begins no further event, and waits until those that it has begun are accepted.
func (tr *traffic) finish() []string {
	tr.t.Helper()
	close(tr.ending)
	return tr.wait()
}

func (tr *traffic) isEnding() bool {
	select {
	case <-tr.ending:
		return true
	default:
		return false
	}
}

// end stops publishing and returns the ids of what has been accepted.
func (tr *traffic) end() []string {
	tr.cancel()
	tr.done.Wait()
	return tr.accepted()
}
