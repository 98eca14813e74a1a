package testenv

import (
	"net/url"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	t.Run("is_empty_and_the_test's_own", func(t *testing.T) {
		t.Parallel()
		a, b := Postgres(t), Postgres(t)
		for _, url := range []string{a, b} { // the second would fail in the same database
			if err := execute(t.Context(), url, "CREATE TABLE events (id int)"); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("is_dropped_under_open_connections", func(t *testing.T) {
		t.Parallel()
		var database string
		var conn *pgx.Conn
		t.Run("user", func(t *testing.T) {
			database = Postgres(t)
			conn = connectPostgres(t, database)
		})
		if err := conn.Ping(t.Context()); err == nil {
			t.Error("the connection survived")
		}
		if err := execute(t.Context(), database, "SELECT 1"); err == nil {
			t.Error("the database is still there")
		}
	})
	t.Run("holds_many_connections", func(t *testing.T) {
		t.Parallel()
		var limit string
		conn := connectPostgres(t, Postgres(t))
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "SHOW max_connections").Scan(&limit); err != nil {
			t.Fatal(err)
		}
		if limit != "300" {
			t.Errorf("max_connections is %s", limit)
		}
	})
	t.Run("syncs_its_commits", func(t *testing.T) {
		t.Parallel()
		var fsync, commit string
		conn := connectPostgres(t, Postgres(t))
		defer conn.Close(t.Context())
		err := conn.QueryRow(t.Context(), "SELECT current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &commit)
		if err != nil {
			t.Fatal(err)
		}
		if fsync != "on" || commit != "on" {
			t.Errorf("fsync is %s, synchronous_commit %s", fsync, commit)
		}
	})
}

func TestStartPostgres(t *testing.T) {
	t.Parallel()
	var p *PostgresServer
	t.Run("keeps_what_was_committed_over_a_stop_and_a_start", func(t *testing.T) {
		p = StartPostgres(t)
		before := p.URL()
		if err := execute(t.Context(), p.URL(), "CREATE TABLE events AS SELECT 1 AS id"); err != nil {
			t.Fatal(err)
		}
		p.StopImmediate()
		if err := execute(t.Context(), p.URL(), "SELECT 1"); err == nil {
			t.Fatal("it answers after StopImmediate")
		}
		p.Start()
		if p.URL() != before {
			t.Errorf("was %s, is %s", before, p.URL())
		}
		if err := execute(t.Context(), p.URL(), "SELECT id FROM events"); err != nil {
			t.Error(err)
		}
	})
	t.Run("ends_with_the_test", func(t *testing.T) {
		if err := execute(t.Context(), p.URL(), "SELECT 1"); err == nil {
			t.Error("it still answers")
		}
		if _, err := os.Stat(p.server.dir); !os.IsNotExist(err) {
			t.Errorf("its folder is still there (%v)", err)
		}
	})
	t.Run("demands_a_password", func(t *testing.T) {
		u, err := url.Parse(StartPostgres(t).URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.User("hookline")
		if err := execute(t.Context(), u.String(), "SELECT 1"); err == nil {
			t.Error("let in without one")
		}
	})
}

// connectPostgres returns a connection that the caller closes.
func connectPostgres(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDebianVersion(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/usr/lib/postgresql/9.6/bin/initdb": 0, // too old to be taken
		"/usr/lib/postgresql/15/bin/initdb":  15,
		"/usr/lib/postgresql/17/bin/initdb":  17,
	} {
		if got := debianVersion(path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}
