// Package store is the database: PostgreSQL, or SQLite for the embedded default. Configuration and reads go through ent
// (Store.Ent); the log's hot writes are SQL of their own, in this package, in one version for each database:
//
//	events.go      accept: events with their matched subscriptions, and idempotency keys
//	archive.go     archive: attempts, and the state of deliveries after them
//	deliveries.go  schedule and sweep: which deliveries are to be queued (again)
//	partitions.go  the days of the log on PostgreSQL, and retention on both
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/hookline/hookline/ent"
	_ "github.com/hookline/hookline/ent/runtime" // the hooks and interceptors of ent/schema
)

// Store is an open database, migrated to what this version needs.
type Store struct {
	// Ent reads everything and writes the configuration.
	Ent *ent.Client

	pool    *pgxpool.Pool // PostgreSQL only
	db      *sql.DB
	writing sync.Mutex // SQLite only: its one writer at a time, without its busy polling
}

// Open opens the database at databaseURL, `postgres://…` or `sqlite://PATH`, without migrating it.
func Open(ctx context.Context, databaseURL string) (*Store, error) {
	scheme, path, _ := strings.Cut(databaseURL, "://")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(ctx, databaseURL)
	case "sqlite":
		return openSQLite(ctx, path)
	default:
		return nil, errors.New("the database URL must begin with postgres:// or sqlite://")
	}
}

func openPostgres(ctx context.Context, databaseURL string) (*Store, error) {
	config, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		// pgx's error repeats the URL with its password masked.
		return nil, fmt.Errorf("database URL: %w", err)
	}
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	config.ConnConfig.RuntimeParams["application_name"] = "hookline"
	if !strings.Contains(databaseURL, "pool_max_conns") {
		config.MaxConns = 16
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	return &Store{Ent: entClient(dialect.Postgres, db), pool: pool, db: db}, nil
}

func openSQLite(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	params := url.Values{
		"_pragma": {
			"foreign_keys(1)", "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)",
			"temp_store(MEMORY)", "cache_size(-32000)",
		},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+params.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), db.Close())
	}
	return &Store{Ent: entClient(dialect.SQLite, db), db: db}, nil
}

func entClient(name string, db *sql.DB) *ent.Client {
	return ent.NewClient(ent.Driver(entsql.OpenDB(name, db)))
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// Embedded reports whether the database is SQLite, in this process.
func (s *Store) Embedded() bool { return s.pool == nil }

// Close closes the database.
func (s *Store) Close() error {
	err := s.Ent.Close()
	if s.pool != nil {
		s.pool.Close()
	}
	return err
}

// tx runs f in a transaction that writes.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error {
	if s.Embedded() {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
