package e2e

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/internal/testenv"
)

// Losing all that is in Redis costs time, never an event, nor the record of a request.
func TestRedisLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testenv.Redis){
		"flushed": func(r *testenv.Redis) { r.Flush() },
		"killed and started empty": func(r *testenv.Redis) {
			r.Kill()
			r.Restart()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, redis := testenv.Postgres(t), testenv.StartRedis(t)
			in := install(t, database, redis.URL(), "e2e")
			server, workers := in.startAll(2)
			api := server.api()
			to := endpoints{}
			release := holdSome(to.add(api, "one", nil, fields{"windowSize": 100}))
			to.add(api, "two", nil, fields{"windowSize": 100})
			unlock := lockAttempts(t, database) // so that there are results in Redis
			traffic := api.startTraffic(1000)
			to["two"].Wait(soon(t), 600)
			for _, w := range workers {
				w.freeze() // so that there is work in Redis
			}
			traffic.awaitMore(100)
			lose(redis)
			for _, w := range workers {
				w.thaw()
			}
			for _, w := range workers {
				w.awaitLog("Redis may have lost data; results written again")
			}
			unlock()
			release()
			api.awaitEvents(traffic.wait(), to.delivered)
			to.assertSigned(t)
		})
	}
}

// lockAttempts keeps workers from writing attempts to the database, until the returned function is called.
func lockAttempts(t *testing.T, databaseURL string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(soon(t), databaseURL)
	if err == nil {
		_, err = conn.Exec(soon(t), "BEGIN; LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	unlock = func() { _ = conn.Close(context.WithoutCancel(t.Context())) } // which rolls back
	t.Cleanup(unlock)
	return unlock
}
