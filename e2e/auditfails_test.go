package e2e

import (
	"encoding/json"
	"maps"
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
	a := check(accepted, logged, got, "broken")
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
		exhausts []string
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
			func(r *run) { r.exhausts = nil }, "was given up", 1,
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
			r.exhausts = []string{"broken"}
			c.wrong(&r)
			a := check(r.accepted, r.logged, r.got, r.exhausts...)
			if !slices.ContainsFunc(a.problems, func(err error) bool { return strings.Contains(err.Error(), c.says) }) || a.lost != c.lost {
				t.Errorf("found %v and %d lost, want %q and %d", a.problems, a.lost, c.says, c.lost)
			}
		})
	}
}

// toldLedger is a run in which one delivery was given up, of which one operational event tells, and one was not.
func toldLedger() (logged []loggedEvent, told map[string]telling) {
	delivery := func(id, key, status string, last loggedAttempt) loggedDelivery {
		d := loggedDelivery{ID: id, Status: status, Attempts: []loggedAttempt{{1, "HTTP_ERROR"}, last}}
		d.Subscription.Key = key
		return d
	}
	var t telling
	t.Type, t.Data.Delivery, t.Data.Event.ID, t.Data.Subscription.Key = "hookline.delivery.exhausted", "d1", "a", "broken"
	t.Data.Attempts, t.Data.Outcome = 2, "TIMEOUT"
	return []loggedEvent{{ID: "a", Deliveries: []loggedDelivery{
		delivery("d1", "broken", "EXHAUSTED", loggedAttempt{2, "TIMEOUT"}), delivery("d2", "flaky", "SUCCEEDED", loggedAttempt{2, "SUCCESS"}),
	}}}, map[string]telling{"t": t}
}

// Each rule about what is told of exhausted deliveries finds what it is for.
func TestAuditFindsWhatIsTold(t *testing.T) {
	t.Parallel()
	change := func(told map[string]telling, change func(*telling)) {
		of := told["t"]
		change(&of)
		told["t"] = of
	}
	for name, c := range map[string]struct {
		wrong func(logged []loggedEvent, told map[string]telling)
		says  string // nothing is found if it is empty
		lost  int
	}{
		"a run in which nothing went wrong": {func([]loggedEvent, map[string]telling) {}, "", 0},
		"an end of which nobody was told": {
			func(_ []loggedEvent, told map[string]telling) { delete(told, "t") }, "nobody was told", 1,
		},
		"an end of which two events tell": {
			func(_ []loggedEvent, told map[string]telling) { told["u"] = told["t"] }, "is told of 2 times", 0,
		},
		"an end that is told of and was none": {
			func(logged []loggedEvent, _ map[string]telling) { logged[0].Deliveries[0].Status = "SUCCEEDED" }, "told of as given up", 0,
		},
		"an end that is told of another subscription": {
			func(_ []loggedEvent, told map[string]telling) {
				change(told, func(t *telling) { t.Data.Subscription.Key = "flaky" })
			}, "otherwise than the log", 0,
		},
		"an end that is told of another event": {
			func(_ []loggedEvent, told map[string]telling) {
				change(told, func(t *telling) { t.Data.Event.ID = "b" })
			},
			"otherwise than the log", 0,
		},
		"an end that is told after another number of attempts": {
			func(_ []loggedEvent, told map[string]telling) { change(told, func(t *telling) { t.Data.Attempts = 1 }) },
			"otherwise than the log", 0,
		},
		"an end that is told with another outcome": {
			func(_ []loggedEvent, told map[string]telling) {
				change(told, func(t *telling) { t.Data.Outcome = "HTTP_ERROR" })
			}, "otherwise than the log", 0,
		},
		"an end that is told in an event of another type": {
			func(_ []loggedEvent, told map[string]telling) {
				change(told, func(t *telling) { t.Type = "hookline.subscription.failing" })
			}, "otherwise than the log", 0,
		},
		"what is told of a delivery that is not in the log": {
			func(logged []loggedEvent, _ map[string]telling) { logged[0].Deliveries = logged[0].Deliveries[1:] }, "is of no delivery", 0,
		},
		"what is told and cannot be read": {
			func(_ []loggedEvent, told map[string]telling) {
				told["u"] = tellings([]testenv.Received{{ID: "u", Body: []byte(`{"type":`)}})["u"]
			}, "is of no delivery", 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logged, told := toldLedger()
			c.wrong(logged, told)
			a := &audit{}
			a.checkTold(logged, told)
			found := slices.ContainsFunc(a.problems, func(err error) bool { return strings.Contains(err.Error(), c.says) })
			if found != (c.says != "") || a.lost != c.lost {
				t.Errorf("found %v and %d lost, want %q and %d", a.problems, a.lost, c.says, c.lost)
			}
		})
	}
}

