package e2e

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/testenv"
)

// What is in the ingest stream is published once each, though the server that reads it is killed.
func TestServerKilledWhileIngesting(t *testing.T) {
	t.Parallel()
	redisURL, prefix := testenv.RedisURL(t), testenv.RedisPrefix(t)
	in := install(t, testenv.Postgres(t), redisURL, prefix)
	server, _ := in.startAll(1)
	to := endpoints{}
	one := to.add(server.api(), "one", nil, fields{"windowSize": 100})
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	const events = 2000
	for n := range events {
		if n == events/2 {
			one.Wait(soon(t), 1)
			server.kill() // which has events of its own to commit, and entries to acknowledge
		}
		event := fmt.Sprintf(`{"type":"sms.delivery","payload":{"n":%d}}`, n)
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: prefix + ":ingest", Values: []any{"event", event}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	in.start("server")
	one.WaitFor(soon(t), func(received []testenv.Received) bool {
		numbers := make(map[int]bool)
		for _, r := range received {
			var body struct{ Data struct{ N int } }
			if err := json.Unmarshal(r.Body, &body); err != nil {
				t.Fatal(err)
			}
			numbers[body.Data.N] = true
		}
		return len(numbers) == events && client.XLen(t.Context(), prefix+":ingest").Val() == 0
	})
	if n := len(one.ByID()); n != events {
		t.Errorf("%d events were published, want %d", n, events)
	}
	to.assertSigned(t)
}
