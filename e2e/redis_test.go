package e2e

import (
	"testing"

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
			redis := testenv.StartRedis(t)
			in := install(t, testenv.Postgres(t), redis.URL(), "e2e")
			server, workers := in.startAll(2)
			api := server.api()
			to := endpoints{}
			release := holdSome(to.add(api, "one", nil, fields{"windowSize": 100}))
			to.add(api, "two", nil, nil)
			traffic := api.startTraffic(1000)
			to["one"].Wait(soon(t), 150)
			for _, w := range workers {
				w.freeze() // so that there is work in Redis, and there are results
			}
			traffic.awaitMore(100)
			lose(redis)
			for _, w := range workers {
				w.thaw()
			}
			traffic.awaitMore(100)
			release()
			api.awaitEvents(traffic.wait(), to.delivered)
			to.assertSigned(t)
			for _, w := range workers {
				w.awaitLog("Redis has lost data; results written again")
			}
		})
	}
}
