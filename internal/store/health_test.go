package store_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/health/healthtest"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
)

// subscription makes an event subscription of an account that has nothing else.
func (d *db) subscription() id.ID {
	d.t.Helper()
	account, key := id.New(), id.New().String()
	profile := d.Ent.NotificationProfile.Create().SetAccountID(account).SetKey(key).SetWebhookURL("https://example.com").
		SetTLSVersions([]string{}).SetHeaders(nil).SetRetryPolicy(types.RetryPolicy{}).SaveX(d.ctx)
	return d.Ent.EventSubscription.Create().SetAccountID(account).SetKey(key).SetName(key).SetEventTypes([]string{"*"}).SetFilter(types.EventFilter{}).
		SetProfile(profile).SetSecret([]byte{1}).SetSecretFingerprint("f").SaveX(d.ctx).ID
}

// health returns what is known of a subscription; nil if nothing is.
func (d *db) health(of id.ID) *ent.SubscriptionHealth {
	d.t.Helper()
	row, err := d.Ent.SubscriptionHealth.Query().Where(subscriptionhealth.SubscriptionID(of)).Only(d.ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	must(d.t, err)
	return row
}

func (d *db) note(of id.ID, records ...health.Record) {
	d.t.Helper()
	for _, r := range records {
		must(d.t, d.NoteHealth(d.t.Context(), map[id.ID]health.Record{of: r}))
	}
}

func TestNoteHealth(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	together(t, map[string]func(*testing.T, *db){
		"merges as package health does": func(t *testing.T, d *db) {
			rapid.Check(t, func(rt *rapid.T) {
				attempts := healthtest.Attempts().Draw(rt, "attempts")
				batches := make([]health.Record, rapid.IntRange(1, 5).Draw(rt, "batches"))
				for _, attempt := range attempts {
					to := &batches[rapid.IntRange(0, len(batches)-1).Draw(rt, "batch")]
					*to = to.Merge(attempt)
				}
				of, want := d.subscription(), health.Record{}
				for _, batch := range batches {
					if batch == (health.Record{}) {
						continue
					}
					d.note(of, batch)
					want = want.Merge(batch)
					if got := configure.HealthRecord(d.health(of)); !sameRecord(got, want) {
						rt.Fatalf("after %+v: %+v, want %+v", batch, got, want)
					}
				}
				healthtest.Check(rt, attempts, configure.HealthRecord(d.health(of)))
			})
		},

		"tells subscriptions apart": func(t *testing.T, d *db) {
			good, bad := d.subscription(), d.subscription()
			must(t, d.NoteHealth(t.Context(), map[id.ID]health.Record{good: health.Succeeded(now), bad: health.Failed(now)}))
			if r := configure.HealthRecord(d.health(good)); !sameRecord(r, health.Succeeded(now)) {
				t.Errorf("the one that succeeds: %+v", r)
			}
			if r := configure.HealthRecord(d.health(bad)); !sameRecord(r, health.Failed(now)) {
				t.Errorf("the one that fails: %+v", r)
			}
			if d.health(good).AccountID != d.Ent.EventSubscription.GetX(d.ctx, good).AccountID {
				t.Error("it is not the account's")
			}
		},

		"goes with its subscription, and does not come back": func(t *testing.T, d *db) {
			of, stays := d.subscription(), d.subscription()
			d.note(of, health.Failed(now))
			d.Ent.EventSubscription.DeleteOneID(of).ExecX(d.ctx)
			must(t, d.NoteHealth(t.Context(), map[id.ID]health.Record{of: health.Failed(now), stays: health.Failed(now), id.New(): health.Failed(now)}))
			if d.health(of) != nil || d.health(stays) == nil {
				t.Errorf("of the deleted one %v is left, of the other one %v", d.health(of), d.health(stays))
			}
		},

		"counts nothing from before it was enabled": func(t *testing.T, d *db) {
			of := d.subscription()
			d.note(of, health.Failed(now))
			d.Ent.SubscriptionHealth.Update().Where(subscriptionhealth.SubscriptionID(of)).ClearFailingSince().SetFailedAttempts(0).
				SetEnabledAt(now.Add(time.Second)).ExecX(d.ctx)
			d.note(of, health.Failed(now))
			if row := d.health(of); row.FailingSince != nil || row.FailedAttempts != 0 {
				t.Errorf("a late failure makes it %v", row)
			}
			again := health.Failed(now.Add(2 * time.Second))
			d.note(of, again)
			if r := configure.HealthRecord(d.health(of)); !sameRecord(r, again) {
				t.Errorf("%+v, want %+v", r, again)
			}
		},

		"remembers that its account was told, also when nothing else is known": func(t *testing.T, d *db) {
			of := d.subscription()
			must(t, d.NoteDisabledTold(t.Context(), store.Told{ID: of, Version: 1}))
			if row := d.health(of); row == nil || row.WarnedAt == nil {
				t.Fatalf("%v, want it noted", row)
			}
			first := *d.health(of).WarnedAt
			d.note(of, health.Failed(now))
			must(t, d.NoteDisabledTold(t.Context(), store.Told{ID: of, Version: 1}))
			if row := d.health(of); row.WarnedAt.Before(first) || row.FailedAttempts != 1 {
				t.Errorf("told again, it is %v", row)
			}
		},

		"writes no success that tells only its time, unless that is stale": func(t *testing.T, d *db) {
			fresh, stale, now := d.subscription(), d.subscription(), time.Now().UTC().Truncate(time.Microsecond)
			d.note(fresh, health.Succeeded(now.Add(-time.Second)), health.Succeeded(now))
			d.note(stale, health.Succeeded(now.Add(-time.Minute)), health.Succeeded(now))
			if at := d.health(fresh).LastSuccessAt; !at.Equal(now.Add(-time.Second)) {
				t.Errorf("the fresh one is written again: %v", at)
			}
			if at := d.health(stale).LastSuccessAt; !at.Equal(now) {
				t.Errorf("the stale one is not written: %v", at)
			}
		},
	})
}

func sameRecord(a, b health.Record) bool {
	return a.FailedAttempts == b.FailedAttempts && a.FailingSince.Equal(b.FailingSince) && a.LastSuccessAt.Equal(b.LastSuccessAt) &&
		a.LastFailureAt.Equal(b.LastFailureAt)
}
