package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/testenv"
)

var (
	chaosLong = flag.Bool("chaos.long", false, "run all scenarios of TestChaos, at length, and print what they found as a Markdown table")
	chaosSeed = flag.Uint64("chaos.seed", 0, "what decides about the random times of TestChaos; 0 chooses one, which is printed")
	chaosOnly = flag.String("chaos.only", "", "run only those scenarios of TestChaos whose names contain this")
)

// chaosPause is the pause between events: so short that there is always work under way, and so long that two processors have time for
// everything, with the race detector or without.
func chaosPause() time.Duration {
	if testenv.RaceEnabled {
		return 16 * time.Millisecond
	}
	return 8 * time.Millisecond
}

// scenario is something that happens while events are published and delivered.
type scenario struct {
	name    string
	short   bool // it is part of the short form
	happens func(*chaos)
}

func scenarios() []scenario {
	rounds, cuts, backlog := 1, 1, 300
	if *chaosLong {
		rounds, cuts, backlog = 4, 5, 3000
	}
	return []scenario{
		{name: "one after another", short: true, happens: inTurn(answersGetLost(1), redisForgets, workerDiesAt(resultGoes))},
		{name: "workers killed at random", happens: workersDie(rounds)},
		{name: "workers frozen for longer than they count as alive", happens: workersFreeze(rounds)},
		{name: "server killed at random", happens: serverDies(rounds)},
		{name: "server frozen", happens: serverFreezes(rounds)},
		{name: "worker killed before the POST: Redis has given it the work", happens: workerDiesAt(workComes)},
		{name: "workers killed during the POST", happens: workersDieWaiting},
		{name: "worker killed after the POST, before its result is in Redis", happens: workerDiesAt(resultGoes)},
		{name: "worker killed when Redis has the result, before it knows", happens: workerDiesAt(resultWritten)},
		{name: "worker killed when the database has the result, before Redis knows", happens: workerDiesAt(archivedGoes)},
		{name: "answers of Redis to workers lost at each of these steps", happens: answersGetLost(cuts)},
		{name: "answers of Redis to the server lost", happens: serverMissesAnswers(cuts)},
		{name: "Redis killed, started again with its append-only file", happens: redisDies},
		{name: "Redis flushed", happens: redisForgets},
		{name: "Redis frozen for 11-16 s", happens: redisPauses},
		{name: "PostgreSQL stopped immediately", happens: databaseDies},
		{name: "endpoint refuses connections, and comes back to a backlog", happens: endpointDown(backlog)},
	}
}

// Whatever happens to the processes, to Redis and to the database: what was accepted is delivered, what was delivered is in the log,
// what comes twice is explained there, no window is exceeded, and nothing is left behind.
//
//nolint:paralleltest // it measures, and one fault at a time is enough for a machine
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(rand.Uint32())
	}
	fmt.Printf("chaos.seed=%d\n", seed)
	if *chaosLong {
		fmt.Println(rowTitle)
	}
	for _, s := range scenarios() {
		if !s.short && !*chaosLong && *chaosOnly == "" || !strings.Contains(s.name, *chaosOnly) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			r := newChaos(t, seed).suffer(s)
			if *chaosLong {
				fmt.Println(r)
			}
		})
	}
}

// row is what a scenario found.
type row struct {
	name string
	*audit
	most          int // requests at once
	recovered     time.Duration
	before, after levels
}

const rowTitle = `| what happens | events | deliveries | attempts | duplicates | explained | lost | most in flight | time to recover | goroutines | descriptors | heap MiB |
|---|---|---|---|---|---|---|---|---|---|---|---|`

func (r row) String() string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %d | %.1f s | %.0f → %.0f | %.0f → %.0f | %.0f → %.0f |",
		r.name, r.events, r.deliveries, r.attempts, r.duplicates, r.explained, r.lost, r.most, r.recovered.Seconds(),
		r.before.goroutines, r.after.goroutines, r.before.descriptors, r.after.descriptors, r.before.heapMiB, r.after.heapMiB)
}

// suffer lets the scenario happen, waits until all is well again, and checks that it is.
func (c *chaos) suffer(s scenario) row {
	c.t.Helper()
	warm, warmIDs := c.publish(func() { c.awaitSome(150, 151) })
	c.awaitEnd(warmIDs, warm)
	c.awaitDrained()
	c.awaitTold()
	for _, m := range c.members() {
		var err error
		if m.before, err = m.metrics.levels(); err != nil {
			c.t.Fatal(err)
		}
	}
	steady := c.members()

	accepted, ids := c.publish(func() { s.happens(c) })
	over := time.Now()
	c.awaitEnd(ids, accepted)
	r := row{name: s.name, recovered: time.Since(over)}
	c.awaitDrained()
	told, toldIDs := c.awaitTold()
	for _, m := range c.members() {
		for _, known := range steady {
			if known == m {
				r.before, r.after = r.before.plus(m.before), r.after.plus(m.metrics.awaitLevels(m.before))
			}
		}
	}

	maps.Copy(accepted, warm)
	maps.Copy(accepted, told)
	events := c.api.awaitEvents(slices.Concat(warmIDs, ids, toldIDs), func([]loggedEvent) error { return nil })
	r.audit = check(accepted, events, c.gots(), "broken")
	r.checkTold(events, tellings(c.ends["told"].Received()))
	for _, problem := range r.problems {
		c.t.Error(problem)
	}
	if buckets := c.ends["buckets"]; len(told) == 0 || len(buckets.Received()) >= len(buckets.got) {
		c.t.Errorf("nothing is shown by %d operational events, and %d requests with %d events", len(told), len(buckets.Received()), len(buckets.got))
	}
	for key, e := range c.ends {
		most := e.MaxInFlight()
		if r.most = max(r.most, most); most > chaosWindow {
			c.t.Errorf("%s had %d requests at once, its window is %d", key, most, chaosWindow)
		}
	}
	return r
}
