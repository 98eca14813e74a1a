package worker_test

import (
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

func (r *rig) subscription(key string) *ent.EventSubscription {
	r.t.Helper()
	row, err := r.store.Ent.EventSubscription.Query().Where(eventsubscription.Key(key)).Only(r.ctx())
	must(r.t, err)
	return row
}

// awaitDisabled waits until the registry, too, knows that a subscription is disabled.
func (r *rig) awaitDisabled(key string) {
	r.t.Helper()
	of := r.subscription(key).ID
	testenv.Eventually(r.t, patience, func() bool {
		s, _, found := r.registry.Subscription(r.account, of)
		return found && !s.Enabled
	}, "the subscription is disabled")
}

// answering makes a receiver that answers with a status.
func answering(t *testing.T, status int) *testenv.Receiver {
	t.Helper()
	receiver := testenv.NewReceiver(t)
	receiver.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Status: status} })
	return receiver
}

func TestGone(t *testing.T) {
	t.Parallel()
	onEach(t, "disables the subscription, and no other, until somebody enables it again", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		away, there := answering(t, 410), testenv.NewReceiver(t)
		r.subscribe("away", away.URL(), retries(time.Second))
		r.subscribe("there", there.URL())
		r.startWorker()
		r.publish(1)
		r.awaitDisabled("away")
		if s := r.subscription("away"); s.DisabledReason != "GONE" || s.Version != 2 {
			t.Errorf("disabled subscription: reason %q, version %d", s.DisabledReason, s.Version)
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1, stream.StatusSucceeded: 1})
		lines, err := r.store.Ent.AuditEntry.Query().Where(auditentry.Actor("hookline")).All(r.ctx())
		must(t, err)
		if len(lines) == 0 {
			t.Error("the audit log does not tell that Hookline disabled it")
		}
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1, stream.StatusSkipped: 1, stream.StatusSucceeded: 2})

		away.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{} })
		r.setEnabled("away", true)
		if s := r.subscription("away"); s.DisabledReason != "" {
			t.Errorf("enabled subscription: reason %q", s.DisabledReason)
		}
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1, stream.StatusSkipped: 1, stream.StatusSucceeded: 4})
		if n := len(away.Received()); n != 2 {
			t.Errorf("%d requests, want the one that was answered 410 and the one after it was enabled", n)
		}
	})

	onEach(t, "leaves other deliveries to whileDisabled", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, _ *testenv.Received) testenv.Response {
			if n == 1 {
				return testenv.Response{Status: 500}
			}
			return testenv.Response{Status: 410}
		})
		r.subscribe("crm", receiver.URL(), retries(time.Hour), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.WhileDisabled = configure.Park
		})
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusRetrying: 1})
		waiting := r.deliveries()[0].ID
		r.publish(1)
		r.awaitDisabled("crm")
		r.intervened(r.store.RetryNow(r.ctx(), waiting))
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1, stream.StatusParked: 1})
	})

	onEach(t, "is a success if the profile says so", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.subscribe("crm", answering(t, 410).URL(), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			p.ResponseStatusRegex = new("^410$")
		})
		stop := r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		stop()
		if !r.subscription("crm").Enabled {
			t.Error("the subscription is disabled")
		}
	})

	onEach(t, "says nothing of what has been changed since", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		key := "crm"
		made := r.subscribe(key, "http://127.0.0.1:1")
		gone := func(asked time.Time) bool {
			t.Helper()
			disabled, err := r.configure.DisableGone(r.ctx(), made.ID, asked)
			must(t, err)
			return disabled
		}
		asked := time.Now()
		_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: &key},
			configure.UpdateNotificationProfileInput{WebhookURL: new("http://127.0.0.1:2/new")})
		must(t, err)
		if gone(asked) {
			t.Error("disabled for an answer of the old URL")
		}
		if !gone(time.Now()) || r.subscription(key).Enabled {
			t.Error("not disabled for an answer of the new URL")
		}
		asked = time.Now()
		r.setEnabled(key, true)
		if gone(asked) || !r.subscription(key).Enabled {
			t.Error("an answer that is archived again disables what was enabled meanwhile")
		}
	})
}
