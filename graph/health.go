package graph

import (
	"context"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
)

// healthOf shows how a subscription of an account is doing; row is nil if it was never attempted.
func healthOf(s *ent.EventSubscription, row *ent.SubscriptionHealth, account *ent.Account, now time.Time) *SubscriptionHealth {
	record := configure.HealthRecord(row)
	shown := &SubscriptionHealth{State: record.StateAt(now, s.Enabled)}
	if shown.State == health.Failing && account != nil {
		if at := configure.AutoDisableOf(account).DisablesAt(record); !at.IsZero() {
			shown.DisablesAt = &at
		}
	}
	if row != nil {
		shown.FailingSince, shown.FailedAttempts = row.FailingSince, row.FailedAttempts
		shown.LastSuccessAt, shown.LastFailureAt = row.LastSuccessAt, row.LastFailureAt
	}
	return shown
}

func (r reads) health(ctx context.Context, subscriptions []id.ID) (map[id.ID]*ent.SubscriptionHealth, error) {
	rows, err := r.client.SubscriptionHealth.Query().Where(subscriptionhealth.SubscriptionIDIn(subscriptions...)).All(ctx)
	return byKey(rows, err, func(h *ent.SubscriptionHealth) id.ID { return h.SubscriptionID })
}
