package worker_test

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// once fails the first request, and answers the others with a status.
func once(status int) func(int, *testenv.Received) testenv.Response {
	return func(n int, _ *testenv.Received) testenv.Response {
		if n == 1 {
			return testenv.Response{Status: 500}
		}
		return testenv.Response{Status: status}
	}
}

// intervened checks that a step by hand has had an effect.
func (r *rig) intervened(done bool, err error) {
	r.t.Helper()
	must(r.t, err)
	if !done {
		r.t.Fatal("nothing was done")
	}
}

func TestRetryNow(t *testing.T) {
	t.Parallel()
	onEach(t, "makes the attempt that was to come later, and keeps the place in the schedule", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Status: 500} })
		r.subscribe("crm", receiver.URL(), retries(2*time.Hour, 3*time.Hour))
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusRetrying: 1})
		r.intervened(r.store.RetryNow(r.ctx(), r.deliveries()[0].ID))
		testenv.Eventually(t, patience, func() bool {
			d := r.deliveries()[0]
			return d.AttemptCount == 2 && d.Status == string(stream.StatusRetrying)
		}, "the second attempt is made")
		if wait := time.Until(*r.deliveries()[0].NextAttemptAt); wait < 150*time.Minute {
			t.Errorf("the third attempt is due in %v, want the schedule's second delay", wait)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	onEach(t, "ends a delivery that waits for its next attempt", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(once(200))
		r.subscribe("crm", receiver.URL(), retries(time.Hour))
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusRetrying: 1})
		r.intervened(r.store.Cancel(r.ctx(), r.deliveries()[0].ID))
		if d := r.deliveries()[0]; d.Status != string(stream.StatusCancelled) || d.NextAttemptAt != nil || d.CompletedAt == nil {
			t.Errorf("cancelled delivery %+v", d)
		}
		if done, err := r.store.RetryNow(r.ctx(), r.deliveries()[0].ID); done || err != nil {
			t.Errorf("it was made due: %v, %v", done, err)
		}
	})

	onEach(t, "holds for a work entry that is in the stream already", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(once(200))
		r.subscribe("crm", receiver.URL(), retries(time.Hour))
		stop := r.startWorker()
		ids := r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusRetrying: 1})
		stop()
		delivery := r.deliveries()[0].ID
		r.intervened(r.store.RetryNow(r.ctx(), delivery))
		queued, err := r.store.ClaimDue(t.Context(), 10)
		must(t, err)
		works, _, err := r.store.Works(t.Context(), queued)
		must(t, err)
		_, _, err = r.streams.Enqueue(t.Context(), works)
		must(t, err)
		r.intervened(r.store.Cancel(r.ctx(), delivery))
		r.startWorker()
		testenv.Eventually(t, patience, func() bool {
			progress, err := r.streams.Progress(t.Context(), 0)
			return err == nil && progress.OldestWork == 0 && progress.OldestResult == 0
		}, "the work entry is settled")
		r.awaitStatuses(map[stream.Status]int{stream.StatusCancelled: 1})
		if n := receiver.ByID()[id.Format(id.Event, ids[0])]; n != 1 {
			t.Errorf("%d requests, want none after it was cancelled", n)
		}
	})

	for name, c := range map[string]struct {
		status int
		want   stream.Status
	}{
		"lets a request under way succeed":                     {200, stream.StatusSucceeded},
		"has no attempt follow a request under way that fails": {500, stream.StatusCancelled},
	} {
		onEach(t, name, func(t *testing.T, b testenv.Backend) {
			r := newRig(t, b, 1)
			receiver := testenv.NewReceiver(t)
			release := make(chan struct{})
			receiver.Respond(func(n int, _ *testenv.Received) testenv.Response {
				if n == 1 {
					return testenv.Response{Status: 500}
				}
				<-release
				return testenv.Response{Status: c.status}
			})
			r.subscribe("crm", receiver.URL(), retries(time.Second, time.Second))
			r.startWorker()
			r.publish(1)
			receiver.Wait(t.Context(), 2)
			delivery := r.deliveries()[0].ID
			r.intervened(r.store.Cancel(r.ctx(), delivery))
			close(release)
			testenv.Eventually(t, patience, func() bool { return r.deliveries()[0].AttemptCount == 2 }, "the result is archived")
			r.awaitStatuses(map[stream.Status]int{c.want: 1})
			if d := r.deliveries()[0]; d.NextAttemptAt != nil || d.CompletedAt == nil || len(r.attempts(delivery)) != 2 {
				t.Errorf("delivery %+v", d)
			}
		})
	}

	onEach(t, "ends a parked delivery, which enabling does not bring back", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), disabled(configure.Park))
		r.publish(2)
		r.intervened(r.store.Cancel(r.ctx(), r.deliveries()[0].ID))
		r.setEnabled("crm", true)
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusCancelled: 1, stream.StatusSucceeded: 1})
		if n := len(receiver.Received()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}
