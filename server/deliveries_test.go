package server_test

import (
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

func TestInterventions(t *testing.T) {
	t.Parallel()
	const (
		retry  = `mutation($id: ID!) {retryDeliveryNow(id: $id) {delivery {status nextAttemptAt completedAt} userErrors {code message path}}}`
		cancel = `mutation($id: ID!) {cancelDelivery(id: $id) {delivery {status nextAttemptAt completedAt} userErrors {code message path}}}`
	)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		subscription := w.subscribe(ctx, "crm", "sms.*")
		_, stranger := w.customer("stranger")
		// standing makes a delivery that stands so.
		standing := func(status stream.Status) string {
			event := w.publish(key, `{"type":"sms.delivery","payload":1}`)
			r := result(subscription.AccountID, parse(t, event), subscription.ID, 1, status)
			w.archive(r)
			return id.Format(id.Delivery, r.DeliveryID)
		}
		refused := func(document, delivery, code, says string) {
			t.Helper()
			wrong := w.userErrors(key, document, map[string]any{"id": delivery})
			if len(wrong) != 1 || wrong[0].Code != code || !strings.Contains(wrong[0].Message, says) || strings.Join(wrong[0].Path, ".") != "id" {
				t.Errorf("%+v, want %s with %q", wrong, code, says)
			}
		}

		retrying := standing(stream.StatusRetrying)
		before := w.get(key, `query($id: ID!) {delivery(id: $id) {nextAttemptAt}}`, map[string]any{"id": retrying}, "delivery.nextAttemptAt")
		for _, document := range []string{retry, cancel} {
			if wrong := w.userErrors(stranger, document, map[string]any{"id": retrying}); len(wrong) != 1 || wrong[0].Code != "NOT_FOUND" {
				t.Errorf("asked for by another account: %+v", wrong)
			}
		}
		if got := w.get(key, retry, map[string]any{"id": retrying}, "retryDeliveryNow.delivery.nextAttemptAt"); got >= before {
			t.Errorf("due at %s, before that at %s", got, before)
		}
		off := false
		change := func(enabled bool) {
			t.Helper()
			must(w.configure.UpdateEventSubscription(ctx, configure.Ref{Key: &subscription.Key}, configure.UpdateEventSubscriptionInput{Enabled: &enabled}))
		}
		change(off)
		refused(retry, retrying, "INVALID", "its subscription is disabled; enable that first")
		change(!off)
		if got := w.get(key, cancel, map[string]any{"id": retrying}, "cancelDelivery.delivery.status"); got != "CANCELLED" {
			t.Errorf("cancelled, it is %s", got)
		}
		refused(cancel, retrying, "INVALID", "a delivery that is CANCELLED cannot be cancelled: it was called off before")
		refused(retry, retrying, "INVALID", "a delivery that is CANCELLED cannot be retried now: it was called off")

		queued := standing(stream.StatusQueued)
		refused(retry, queued, "INVALID", "wait for its result")
		if got := w.get(key, cancel, map[string]any{"id": queued}, "cancelDelivery.delivery.completedAt"); got == "null" {
			t.Error("a cancelled delivery has no end")
		}
		refused(retry, standing(stream.StatusSucceeded), "INVALID", "a delivery that is SUCCEEDED")
		refused(cancel, standing(stream.StatusSucceeded), "INVALID", "nothing is left to cancel")
		refused(retry, standing(stream.StatusExhausted), "INVALID", "its retries ran out")
		refused(cancel, standing(stream.StatusExhausted), "INVALID", "its retries ran out")
		refused(retry, standing(stream.StatusParked), "INVALID", "enable that")
		refused(retry, standing(stream.StatusSkipped), "INVALID", "never sent")
		refused(cancel, standing(stream.StatusSkipped), "INVALID", "never sent")
		refused(cancel, id.Format(id.Delivery, id.New()), "NOT_FOUND", "there is no delivery")
		refused(cancel, "dlv_", "NOT_FOUND", `there is no delivery with the id "dlv_"`)

		if message := w.refusal(w.key(ctx, access.LogRead), `mutation {cancelDelivery(id: "`+queued+`") {userErrors {code}}}`); !strings.HasPrefix(message, "FORBIDDEN") {
			t.Errorf("without the scope: %q", message)
		}
	})
}
