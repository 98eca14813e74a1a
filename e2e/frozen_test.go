package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/testenv"
)

// A worker that is frozen loses its work to the others. When it goes on, what it finds out late is in the log, and sets nothing back.
func TestWorkerFrozen(t *testing.T) {
	t.Parallel()
	in := install(t, testenv.Postgres(t), testenv.RedisURL(t), testenv.RedisPrefix(t))
	server, workers := in.startAll(1)
	frozen, api := workers[0], server.api()
	to := endpoints{}
	one := to.add(api, "one", nil, fields{
		"windowSize": 1000, "readTimeoutMs": 60000, "retryPolicy": fields{"kind": "CUSTOM", "delays": []string{"PT1H"}},
	})
	// The first requests are answered late, one half of them with a failure. Nothing is retried within the test because of that.
	const late = 100
	answer := make(chan struct{})
	one.Respond(func(n int, _ *testenv.Received) testenv.Response {
		if n > late {
			return testenv.Response{}
		}
		return testenv.Response{Release: answer, Status: []int{http.StatusOK, http.StatusInternalServerError}[n%2]}
	})

	held := api.publishBatch(late)
	one.Wait(soon(t), late)
	frozen.freeze()
	since := time.Now()
	in.start("worker")
	traffic := api.startTraffic(300)
	one.WaitFor(soon(t), func([]testenv.Received) bool {
		posts := one.ByID()
		return !slices.ContainsFunc(held, func(id string) bool { return posts[id] < 2 })
	})
	close(answer) // of which the frozen worker knows nothing
	ids := append(held, traffic.wait()...)
	api.awaitEvents(ids, to.delivered)
	<-time.After(time.Until(since.Add(10 * time.Second))) // longer than it takes for others to think it dead
	frozen.thaw()

	events := api.awaitEvents(ids, func(events []loggedEvent) error {
		posts := one.ByID()
		for _, event := range events {
			for _, d := range event.Deliveries {
				if n := len(d.Attempts) - d.count("INTERRUPTED"); n < posts[event.ID] {
					return fmt.Errorf("event %s came %d times; the log has what became of %d: %+v", event.ID, posts[event.ID], n, d)
				}
			}
		}
		return to.delivered(events)
	})
	to.assertSigned(t)
	to.assertExplained(t, events)
	if n := countAttempts(events, "INTERRUPTED"); n < late {
		t.Errorf("%d attempts are noted as interrupted; the frozen worker had %d requests under way", n, late)
	}
	if n := countAttempts(events, "HTTP_ERROR"); n != late/2 {
		t.Errorf("%d attempts are noted as failed; there were %d such answers", n, late/2)
	}
}
