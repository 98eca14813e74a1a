package configure_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// BenchmarkCreateEventSubscription makes subscriptions to one profile, one after the other, until the process knows them. How long one takes when there are
// many already shows with -benchtime=10000x.
func BenchmarkCreateEventSubscription(b *testing.B) {
	for name, database := range map[string]func(testing.TB) string{"sqlite": testenv.SQLite, "postgres": testenv.Postgres} {
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.Context(), database(b))
			must(b, err)
			defer func() { must(b, s.Close()) }()
			_, err = s.Migrate(b.Context())
			must(b, err)
			must(b, catalogue.Sync(b.Context(), s.Ent))
			v, err := vault.New([]vault.Key{{ID: "test"}})
			must(b, err)
			known, err := registry.Open(b.Context(), s.Ent, v, slog.New(slog.DiscardHandler))
			must(b, err)
			service := configure.Service{Store: s, Vault: v, Changed: known.Apply}
			account, err := service.CreateAccount(b.Context(), "shop", "Shop")
			must(b, err)
			ctx := access.WithAccount(b.Context(), account.ID)
			profile := configure.ProfileInput("one", "https://example.com/hook")
			_, err = service.CreateNotificationProfile(ctx, profile)
			must(b, err)
			made := 0
			b.ReportAllocs()
			for b.Loop() {
				made++
				key := fmt.Sprintf("s%d", made)
				_, err := service.CreateEventSubscription(ctx, configure.CreateEventSubscriptionInput{
					Key: key, Name: key, EventTypes: []string{"sms.delivery"}, Enabled: true,
					Filter:  &configure.EventFilterInput{Users: []string{key}},
					Profile: configure.ProfileChoice{Existing: &configure.Ref{Key: &profile.Key}},
				})
				must(b, err)
			}
		})
	}
}

// TestFindsKeysByTheirIndex: PostgreSQL keeps the plans of statements that are made again and again. Those that it made while the table was
// next to empty read all subscriptions of the account for each key, for as long as it has not analyzed the table.
func TestFindsKeysByTheirIndex(t *testing.T) {
	t.Parallel()
	const subscriptions = 1000
	databaseURL := testenv.Postgres(t)
	e := open(t, databaseURL+"&pool_max_conns=1")
	profile := e.profile()
	for range subscriptions {
		in := e.input()
		in.Profile = configure.ProfileChoice{Existing: new(byProfile(profile.ID))}
		e.create(in)
	}
	must(t, e.Store.Close()) // what its connection has done is counted when it ends
	db, err := pgx.Connect(t.Context(), databaseURL)
	must(t, err)
	defer func() { must(t, db.Close(t.Context())) }()
	var made, read int
	testenv.Eventually(t, time.Minute, func() bool {
		must(t, db.QueryRow(t.Context(),
			"SELECT n_tup_ins, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'event_subscriptions'").Scan(&made, &read))
		return made == subscriptions
	}, "what was done is counted")
	if read > 500*subscriptions { // the first few hundred are read to find the next
		t.Errorf("creating %d subscriptions read %d rows of them", subscriptions, read)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
