package e2e

import (
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// While the database is away nothing is accepted; what was accepted before and is in Redis is delivered all the same, and its log is
// written when the database is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	database := testenv.StartPostgres(t)
	in := install(t, database.URL(), testenv.RedisURL(t), testenv.RedisPrefix(t))
	server, workers := in.startAll(1)
	worker, api := workers[0], server.api()
	to := endpoints{}
	one := to.add(api, "one", nil, fields{"windowSize": 1000})
	known := api.publishBatch(1)
	one.Wait(soon(t), len(known))

	// While the worker is frozen, work stays in Redis; and it does not get to know a new subscription.
	worker.freeze()
	to.add(api, "late", nil, nil)
	inRedis := api.publishBatch(200)
	traffic := api.startTraffic(0)
	traffic.awaitAccepted(100)
	database.StopImmediate()
	traffic.awaitRefused(20)
	before := len(traffic.accepted())
	worker.thaw()
	one.WaitFor(soon(t), func([]testenv.Received) bool { return len(one.ByID()) >= len(known)+len(inRedis)+before })
	traffic.awaitRefused(20)
	if during := len(traffic.accepted()) - before; during > 0 {
		t.Errorf("%d events were accepted without the database", during)
	}

	database.Start()
	traffic.awaitAccepted(before + 100)
	ids := append(inRedis, traffic.end()...)
	events := api.awaitEvents(ids, to.delivered)
	to.assertSigned(t)
	to.assertExplained(t, events)
}
