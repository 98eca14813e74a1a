package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// holdSome makes a receiver hold back the answer to every tenth request until the returned function is called.
func holdSome(r *testenv.Receiver) (release func()) {
	held := make(chan struct{})
	r.Respond(func(n int, _ *testenv.Received) testenv.Response {
		if n%10 == 0 {
			return testenv.Response{Release: held}
		}
		return testenv.Response{}
	})
	return func() { close(held) }
}

// What was accepted is delivered, and what waits for its retry is retried, though the one process that there is was killed.
func TestEmbeddedSurvivesKill(t *testing.T) {
	t.Parallel()
	in := installEmbedded(t)
	serve := in.start("serve")
	api := serve.api()
	to := endpoints{}
	slow := to.add(api, "slow", nil, nil)
	release := holdSome(slow)
	down := to.add(api, "down", nil, fields{
		"windowSize": 1000, "retryPolicy": fields{"kind": "CUSTOM", "delays": slices.Repeat([]string{"PT3S"}, 20)},
	})
	down.Respond(func(int, *testenv.Received) testenv.Response {
		return testenv.Response{Status: http.StatusInternalServerError}
	})

	waiting := api.publishBatch(50)
	api.awaitEvents(waiting, func(events []loggedEvent) error { return retrying(events, "down") })
	ids := append(waiting, api.publishBatch(250)...)
	slow.Wait(soon(t), len(waiting)+20)
	serve.kill()
	release()
	down.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{} })

	api = in.start("serve").api()
	events := api.awaitEvents(ids, to.deliveredAfterKill)
	to.assertSigned(t)
	for _, event := range events[:len(waiting)] {
		for _, d := range event.Deliveries {
			if d.Subscription.Key == "down" && d.count("HTTP_ERROR") == 0 {
				t.Errorf("event %s was delivered anew instead of being retried: %+v", event.ID, d)
			}
		}
	}
}

// A worker's deliveries are taken over when it is killed: nothing is lost, and nothing is sent twice but what was under way.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	in := install(t, testenv.Postgres(t), testenv.RedisURL(t), testenv.RedisPrefix(t))
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	var release []func()
	for _, key := range []string{"one", "two", "three"} {
		release = append(release, holdSome(to.add(api, key, nil, fields{"windowSize": 200})))
	}
	traffic := api.startTraffic(1000)
	traffic.awaitAccepted(400)
	to["one"].Wait(soon(t), 200)
	workers[0].kill()
	for _, r := range release {
		r()
	}
	traffic.awaitAccepted(700)
	in.start("worker")

	events := api.awaitEvents(traffic.wait(), to.delivered)
	to.assertSigned(t)
	to.assertExplained(t, events)
	if countAttempts(events, "INTERRUPTED") == 0 {
		t.Error("no attempt of the killed worker is noted as interrupted: its work was not taken over")
	}
}
