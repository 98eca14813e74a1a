package worker_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// listening makes a subscription that takes operational events.
func listening(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
	in.EventTypes = []string{"hookline.*"}
}

// announced returns the operational events of a type, the first one first.
func (r *rig) announced(kind string) []*ent.Event {
	r.t.Helper()
	rows, err := r.store.Ent.Event.Query().Where(event.Type("hookline." + kind)).Order(ent.Asc(event.FieldID)).All(r.ctx())
	must(r.t, err)
	return rows
}

// awaitAnnounced waits for an operational event, checks that its payload has the form of the catalogue's example, and reads it.
func (r *rig) awaitAnnounced(kind string, resource string, payload any) *ent.Event {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() bool { return len(r.announced(kind)) > 0 }, "%s", kind)
	row := r.announced(kind)[0]
	if row.Resource != resource {
		r.t.Errorf("%s: the resource is %q, want %q", kind, row.Resource, resource)
	}
	must(r.t, json.Unmarshal([]byte(row.Payload), payload))
	kinds, err := r.store.Ent.EventType.Query().Where(eventtype.Name(row.Type)).Only(access.WithSystem(r.t.Context()))
	must(r.t, err)
	if got, want := form(r.t, row.Payload), form(r.t, kinds.Example); !slices.Equal(got, want) {
		r.t.Errorf("%s: the payload has %v, the catalogue's example %v", kind, got, want)
	}
	return row
}

// form lists the names in a JSON object, and those in its objects.
func form(t *testing.T, text string) []string {
	t.Helper()
	var object map[string]any
	must(t, json.Unmarshal([]byte(text), &object))
	names := slices.Sorted(maps.Keys(object))
	for _, name := range slices.Clone(names) {
		if inner, is := object[name].(map[string]any); is {
			for _, in := range slices.Sorted(maps.Keys(inner)) {
				names = append(names, name+"."+in)
			}
		}
	}
	return names
}

// failed notes that a subscription has failed so often, for so long, up to now.
func (r *rig) failed(of id.ID, duration time.Duration, attempts int) {
	r.t.Helper()
	last := time.Now().UTC().Truncate(time.Microsecond)
	must(r.t, r.store.NoteHealth(r.t.Context(), map[id.ID]health.Record{
		of: {FailingSince: last.Add(-duration), LastFailureAt: last, FailedAttempts: attempts},
	}))
}

const days = 24 * time.Hour

type aboutSubscription struct {
	Subscription struct{ ID, Key string }
	Reason       string
	FailingSince time.Time
	DisablesAt   time.Time
}

