package e2e

import (
	"bufio"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/testenv"
)

// A change takes effect on every worker within one second.
//
//nolint:paralleltest // a second is a second: it must not go by because other tests have the processors
func TestChangeReachesEveryWorker(t *testing.T) {
	in := install(t, testenv.Postgres(t), testenv.RedisURL(t), testenv.RedisPrefix(t))
	server, workers := in.startAll(2)
	api := server.api()
	to := endpoints{}
	before := to.add(api, "one", nil, fields{"windowSize": 1000})
	first := publishUntilAllWork(t, api, workers)
	api.awaitEvents(first, to.delivered)

	after := testenv.NewReceiver(t)
	api.redirect("one", after.URL())
	<-time.After(time.Second)
	second := publishUntilAllWork(t, api, workers)
	after.WaitFor(soon(t), func([]testenv.Received) bool { return len(after.ByID()) >= len(second) })
	if n := len(before.ByID()); n != len(first) {
		t.Errorf("%d events went to the old URL a second after the change", n-len(first))
	}
}

// publishUntilAllWork publishes until each of the workers has made some attempts, and returns the events' ids.
func publishUntilAllWork(t *testing.T, a *api, workers []*process) (ids []string) {
	t.Helper()
	const some = 20
	made := make([]float64, len(workers))
	for i, w := range workers {
		made[i] = attemptsOf(t, w)
	}
	testenv.Eventually(t, patience, func() bool {
		ids = append(ids, a.publishBatch(50)...)
		for i, w := range workers {
			if attemptsOf(t, w) < made[i]+some {
				return false
			}
		}
		return true
	}, "every worker makes attempts")
	return ids
}

// attemptsOf returns how many attempts a worker has made, by its metrics.
func attemptsOf(t *testing.T, worker *process) (n float64) {
	t.Helper()
	_, metrics, err := worker.api().get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(strings.NewReader(metrics))
	for lines.Scan() {
		if name, value, _ := strings.Cut(lines.Text(), " "); strings.HasPrefix(name, "hookline_attempts_total") {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			n += count
		}
	}
	return n
}
