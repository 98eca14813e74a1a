package configure

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
)

// HealthRecord returns what is known of a subscription; row is nil if it was never attempted.
func HealthRecord(row *ent.SubscriptionHealth) (r health.Record) {
	if row == nil {
		return r
	}
	r.FailedAttempts = row.FailedAttempts
	for _, t := range []struct {
		from *time.Time
		to   *time.Time
	}{{row.FailingSince, &r.FailingSince}, {row.LastSuccessAt, &r.LastSuccessAt}, {row.LastFailureAt, &r.LastFailureAt}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	return r
}

// HealthIn selects the subscriptions that are in one of the states at a time.
func HealthIn(now time.Time, states []health.State) predicate.EventSubscription {
	now = now.UTC().Truncate(time.Microsecond)
	either := make([]predicate.EventSubscription, len(states))
	for i, state := range states {
		either[i] = healthStateAt(now, state)
	}
	return eventsubscription.Or(either...)
}

// healthStateAt is health.Record.StateAt for the database.
func healthStateAt(now time.Time, state health.State) predicate.EventSubscription {
	var (
		idle      = now.Add(-health.IdleAfter)
		long      = now.Add(-health.FailingFor)
		recent    = now.Add(-health.DegradedFor)
		attempted = subscriptionhealth.Or(subscriptionhealth.LastSuccessAtGT(idle), subscriptionhealth.LastFailureAtGT(idle))
	)
	enabledWith := func(of ...predicate.SubscriptionHealth) predicate.EventSubscription {
		return eventsubscription.And(eventsubscription.Enabled(true), eventsubscription.HasHealthWith(append(of, attempted)...))
	}
	switch state {
	case health.Disabled:
		return eventsubscription.Enabled(false)
	case health.Idle:
		return eventsubscription.And(eventsubscription.Enabled(true), eventsubscription.Not(eventsubscription.HasHealthWith(attempted)))
	case health.Failing:
		return enabledWith(subscriptionhealth.Or(
			subscriptionhealth.And(subscriptionhealth.FailingSinceNotNil(), subscriptionhealth.FailedAttemptsGTE(health.FailingAttempts)),
			subscriptionhealth.FailingSinceLTE(long)))
	case health.Degraded:
		return enabledWith(subscriptionhealth.LastFailureAtGT(recent), subscriptionhealth.Or(
			subscriptionhealth.FailingSinceIsNil(),
			subscriptionhealth.And(subscriptionhealth.FailedAttemptsLT(health.FailingAttempts), subscriptionhealth.FailingSinceGT(long))))
	default: // healthy
		return enabledWith(subscriptionhealth.Or(subscriptionhealth.LastFailureAtIsNil(), subscriptionhealth.LastFailureAtLTE(recent)), subscriptionhealth.Or(
			subscriptionhealth.FailingSinceIsNil(),
			subscriptionhealth.And(subscriptionhealth.FailedAttemptsLT(health.FailingAttempts), subscriptionhealth.FailingSinceGT(long))))
	}
}

// resetHealth begins anew with a subscription that has been enabled again: failures from before are not counted any more.
func (c *change) resetHealth(ctx context.Context, subscription id.ID) error {
	return c.SubscriptionHealth.Update().Where(subscriptionhealth.SubscriptionID(subscription)).
		ClearFailingSince().SetFailedAttempts(0).SetEnabledAt(time.Now().UTC().Truncate(time.Microsecond)).Exec(ctx)
}

// The reasons of subscriptions that Hookline itself has disabled.
const (
	// gone: its endpoint answered 410 Gone.
	gone = "GONE"
	// failing: it did nothing but fail for as long as its account has it.
	failing = "FAILING"
)

// DisableGone disables a subscription of the context's account whose endpoint answered 410 Gone to a request that began at asked, and
// reports whether it did. It does not if the subscription is disabled already or no longer there, or if it or its profile has been changed
// since: the answer may be to what they were before.
func (s *Service) DisableGone(ctx context.Context, subscription id.ID, asked time.Time) (disabled bool, err error) {
	return s.disable(ctx, subscription, gone, func(row *ent.EventSubscription) bool { return unchangedSince(row, asked) })
}

// DisableFailing disables a subscription of the context's account that fails, if what is known of it is still to that, and if neither it
// nor its profile has been changed since it last failed. It reports whether it did.
func (s *Service) DisableFailing(ctx context.Context, subscription id.ID, rule health.AutoDisable) (disabled bool, err error) {
	return s.disable(ctx, subscription, failing, func(row *ent.EventSubscription) bool {
		record := HealthRecord(row.Edges.Health)
		return rule.Disables(record) && unchangedSince(row, record.LastFailureAt)
	})
}

func unchangedSince(row *ent.EventSubscription, asked time.Time) bool {
	return row.UpdatedAt.Before(asked) && row.Edges.Profile.UpdatedAt.Before(asked)
}

// disable disables a subscription for a reason of Hookline's own, of which its account is then to be told, if it is enabled and to be
// disabled as it is.
func (s *Service) disable(ctx context.Context, subscription id.ID, reason string, toBe func(*ent.EventSubscription) bool) (disabled bool, err error) {
	find := func(db *ent.EventSubscriptionClient) (*ent.EventSubscription, error) {
		row, err := db.Query().Where(eventsubscription.ID(subscription), eventsubscription.Enabled(true)).WithProfile().WithHealth().Only(ctx)
		if ent.IsNotFound(err) || err == nil && !toBe(row) {
			return nil, nil
		}
		return row, err
	}
	// Many answers may say the same: only the first of them needs to lock the account.
	if row, err := find(s.Store.Ent.EventSubscription); err != nil || row == nil {
		return false, err
	}
	err = s.change(ctx, func(c *change) error {
		row, err := find(c.EventSubscription)
		if err != nil || row == nil {
			return err
		}
		disabled = true
		err = row.Update().SetEnabled(false).SetDisabledReason(reason).SetUntoldSince(time.Now().UTC().Truncate(time.Microsecond)).AddVersion(1).Exec(ctx)
		if err != nil {
			return err
		}
		return c.record(ctx, id.EventSubscription, row.ID)
	})
	if err != nil {
		return false, fmt.Errorf("disable subscription: %w", err)
	}
	return disabled, nil
}
