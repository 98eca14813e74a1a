package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// disabled makes a subscription that is disabled and parks or skips.
func disabled(whileDisabled string) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	return func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
		in.Enabled, in.WhileDisabled = false, whileDisabled
	}
}

func (r *rig) setEnabled(key string, enabled bool) {
	r.t.Helper()
	_, err := r.configure.UpdateEventSubscription(r.ctx(), configure.Ref{Key: &key}, configure.UpdateEventSubscriptionInput{Enabled: &enabled})
	must(r.t, err)
}

func TestDisabledSubscriptions(t *testing.T) {
	t.Parallel()
	onEach(t, "are skipped, once and for all, and others are not held up", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		off, on := testenv.NewReceiver(t), testenv.NewReceiver(t)
		r.subscribe("off", off.URL(), disabled(configure.Skip))
		r.subscribe("on", on.URL())
		r.startWorker()
		r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSkipped: 3, stream.StatusSucceeded: 3})
		r.setEnabled("off", true)
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSkipped: 3, stream.StatusSucceeded: 5})
		if n := len(off.Received()); n != 1 {
			t.Errorf("%d requests, want only the one after it was enabled", n)
		}
		for _, d := range r.deliveries() {
			if d.Status == string(stream.StatusSkipped) && (d.CompletedAt == nil || d.AttemptCount != 0) {
				t.Errorf("skipped delivery %+v", d)
			}
		}
	})

	onEach(t, "park events until they are enabled, in several batches", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.SetSecret(r.subscribe("crm", receiver.URL(), disabled(configure.Park)).Secret)
		ids := r.publish(1100) // before any worker runs: the commit alone keeps them
		r.awaitStatuses(map[stream.Status]int{stream.StatusParked: 1100})
		r.startWorker()
		r.setEnabled("crm", true)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1100})
		if n := len(receiver.ByID()); n != len(ids) || len(receiver.Received()) != len(ids) {
			t.Errorf("%d events came in %d requests, want %d", n, len(receiver.Received()), len(ids))
		}
	})

	onEach(t, "park what is under way when they are disabled", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.WhileDisabled = configure.Park
		})
		r.publish(3) // into the work stream
		r.setEnabled("crm", false)
		stop := r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusParked: 3})
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests", n)
		}
		stop() // parked means in the database: nothing of it is in a worker
		r.setEnabled("crm", true)
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
	})

	onEach(t, "leave parked deliveries to be cancelled when they are deleted", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		key := "crm"
		r.subscribe(key, receiver.URL(), disabled(configure.Park))
		r.publish(2)
		_, err := r.configure.DeleteEventSubscription(r.ctx(), configure.Ref{Key: &key}, true)
		must(t, err)
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusCancelled: 2})
	})

	onEach(t, "record nothing twice for an idempotency key", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.subscribe("skip", "http://127.0.0.1:1", disabled(configure.Skip))
		r.subscribe("park", "http://127.0.0.1:1", disabled(configure.Park))
		for i := range 2 {
			results, err := r.accepter.Publish(t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: []byte(`1`), IdempotencyKey: "k"}})
			must(t, err)
			if results[0].Matched != 2 || results[0].Duplicate != (i == 1) {
				t.Errorf("publishing for the %d. time: %+v", i+1, results[0])
			}
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSkipped: 1, stream.StatusParked: 1})
	})

	onEach(t, "are not taken for lost by the sweeper", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.subscribe("off", "http://127.0.0.1:1", disabled(configure.Park))
		r.subscribe("on", "http://127.0.0.1:1")
		r.publish(2) // without a worker: the deliveries of the second are missing
		queued, _, err := r.store.Sweep(t.Context(), time.Now().Add(time.Minute))
		must(t, err)
		if len(queued) != 2 {
			t.Errorf("%d deliveries were queued, want those that are not parked", len(queued))
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusParked: 2, stream.StatusQueued: 2})
	})
}

// TestChangesTakeEffectOnEveryWorker: what one process changes is seen by another, which hears of it only through the database.
func TestChangesTakeEffectOnEveryWorker(t *testing.T) {
	t.Parallel()
	onEach(t, "by following the database", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		secrets, err := vault.New([]vault.Key{{ID: "test", Secret: [32]byte{1}}})
		must(t, err)
		other, err := registry.Open(t.Context(), r.store.Ent, secrets, quiet(t))
		must(t, err)
		r.run(other.Run)
		made := r.subscribe("crm", "http://127.0.0.1:1")
		key := "crm"
		seen := func(what string, holds func(s *registry.Subscription, p *registry.Profile, found bool) bool) {
			t.Helper()
			testenv.Eventually(t, patience, func() bool { return holds(other.Subscription(r.account, made.ID)) }, "%s is seen", what)
		}
		change := func(in configure.UpdateEventSubscriptionInput) {
			t.Helper()
			_, err := r.configure.UpdateEventSubscription(r.ctx(), configure.Ref{Key: &key}, in)
			must(t, err)
		}
		matches := func(entity string) bool {
			e := &registry.Event{}
			e.Type, e.Entity = "sms.delivery", entity
			matched, _ := other.Match(r.account, e, nil)
			return len(matched) == 1
		}
		seen("creating", func(_ *registry.Subscription, _ *registry.Profile, found bool) bool {
			return found && matches("berlin")
		})
		change(configure.UpdateEventSubscriptionInput{Filter: &configure.EventFilterInput{Entities: []string{"lima"}}})
		seen("another filter", func(*registry.Subscription, *registry.Profile, bool) bool {
			return !matches("berlin") && matches("lima")
		})
		_, err = r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: &key},
			configure.UpdateNotificationProfileInput{WebhookURL: new("http://127.0.0.1:2/new")})
		must(t, err)
		seen("another URL", func(_ *registry.Subscription, p *registry.Profile, _ bool) bool {
			return p.URL == "http://127.0.0.1:2/new"
		})
		change(configure.UpdateEventSubscriptionInput{Enabled: new(false)})
		seen("disabling", func(s *registry.Subscription, _ *registry.Profile, _ bool) bool {
			return !s.Enabled && !matches("lima")
		})
		change(configure.UpdateEventSubscriptionInput{Enabled: new(true)})
		seen("enabling", func(s *registry.Subscription, _ *registry.Profile, _ bool) bool { return s.Enabled && matches("lima") })
		_, err = r.configure.DeleteEventSubscription(context.WithoutCancel(r.ctx()), configure.Ref{Key: &key}, false)
		must(t, err)
		seen("deleting", func(_ *registry.Subscription, _ *registry.Profile, found bool) bool {
			return !found && !matches("lima")
		})
	})
}