// An endpoint counts each event of a bucket, and names those that it refuses: the audit's rules are for buckets what they are for others.
func TestAuditFindsInBuckets(t *testing.T) {
	t.Parallel()
	bucket := func(events ...string) *testenv.Received {
		var results []fields
		for _, event := range events {
			results = append(results, fields{"id": event})
		}
		body, err := json.Marshal(fields{"results": results})
		if err != nil {
			t.Fatal(err)
		}
		return &testenv.Received{ID: "bkt_1", Body: body}
	}
	newEndpoint := func() *endpoint {
		return &endpoint{
			buckets: true, refuses: func(earlier int) bool { return earlier == 0 }, every: 2, got: make(map[string]posts), picked: make(map[string]bool),
		}
	}
	e := newEndpoint()
	if got := string(e.respond(1, bucket("a", "b", "c")).Body); got != `{"failed":["a","c"]}` {
		t.Errorf("answered %s", got)
	}
	if got := e.respond(2, bucket("a", "c")); len(got.Body) > 0 || got.Status != 0 {
		t.Errorf("answered %d %s", got.Status, got.Body)
	}
	if want := map[string]posts{"a": {1, 1}, "b": {1, 0}, "c": {1, 1}}; !maps.Equal(e.got, want) {
		t.Errorf("got %v, want %v", e.got, want)
	}

	accepted := map[string]int{"a": 1, "b": 1, "c": 1}
	var logged []loggedEvent
	for _, event := range []string{"a", "b", "c"} {
		d := loggedDelivery{Status: "SUCCEEDED", Attempts: []loggedAttempt{{1, "RESPONSE_MISMATCH"}, {2, "SUCCESS"}}}
		if d.Subscription.Key = "buckets"; event == "b" {
			d.Attempts = []loggedAttempt{{1, "SUCCESS"}}
		}
		logged = append(logged, loggedEvent{event, []loggedDelivery{d}})
	}
	for name, c := range map[string]struct {
		comes *testenv.Received // after all that
		says  string
	}{
		"a request without an attempt of one of its events": {bucket("b"), "b: the endpoint got more requests than"},
		"a duplicate that nothing explains":                 {bucket("a", "b"), "b: came again"},
		"a bucket that cannot be read":                      {&testenv.Received{ID: "bkt_2", Body: []byte(`{"results":[]}`)}, "bkt_2, which was not accepted"},
	} {
		e := newEndpoint()
		e.respond(1, bucket("a", "b", "c"))
		e.respond(2, bucket("a", "c"))
		got := map[string]map[string]posts{"buckets": e.got}
		if a := check(accepted, logged, got); len(a.problems) > 0 {
			t.Fatalf("problems: %v", a.problems)
		}
		e.respond(3, c.comes)
		a := check(accepted, logged, got)
		if !slices.ContainsFunc(a.problems, func(err error) bool { return strings.Contains(err.Error(), c.says) }) {
			t.Errorf("%s: found %v, want %q", name, a.problems, c.says)
		}
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
	buckets := c.subscribe("buckets", nil, inBuckets(), &endpoint{buckets: true})
	release, releaseBuckets := e.hold(), buckets.hold()
	ids := c.api.publishBatch(chaosWindow + 1)
	e.Wait(soon(t), len(ids))
	const inTens = (chaosWindow + 1 + 9) / 10
	buckets.Wait(soon(t), inTens)
	release()
	releaseBuckets()
	if most := e.MaxInFlight(); most != chaosWindow+1 {
		t.Errorf("%d requests at once were noted, want %d", most, chaosWindow+1)
	}
	if most := buckets.MaxInFlight(); most != inTens {
		t.Errorf("%d requests at once were noted, want the %d buckets", most, inTens)
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
