package worker_test

import (
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// health returns what is known of a subscription.
func (r *rig) health(of id.ID) health.Record {
	r.t.Helper()
	row, err := r.store.Ent.SubscriptionHealth.Query().Where(subscriptionhealth.SubscriptionID(of)).Only(r.ctx())
	if ent.IsNotFound(err) {
		return health.Record{}
	}
	must(r.t, err)
	return configure.HealthRecord(row)
}

func (r *rig) awaitHealth(of id.ID, what string, as func(health.Record) bool) {
	r.t.Helper()
	var got health.Record
	testenv.Eventually(r.t, patience, func() bool {
		got = r.health(of)
		return as(got)
	}, "%s", what)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	onEach(t, "follows the attempts", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		down := answering(t, 500)
		bad := r.subscribe("bad", down.URL(), retries()).ID
		good := r.subscribe("good", testenv.NewReceiver(t).URL()).ID
		began := time.Now()
		r.startWorker()
		r.publish(6)
		r.awaitHealth(bad, "six failures", func(h health.Record) bool { return h.FailedAttempts == 6 })
		if h := r.health(bad); h.FailingSince.Before(began) || h.LastFailureAt.Before(h.FailingSince) || !h.LastSuccessAt.IsZero() {
			t.Errorf("the one that fails: %+v", h)
		}
		r.awaitHealth(good, "a success", func(h health.Record) bool { return !h.LastSuccessAt.IsZero() })
		if h := r.health(good); h.FailedAttempts != 0 || !h.FailingSince.IsZero() || !h.LastFailureAt.IsZero() {
			t.Errorf("the one that succeeds: %+v", h)
		}
		down.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{} })
		r.publish(1)
		r.awaitHealth(bad, "the end of failing", func(h health.Record) bool { return h.FailingSince.IsZero() && !h.LastSuccessAt.IsZero() })
	})

	onEach(t, "is written when the worker stops", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		of := r.subscribe("crm", answering(t, 500).URL(), retries()).ID
		stop := r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		stop()
		if h := r.health(of); h.FailedAttempts != 1 {
			t.Errorf("%+v, want one failure", h)
		}
	})

	onEach(t, "does not follow what is broken off", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		asked := make(chan struct{}, 10)
		receiver.Respond(func(int, *testenv.Received) testenv.Response {
			asked <- struct{}{}
			return testenv.Response{Hang: true}
		})
		of := r.subscribe("crm", receiver.URL()).ID
		stop := r.startWorker()
		r.publish(1)
		<-asked
		stop()
		stop = r.startWorker() // which archives what the first one may have left
		testenv.Eventually(t, patience, func() bool {
			return r.store.Ent.Attempt.Query().Where(attempt.Outcome(string(stream.OutcomeInterrupted))).ExistX(r.ctx())
		}, "an attempt that was broken off")
		stop()
		if h := r.health(of); h != (health.Record{}) {
			t.Errorf("%+v", h)
		}
	})
}
