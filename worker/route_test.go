package worker_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// forward makes a profile, and a route of the resource to it; it returns the account's secret.
func (r *rig) forward(resource, url string, delays ...time.Duration) (route id.ID, secret string) {
	r.t.Helper()
	in := configure.ProfileInput("forwarded", url)
	retries(delays...)(nil, &in)
	profile, err := r.configure.CreateNotificationProfile(r.ctx(), in)
	must(r.t, err)
	set, err := r.configure.SetResourceRoute(r.ctx(), resource, configure.Forward, &configure.Ref{ID: new(id.Format(id.NotificationProfile, profile.ID))}, "*")
	must(r.t, err)
	return set.Route.ID, set.Secret
}

// publishTo publishes an SMS delivery report that concerns a resource.
func (r *rig) publishTo(resource string) {
	r.t.Helper()
	_, err := r.accepter.Publish(r.t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: json.RawMessage("7"), Resource: resource}})
	must(r.t, err)
}

func TestResourceRoutes(t *testing.T) {
	t.Parallel()
	onEach(t, "send through their profile alone, signed with the account's secret, with retries", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		subscribed, forwarded := testenv.NewReceiver(t), testenv.NewReceiver(t)
		forwarded.Respond(func(n int, _ *testenv.Received) testenv.Response {
			if n == 1 {
				return testenv.Response{Status: http.StatusServiceUnavailable}
			}
			return testenv.Response{Status: http.StatusOK}
		})
		r.subscribe("crm", subscribed.URL())
		route, secret := r.forward("+491", forwarded.URL(), time.Second)
		forwarded.SetSecret(secret)
		r.startWorker()
		r.publishTo("+491")
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		if got := forwarded.Received(); len(got) != 2 || len(subscribed.Received()) > 0 {
			t.Fatalf("%d requests to the route's profile, %d to the subscription's", len(got), len(subscribed.Received()))
		} else if got[0].Signature != nil || got[1].Signature != nil {
			t.Errorf("signatures: %v, %v", got[0].Signature, got[1].Signature)
		}
		if d := r.deliveries()[0]; d.SubscriptionID != route || d.AttemptCount != 2 {
			t.Errorf("delivery %+v", d)
		}
		r.publishTo("+492")
		subscribed.Wait(t.Context(), 1)
	})

	onEach(t, "that are gone leave what is under way to be cancelled", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.forward("+491", receiver.URL())
		r.publishTo("+491")
		_, err := r.configure.SetResourceRoute(r.ctx(), "+491", configure.ToNobody, nil, "sms.*")
		must(t, err)
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusCancelled: 1})
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests", n)
		}
	})
}
