//go:build ignore

// diff writes the migration that brings the files of this folder up to ent/schema, for both databases:
//
//	HOOKLINE_TEST_POSTGRES_URL=postgres://… go run internal/store/migrations/diff.go NAME
//
// The PostgreSQL database must be empty: the present files are replayed in it. What ent cannot say (the partitioning of the log's
// tables) is added to the written file by hand.
package main

import (
	"context"
	"database/sql"
	"log"
	"os"
	"path/filepath"
	"slices"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	entmigrate "github.com/hookline/hookline/ent/migrate"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run internal/store/migrations/diff.go NAME")
	}
	for _, target := range []struct{ dialect, driver, url string }{
		{dialect.SQLite, "sqlite", "file:diff?mode=memory&cache=shared&_pragma=foreign_keys(1)"},
		{dialect.Postgres, "pgx", os.Getenv("HOOKLINE_TEST_POSTGRES_URL")},
	} {
		if err := diff(target.dialect, target.driver, target.url, os.Args[1]); err != nil {
			log.Fatalf("%s: %v", target.dialect, err)
		}
	}
}

func diff(name, driver, url, title string) error {
	db, err := sql.Open(driver, url)
	if err != nil {
		return err
	}
	defer db.Close()
	folder := map[string]string{dialect.SQLite: "sqlite", dialect.Postgres: "postgres"}[name]
	dir, err := sqltool.NewGooseDir(filepath.Join("internal", "store", "migrations", folder))
	if err != nil {
		return err
	}
	// The files may have been edited by hand since the last run.
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		return err
	}
	m, err := schema.NewMigrate(entsql.OpenDB(name, db),
		schema.WithDir(dir), schema.WithFormatter(sqltool.GooseFormatter), schema.WithDialect(name),
		schema.WithMigrationMode(schema.ModeReplay), schema.WithDiffHook(withoutPartitioning))
	if err != nil {
		return err
	}
	err = m.NamedDiff(context.Background(), title, entmigrate.Tables...)
	if err == migrate.ErrNoPlan {
		return nil
	}
	return err
}

// withoutPartitioning leaves the partitioning of tables out of the comparison: ent/schema cannot say it.
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
