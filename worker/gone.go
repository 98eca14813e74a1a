package worker

import (
	"context"
	"net/http"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// goneTimeout bounds how long archiving waits for a subscription to be disabled.
const goneTimeout = 5 * time.Second

// disableGone disables the subscriptions whose endpoints answered 410 Gone. It is called with what has just been archived. What fails is
// only noted: the next answer says the same.
func (w *Worker) disableGone(ctx context.Context, batch []stream.Logged) {
	done := make(map[id.ID]bool)
	for _, r := range batch {
		if !isGone(r.Result) || done[r.SubscriptionID] {
			continue
		}
		done[r.SubscriptionID] = true
		timed, cancel := context.WithTimeout(access.WithAccount(ctx, r.AccountID), goneTimeout)
		disabled, err := w.configure.DisableGone(timed, r.SubscriptionID, stream.FromMicros(r.Attempt.StartedAt))
		cancel()
		switch {
		case err != nil:
			w.log.Error("a subscription whose endpoint is gone could not be disabled",
				"subscription", id.Format(id.EventSubscription, r.SubscriptionID), "error", err)
		case disabled:
			w.log.Warn("subscription disabled: its endpoint answered 410 Gone", "account", id.Format(id.Account, r.AccountID),
				"subscription", id.Format(id.EventSubscription, r.SubscriptionID), "delivery", id.Format(id.Delivery, r.DeliveryID))
		}
	}
}

// isGone reports whether the result is that of a request that was answered 410 Gone, unless the profile takes that for a success.
func isGone(r *stream.Result) bool {
	return r.Attempt != nil && r.Attempt.Outcome == stream.OutcomeHTTPError && r.Attempt.StatusCode == http.StatusGone
}
