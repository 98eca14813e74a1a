package configure_test

import (
	"testing"
	"time"

	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/health/healthtest"
	"github.com/hookline/hookline/internal/id"
)

// TestHealthIn: the database finds a subscription by the state that package health says, and by no other.
func TestHealthIn(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		now := time.Now().UTC().Truncate(time.Microsecond)
		states := []health.State{health.Disabled, health.Idle, health.Failing, health.Degraded, health.Healthy}
		profile := configure.ProfileInput("p", "https://example.com")
		if _, err := e.CreateNotificationProfile(e.ctx(), profile); err != nil {
			e.Fatal(err)
		}
		cases := healthtest.Cases(now)
		for i, c := range cases {
			user := string(rune('a' + i)) // there may not be many of the same
			made, err := e.CreateEventSubscription(e.ctx(), configure.CreateEventSubscriptionInput{
				Key: "s" + user, Name: c.Name, EventTypes: []string{"sms.*"}, Filter: &configure.EventFilterInput{Users: []string{user}},
				Profile: configure.ProfileChoice{Existing: &configure.Ref{Key: &profile.Key}}, Enabled: !c.Disabled,
			})
			if err != nil {
				e.Fatal(err)
			}
			if c.Record != (health.Record{}) {
				if err := e.Store.NoteHealth(e.Context(), map[id.ID]health.Record{made.ID: c.Record}); err != nil {
					e.Fatal(err)
				}
			}
			if c.Record.FailingSince.IsZero() && c.Record.LastFailureAt.After(c.Record.LastSuccessAt) { // it was enabled again
				e.Store.Ent.SubscriptionHealth.Update().ClearFailingSince().SetFailedAttempts(0).ExecX(e.ctx())
			}
			for _, asked := range states {
				found := e.Store.Ent.EventSubscription.Query().Where(configure.HealthIn(now, []health.State{asked}), eventsubscription.ID(made.ID)).ExistX(e.ctx())
				if found != (asked == c.State) {
					e.Errorf("%s by %s: found %v", c.Name, asked, found)
				}
			}
			if e.Failed() {
				return
			}
		}
		if n := e.Store.Ent.EventSubscription.Query().Where(configure.HealthIn(now, states)).CountX(e.ctx()); n != len(cases) {
			e.Errorf("by all states %d of %d", n, len(cases))
		}
	})
}

func TestEnablingAgainBeginsAnew(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made := e.subscription()
		key := made.Key
		set := func(enabled bool) {
			e.Helper()
			if _, err := e.UpdateEventSubscription(e.ctx(), configure.Ref{Key: &key}, configure.UpdateEventSubscriptionInput{Enabled: &enabled}); err != nil {
				e.Fatal(err)
			}
		}
		failed := health.Failed(time.Now().UTC().Truncate(time.Microsecond))
		if err := e.Store.NoteHealth(e.Context(), map[id.ID]health.Record{made.ID: failed}); err != nil {
			e.Fatal(err)
		}
		record := func() health.Record {
			return configure.HealthRecord(e.Store.Ent.SubscriptionHealth.Query().OnlyX(e.ctx()))
		}
		for _, enabled := range []bool{true, false} { // as it is, and disabled
			set(enabled)
			if r := record(); !r.FailingSince.Equal(failed.FailingSince) || r.FailedAttempts != 1 {
				e.Errorf("set to %v: %+v", enabled, r)
			}
		}
		set(true)
		if r := record(); !r.FailingSince.IsZero() || r.FailedAttempts != 0 || !r.LastFailureAt.Equal(failed.LastFailureAt) {
			e.Errorf("%+v after it was enabled again", r)
		}
	})
}
