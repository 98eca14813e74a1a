package worker_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// While a worker that stops still waits for an answer, others do not take it for dead and send the request again.
func TestStopWaitsForLongRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: testenv.StartRedis(t).URL()}, 1)
	r.grace = 30 * time.Second
	to := testenv.NewReceiver(t)
	to.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Delay: 12 * time.Second} }) // longer than it takes to count as dead
	r.subscribe("slow", to.URL(), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.ReadTimeoutMs = 60_000
	})
	stop := r.startWorker()
	r.publish(1)
	to.Wait(t.Context(), 1)
	r.startWorker()
	stop()
	r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
	if n := len(to.Received()); n != 1 {
		t.Errorf("the request was sent %d times", n)
	}
}

// A worker stops in time also while Redis takes nothing, when it has more to write than it keeps ready. Others do what it could not write.
func TestStopWhileRedisTakesNothing(t *testing.T) {
	t.Parallel()
	full := func(t *testing.T, server *testenv.Redis, limit string) {
		client := redis.NewClient(&redis.Options{Addr: server.Addr()})
		defer client.Close()
		must(t, client.ConfigSet(t.Context(), "maxmemory", limit).Err())
	}
	for name, c := range map[string]struct {
		begin, end func(*testing.T, *testenv.Redis)
	}{
		"it refuses to write": {
			func(t *testing.T, s *testenv.Redis) { full(t, s, "1") }, func(t *testing.T, s *testenv.Redis) { full(t, s, "0") },
		},
		"it hangs": {
			func(_ *testing.T, s *testenv.Redis) { s.Pause() }, func(_ *testing.T, s *testenv.Redis) { s.Continue() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			const fanOut = 6_000 // more than it keeps ready
			server := testenv.StartRedis(t)
			r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: server.URL()}, 1)
			to, gate := testenv.NewReceiver(t), make(chan struct{})
			to.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Release: gate} })
			first := r.subscribe("crowd", to.URL(), func(in *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
				in.EventTypes, p.ReadTimeoutMs, p.WindowSize = []string{"sms.click"}, 90_000, 500
			})
			r.crowd(first.EventSubscription, fanOut-1)
			stop := r.startWorker()
			_, err := r.accepter.Publish(r.ctx(), r.account, []accept.Event{{Type: "sms.click", Payload: json.RawMessage(`{}`)}})
			must(t, err)
			to.Wait(t.Context(), 1) // the fan-out is under way; what waits for longer than a moment is put off
			c.begin(t, server)
			stopped := make(chan struct{})
			go func() { defer close(stopped); stop() }()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second) // the grace is 1 s, and what follows takes 10 s at most
			defer cancel()
			select {
			case <-stopped:
			case <-ctx.Done():
				t.Error("the worker does not stop")
			}
			c.end(t, server)
			<-stopped
			close(gate)
			r.startWorker()
			succeeded := func() (n int) {
				for _, d := range r.deliveries() {
					if d.Status == string(stream.StatusSucceeded) {
						n++
					}
				}
				return n
			}
			testenv.Grows(t, patience, fanOut, succeeded, "deliveries that succeed")
		})
	}
}
