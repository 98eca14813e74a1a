package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/testenv"
)

// chaos is an installation to which something happens: a server, two workers, a PostgreSQL and a Redis of their own, and endpoints of
// several kinds. Publishers find the server, and processes find Redis, through proxies.
type chaos struct {
	t        *testing.T
	random   *rand.Rand
	in       *installation
	database *testenv.PostgresServer
	redis    *testenv.Redis
	client   *redis.Client
	front    *proxy // to the server, whichever it is
	server   *member
	workers  []*member
	api      *api // through front
	ends     map[string]*endpoint
	traffic  *traffic
}

// member is a process, and what it held before anything happened.
type member struct {
	*process
	metrics *api
	line    *proxy // to Redis
	before  levels
}

const (
	// chaosWindow is the window of every profile.
	chaosWindow = 20
	// bucketDelay is how long the endpoint that gets buckets takes for one: so long that they fill half of its window.
	bucketDelay = time.Second
)

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := &chaos{
		t: t, random: rand.New(rand.NewPCG(seed, 0)), ends: make(map[string]*endpoint),
		database: testenv.StartPostgres(t), redis: testenv.StartRedis(t, "--appendonly", "yes"),
	}
	c.connect()
	c.in = install(t, c.database.URL(), c.redis.URL(), "chaos")
	c.startServer()
	for range 2 {
		c.startWorker()
	}
	c.api = c.server.api()
	c.api.url = c.front.url()
	c.subscribe("quick", nil, nil, &endpoint{})
	c.subscribe("slow", nil, nil, &endpoint{delay: 100 * time.Millisecond})
	c.subscribe("flaky", nil, delays("PT1S"), &endpoint{refuses: func(earlier int) bool { return earlier == 0 }, every: 4})
	c.subscribe("broken", fields{"filter": fields{"entities": []string{"e3"}}}, delays("PT1S", "PT2S"),
		&endpoint{refuses: func(int) bool { return true }, every: 1})
	c.subscribe("buckets", nil, inBuckets(),
		&endpoint{buckets: true, delay: bucketDelay, refuses: func(earlier int) bool { return earlier == 0 }, every: 5})
	c.subscribe("told", fields{"eventTypes": []string{"hookline.*"}}, nil, &endpoint{})
	return c
}

// connect makes the client that looks into Redis.
func (c *chaos) connect() { c.client = connectRedis(c.t, c.redis.Addr()) }

func connectRedis(t *testing.T, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, DisableIdentity: true})
	t.Cleanup(func() { client.Close() })
	return client
}

// delays is a profile with a retry schedule.
func delays(all ...string) fields {
	return fields{"retryPolicy": fields{"kind": "CUSTOM", "delays": all}}
}

func (c *chaos) startServer() {
	c.t.Helper()
	c.server = c.startMember("server")
	if c.front == nil {
		c.front = newProxy(c.t, c.server.url)
	}
	c.front.mend(c.server.url)
}

func (c *chaos) startWorker() {
	c.t.Helper()
	c.workers = append(c.workers, c.startMember("worker"))
}

func (c *chaos) startMember(role string) *member {
	c.t.Helper()
	line := newProxy(c.t, c.redis.URL())
	c.in.settings["HOOKLINE_REDIS_URL"] = "redis://" + line.addr()
	p := c.in.start(role)
	return &member{process: p, metrics: p.api(), line: line}
}

// endpoint is a receiver that knows what it took.
type endpoint struct {
	*testenv.Receiver
	delay   time.Duration
	buckets bool                   // its requests carry several events, and it names those that it refuses
	refuses func(earlier int) bool // whether it refuses an event that it has refused so often already
	every   int                    // of that many events, by their number in the order of arrival, one is refused like that

	mu     sync.Mutex
	got    map[string]posts
	picked map[string]bool // those that are refused
	held   <-chan struct{} // answers wait until it is closed; nil: they do not
}

// subscribe adds an endpoint and its subscription to what is published here, as far as input does not say less.
func (c *chaos) subscribe(key string, input, profile fields, e *endpoint) *endpoint {
	c.t.Helper()
	return c.subscribeAt(key, "", input, profile, e)
}

// subscribeAt is subscribe with another URL than the endpoint's own.
func (c *chaos) subscribeAt(key, url string, input, profile fields, e *endpoint) *endpoint {
	c.t.Helper()
	e.Receiver = testenv.NewReceiver(c.t)
	e.got, e.picked = make(map[string]posts), make(map[string]bool)
	e.Respond(e.respond)
	all := fields{"windowSize": chaosWindow}
	maps.Copy(all, profile)
	if url == "" {
		url = e.URL()
	}
	what := fields{"eventTypes": []string{"sms.delivery"}} // and not what Hookline itself tells of exhausted deliveries
	maps.Copy(what, input)
	e.SetSecret(c.api.subscribe(key, url, what, all))
	c.ends[key] = e
	return e
}

