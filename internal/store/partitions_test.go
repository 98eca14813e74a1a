package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// connect returns a connection of the test's own to the database, which must be PostgreSQL.
func (d *db) connect() *pgx.Conn {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.url)
	must(d.t, err)
	d.t.Cleanup(func() { must(d.t, conn.Close(d.ctx)) })
	return conn
}

// partition returns the name of the partition in which a row lies.
func (d *db) partition(conn *pgx.Conn, table string, row id.ID) string {
	d.t.Helper()
	var name string
	must(d.t, conn.QueryRow(d.t.Context(), `SELECT tableoid::regclass::text FROM `+table+` WHERE id = $1`, row).Scan(&name))
	return name
}

func TestPartitions(t *testing.T) {
	t.Parallel()
	openDB(t, testenv.Postgres(t)).share(t, map[string]func(*testing.T, *db){
		"are there for each of the next days, and rows go into them": func(t *testing.T, d *db) {
			conn := d.connect()
			for day := range 7 {
				at := time.Now().UTC().AddDate(0, 0, day)
				e := newEvent(at, 1)
				d.commit(e)
				r := resultOf(e, targets(e)[0], stream.StatusSucceeded, 1)
				r.Attempt.ID = idAt(at)
				d.archive(r)
				for table, row := range map[string]id.ID{"events": e.ID, "deliveries": r.DeliveryID, "attempts": r.Attempt.ID} {
					if got, want := d.partition(conn, table, row), table+"_"+at.Format("20060102"); got != want {
						t.Errorf("the row of %v lies in %s, want %s", at, got, want)
					}
				}
			}
		},

		"are a UTC day each": func(t *testing.T, d *db) {
			conn := d.connect()
			midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3)
			last, first := newEvent(midnight.Add(-time.Millisecond), 0), newEvent(midnight, 0)
			last.ID = id.FirstAt(midnight.Add(-time.Millisecond))
			for i := 6; i < 16; i++ {
				last.ID[i] = 0xff
			}
			first.ID = id.FirstAt(midnight)
			d.commit(last, first)
			for e, day := range map[*store.NewEvent]time.Time{last: midnight.AddDate(0, 0, -1), first: midnight} {
				if got, want := d.partition(conn, "events", e.ID), "events_"+day.Format("20060102"); got != want {
					t.Errorf("the event %v lies in %s, want %s", e.ID, got, want)
				}
			}
		},

		"of other days take nothing away: rows are kept in the default one": func(t *testing.T, d *db) {
			e := newEvent(time.Now().AddDate(-1, 0, 0), 0)
			d.commit(e)
			if got := d.partition(d.connect(), "events", e.ID); got != "events_default" {
				t.Errorf("the row of last year lies in %s", got)
			}
		},

		"leave out of a search by id the days that it cannot be in": func(t *testing.T, d *db) {
			rows, err := d.connect().Query(t.Context(), `EXPLAIN SELECT payload FROM events WHERE id = $1`, id.New())
			must(t, err)
			plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
			must(t, err)
			if text := strings.Join(plan, "\n"); strings.Count(text, "Scan") != 1 || !strings.Contains(text, "Index Scan") {
				t.Errorf("plan:\n%s", text)
			}
		},
	})

	onPostgres(t, "are made where they are missing, by several at once", func(t *testing.T, d *db) {
		conn := d.connect()
		day := time.Now().UTC().AddDate(0, 0, 2).Format("20060102")
		for _, table := range []string{"events", "deliveries", "attempts"} {
			_, err := conn.Exec(t.Context(), `DROP TABLE `+table+`_`+day)
			must(t, err)
		}
		var processes sync.WaitGroup
		for range 4 {
			processes.Go(func() {
				if err := d.EnsurePartitions(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		processes.Wait()
		e := newEvent(time.Now().UTC().AddDate(0, 0, 2), 0)
		d.commit(e)
		if got := d.partition(conn, "events", e.ID); got != "events_"+day {
			t.Errorf("the row lies in %s, want events_%s", got, day)
		}
	})
}
