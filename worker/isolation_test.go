package worker_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// TestIsolation: whatever some endpoints do, the deliveries of the others go on. What the bad ones hold is still held when the good ones are done.
func TestIsolation(t *testing.T) {
	t.Parallel()
	onEach(t, "of good endpoints from bad ones", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		patient := func(in *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			in.EventTypes = []string{"sms.*", in.Key + ".*"} // only so many may be the same
			p.ReadTimeoutMs = 90_000
		}
		trickle := time.NewTicker(50 * time.Millisecond)
		t.Cleanup(trickle.Stop)
		held := make(map[string]*ent.EventSubscription) // their requests do not end before the test
		for name, answer := range map[string]testenv.Response{
			"hanging": {Hang: true}, "trickling": {Tick: trickle.C, Body: bytes.Repeat([]byte("x"), 60<<10)}, "huge": {Body: bytes.Repeat([]byte("x"), 8<<20)},
			"failing": {Status: http.StatusInternalServerError}, "aborting": {Abort: true}, "busy": {Status: http.StatusServiceUnavailable},
		} {
			receiver := testenv.NewReceiver(t)
			receiver.Respond(func(int, *testenv.Received) testenv.Response { return answer })
			made := r.subscribe(name, receiver.URL(), patient, retries(time.Second, time.Hour))
			if answer.Hang || answer.Tick != nil {
				held[name] = made.EventSubscription
			}
		}
		r.subscribe("refusing", closedURL(t), patient, retries(time.Second, time.Hour))
		var good []*testenv.Receiver
		for i := range 3 {
			receiver := testenv.NewReceiver(t)
			r.subscribe(fmt.Sprint("good", i), receiver.URL())
			good = append(good, receiver)
		}
		r.startWorker()
		const events = 150 // more than the windows and queues of the bad ones hold
		r.publish(events)
		for i, receiver := range good {
			distinct := make(map[string]bool)
			for _, got := range receiver.Wait(t.Context(), events) {
				distinct[got.ID] = true
			}
			if len(distinct) != events {
				t.Errorf("good endpoint %d got %d of %d events", i, len(distinct), events)
			}
		}
		for name, subscription := range held {
			n, err := r.store.Ent.Attempt.Query().Where(attempt.SubscriptionID(subscription.ID)).Count(r.ctx())
			must(t, err)
			if n > 0 {
				t.Errorf("the good ones waited: %d requests of the %s endpoint had ended", n, name)
			}
		}
	})

	onEach(t, "of single events from a fan-out", func(t *testing.T, b testenv.Backend) {
		const fanOut, singles = 10_000, 100
		r := newRig(t, b, 1)
		crowd, single := testenv.NewReceiver(t), testenv.NewReceiver(t)
		gate := make(chan struct{})
		crowd.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Release: gate} })
		first := r.subscribe("crowd", crowd.URL(), func(in *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			in.EventTypes, p.ReadTimeoutMs, p.WindowSize = []string{"sms.click"}, 90_000, 200
		})
		r.crowd(first.EventSubscription, fanOut-1)
		r.subscribe("single", single.URL(), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.EventTypes = []string{"sms.delivery"}
		})
		r.startWorker()
		results, err := r.accepter.Publish(t.Context(), r.account, []accept.Event{{Type: "sms.click", Payload: []byte(`{"n":1}`)}})
		must(t, err)
		if results[0].Matched != fanOut {
			t.Fatalf("the event matched %d subscriptions", results[0].Matched)
		}
		crowd.Wait(t.Context(), 1) // the fan-out is under way
		r.publish(singles)
		single.Wait(t.Context(), singles)
		if n := len(crowd.Received()); n >= fanOut/2 {
			t.Errorf("%d requests of the fan-out had begun before the single events were delivered", n)
		}
		close(gate)
		testenv.Grows(t, patience, fanOut, func() int { return min(len(crowd.Received()), fanOut) }, "deliveries of the fan-out")
		testenv.Grows(t, patience, fanOut+singles, func() int {
			n, err := r.store.Ent.Attempt.Query().Where(attempt.Outcome(string(stream.OutcomeSuccess))).Count(r.ctx())
			must(t, err)
			return n
		}, "deliveries in the log")
	})
}

// crowd makes n more subscriptions that are as the first one, with its profile.
func (r *rig) crowd(first *ent.EventSubscription, n int) {
	r.t.Helper()
	for from := 0; from < n; from += 500 {
		var rows []*ent.EventSubscriptionCreate
		var lines []*ent.ConfigChangeCreate
		for i := from; i < min(n, from+500); i++ {
			made, name := id.New(), fmt.Sprint("crowd", i)
			secret := r.vault.Seal([]byte("whsec_"+strings.Repeat("A", 32)), configure.SecretBinding(made))
			rows = append(rows, r.store.Ent.EventSubscription.Create().SetID(made).SetAccountID(r.account).SetKey(name).SetName(name).
				SetEventTypes(first.EventTypes).SetFilter(first.Filter).SetProfileID(first.ProfileID).SetEnabled(true).SetSecret(secret).SetSecretFingerprint("x"))
			lines = append(lines, r.store.Ent.ConfigChange.Create().SetAccountID(r.account).SetKind(string(id.EventSubscription)).SetObjectID(made))
		}
		must(r.t, r.store.Ent.EventSubscription.CreateBulk(rows...).Exec(r.ctx()))
		must(r.t, r.store.Ent.ConfigChange.CreateBulk(lines...).Exec(r.ctx()))
	}
	must(r.t, r.registry.Refresh(r.t.Context()))
}
