package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// ledger is a run in which nothing went wrong: an event that was interrupted and came twice, one that was refused until no retry was
// left, and one that was retried.
func ledger() (accepted map[string]int, logged []loggedEvent, got map[string]map[string]posts) {
	delivery := func(key, status string, outcomes ...string) loggedDelivery {
		d := loggedDelivery{Status: status}
		d.Subscription.Key = key
		for i, outcome := range outcomes {
			d.Attempts = append(d.Attempts, loggedAttempt{Number: i + 1, Outcome: outcome})
		}
		return d
	}
	return map[string]int{"a": 1, "b": 2, "c": 1},
		[]loggedEvent{
			{ID: "a", Deliveries: []loggedDelivery{delivery("one", "SUCCEEDED", "INTERRUPTED", "SUCCESS")}},
			{ID: "b", Deliveries: []loggedDelivery{
				delivery("one", "SUCCEEDED", "SUCCESS"), delivery("broken", "EXHAUSTED", "HTTP_ERROR", "HTTP_ERROR"),
			}},
			{ID: "c", Deliveries: []loggedDelivery{delivery("one", "SUCCEEDED", "HTTP_ERROR", "TIMEOUT", "SUCCESS")}},
		},
		map[string]map[string]posts{
			"one":    {"a": {took: 2}, "b": {took: 1}, "c": {took: 1, refused: 1}},
			"broken": {"b": {refused: 2}},
		}
}

func TestAuditCounts(t *testing.T) {
	t.Parallel()
	accepted, logged, got := ledger()
	a := check(accepted, logged, got, leave{exhausts: []string{"broken"}})
	if len(a.problems) > 0 {
		t.Errorf("problems: %v", a.problems)
	}
	if a.events != 3 || a.deliveries != 4 || a.attempts != 8 || a.duplicates != 1 || a.explained != 2 || a.lost != 0 {
		t.Errorf("counted %+v", a)
	}
}

// Each of the audit's rules finds what it is for.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	type run struct {
		accepted map[string]int
		logged   []loggedEvent
		got      map[string]map[string]posts
		leave    leave
	}
	for name, c := range map[string]struct {
		wrong func(*run)
		says  string
		lost  int
	}{
		"an event that is not in the log": {
			func(r *run) { r.logged = r.logged[:2] }, "c was accepted and is not in the log", 1,
		},
		"a delivery that is missing": {
			func(r *run) { r.logged[1].Deliveries = r.logged[1].Deliveries[:1] }, "matched 2 subscriptions and has 1 deliveries", 1,
		},
		"a delivery too many": {
			func(r *run) { r.accepted["b"] = 1 }, "matched 1 subscriptions and has 2 deliveries", 0,
		},
		"a delivery that waits": {
			func(r *run) { r.logged[0].Deliveries[0].Status = "RETRYING" }, "is not at its end", 1,
		},
		"a delivery that is called off": {
			func(r *run) { r.logged[0].Deliveries[0].Status = "CANCELLED" }, "is not at its end", 1,
		},
		"a delivery that has ended and is to be attempted": {
			func(r *run) { r.logged[0].Deliveries[0].NextAttemptAt = new(string) }, "is not at its end", 1,
		},
		"a success that the endpoint does not know of": {
			func(r *run) { r.got["one"]["b"] = posts{} }, "the endpoint took nothing", 1,
		},
		"a delivery given up that would have been taken": {
			func(r *run) { r.leave.exhausts = nil }, "was given up", 1,
		},
		"a delivery given up that was taken": {
			func(r *run) { r.got["broken"]["b"] = posts{took: 1, refused: 1} }, "was given up", 1,
		},
		"a request without an attempt": {
			func(r *run) { r.got["broken"]["b"] = posts{refused: 3} }, "more requests than there are attempts", 0,
		},
		"a duplicate that nothing explains": {
			func(r *run) { r.logged[0].Deliveries[0].Attempts[0].Outcome = "SUCCESS" }, "came again", 0,
		},
		"more duplicates than are explained": {
			func(r *run) {
				r.got["one"]["a"] = posts{took: 3}
				r.logged[0].Deliveries[0].Attempts = append(r.logged[0].Deliveries[0].Attempts, loggedAttempt{3, "SUCCESS"})
			}, "came again", 0,
		},
		"a request of an event that was not accepted": {
			func(r *run) { r.got["one"]["d"] = posts{took: 1} }, "d, which was not accepted", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r run
			r.accepted, r.logged, r.got = ledger()
			r.leave.exhausts = []string{"broken"}
			c.wrong(&r)
			a := check(r.accepted, r.logged, r.got, r.leave)
			if !slices.ContainsFunc(a.problems, func(err error) bool { return strings.Contains(err.Error(), c.says) }) || a.lost != c.lost {
				t.Errorf("found %v and %d lost, want %q and %d", a.problems, a.lost, c.says, c.lost)
			}
		})
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	before, err := parseLevels("# HELP go_goroutines\ngo_goroutines 12\nprocess_open_fds 9\ngo_memstats_heap_inuse_bytes 3.145728e+06\n")
	if err != nil || before != (levels{12, 9, 3}) {
		t.Fatalf("levels %v, %v", before, err)
	}
	if _, err := parseLevels("\ngo_goroutines 12\nprocess_open_fds 9\n"); err == nil {
		t.Error("a metric that is missing is not missed")
	}
	if err := before.plus(slack).within(before); err != nil {
		t.Errorf("what may stay is too much: %v", err)
	}
	for _, more := range []levels{{goroutines: 1}, {descriptors: 1}, {heapMiB: 1}} {
		if err := before.plus(slack).plus(more).within(before); err == nil {
			t.Errorf("a leak is not found: %v more than may stay", more)
		}
	}
}

