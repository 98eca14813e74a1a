package worker_test

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

func TestExhaustedIsNotToldOfByLateResults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status stream.Status
		told   int
	}{
		"of a delivery that another worker has ended": {stream.StatusExhausted, 1},
		"of a delivery that has succeeded":            {stream.StatusSucceeded, 0},
	} {
		onEach(t, name, func(t *testing.T, b testenv.Backend) {
			r := newRig(t, b, 1)
			r.subscribe("ops", testenv.NewReceiver(t).URL(), listening)
			of := r.subscribe("crm", testenv.NewReceiver(t).URL()).ID
			event := id.New()
			result := func(status stream.Status, number int, outcome stream.Outcome, queued int64) *stream.Result {
				return &stream.Result{
					AccountID: r.account, DeliveryID: id.ForDelivery(event, of), EventID: event, SubscriptionID: of, EventType: "sms.delivery",
					Status: status, Attempts: number, QueuedAt: queued,
					Attempt: &stream.Attempt{ID: id.New(), Trigger: stream.TriggerRetry, Outcome: outcome, StartedAt: time.Now().UnixMicro()},
				}
			}
			now := time.Now().UnixMicro()
			last := map[stream.Status]stream.Outcome{stream.StatusExhausted: "HTTP_ERROR", stream.StatusSucceeded: "SUCCESS"}[c.status]
			_, err := r.streams.Prepare(t.Context(), 0)
			must(t, err)
			_, err = r.streams.Settle(t.Context(), 0, &stream.Settlement{Results: []*stream.Result{
				result(stream.StatusQueued, 1, stream.OutcomeInterrupted, now), // who took over
				result(c.status, 2, last, now),
				result(stream.StatusExhausted, 1, "HTTP_ERROR", now-1), // who was frozen
			}})
			must(t, err)
			stop := r.startWorker()
			testenv.Eventually(t, patience, func() bool { return len(r.attempts(id.ForDelivery(event, of))) == 3 }, "all is archived")
			stop()
			if d := r.deliveries()[0]; d.Status != string(c.status) || d.AttemptCount != 2 {
				t.Errorf("the delivery is %v", d)
			}
			if n := len(r.announced("delivery.exhausted")); n != c.told {
				t.Errorf("told of %d times, want %d", n, c.told)
			}
		})
	}
}
