package e2e

import (
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// On a Redis Cluster everything works as on one Redis, also when a node comes back empty.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.StartRedisCluster(t)
	in := install(t, testenv.Postgres(t), cluster.URL(), "e2e")
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	release := holdSome(to.add(api, "one", nil, fields{"windowSize": 100}))
	to.add(api, "two", nil, fields{"windowSize": 100})
	watcher := watchLiveLog(t, server.url)
	watcher.awaitJoined(1)
	traffic := api.startTraffic(1000)
	to["two"].Wait(soon(t), 400)
	lost := cluster.Nodes[1]
	lost.Kill()
	traffic.awaitMore(50)
	lost.Restart()
	cluster.AwaitAll(t)
	release()
	api.awaitEvents(traffic.wait(), to.delivered)
	to.assertSigned(t)
	for _, w := range append(workers, server) {
		w.stop()
	}
}

// When a sentinel makes another Redis the master, everything goes on with it.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	sentinel := testenv.StartRedisSentinel(t)
	in := install(t, testenv.Postgres(t), sentinel.URL(), "e2e")
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	to.add(api, "one", nil, fields{"windowSize": 100})
	traffic := api.startTraffic(2000)
	to["one"].Wait(soon(t), 300)
	sentinel.Master.Kill()
	traffic.awaitMore(100)
	sentinel.AwaitFailOver(t)
	api.awaitEvents(traffic.wait(), to.delivered)
	to.assertSigned(t)
	for _, w := range append(workers, server) {
		w.stop()
	}
}
