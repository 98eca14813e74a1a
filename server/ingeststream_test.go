package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

// producer puts events into the ingest stream of a world that reads it.
type producer struct {
	*world
	redis *redis.Client
}

// startIngest starts a world whose server reads the ingest stream, and takes over after a moment.
func startIngest(t *testing.T, databaseURL, redisURL string) *producer {
	t.Helper()
	var accepter *accept.Accepter
	b := testenv.Backend{DatabaseURL: databaseURL, RedisURL: redisURL, RedisPrefix: "ingesting"}
	w := start(t, b, func(c *server.Config) { accepter = c.Accepter })
	ingest := server.NewStreamIngest(server.StreamIngestConfig{
		Streams: w.streams, Accepter: accepter, Accounts: w.keys.Account, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Metrics: prometheus.NewRegistry(), Idle: time.Millisecond,
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { check(t, ingest.Run(ctx)) })
	client := redis.NewClient(must(redis.ParseURL(redisURL)))
	t.Cleanup(func() {
		stop()
		running.Wait()
		check(t, client.Close())
	})
	return &producer{world: w, redis: client}
}

// add puts an entry into the stream; entry is its id, `*` for a new one.
func (p *producer) add(entry string, fields ...any) string {
	p.t.Helper()
	return must(p.redis.XAdd(p.t.Context(), &redis.XAddArgs{Stream: "ingesting:ingest", ID: entry, Values: fields}).Result())
}

// await waits until all entries are published or rejected.
func (p *producer) await() {
	p.t.Helper()
	testenv.Eventually(p.t, 30*time.Second, func() bool {
		return p.redis.XLen(p.t.Context(), "ingesting:ingest").Val() == 0
	}, "entries are left")
}

// events counts the events of all accounts.
func (p *producer) events() int {
	return p.store.Ent.Event.Query().CountX(access.WithSystem(p.t.Context()))
}

func TestStreamIngest(t *testing.T) {
	t.Parallel()
	const event = `{"type":"sms.delivery","payload":{"n":1},"entity":"berlin"}`

	t.Run("publishes what is right, and rejects the rest", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		p := startIngest(t, testenv.Postgres(t), server.URL())
		_, key := p.customer("acme")
		p.add("*", "event", event)
		p.add("*", "event", event, "account", "acme")
		wrong := map[string][2]string{ // entry → code, part of the reason
			p.add("*", "other", "1"):                                         {"REQUIRED", "event"},
			p.add("*", "event", `{"type":`):                                  {"INVALID", "ends too early"},
			p.add("*", "event", `{"type":"sms.nothing","payload":1}`):        {"NOT_FOUND", "sms.nothing"},
			p.add("*", "event", `{"type":"sms.delivery","payload":1,"x":1}`): {"INVALID", `no field "x"`},
			p.add("*", "event", `[`+event+`]`):                               {"INVALID", "one event"},
			p.add("*", "event", event+event):                                 {"INVALID", "one event"},
			p.add("*", "event", event, "account", "nobody"):                  {"NOT_FOUND", "nobody"},
			p.add("*", "event", strings.Replace(event, "berlin", "\xff", 1)): {"INVALID", "UTF-8"},
			p.add("*", "event", event, "acount", "nobody"):                   {"INVALID", `acount: entries have no field "acount"; they have event and account`},
			p.add("*", "event", event, "Event", event):                       {"INVALID", `no field "Event"`},
			p.add("*", "event", event, "event", event):                       {"INVALID", "event: the field is given twice"},
			p.add("*", "account", "default", "event", event, "account", "x"): {"INVALID", "account: the field is given twice"},
			p.add("*", "event", `{`+strings.Repeat(`"x":1,`, 20)+`"y":1}`):   {"INVALID", "more)"},
		}
		p.await()
		for _, rejected := range p.redis.XRange(t.Context(), "ingesting:ingest:rejected", "-", "+").Val() {
			want, is := wrong[rejected.Values["entry"].(string)]
			if reason := rejected.Values["reason"].(string); !is || rejected.Values["code"] != want[0] || !strings.Contains(reason, want[1]) {
				t.Errorf("rejected %v, want %q", rejected.Values, want)
			}
			delete(wrong, rejected.Values["entry"].(string))
		}
		if len(wrong) > 0 {
			t.Errorf("not rejected: %v", wrong)
		}
		if n := p.events(); n != 2 {
			t.Errorf("%d events, want 2", n)
		}
		if got := p.get(key, `{events(first: 5) {nodes {type entity payload {text}}}}`, nil, "events.nodes"); got != `[{"entity":"berlin","payload":{"text":"{\"n\":1}"},"type":"sms.delivery"}]` {
			t.Error(got)
		}
	})

	t.Run("publishes an entry once, and survives the loss of the stream", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		p := startIngest(t, testenv.Postgres(t), server.URL())
		p.add("7-1", "event", event)
		p.await()
		server.Flush()
		p.add("7-1", "event", event) // as it is read again after a commit whose acknowledgement was lost
		p.await()
		if n := p.events(); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		server.Flush()
		p.add("7-1", "event", strings.Replace(event, "berlin", "rome", 1)) // another one, in a Redis that has begun anew
		p.add("7-2", "event", event)
		keyed := strings.Replace(event, "{", `{"idempotencyKey":"mine",`, 1)
		p.add("7-3", "event", keyed)
		p.add("7-4", "event", keyed)
		p.await()
		if n := p.events(); n != 4 {
			t.Errorf("%d events, want 4", n)
		}
	})

	t.Run("takes over what another server has read", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		client := redis.NewClient(must(redis.ParseURL(server.URL())))
		defer client.Close()
		check(t, client.XGroupCreateMkStream(t.Context(), "ingesting:ingest", "servers", "0").Err())
		for range 700 {
			check(t, client.XAdd(t.Context(), &redis.XAddArgs{Stream: "ingesting:ingest", Values: []any{"event", event}}).Err())
		}
		dead := &redis.XReadGroupArgs{Group: "servers", Consumer: "dead", Streams: []string{"ingesting:ingest", ">"}, Count: 700}
		if read := must(client.XReadGroup(t.Context(), dead).Result()); len(read[0].Messages) != 700 {
			t.Fatalf("read %d", len(read[0].Messages))
		}
		p := startIngest(t, testenv.Postgres(t), server.URL())
		p.await()
		if n := p.events(); n != 700 {
			t.Errorf("%d events, want 700", n)
		}
	})

	t.Run("leaves entries in the stream while the database is away", func(t *testing.T) {
		t.Parallel()
		server, database := testenv.StartRedis(t), testenv.StartPostgres(t)
		p := startIngest(t, database.URL(), server.URL())
		p.add("*", "event", event)
		p.await()
		database.StopImmediate()
		for n := range 10 {
			p.add("*", "event", strings.Replace(event, "berlin", fmt.Sprint(n), 1))
		}
		testenv.Eventually(t, time.Minute, func() bool { return strings.Contains(p.log.String(), "entries of the ingest stream wait") }, "nothing waits")
		if n := p.redis.XLen(t.Context(), "ingesting:ingest").Val(); n != 10 {
			t.Errorf("%d entries are left, want 10", n)
		}
		database.Start()
		p.await()
		if n := p.events(); n != 11 {
			t.Errorf("%d events, want 11", n)
		}
	})
}
