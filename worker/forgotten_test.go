package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// When Redis comes back as it was some time ago, each request that was sent is in the log all the same.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, database := testenv.StartRedis(t), testenv.Postgres(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	conn, err := pgx.Connect(ctx, database)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(ctx)) })
	r := newRig(t, testenv.Backend{Name: "postgres-redis", DatabaseURL: database, RedisURL: server.URL()}, 1)
	const events = 8
	to, answer := testenv.NewReceiver(t), make(chan struct{})
	to.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Release: answer} })
	r.subscribe("one", to.URL())
	r.startWorker()
	r.publish(events)
	to.Wait(ctx, events)
	must(t, client.Save(ctx).Err()) // Redis comes back as it is now, with all requests under way
	_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE")
	must(t, err)
	close(answer)
	testenv.Eventually(t, patience, func() bool { return results(ctx, t, client) == events }, "all results are in Redis")
	server.Restart()
	testenv.Eventually(t, patience, func() bool { return results(ctx, t, client) >= events }, "they are there again")
	_, err = conn.Exec(ctx, "ROLLBACK")
	must(t, err)
	r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: events})
	logged := 0
	testenv.Eventually(t, patience, func() bool {
		logged = 0
		for _, d := range r.deliveries() {
			logged += len(r.attempts(d.ID))
		}
		return logged >= len(to.Received())
	}, "all requests are in the log")
	t.Logf("%d requests, %d attempts", len(to.Received()), logged)
}

// results returns how many results are in Redis.
func results(ctx context.Context, t *testing.T, client *redis.Client) (n int64) {
	t.Helper()
	keys, _ := client.Keys(ctx, "*:attempts").Result()
	for _, key := range keys {
		n += client.XLen(ctx, key).Val()
	}
	return n
}

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