// What is left in the streams is found, and requests above the window are counted as they come.
func TestChaosFindsWhatIsLeft(t *testing.T) {
	t.Parallel()
	in := installEmbedded(t)
	c := &chaos{t: t, ends: make(map[string]*endpoint), redis: testenv.StartRedis(t)}
	c.connect()
	c.api = in.start("serve").api()
	e := c.subscribe("one", nil, fields{"windowSize": chaosWindow + 1}, &endpoint{})
	release := e.hold()
	ids := c.api.publishBatch(chaosWindow + 1)
	e.Wait(soon(t), len(ids))
	release()
	if c.note(); e.most != chaosWindow+1 {
		t.Errorf("%d requests at once were noted, want %d", e.most, chaosWindow+1)
	}
	for _, do := range [][]any{
		{"XADD", "{chaos:0}:work", "1-0", "1", "x"}, {"XGROUP", "CREATE", "{chaos:0}:work", "workers", "0"},
	} {
		if err := c.client.Do(t.Context(), do...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.leftIn(0, "work", "workers"); err == nil {
		t.Error("work that nobody has read is not found")
	}
	for _, do := range [][]any{
		{"XREADGROUP", "GROUP", "workers", "w", "STREAMS", "{chaos:0}:work", ">"}, {"XDEL", "{chaos:0}:work", "1-0"},
	} {
		if err := c.client.Do(t.Context(), do...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.leftIn(0, "work", "workers"); err == nil {
		t.Error("work that is pending is not found")
	}
	if err := c.client.Do(t.Context(), "XACK", "{chaos:0}:work", "workers", "1-0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.leftIn(0, "work", "workers"); err != nil {
		t.Errorf("nothing is left: %v", err)
	}
}

// A trap holds what it catches, or cuts its connection, as often as it is told.
func TestTrapCatches(t *testing.T) {
	t.Parallel()
	r := testenv.StartRedis(t)
	c := &chaos{t: t, redis: r}
	c.connect()
	line := newProxy(t, r.URL())
	through := connectRedis(t, line.addr())
	say := func(word string) error { return through.Do(t.Context(), "ECHO", word).Err() }
	line.lay(&trap{sees: []string{"ECHO", "a"}, cut: true, times: 2})
	for i, ok := range []bool{false, false, true} {
		if err := say("a"); (err == nil) != ok {
			t.Errorf("try %d: %v", i+1, err)
		}
	}
	line.awaitCaught(t)
	line.lay(&trap{sees: []string{"INCR"}, passOn: true, cut: true})
	if err := through.Do(t.Context(), "INCR", "n").Err(); err == nil {
		t.Error("an answer passed that was not to")
	}
	line.lay(&trap{answers: true, sees: []string{"b"}, times: 1})
	held := make(chan error, 1)
	go func() { held <- say("b") }()
	line.awaitCaught(t)
	if err := say("c"); err != nil {
		t.Errorf("what no trap waits for does not pass: %v", err)
	}
	line.cut()
	if err := <-held; err == nil {
		t.Error("what was held has passed")
	}
	if n, err := c.client.Get(t.Context(), "n").Int(); err != nil || n != 1 {
		t.Errorf("n is %d, want 1: %v", n, err)
	}
}
