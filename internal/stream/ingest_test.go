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
		second := Submitted{ID: add("nothing", "1"), Others: []Field{{"nothing", "1"}}}
		repeated := Submitted{
			ID:      add("event", "1", "account", "a", "event", "2", "acount", "b", "acount", "\xff", "account", ""),
			Account: "a", Event: "1", Others: []Field{{"event", "2"}, {"acount", "b"}, {"acount", "\xff"}, {"account", ""}},
		}
		large := Submitted{ID: add("event", strings.Repeat("x", 100_000), "y", "z"), Event: strings.Repeat("x", 100_000), Others: []Field{{"y", "z"}}}
		read("a", first, second, repeated, large)
		read("b")
		takeOver("b", time.Hour)
		takeOver("b", 0, first, second, repeated, large)
		must(t, s.AckIngest(t.Context(), []string{first.ID}))
		const keep = 90_000
		must(t, s.RejectIngest(t.Context(), []Rejected{{second, "REQUIRED", "no event"}, {repeated, "INVALID", "twice"}, {large, "INVALID", "no JSON"}}, keep))
		must(t, s.AckIngest(t.Context(), nil))
		takeOver("a", 0)
		if n := s.client.XLen(t.Context(), "hookline:ingest").Val(); n > 0 {
			t.Errorf("%d entries are left", n)
		}
		rejected, err := s.client.Do(t.Context(), "xrange", "hookline:ingest:rejected", "-", "+").Slice()
		must(t, err)
		for i, want := range [][]any{
			{"entry", second.ID, "code", "REQUIRED", "reason", "no event", "size", "8", "field:nothing", "1"},
			{
				"entry", repeated.ID, "code", "INVALID", "reason", "twice", "size", "41", "event", "1", "account", "a",
				"field:event", "2", "field:acount", "b", "field:acount", "\xff", "field:account", "",
			},
			{"entry", large.ID, "code", "INVALID", "reason", "no JSON", "size", "100007", "truncated", "true", "event", strings.Repeat("x", keep-len("event"))},
		} {
			if i >= len(rejected) || fmt.Sprintf("%q", rejected[i].([]any)[1]) != fmt.Sprintf("%q", want) {
				t.Errorf("rejected %.400q, want %.400q", rejected[min(i, len(rejected)-1)], want)
			}
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

// TestRejectIngestLarge: large entries do not pile up as small ones may.
func TestRejectIngestLarge(t *testing.T) {
	t.Parallel()
	onOwn(t, "keeps fewer large entries", func(t *testing.T, s *Streams, _ func()) {
		must(t, s.PrepareIngest(t.Context()))
		large := Rejected{Submitted: Submitted{ID: "1-1", Event: strings.Repeat("x", 16<<20)}, Code: "INVALID", Reason: "large"}
		for range 300 {
			must(t, s.client.XAdd(t.Context(), &redis.XAddArgs{Stream: "hookline:ingest:rejected", Values: []any{"entry", "1-0"}}).Err())
		}
		must(t, s.RejectIngest(t.Context(), []Rejected{large}, 16<<20))
		if n := s.client.XLen(t.Context(), "hookline:ingest:rejected").Val(); n > 200 {
			t.Errorf("%d entries are kept", n)
		}
	})
}
