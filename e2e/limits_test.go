package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/testenv"
)

// A profile's window and rate hold over all workers, as its endpoint sees it.
//
//nolint:paralleltest // it measures time at the receiver
func TestLimitsOverAllWorkers(t *testing.T) {
	in := install(t, testenv.Postgres(t), testenv.RedisURL(t), testenv.RedisPrefix(t))
	server, _ := in.startAll(3)
	a := server.api()

	const window, events = 20, 1000
	busy := testenv.NewReceiver(t)
	busy.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Delay: 20 * time.Millisecond} })
	a.subscribe("window", busy.URL(), fields{"eventTypes": []string{"sms.delivery"}}, fields{"windowSize": window})
	for range events / 100 {
		a.publishBatch(100)
	}
	busy.WaitFor(soon(t), func(got []testenv.Received) bool { return len(got) >= events })
	if most := busy.MaxInFlight(); most > window || most < window*95/100 {
		t.Errorf("%d requests at once, the window is %d", most, window)
	}

	const rate, limited = 200, 700
	steady := testenv.NewReceiver(t)
	a.must(`mutation { deleteEventSubscription(by: {key: "window"}) { userErrors { message } } }`, nil, new(any))
	a.subscribe("rate", steady.URL(), fields{"eventTypes": []string{"sms.delivery"}}, fields{"rateLimit": rate})
	for range limited / 100 {
		a.publishBatch(100)
	}
	steady.WaitFor(soon(t), func(got []testenv.Received) bool { return len(got) >= limited })
	var times []time.Time
	for _, got := range steady.Received() {
		times = append(times, got.At)
	}
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for last := range times {
		for times[last].Sub(times[first]) >= time.Second {
			first++
		}
		if n := last - first + 1; n > rate*105/100 {
			t.Fatalf("%d requests within a second, the limit is %d", n, rate)
		}
	}
	t.Logf("%d requests in %v, the limit is %d a second", limited, times[len(times)-1].Sub(times[0]), rate)
}
