package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/testenv"
)

// The window holds also when Redis forgets what workers have claimed of it, while both have work that is not within their shares.
func TestClaimsForgotten(t *testing.T) {
	t.Parallel()
	redis := testenv.StartRedis(t)
	r := newRig(t, testenv.Backend{Name: "postgres-redis", DatabaseURL: testenv.Postgres(t), RedisURL: redis.URL()}, 1)
	const window, events = 20, 600
	to := testenv.NewReceiver(t)
	to.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Delay: 250 * time.Millisecond} })
	r.subscribe("slow", to.URL(), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.WindowSize = window
	})
	r.startWorker()
	r.startWorker()
	r.publish(events)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for forgotten := range 4 {
		to.Wait(ctx, (1+forgotten)*3*window)
		redis.Flush()
	}
	to.Wait(ctx, 5*3*window)
	if most := to.MaxInFlight(); most > window || most < window/2 {
		t.Errorf("%d requests at once, the window is %d", most, window)
	}
}