func TestAutoDisable(t *testing.T) {
	t.Parallel()
	onEach(t, "warns, disables, and tells of the recovery, each once", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		crm := r.subscribe("crm", receiver.URL()).ID
		r.failed(crm, 60*time.Hour, 10)
		r.startWorker()
		r.startWorker()
		var warning, disabled, recovered aboutSubscription
		r.awaitAnnounced("subscription.failing", "crm", &warning)
		if warning.Subscription.ID != id.Format(id.EventSubscription, crm) || warning.Subscription.Key != "crm" || !warning.DisablesAt.Equal(warning.FailingSince.Add(5*days)) {
			t.Errorf("the warning: %+v", warning)
		}
		testenv.Eventually(t, patience, func() bool { return r.store.Ent.SubscriptionHealth.Query().OnlyX(r.ctx()).WarnedAt != nil }, "noted as warned")
		if s := r.subscription("crm"); !s.Enabled {
			t.Error("disabled at half of the time")
		}

		r.failed(crm, 5*days, 10)
		r.awaitDisabled("crm")
		if s := r.subscription("crm"); s.DisabledReason != "FAILING" || s.Version != 2 {
			t.Errorf("disabled subscription: reason %q, version %d", s.DisabledReason, s.Version)
		}
		if n := r.store.Ent.AuditEntry.Query().Where(auditentry.Actor("hookline"), auditentry.TargetID(crm), auditentry.Action("UPDATE")).CountX(r.ctx()); n != 1 {
			t.Errorf("%d lines in the audit log, want one", n)
		}
		row := r.awaitAnnounced("subscription.disabled", "crm", &disabled)
		if disabled.Reason != "FAILING" || len(row.Attributes) != 1 || row.Attributes[0].Value != "FAILING" {
			t.Errorf("told: %+v with %v", disabled, row.Attributes)
		}
		testenv.Eventually(t, patience, func() bool { return r.subscription("crm").UntoldSince == nil }, "noted as told")
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSkipped: 1})

		r.setEnabled("crm", true)
		if h := r.health(crm); !h.FailingSince.IsZero() || h.FailedAttempts != 0 {
			t.Errorf("enabled again: %+v", h)
		}
		if n := len(r.announced("subscription.recovered")); n != 0 {
			t.Errorf("%d recoveries before a success", n)
		}
		r.publish(1)
		r.awaitAnnounced("subscription.recovered", "crm", &recovered)
		testenv.Eventually(t, patience, func() bool { return r.store.Ent.SubscriptionHealth.Query().OnlyX(r.ctx()).WarnedAt == nil }, "noted as recovered")
		for _, kind := range []string{"failing", "disabled", "recovered"} {
			if n := len(r.announced("subscription." + kind)); n != 1 {
				t.Errorf("%s was told %d times", kind, n)
			}
		}
	})

	onEach(t, "is not for what has a success in the log, nor for what was changed since", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		lost, changed, due := r.subscribe("lost", "http://127.0.0.1:1").ID, r.subscribe("changed", "http://127.0.0.1:2").ID, r.subscribe("due", "http://127.0.0.1:3").ID
		for _, of := range []id.ID{lost, changed, due} {
			r.failed(of, 6*days, 20)
		}
		key := "changed"
		_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: &key}, configure.UpdateNotificationProfileInput{WebhookURL: new("http://127.0.0.1:4")})
		must(t, err)
		ended := time.Now().Add(-days)
		e := id.FirstAt(ended)
		_, err = r.store.Archive(t.Context(), []stream.Logged{{
			Result: &stream.Result{
				AccountID: r.account, DeliveryID: id.ForDelivery(e, lost), EventID: e, SubscriptionID: lost, EventType: "sms.delivery", Status: stream.StatusSucceeded, Attempts: 1,
				Attempt: &stream.Attempt{ID: e, Outcome: stream.OutcomeSuccess, StartedAt: stream.Micros(ended)},
			},
			Position: stream.PositionAt(ended),
		}})
		must(t, err)
		r.startWorker()
		r.awaitDisabled("due") // which comes last
		if !r.subscription("lost").Enabled || !r.subscription("changed").Enabled {
			t.Error("one of the others is disabled")
		}
		r.awaitHealth(lost, "the success", func(h health.Record) bool { return !h.LastSuccessAt.IsZero() })
	})

	onEach(t, "tells of endpoints that are gone", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ops := testenv.NewReceiver(t)
		r.subscribe("ops", ops.URL(), listening)
		r.subscribe("away", answering(t, 410).URL())
		r.startWorker()
		r.publish(1)
		var disabled aboutSubscription
		r.awaitAnnounced("subscription.disabled", "away", &disabled)
		if disabled.Reason != "GONE" || disabled.Subscription.Key != "away" {
			t.Errorf("told: %+v", disabled)
		}
		testenv.Eventually(t, patience, func() bool { return len(ops.ByID()) == 2 }, "both events, that and the exhausted delivery, are delivered")
	})

	onEach(t, "is as the account has it", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		of := r.subscribe("crm", "http://127.0.0.1:1").ID
		r.failed(of, 2*time.Hour, 3)
		long := func() int {
			t.Helper()
			found, err := r.store.FailingLong(t.Context(), id.Nil, 10)
			must(t, err)
			return len(found)
		}
		key := "acme"
		set := func(enabled bool, after time.Duration, least int) {
			t.Helper()
			_, err := r.configure.UpdateAccount(r.ctx(), configure.Ref{Key: &key}, nil, &configure.AutoDisableInput{Enabled: &enabled, After: &after, LeastAttempts: &least})
			must(t, err)
		}
		for _, c := range []struct {
			enabled bool
			after   time.Duration
			least   int
			found   int
		}{
			{true, 5 * days, 20, 0}, {true, 2 * time.Hour, 3, 1}, {true, 4 * time.Hour, 6, 1}, {true, 2 * time.Hour, 7, 0}, {true, 5 * time.Hour, 3, 0}, {false, 2 * time.Hour, 3, 0},
		} {
			set(c.enabled, c.after, c.least)
			if n := long(); n != c.found {
				t.Errorf("%v, %v, %d: found %d, want %d", c.enabled, c.after, c.least, n, c.found)
			}
		}
		set(true, 4*time.Hour, 3)
		r.store.Ent.SubscriptionHealth.Update().Where(subscriptionhealth.SubscriptionID(of)).SetWarnedAt(time.Now()).ExecX(r.ctx())
		if n := long(); n != 0 {
			t.Error("found after it was warned")
		}
		set(true, 2*time.Hour, 3)
		if n := long(); n != 1 {
			t.Error("not found when its time has come")
		}
	})
}

