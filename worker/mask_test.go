package worker_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// An endpoint that repeats the request's headers must not bring secrets into the log.
func TestSecretsInResponsesAreMasked(t *testing.T) {
	t.Parallel()
	onEach(t, "masks them", func(t *testing.T, b testenv.Backend) {
		const secret = "canary-in-the-coal-mine"
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(_ int, got *testenv.Received) testenv.Response {
			key := got.Header.Get("X-Key")
			return testenv.Response{
				Status: http.StatusForbidden, Header: http.Header{"X-Echo": {key}},
				Body: []byte("you sent " + key + " " + base64.StdEncoding.EncodeToString([]byte(key)) + " and it is wrong"),
			}
		})
		r.subscribe("crm", receiver.URL(), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			p.Headers = []configure.HeaderInput{{Name: "X-Key", Value: secret, Secret: true}}
			p.RetryPolicy = &configure.RetryPolicyInput{Kind: "NONE"}
		})
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		if got := receiver.Received()[0].Header.Get("X-Key"); got != secret {
			t.Fatalf("the endpoint got %q", got)
		}
		a := r.attempts(r.deliveries()[0].ID)[0]
		if got := string(a.ResponseBody); got != "you sent *** *** and it is wrong" {
			t.Errorf("body %q", got)
		}
		if !strings.Contains(a.ResponseHeaders, "X-Echo: ***\n") || strings.Contains(a.RequestHeaders, secret) {
			t.Errorf("headers %q, %q", a.ResponseHeaders, a.RequestHeaders)
		}
	})
}
