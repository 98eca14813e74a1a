package store_test

import (
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
)

func TestContainsFold(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		ctx := access.WithSystem(t.Context())
		s, err := store.Open(ctx, b.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if _, err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"Ärger-Über", "100%_done", "100 done", `back\slash`, "plain"} {
			if err := s.Ent.Account.Create().SetKey(key).SetName("the name").Exec(ctx); err != nil {
				t.Fatal(err)
			}
		}
		for text, want := range map[string]int{
			"": 5, "PLAIN": 1, "ain": 1, "ÄRGER": 1, "über": 1, "%": 1, "_": 1, "0%_D": 1, "100": 2, `\`: 1, "'": 0, "THE NAME": 5, "nothing": 0,
		} {
			got, err := s.Ent.Account.Query().Where(store.ContainsFold(text, "key", "name")).Count(ctx)
			if err != nil || got != want {
				t.Errorf("%q: %d, %v, want %d", text, got, err, want)
			}
		}
	})
}
