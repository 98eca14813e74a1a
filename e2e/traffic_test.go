package e2e

import (
	"context"
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

	watched
	ids      []string // accepted, that is answered with 202
	refused  int      // requests that were answered otherwise
	finished bool
}

const (
	publishers   = 4
	publishAgain = 50 * time.Millisecond // a publisher's pause after a failure
)

// startTraffic begins to publish n events; 0 is without end.
func (a *api) startTraffic(n int64) *traffic {
	ctx, cancel := context.WithCancel(a.t.Context())
	tr := &traffic{t: a.t, cancel: cancel}
	var next atomic.Int64
	for range publishers {
		tr.done.Go(func() {
			for {
				number := next.Add(1)
				if (n > 0 && number > n) || !tr.publish(ctx, a, number) {
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
	body := fmt.Appendf(nil, `{"type":"sms.delivery","payload":{"n":%d},"idempotencyKey":"n%d"}`, number, number)
	for ctx.Err() == nil {
		results, err := a.publish(ctx, "application/json", body)
		if err == nil {
			tr.update(func() { tr.ids = append(tr.ids, results[0].ID) })
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

// end stops publishing and returns the ids of what has been accepted.
func (tr *traffic) end() []string {
	tr.cancel()
	tr.done.Wait()
	return tr.accepted()
}
