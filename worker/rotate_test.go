package worker_test

import (
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

func TestRotatedSecrets(t *testing.T) {
	t.Parallel()
	onEach(t, "sign both while the old one is valid, and then only the new one", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		key := "crm"
		made := r.subscribe(key, receiver.URL())
		r.startWorker()
		rotate := func(overlap time.Duration) string {
			t.Helper()
			rotated, err := r.configure.RotateEventSubscriptionSecret(r.ctx(), configure.Ref{Key: &key}, overlap, nil)
			must(t, err)
			return rotated.Secret
		}
		requests := 0
		verify := func(what string, secrets map[string]bool) {
			t.Helper()
			r.publish(1)
			requests++
			got := receiver.Wait(t.Context(), requests)[requests-1]
			for secret, want := range secrets {
				webhook, err := standardwebhooks.NewWebhook(secret)
				must(t, err)
				if err := webhook.Verify(got.Body, got.Header); (err == nil) != want {
					t.Errorf("%s: %v, want a valid signature: %v", what, err, want)
				}
			}
		}
		first := made.Secret
		verify("before", map[string]bool{first: true})
		second := rotate(time.Hour)
		verify("during the overlap", map[string]bool{first: true, second: true})
		third := rotate(time.Hour)
		verify("after another rotation", map[string]bool{first: false, second: true, third: true})

		// The overlap is over.
		must(t, r.store.Ent.EventSubscription.Update().Where(eventsubscription.ID(made.ID)).
			SetPreviousSecretValidUntil(time.Now().Add(-time.Millisecond)).Exec(r.ctx()))
		must(t, r.store.Ent.ConfigChange.Create().SetAccountID(r.account).SetKind(string(id.EventSubscription)).SetObjectID(made.ID).Exec(r.ctx()))
		must(t, r.registry.Refresh(t.Context()))
		verify("after the overlap", map[string]bool{second: false, third: true})
		fourth := rotate(0)
		verify("without overlap", map[string]bool{third: false, fourth: true})
	})
}
