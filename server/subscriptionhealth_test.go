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

		const health = `query($key: Key!) {eventSubscription(by: {key: $key}) {health {state failingSince failedAttempts disablesAt lastSuccessAt lastFailureAt}}}`
		stamp := func(at time.Time) string { return `"` + at.Format(time.RFC3339Nano) + `"` }
		for of, want := range map[string]string{
			"failing": fmt.Sprintf(`{"state":"FAILING","failingSince":%s,"failedAttempts":7,"disablesAt":%s,"lastSuccessAt":%s,"lastFailureAt":%s}`,
				stamp(failing.FailingSince), stamp(failing.FailingSince.Add(5*24*time.Hour)), stamp(failing.LastSuccessAt), stamp(failing.LastFailureAt)),
			"degraded": fmt.Sprintf(`{"state":"DEGRADED","failingSince":%s,"failedAttempts":1,"disablesAt":null,"lastSuccessAt":null,"lastFailureAt":%s}`, stamp(now), stamp(now)),
			"idle":     `{"state":"IDLE","failingSince":null,"failedAttempts":0,"disablesAt":null,"lastSuccessAt":null,"lastFailureAt":null}`,
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

func TestAutoDisableOfAccounts(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		admin := w.key(ctx, access.AccountsAdmin)
		since := time.Now().UTC().Truncate(time.Second).Add(-2 * time.Hour)
		s := w.subscribe(ctx, "crm", "sms.*")
		check(t, w.store.NoteHealth(ctx, map[id.ID]health.Record{s.ID: {FailingSince: since, FailedAttempts: 7, LastFailureAt: time.Now()}}))
		disablesAt := func() string {
			t.Helper()
			return w.get(key, `{eventSubscription(by: {key: "crm"}) {health {disablesAt}}}`, nil, "eventSubscription.health.disablesAt")
		}
		const rule = `{enabled after leastAttempts}`
		if got := string(w.query(key, `{viewer {account {autoDisable `+rule+`}}}`, nil).Data); !strings.Contains(got, `{"enabled":true,"after":"P5D","leastAttempts":20}`) {
			t.Errorf("as it is without a choice: %s", got)
		}
		const update = `mutation($to: AutoDisableInput) {updateAccount(by: {key: "acme"}, autoDisable: $to) {account {name autoDisable ` + rule + `} userErrors {code path message}}}`
		set := func(to map[string]any) string {
			t.Helper()
			return string(w.query(admin, update, map[string]any{"to": to}).Data)
		}
		if got := set(map[string]any{"after": "P1D", "leastAttempts": 5}); !strings.Contains(got, `"autoDisable":{"enabled":true,"after":"P1D","leastAttempts":5}},"userErrors":[]`) {
			t.Errorf("changed: %s", got)
		}
		if got, want := disablesAt(), since.Add(24*time.Hour).Format("2006-01-02T15:04:05"); !strings.HasPrefix(got, want) {
			t.Errorf("it is disabled at %s, want %s", got, want)
		}
		if got := set(map[string]any{"enabled": false}); !strings.Contains(got, `"autoDisable":{"enabled":false,"after":"P1D","leastAttempts":5}`) {
			t.Errorf("switched off: %s", got)
		}
		if got := disablesAt(); got != "" && got != "null" {
			t.Errorf("it is disabled at %s though that is off", got)
		}
		for _, c := range []struct {
			to   map[string]any
			want string
		}{
			{map[string]any{"after": "PT59M"}, `"code":"OUT_OF_RANGE","path":["autoDisable","after"],"message":"after is 59m0s: it must be PT1H to P30D`},
			{map[string]any{"leastAttempts": 0}, `"code":"OUT_OF_RANGE","path":["autoDisable","leastAttempts"],"message":"leastAttempts is 0: it must be 1 to 10000`},
		} {
			if got := set(c.to); !strings.Contains(got, c.want) {
				t.Errorf("%v: %s", c.to, got)
			}
		}
		if a := w.query(key, update, map[string]any{"to": map[string]any{"enabled": true}}); a.code() != "FORBIDDEN" {
			t.Errorf("without the scope: %+v", a)
		}
		if got := w.get(key, `mutation {publishEvents(events: [{type: "hookline.delivery.exhausted", payload: 1}]) {results {id userErrors {code path message}}}}`, nil,
			"publishEvents.results.0"); !strings.Contains(got, `{"id":null,"userErrors":[{"code":"INVALID","message":"only Hookline itself publishes`) {
			t.Errorf("a customer's own: %s", got)
		}
	})
}
