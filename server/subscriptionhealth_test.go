package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

func TestHealthOfSubscriptions(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		stranger, strangersKey := w.customer("stranger")
		now := time.Now().UTC().Truncate(time.Microsecond)
		failing := health.Record{FailingSince: now.Add(-2 * time.Hour), FailedAttempts: 7, LastFailureAt: now.Add(-time.Minute), LastSuccessAt: now.Add(-3 * time.Hour)}
		records := map[id.ID]health.Record{
			w.subscribe(ctx, "failing", "sms.*").ID:      failing,
			w.subscribe(ctx, "degraded", "email.*").ID:   health.Failed(now),
			w.subscribe(ctx, "healthy", "rcs.*").ID:      health.Succeeded(now),
			w.subscribe(ctx, "off", "viber.*").ID:        failing,
			w.subscribe(stranger, "theirs", "sms.*").ID:  failing,
			w.subscribe(stranger, "healthy", "rcs.*").ID: health.Succeeded(now),
		}
		w.subscribe(ctx, "idle", "line.*")
		off := "off"
		must(w.configure.UpdateEventSubscription(ctx, configure.Ref{Key: &off}, configure.UpdateEventSubscriptionInput{Enabled: new(false)}))
		check(t, w.store.NoteHealth(ctx, records))

		const health = `query($key: Key!) {eventSubscription(by: {key: $key}) {health {state failingSince failedAttempts lastSuccessAt lastFailureAt}}}`
		stamp := func(at time.Time) string { return `"` + at.Format("2006-01-02T15:04:05.000000Z") + `"` }
		for of, want := range map[string]string{
			"failing": fmt.Sprintf(`{"state":"FAILING","failingSince":%s,"failedAttempts":7,"lastSuccessAt":%s,"lastFailureAt":%s}`,
				stamp(failing.FailingSince), stamp(failing.LastSuccessAt), stamp(failing.LastFailureAt)),
			"idle": `{"state":"IDLE","failingSince":null,"failedAttempts":0,"lastSuccessAt":null,"lastFailureAt":null}`,
		} {
			if a := w.query(key, health, map[string]any{"key": of}); !strings.Contains(string(a.Data), want) {
				t.Errorf("%s: %s, want %s", of, a.Data, want)
			}
		}

		const list = `query($health: [HealthState!]) {eventSubscriptions(filter: {health: $health}, order: {field: KEY, direction: ASC}) {totalCount nodes {key health {state}}}}`
		found := func(key string, states ...string) (keys []string) {
			t.Helper()
			var got struct {
				EventSubscriptions struct {
					TotalCount int
					Nodes      []struct {
						Key    string
						Health struct{ State string }
					}
				}
			}
			if a := w.query(key, list, map[string]any{"health": states}); len(a.Errors) > 0 || json.Unmarshal(a.Data, &got) != nil {
				t.Fatalf("%v: %+v", states, a)
			}
			for _, n := range got.EventSubscriptions.Nodes {
				if len(states) > 0 && !slices.Contains(states, n.Health.State) {
					t.Errorf("%s is %s, asked for %v", n.Key, n.Health.State, states)
				}
				keys = append(keys, n.Key)
			}
			if got.EventSubscriptions.TotalCount != len(keys) {
				t.Errorf("%v: %d in all, %d listed", states, got.EventSubscriptions.TotalCount, len(keys))
			}
			return keys
		}
		for states, want := range map[string][]string{
			"FAILING": {"failing"}, "DEGRADED": {"degraded"}, "HEALTHY": {"healthy"}, "IDLE": {"idle"}, "DISABLED": {"off"},
			"FAILING HEALTHY": {"failing", "healthy"}, "": {"degraded", "failing", "healthy", "idle", "off"},
		} {
			if got := found(key, strings.Fields(states)...); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", states, got, want)
			}
		}
		if got := found(strangersKey, "FAILING"); !slices.Equal(got, []string{"theirs"}) {
			t.Errorf("the other account's: %v", got)
		}
		a := w.query(key, list, map[string]any{"health": slices.Repeat([]string{"IDLE"}, 101)})
		if len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, "filter.health: 101 values are too many, the limit is 100") {
			t.Errorf("too many values: %+v", a.Errors)
		}
		if a := w.query(w.key(ctx, access.EventsPublish), health, map[string]any{"key": "failing"}); a.code() != "FORBIDDEN" {
			t.Errorf("without a scope to read: %+v", a)
		}
	})
}
