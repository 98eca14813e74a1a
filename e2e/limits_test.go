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

	const rate, limited = 200, 1600
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
	lasting := sustained(times)
	if lasting < rate*95/100 {
		t.Errorf("%d requests a second are sustained, the limit is %d", lasting, rate)
	}
	t.Logf("%d requests in %v, %d a second sustained, the limit is %d", limited, times[len(times)-1].Sub(times[0]), lasting, rate)
}

// sustained returns how many of times, which are in order, fall into a second: the median over all seconds but those in which the first and
// the last tenth are. So the start does not count, nor a moment in which the machine was busy, nor the end, when some workers have nothing
// left and what the others had put off comes at the rate of their shares.
func sustained(times []time.Time) int {
	tenth := len(times) / 10
	from, to := times[tenth], times[len(times)-tenth-1]
	var counts []int
	for i := tenth; !from.Add(time.Second).After(to); from = from.Add(time.Second) {
		n := 0
		for ; times[i].Before(from.Add(time.Second)); i++ {
			n++
		}
		counts = append(counts, n)
	}
	if len(counts) == 0 { // all of them within a second
		return len(times)
	}
	slices.Sort(counts)
	return counts[len(counts)/2]
}

func TestSustained(t *testing.T) {
	t.Parallel()
	// every returns the times of n requests, one every interval, with a stall of half a second in the middle.
	every := func(interval time.Duration, n int) (times []time.Time) {
		at := time.Unix(1000, 0)
		for i := range n {
			if at = at.Add(interval); i == n/2 {
				at = at.Add(time.Second / 2)
			}
			times = append(times, at)
		}
		return times
	}
	for interval, want := range map[time.Duration]int{5 * time.Millisecond: 200, 10 * time.Millisecond: 100} {
		if n := sustained(every(interval, 1600)); n != want {
			t.Errorf("one request every %v: %d a second, want %d", interval, n, want)
		}
	}
}
