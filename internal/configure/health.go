package configure

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/id"
)

// gone is the reason of a subscription whose endpoint answered 410 Gone.
const gone = "GONE"

// DisableGone disables a subscription of the context's account whose endpoint answered 410 Gone to a request that began at asked, and
// reports whether it did. It does not if the subscription is disabled already or no longer there, or if it or its profile has been changed
// since: the answer may be to what they were before.
func (s *Service) DisableGone(ctx context.Context, subscription id.ID, asked time.Time) (disabled bool, err error) {
	find := func(db *ent.EventSubscriptionClient) (*ent.EventSubscription, error) {
		row, err := db.Query().Where(eventsubscription.ID(subscription), eventsubscription.Enabled(true)).WithProfile().Only(ctx)
		if ent.IsNotFound(err) || err == nil && (!row.UpdatedAt.Before(asked) || !row.Edges.Profile.UpdatedAt.Before(asked)) {
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
		if err := row.Update().SetEnabled(false).SetDisabledReason(gone).AddVersion(1).Exec(ctx); err != nil {
			return err
		}
		return c.record(ctx, id.EventSubscription, row.ID)
	})
	if err != nil {
		return false, fmt.Errorf("disable subscription: %w", err)
	}
	return disabled, nil
}
