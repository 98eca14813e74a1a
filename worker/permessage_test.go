package worker_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// publishWith publishes an SMS delivery report that says something about its own delivery.
func (r *rig) publishWith(payload string, webhook *accept.Webhook) {
	r.t.Helper()
	results, err := r.accepter.Publish(r.t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: json.RawMessage(payload), Webhook: webhook}})
	must(r.t, err)
	if len(results[0].Errors) > 0 {
		r.t.Fatal(results[0].Errors)
	}
}

// to returns a webhook that names a URL.
func to(url string) *accept.Webhook {
	w := accept.NewWebhook()
	w.NotifyURL = &url
	return w
}

func TestPerMessageWebhooks(t *testing.T) {
	t.Parallel()
	onEach(t, "alone get the event, signed with the account's secret", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		subscribed, own := testenv.NewReceiver(t), testenv.NewReceiver(t)
		r.subscribe("crm", subscribed.URL())
		rotated, err := r.configure.RotateAccountSecret(r.ctx(), 0, nil)
		must(t, err)
		own.SetSecret(rotated.Secret)
		r.startWorker()
		webhook := to(own.URL() + "/mine?token=1")
		webhook.CallbackData = `order "17"`
		r.publishWith(`{"n":1}`, webhook)
		got := own.Wait(t.Context(), 1)[0]
		if got.Signature != nil || got.Path != "/mine?token=1" || !bytes.Contains(got.Body, []byte(`"callbackData":"order \"17\""`)) ||
			!bytes.Contains(got.Body, []byte(`"data":{"n":1}`)) {
			t.Errorf("got %s %s, signature %v", got.Path, got.Body, got.Signature)
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		d := r.deliveries()[0]
		if a := r.attempts(d.ID)[0]; d.SubscriptionID != r.account || a.URL != own.URL()+"/mine" || a.PayloadFormat != "ENVELOPE" {
			t.Errorf("delivery %+v, attempt %+v", d, a)
		}
		if n := len(subscribed.Received()); n > 0 {
			t.Errorf("%d requests to the subscription", n)
		}
	})

	onEach(t, "are retried as they were asked for, though a worker stops meanwhile", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, _ *testenv.Received) testenv.Response {
			if n == 1 {
				return testenv.Response{Status: http.StatusServiceUnavailable}
			}
			return testenv.Response{Status: http.StatusOK}
		})
		stop := r.startWorker()
		webhook := to(receiver.URL() + "/mine")
		webhook.CallbackData, webhook.ContentType = "seventeen", accept.ContentXML
		payload := `"` + strings.Repeat("x", 2*stream.InlinePayload) + `"`
		r.publishWith(payload, webhook)
		r.awaitStatuses(map[stream.Status]int{stream.StatusRetrying: 1})
		stop()
		r.store.Ent.Delivery.UpdateOneID(r.deliveries()[0].ID).SetNextAttemptAt(time.Now()).ExecX(access.WithSystem(t.Context()))
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		got := receiver.Received()
		if len(got) != 2 || !bytes.Equal(got[0].Body, got[1].Body) || !bytes.Contains(got[0].Body, []byte("<callbackData>seventeen</callbackData>")) ||
			got[1].Path != "/mine" || !strings.Contains(got[1].Header.Get("Content-Type"), "xml") {
			t.Errorf("%d requests, %s", len(got), got[len(got)-1].Body)
		}
	})

	onEach(t, "that name no URL carry their data to subscriptions, and silent ones go to nobody", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL())
		r.startWorker()
		silent, webhook := accept.NewWebhook(), accept.NewWebhook()
		silent.Notify, webhook.CallbackData = false, "seventeen"
		r.publishWith("1", silent)
		r.publishWith("2", webhook)
		if got := receiver.Wait(t.Context(), 1)[0]; !bytes.Contains(got.Body, []byte(`"callbackData":"seventeen","data":2`)) {
			t.Errorf("got %s", got.Body)
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
	})

	onEach(t, "that got lost on their way are found by the sweeper", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.publishWith("1", to(receiver.URL()))
		// Nothing is in Redis of it, as if that had lost its data.
		queued, _, err := r.store.Sweep(t.Context(), time.Now().Add(time.Hour))
		must(t, err)
		works, lost, err := r.store.Works(t.Context(), queued)
		must(t, err)
		if len(works) != 1 || len(lost) > 0 || works[0].Event.NotifyURL != receiver.URL() || works[0].Targets[0].SubscriptionID != r.account {
			t.Errorf("works %+v, lost %v", works, lost)
		}
	})
}
