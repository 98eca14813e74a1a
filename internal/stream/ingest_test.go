package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestIngest(t *testing.T) {
	t.Parallel()
	onOwn(t, "hands out each entry until it is acknowledged or rejected", func(t *testing.T, s *Streams, flush func()) {
		add := func(fields ...any) string {
			t.Helper()
			entry, err := s.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "hookline:ingest", Values: fields}).Result()
			must(t, err)
			return entry
		}
		read := func(consumer string, want ...Submitted) {
			t.Helper()
			entries, err := s.ReadIngest(t.Context(), consumer, 10, noWait)
			if err != nil || fmt.Sprint(entries) != fmt.Sprint(want) {
				t.Errorf("read %v, %v, want %v", entries, err, want)
			}
		}
		takeOver := func(consumer string, idle time.Duration, want ...Submitted) {
			t.Helper()
			entries, err := s.TakeOverIngest(t.Context(), consumer, 10, idle)
			if err != nil || fmt.Sprint(entries) != fmt.Sprint(want) {
				t.Errorf("took over %v, %v, want %v", entries, err, want)
			}
		}
		first := Submitted{ID: add("event", "{}", "account", "shop"), Account: "shop", Event: "{}"} // before there is a group
		for range 2 {
			must(t, s.PrepareIngest(t.Context()))
		}
		second := Submitted{ID: add("nothing", "1")}
		large := Submitted{ID: add("event", strings.Repeat("x", 100_000)), Event: strings.Repeat("x", 100_000)}
		read("a", first, second, large)
		read("b")
		takeOver("b", time.Hour)
		takeOver("b", 0, first, second, large)
		must(t, s.AckIngest(t.Context(), []string{first.ID}))
		must(t, s.RejectIngest(t.Context(), []Rejected{{second, "REQUIRED", "no event"}, {large, "INVALID", "no JSON"}}))
		must(t, s.AckIngest(t.Context(), nil))
		takeOver("a", 0)
		if n := s.client.XLen(t.Context(), "hookline:ingest").Val(); n > 0 {
			t.Errorf("%d entries are left", n)
		}
		rejected := s.client.XRange(t.Context(), "hookline:ingest:rejected", "-", "+").Val()
		if len(rejected) != 2 || rejected[0].Values["entry"] != second.ID || rejected[0].Values["code"] != "REQUIRED" ||
			rejected[0].Values["reason"] != "no event" || len(rejected[1].Values["event"].(string)) != maxRejectedEvent {
			t.Errorf("rejected %.300v", rejected)
		}

		flush()
		if _, err := s.ReadIngest(t.Context(), "a", 10, noWait); !IsNoGroup(err) {
			t.Errorf("read from nothing: %v", err)
		}
		after := Submitted{ID: add("event", "[]"), Event: "[]"}
		must(t, s.PrepareIngest(t.Context()))
		read("a", after)
	})
}
