package worker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	onEach(t, "sends each event to each subscription that it matches, signed", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 2)
		first, second, other := testenv.NewReceiver(t), testenv.NewReceiver(t), testenv.NewReceiver(t)
		first.SetSecret(r.subscribe("first", first.URL()).Secret)
		second.SetSecret(r.subscribe("second", second.URL()).Secret)
		r.subscribe("other", other.URL(), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.Filter = &configure.EventFilterInput{Entities: []string{"lima"}}
		})
		r.startWorker()
		ids := r.publish(250)
		for _, receiver := range []*testenv.Receiver{first, second} {
			received := receiver.Wait(t.Context(), len(ids))
			for _, got := range received {
				if got.Signature != nil {
					t.Fatalf("signature: %v", got.Signature)
				}
				if !strings.HasPrefix(got.Header.Get("User-Agent"), "Hookline/") || !strings.Contains(string(got.Body), `"data":{"n":`) {
					t.Fatalf("request: %v %s", got.Header, got.Body)
				}
			}
			for _, event := range ids {
				if n := receiver.ByID()[id.Format(id.Event, event)]; n != 1 {
					t.Errorf("event %v came %d times", event, n)
				}
			}
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 500})
		if n := len(other.Received()); n > 0 {
			t.Errorf("%d requests to a subscription whose filter does not match", n)
		}
	})

	onEach(t, "retries by the profile's policy and succeeds", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, _ *testenv.Received) testenv.Response {
			if n <= 2 {
				return testenv.Response{Status: http.StatusServiceUnavailable, Body: []byte("not now")}
			}
			return testenv.Response{Status: http.StatusNoContent}
		})
		r.subscribe("crm", receiver.URL(), retries(time.Second, time.Second))
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		d := r.deliveries()[0]
		attempts := r.attempts(d.ID)
		if len(attempts) != 3 || d.AttemptCount != 3 || d.FailureCount != 2 || d.CompletedAt == nil || d.NextAttemptAt != nil {
			t.Fatalf("delivery %+v has %d attempts", d, len(attempts))
		}
		for i, a := range attempts {
			want := []struct{ trigger, outcome string }{{"FIRST", "HTTP_ERROR"}, {"RETRY", "HTTP_ERROR"}, {"RETRY", "SUCCESS"}}[i]
			if a.Number != i+1 || a.Trigger != want.trigger || a.Outcome != want.outcome || a.RemoteAddress == "" || a.TotalUs == 0 {
				t.Errorf("attempt %d: %+v", i+1, a)
			}
		}
		if a := attempts[0]; a.StatusCode != 503 || string(a.ResponseBody) != "not now" || a.NextAttemptAt == nil || a.Hint == "" ||
			!strings.Contains(a.RequestHeaders, "Webhook-Signature: v1,") {
			t.Errorf("first attempt: %+v", a)
		}
		requests := receiver.Received()
		if gap := requests[1].At.Sub(requests[0].At); gap < 900*time.Millisecond {
			t.Errorf("retried after %v, want 1s", gap)
		}
	})

	onEach(t, "keeps what is exhausted", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Status: http.StatusBadRequest} })
		r.subscribe("crm", receiver.URL(), retries(time.Second))
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		if n := len(r.attempts(r.deliveries()[0].ID)); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
	})

	onEach(t, "sends payloads that are too large for a work entry", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL())
		r.startWorker()
		large := `{"text":"` + strings.Repeat("ü", 20_000) + `"}`
		r.publishOne(large)
		got := receiver.Wait(t.Context(), 1)[0]
		if !strings.Contains(string(got.Body), large) {
			t.Error("the payload is not what was published")
		}
	})

	onEach(t, "logs what endpoints send, whatever its bytes", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(int, *testenv.Received) testenv.Response {
			return testenv.Response{Status: http.StatusTeapot, Header: http.Header{"X-Odd": {"caf\xe9"}}, Body: []byte("\x00\xff")}
		})
		r.subscribe("crm", receiver.URL(), retries())
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		a := r.attempts(r.deliveries()[0].ID)[0]
		if !strings.Contains(a.ResponseHeaders, "caf\uFFFD") || string(a.ResponseBody) != "\x00\xff" {
			t.Errorf("headers %q, body %q", a.ResponseHeaders, a.ResponseBody)
		}
	})

	onEach(t, "never sends to a blocked address, and does not retry", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL())
		r.guard.Allow = nil // the worker's policy, unlike the one at saving
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		if a := r.attempts(r.deliveries()[0].ID); len(a) != 1 || a[0].Outcome != "BLOCKED" || len(receiver.Received()) > 0 {
			t.Errorf("attempts %+v, %d requests", a, len(receiver.Received()))
		}
	})

	onEach(t, "cancels deliveries of a subscription that was deleted", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		key := "crm"
		r.subscribe(key, receiver.URL())
		r.publish(3)
		_, err := r.configure.DeleteEventSubscription(r.ctx(), configure.Ref{Key: &key}, true)
		must(t, err)
		r.startWorker()
		r.awaitStatuses(map[stream.Status]int{stream.StatusCancelled: 3})
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests", n)
		}
	})

	onEach(t, "a hanging endpoint holds up no other, and gets no more than its window", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		hanging, good := testenv.NewReceiver(t), testenv.NewReceiver(t)
		hanging.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Hang: true} })
		r.subscribe("hanging", hanging.URL())
		r.subscribe("good", good.URL())
		r.startWorker()
		ids := r.publish(300)
		good.Wait(t.Context(), len(ids))
		// What found no room at the hanging one is put off: it waits in the database, without an attempt.
		testenv.Eventually(t, patience, func() bool {
			waiting := 0
			for _, d := range r.deliveries() {
				if d.Status == string(stream.StatusRetrying) && d.AttemptCount == 0 {
					waiting++
				}
			}
			return waiting >= len(ids)-3*20
		}, "deliveries to the hanging endpoint are put off")
		if most := hanging.MaxInFlight(); most > 20 {
			t.Errorf("%d requests at once at the hanging endpoint, its window is 20", most)
		}
	})
}
