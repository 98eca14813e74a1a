package graph

import (
	"context"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/subscriptionhealth"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// healthOf shows how a subscription is doing; row is nil if it was never attempted.
func healthOf(s *ent.EventSubscription, row *ent.SubscriptionHealth, now time.Time) *SubscriptionHealth {
	shown := &SubscriptionHealth{State: configure.HealthRecord(row).StateAt(now, s.Enabled)}
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
