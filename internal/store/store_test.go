package store_test

import (
	"context"
	"encoding/binary"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
)

// TestMain takes fewer examples of each property than usual, and longer ones: they cost commits. The flags still say how many.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "25", "rapid.steps": "60"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// db is a fresh, migrated database.
type db struct {
	*store.Store
	t   *testing.T
	url string
	ctx context.Context //nolint:containedctx // the test's: sees all accounts
}

// onEach runs a test on SQLite and on PostgreSQL.
func onEach(t *testing.T, name string, test func(*testing.T, *db)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, func(t *testing.T, b testenv.Backend) { test(t, openDB(t, b.DatabaseURL)) })
	})
}

// together runs tests on both databases that look at rows of their own only: they share a database, because making one takes time.
func together(t *testing.T, tests map[string]func(*testing.T, *db)) {
	t.Helper()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) { openDB(t, b.DatabaseURL).share(t, tests) })
}

// share runs tests at once on a database.
func (d *db) share(t *testing.T, tests map[string]func(*testing.T, *db)) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &db{Store: d.Store, t: t, url: d.url, ctx: access.WithSystem(t.Context())})
		})
	}
}

// onPostgres runs a test on PostgreSQL, for what SQLite has not.
func onPostgres(t *testing.T, name string, test func(*testing.T, *db)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		test(t, openDB(t, testenv.Postgres(t)))
	})
}

func openDB(t *testing.T, url string) *db {
	t.Helper()
	d := open(t, url)
	_, err := d.Migrate(t.Context())
	must(t, err)
	return d
}

// open opens a database without migrating it.
func open(t *testing.T, url string) *db {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return &db{Store: s, t: t, url: url, ctx: access.WithSystem(t.Context())}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// event returns the row of an event; nil if there is none.
func (d *db) event(of id.ID) *ent.Event {
	d.t.Helper()
	row, err := d.Ent.Event.Query().Where(event.ID(of)).Only(d.ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	must(d.t, err)
	return row
}

// delivery returns the row of a delivery; nil if there is none.
func (d *db) delivery(of id.ID) *ent.Delivery {
	d.t.Helper()
	row, err := d.Ent.Delivery.Query().Where(delivery.ID(of)).Only(d.ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	must(d.t, err)
	return row
}

// commit commits events.
func (d *db) commit(events ...*store.NewEvent) {
	d.t.Helper()
	must(d.t, d.CommitEvents(d.t.Context(), events))
}

// newEvent returns an event that has been made at a time and matched so many subscriptions.
func newEvent(at time.Time, matched int) *store.NewEvent {
	e := &store.NewEvent{ID: idAt(at), AccountID: id.New(), Type: "sms.delivery", OccurredAt: micro(at), Payload: `{"n":1}`}
	for range matched {
		subscription := id.New()
		e.Targets = append(e.Targets, subscription[:]...)
	}
	return e
}

// targets returns the ids of the subscriptions that an event matched.
func targets(e *store.NewEvent) []id.ID {
	var all []id.ID
	for rest := e.Targets; len(rest) > 0; rest = rest[16:] {
		all = append(all, id.ID(rest[:16]))
	}
	return all
}

// idAt makes an id as if at a time.
func idAt(at time.Time) id.ID {
	made, first := id.New(), id.FirstAt(at)
	copy(made[:6], first[:6])
	return made
}

// micro is a time as every database keeps it.
func micro(at time.Time) time.Time { return at.UTC().Truncate(time.Microsecond) }

// sameTime compares times that may be absent.
func sameTime(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// newKeys returns a function that makes ids of idempotency keys, which are told from others by a number.
func newKeys() func(int) id.ID {
	base := id.New()
	return func(n int) id.ID {
		key := base
		binary.BigEndian.PutUint32(key[12:], uint32(n))
		return key
	}
}

func TestOpenRefusesOtherDatabases(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "mysql://localhost/x", "file.db", "postgres://localhost:port/x"} {
		if s, err := store.Open(t.Context(), url); err == nil {
			t.Errorf("opened %q", url)
			must(t, s.Close())
		}
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	onEach(t, "says whether the database answers", func(t *testing.T, d *db) {
		must(t, d.Ping(t.Context()))
		if d.Embedded() != (d.url[:6] == "sqlite") {
			t.Errorf("%s is embedded: %v", d.url, d.Embedded())
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if d.Ping(ended) == nil {
			t.Error("answers after the end of the context")
		}
	})

	t.Run("fails while PostgreSQL is away", func(t *testing.T) {
		t.Parallel()
		s, err := store.Open(t.Context(), "postgres://nobody@127.0.0.1:1/none")
		must(t, err)
		t.Cleanup(func() { must(t, s.Close()) })
		if s.Ping(t.Context()) == nil {
			t.Error("a database that is not there answers")
		}
	})
}
