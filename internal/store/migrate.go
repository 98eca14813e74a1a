package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/postgres/*.sql migrations/sqlite/*.sql
var migrations embed.FS

// Migrate applies the migrations that the database lacks, and on PostgreSQL makes the next days' partitions. There several
// processes may call it at once: they take turns by an advisory lock. A SQLite database belongs to one process. It returns the names of what it applied.
func (s *Store) Migrate(ctx context.Context) ([]string, error) {
	provider, err := s.migrationProvider()
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	applied := make([]string, len(results))
	for i, r := range results {
		applied[i] = r.Source.Path
	}
	return applied, s.EnsurePartitions(ctx)
}

// PendingMigrations reports whether Migrate would apply anything.
func (s *Store) PendingMigrations(ctx context.Context) (bool, error) {
	provider, err := s.migrationProvider()
	if err != nil {
		return false, fmt.Errorf("migrate: %w", err)
	}
	return provider.HasPending(ctx)
}

func (s *Store) migrationProvider() (*goose.Provider, error) {
	dialect, folder := goose.DialectSQLite3, "migrations/sqlite"
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if !s.Embedded() {
		dialect, folder = goose.DialectPostgres, "migrations/postgres"
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, s.db, files, options...)
}