func (e *endpoint) respond(_ int, r *testenv.Received) testenv.Response {
	e.mu.Lock()
	defer e.mu.Unlock()
	response := testenv.Response{Delay: e.delay, Release: e.held}
	switch {
	case e.buckets:
		response.Body = e.respondBucket(r)
	case !e.takes(r.ID):
		response.Status = http.StatusInternalServerError
	}
	return response
}

// takes counts an event that has come, and reports whether the endpoint takes it. e.mu is held.
func (e *endpoint) takes(event string) bool {
	p, known := e.got[event]
	if !known && e.every > 0 {
		e.picked[event] = len(e.got)%e.every == 0
	}
	refused := e.picked[event] && e.refuses(p.refused)
	if refused {
		p.refused++
	} else {
		p.took++
	}
	e.got[event] = p
	return !refused
}

// hold makes answers wait until the returned function is called.
func (e *endpoint) hold() (release func()) {
	held := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held = held
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.held = nil
		close(held)
	}
}

// between returns a duration from the range.
func (c *chaos) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.random.Int64N(int64(most-least)))
}

// awaitSome waits until a random number of events more has been accepted.
func (c *chaos) awaitSome(least, most int) {
	c.t.Helper()
	c.traffic.awaitMore(least + c.random.IntN(most-least))
}

// publish publishes, at a rate a second that nothing here is slow for, until do returns, and returns how many subscriptions each
// accepted event has matched.
func (c *chaos) publish(do func()) (accepted map[string]int, ids []string) {
	c.t.Helper()
	c.traffic = c.api.startSteadyTraffic(0, chaosPause())
	do()
	ids = c.traffic.finish()
	return c.traffic.matched, ids
}

// awaitEnd waits until all deliveries of the events are at their end.
func (c *chaos) awaitEnd(ids []string, accepted map[string]int) {
	c.t.Helper()
	c.api.awaitEvents(ids, func(events []loggedEvent) error {
		for _, event := range events {
			if len(event.Deliveries) != accepted[event.ID] {
				return fmt.Errorf("event %s matched %d subscriptions and has %d deliveries", event.ID, accepted[event.ID], len(event.Deliveries))
			}
			for _, d := range event.Deliveries {
				if d.Status != "SUCCEEDED" && d.Status != "EXHAUSTED" {
					return fmt.Errorf("event %s is not at its end: %+v", event.ID, d)
				}
			}
		}
		return nil
	})
}

// awaitTold waits until all deliveries of what Hookline has told of itself are at their end. Call it when nothing is left in the streams: then
// all that there is to tell has been published. It returns how many subscriptions each such event has matched.
func (c *chaos) awaitTold() (accepted map[string]int, ids []string) {
	c.t.Helper()
	accepted, ids = c.api.operational()
	c.awaitEnd(ids, accepted)
	c.awaitDrained()
	return accepted, ids
}

// awaitDrained waits until nothing is left in the streams.
func (c *chaos) awaitDrained() {
	c.t.Helper()
	var err error
	defer func() {
		if err != nil {
			c.t.Log(err) // what Eventually has waited for
		}
	}()
	testenv.Eventually(c.t, patience, func() bool {
		err = nil
		for partition := range 4 {
			err = errors.Join(err, c.leftIn(partition, "work", "workers"), c.leftIn(partition, "attempts", "archive"))
		}
		return err == nil
	}, "nothing is left in the streams")
}

// leftIn returns an error if there is something in a stream, or pending in its group.
func (c *chaos) leftIn(partition int, stream, group string) error {
	key := fmt.Sprintf("{chaos:%d}:%s", partition, stream)
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
	defer cancel()
	length, err := c.client.XLen(ctx, key).Result()
	if err != nil {
		return err
	}
	pending, err := c.client.XPending(ctx, key, group).Result()
	if err != nil {
		return err
	}
	if length > 0 || pending.Count > 0 {
		return fmt.Errorf("%s has %d entries, of which %d are pending: %+v", key, length, pending.Count, pending.Consumers)
	}
	return nil
}

// members are the processes that have not ended.
func (c *chaos) members() (alive []*member) {
	for _, m := range append([]*member{c.server}, c.workers...) {
		m.read(func() {
			if !m.ended {
				alive = append(alive, m)
			}
		})
	}
	return alive
}

// gots returns what the endpoints got, by subscription and event.
func (c *chaos) gots() map[string]map[string]posts {
	all := make(map[string]map[string]posts, len(c.ends))
	for key, e := range c.ends {
		e.mu.Lock()
		all[key] = e.got
		e.mu.Unlock()
	}
	return all
}
