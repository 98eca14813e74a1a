package store_test

import (
	"slices"
	"testing"

	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
)

// TestTakesEventType: the database finds the same subscriptions as matching does.
func TestTakesEventType(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		s, err := store.Open(t.Context(), b.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		account := id.New()
		ctx := access.WithAccount(t.Context(), account)
		profile := s.Ent.NotificationProfile.Create().SetAccountID(account).SetKey("p").SetName("p").SetWebhookURL("https://example.com/").
			SetTLSVersions([]string{}).SetHeaders(nil).SetRetryPolicy(types.RetryPolicy{}).SaveX(ctx)
		rules := []struct {
			category string
			patterns []string
		}{
			{"", []string{"*"}},
			{"", []string{"sms.*"}},
			{"", []string{"sms.delivery"}},
			{"", []string{"*.delivery"}},
			{"", []string{"*.*"}},
			{"", []string{"*.*.v1"}},
			{"", []string{"agent.*.v1", "email.*"}},
			{"", []string{"agent.*.*"}},
			{"", []string{"s_s.delivery", "smsx.delivery", "sms.deliver"}},
			{"sms", nil},
			{"sms", []string{}},
			{"agent", []string{"agent.presence.v1"}},
		}
		var ids []id.ID
		for i, rule := range rules {
			key := string(rune('a' + i))
			ids = append(ids, s.Ent.EventSubscription.Create().SetAccountID(account).SetKey(key).SetName(key).SetProfileID(profile.ID).
				SetCategory(rule.category).SetEventTypes(rule.patterns).SetFilter(types.EventFilter{}).SetSecret([]byte("x")).SetSecretFingerprint("x").SaveX(ctx).ID)
		}
		for _, name := range []string{
			"sms", "sms.delivery", "sms.delivery.v1", "smsx.delivery", "email.delivery", "agent.presence.v1", "agent.presence.v2", "agent.a.b.v1", "agent", "s_s.delivery", "x.sms.delivery",
		} {
			var want []id.ID
			for i, rule := range rules {
				patterns := rule.patterns
				if len(patterns) == 0 {
					patterns = []string{rule.category + ".*"}
				}
				if slices.ContainsFunc(patterns, func(p string) bool { return match.MatchPattern(p, name) }) {
					want = append(want, ids[i])
				}
			}
			got := s.Ent.EventSubscription.Query().Where(predicate.EventSubscription(store.TakesEventType(name))).IDsX(ctx)
			slices.SortFunc(got, func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", name, indexes(ids, got), indexes(ids, want))
			}
		}
	})
}

// indexes are the places of some ids among all.
func indexes(all, some []id.ID) (at []int) {
	for _, i := range some {
		at = append(at, slices.Index(all, i))
	}
	return at
}
