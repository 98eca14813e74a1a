package configure_test

import (
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/vault"
)

func newVault(e *env, keys ...vault.Key) *vault.Vault {
	e.Helper()
	v, err := vault.New(keys)
	if err != nil {
		e.Fatal(err)
	}
	return v
}

// byPlace returns the count of a column.
func byPlace(e *env, place string, counts []store.SealedCount, err error) store.SealedCount {
	e.Helper()
	if err != nil {
		e.Fatal(err)
	}
	for _, c := range counts {
		if c.Place == place {
			return c
		}
	}
	e.Fatalf("no count of %s in %v", place, counts)
	return store.SealedCount{}
}

func TestResealWithTheFirstKey(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		const secret, header = "event_subscriptions.secret", "notification_profiles.headers"
		next := vault.Key{ID: "next", Secret: [32]byte{1}}
		in := e.input()
		in.Profile.Create.Headers = []configure.HeaderInput{{Name: "X-Key", Value: "canary", Secret: true}, {Name: "X-Open", Value: "open"}}
		made, err := e.CreateEventSubscription(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		counts, err := e.Store.Sealed(e.Context())
		if got := byPlace(e, header, counts, err); got.Keys["test"] != 1 || len(got.Keys) != 1 {
			e.Errorf("before: %v", got)
		}

		counts, err = e.Store.Reseal(e.Context(), newVault(e, next)) // without the key that sealed them
		if got := byPlace(e, secret, counts, err); got.Resealed != 0 || len(got.Failed) != 1 || !strings.Contains(got.Failed[0], `"test"`) {
			e.Errorf("without the old key: %v", got)
		}
		both := newVault(e, next, vault.Key{ID: "test"})
		for i, want := range []store.SealedCount{{Resealed: 1}, {Current: 1}} { // twice
			counts, err = e.Store.Reseal(e.Context(), both)
			for _, place := range []string{secret, header} {
				if got := byPlace(e, place, counts, err); got.Resealed != want.Resealed || got.Current != want.Current || len(got.Failed) > 0 {
					e.Errorf("run %d: %v", i+1, got)
				}
			}
		}
		row := e.Store.Ent.EventSubscription.GetX(e.ctx(), made.ID)
		profile := row.QueryProfile().OnlyX(e.ctx())
		alone := newVault(e, next)
		if got, err := alone.Open(row.Secret, configure.SecretBinding(row.ID)); err != nil || string(got) != made.Secret {
			e.Errorf("the secret opens as %q, %v", got, err)
		}
		if got, err := alone.Open(profile.Headers[0].Sealed, configure.HeaderBinding(profile.ID, "X-Key")); err != nil || string(got) != "canary" {
			e.Errorf("the header opens as %q, %v", got, err)
		}
		if profile.Headers[1].Value != "open" || row.Version != made.Version || !row.UpdatedAt.Equal(made.UpdatedAt) {
			e.Errorf("something else has changed: %v, %v", row, profile)
		}
		counts, err = e.Store.Sealed(e.Context())
		if got := byPlace(e, secret, counts, err); got.Keys["next"] != 1 || len(got.Keys) != 1 {
			e.Errorf("after: %v", got)
		}
	})
}
