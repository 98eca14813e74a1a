package store_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	entmigrate "github.com/hookline/hookline/ent/migrate"
	"github.com/hookline/hookline/internal/testenv"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	t.Run("applies all, once", func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, func(t *testing.T, b testenv.Backend) {
			d := open(t, b.DatabaseURL)
			if pending, err := d.PendingMigrations(t.Context()); err != nil || !pending {
				t.Errorf("pending in an empty database: %v, %v", pending, err)
			}
			applied, err := d.Migrate(t.Context())
			must(t, err)
			if want := migrationFiles(t, d); !slices.Equal(applied, want) {
				t.Errorf("applied %q, want %q", applied, want)
			}
			if pending, err := d.PendingMigrations(t.Context()); err != nil || pending {
				t.Errorf("pending afterwards: %v, %v", pending, err)
			}
			applied, err = d.Migrate(t.Context())
			must(t, err)
			if len(applied) != 0 {
				t.Errorf("applied again: %q", applied)
			}
		})
	})

	t.Run("may be called by several processes at once", func(t *testing.T) {
		t.Parallel()
		url := testenv.Postgres(t)
		var all []string
		var mu sync.Mutex
		var processes sync.WaitGroup
		for range 4 {
			d := open(t, url)
			processes.Go(func() {
				applied, err := d.Migrate(t.Context())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, applied...)
			})
		}
		processes.Wait()
		if want := migrationFiles(t, open(t, url)); !slices.Equal(all, want) {
			t.Errorf("applied %q, want %q", all, want)
		}
	})
}

func folder(embedded bool) string {
	if embedded {
		return filepath.Join("migrations", "sqlite")
	}
	return filepath.Join("migrations", "postgres")
}

// migrationFiles returns the names of the migrations for the database.
func migrationFiles(t *testing.T, d *db) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder(d.Embedded()), "*.sql"))
	must(t, err)
	for i, path := range paths {
		paths[i] = filepath.Base(path)
	}
	return paths
}

// TestMigrationsGiveTheSchema fails when ent/schema was changed without a migration: then migrations/diff.go writes it.
func TestMigrationsGiveTheSchema(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dialect, driver string
		url             func(t *testing.T) string
	}{
		{dialect.SQLite, "sqlite", func(t *testing.T) string {
			return "file:" + filepath.Join(t.TempDir(), "replay.db") + "?_pragma=foreign_keys(1)"
		}},
		{dialect.Postgres, "pgx", func(t *testing.T) string { return testenv.Postgres(t) }},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			t.Parallel()
			client, err := sql.Open(c.driver, c.url(t))
			must(t, err)
			t.Cleanup(func() { must(t, client.Close()) })
			files := filepath.Join(t.TempDir(), "migrations")
			must(t, os.CopyFS(files, os.DirFS(folder(c.dialect == dialect.SQLite))))
			dir, err := sqltool.NewGooseDir(files)
			must(t, err)
			sum, err := dir.Checksum()
			must(t, err)
			must(t, migrate.WriteSumFile(dir, sum))
			before, err := os.ReadDir(files)
			must(t, err)

			m, err := schema.NewMigrate(entsql.OpenDB(c.dialect, client),
				schema.WithDir(dir), schema.WithFormatter(sqltool.GooseFormatter), schema.WithDialect(c.dialect), schema.WithErrNoPlan(true),
				schema.WithMigrationMode(schema.ModeReplay), schema.WithDiffHook(withoutPartitioning))
			must(t, err)
			err = m.NamedDiff(t.Context(), "missing", entmigrate.Tables...)
			if errors.Is(err, migrate.ErrNoPlan) {
				return
			}
			must(t, err)
			after, err := os.ReadDir(files)
			must(t, err)
			for _, file := range after {
				if !slices.ContainsFunc(before, func(b os.DirEntry) bool { return b.Name() == file.Name() }) {
					text, err := os.ReadFile(filepath.Join(files, file.Name()))
					must(t, err)
					t.Errorf("the migrations lack:\n%s", text)
				}
			}
		})
	}
}

// withoutPartitioning is that of migrations/diff.go: ent/schema cannot say how tables are partitioned.
func withoutPartitioning(next schema.Differ) schema.Differ {
	return schema.DiffFunc(func(current, desired *atlas.Schema) ([]atlas.Change, error) {
		for _, table := range current.Tables {
			table.Attrs = slices.DeleteFunc(table.Attrs, func(a atlas.Attr) bool {
				_, is := a.(*postgres.Partition)
				return is
			})
		}
		return next.Diff(current, desired)
	})
}