func TestExhaustedDeliveries(t *testing.T) {
	t.Parallel()
	onEach(t, "are told of to those who listen, and those of operational events are not", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		down := answering(t, 503)
		crm := r.subscribe("crm", down.URL(), retries()).ID
		r.subscribe("ops", down.URL(), listening, retries())
		stop := r.startWorker()
		events := r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 6})
		stop()
		rows := r.announced("delivery.exhausted")
		if len(rows) != 3 {
			t.Errorf("%d deliveries were told of, want those of the 3 events", len(rows))
		}
		var told struct {
			Delivery     string
			Event        struct{ ID, Type string }
			Subscription struct{ ID, Key string }
			Attempts     int
			Outcome      string
			StatusCode   int
		}
		row := r.awaitAnnounced("delivery.exhausted", "crm", &told)
		_, of, err := id.Parse(told.Event.ID)
		must(t, err)
		if !slices.Contains(events, of) || told.Event.Type != "sms.delivery" || told.Delivery != id.Format(id.Delivery, id.ForDelivery(of, crm)) ||
			told.Subscription.Key != "crm" || told.Attempts != 1 || told.Outcome != "HTTP_ERROR" || told.StatusCode != 503 {
			t.Errorf("told: %+v", told)
		}
		if len(row.Attributes) != 2 {
			t.Errorf("attributes %v", row.Attributes)
		}
	})

	onEach(t, "are nobody's business when nobody listens", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		down := answering(t, 503)
		r.subscribe("crm", down.URL(), retries())
		r.subscribe("others", down.URL(), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.EventTypes, in.Filter = []string{"hookline.*"}, &configure.EventFilterInput{Resources: []string{"billing"}}
		})
		stop := r.startWorker()
		r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 3})
		stop()
		if n := len(r.announced("delivery.exhausted")); n != 0 {
			t.Errorf("%d were told of", n)
		}
	})

	onEach(t, "are told of once for their idempotency key, which is none of the publishers'", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.subscribe("ops", testenv.NewReceiver(t).URL(), listening)
		again := accept.Event{Type: "hookline.delivery.exhausted", Payload: []byte(`{}`), IdempotencyKey: "k"}
		_, err := r.accepter.Publish(t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: []byte(`{}`), IdempotencyKey: "k"}})
		must(t, err)
		for range 2 {
			must(t, r.accepter.Announce(t.Context(), r.account, []accept.Event{again}))
		}
		if n := len(r.announced("delivery.exhausted")); n != 1 {
			t.Errorf("%d were told of, want one, whatever keys publishers use", n)
		}
	})
}

// Whoever may change event types cannot keep Hookline from telling.
func TestAnnouncedWhateverItsSchemaSays(t *testing.T) {
	t.Parallel()
	onEach(t, "rejects everybody else's", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.subscribe("ops", testenv.NewReceiver(t).URL(), listening)
		for _, kind := range []string{"hookline.delivery.exhausted", "sms.delivery"} {
			schema := graphql.OmittableOf(json.RawMessage(`{"required":["nothing has this"]}`))
			_, err := r.configure.UpsertEventType(r.ctx(), configure.EventTypeInput{Name: kind, Example: graphql.OmittableOf[json.RawMessage](nil), JSONSchema: schema, Validation: new("REJECT")})
			must(t, err)
		}
		must(t, r.registry.Refresh(t.Context()))
		must(t, r.accepter.Announce(t.Context(), r.account, []accept.Event{{Type: "hookline.delivery.exhausted", Payload: []byte(`{}`)}}))
		results, err := r.accepter.Publish(t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: []byte(`{}`)}})
		must(t, err)
		if len(results[0].Errors) == 0 {
			t.Error("the schema rejects nothing")
		}
	})
}

func TestExpiringCertificates(t *testing.T) {
	t.Parallel()
	onEach(t, "are told of at 30 days and at 7", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		made := func(key string, left time.Duration, told int) id.ID {
			return r.store.Ent.Certificate.Create().SetAccountID(r.account).SetKey(key).SetName(key).SetChain([]byte{1}).SetPrivateKey([]byte{1}).SetFingerprint("f-" + key).
				SetNotBefore(time.Now().Add(-days)).SetNotAfter(time.Now().Add(left)).SetExpiryTold(told).SaveX(r.ctx()).ID
		}
		made("far", 31*days, 0)
		made("over", -days, 0)
		made("told", 20*days, 30)
		made("told-twice", 3*days, 7)
		want := map[id.ID]int{made("month", 29*days, 0): 30, made("week", 6*days, 30): 7, made("days", 6*days, 0): 7}
		r.startWorker()
		r.startWorker()
		testenv.Eventually(t, patience, func() bool {
			for of, told := range want {
				if r.store.Ent.Certificate.Query().Where(certificate.ID(of)).OnlyX(r.ctx()).ExpiryTold != told {
					return false
				}
			}
			return true
		}, "all are noted as told")
		var keys []string
		for _, row := range r.announced("certificate.expiring") {
			keys = append(keys, row.Resource)
		}
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"days", "month", "week"}) {
			t.Errorf("told of %v", keys)
		}
		var told struct {
			Certificate struct{ ID, Key string }
			Fingerprint string
			NotAfter    time.Time
		}
		first := r.announced("certificate.expiring")[0]
		r.awaitAnnounced("certificate.expiring", first.Resource, &told)
		if told.Certificate.Key != first.Resource || told.Fingerprint != "f-"+first.Resource || told.NotAfter.Before(time.Now()) {
			t.Errorf("told: %+v", told)
		}
		if n := r.store.Ent.AuditEntry.Query().Where(auditentry.Action("UPDATE")).CountX(r.ctx()); n != 0 {
			t.Errorf("%d changes in the audit log", n)
		}
	})
}
