package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hookline/hookline/internal/id"
)

// NoteToken notes why an auth setting's last access token could not be had, an empty text that it could; and when it expires, the zero time
// when that is not known. It is nobody's change: neither the version nor the audit log shows it.
func (s *Store) NoteToken(ctx context.Context, setting id.ID, failure string, expires time.Time) error {
	var expiresAt *time.Time
	if !expires.IsZero() {
		expiresAt = new(expires.UTC().Truncate(time.Microsecond))
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE auth_settings SET last_error = $1, token_expires_at = $2
			WHERE id = $3 AND (last_error <> $1 OR token_expires_at IS DISTINCT FROM $2)`, failure, expiresAt, setting)
		if err != nil {
			return fmt.Errorf("note what came of an auth setting's access token: %w", err)
		}
		return nil
	})
}

// ErrGone is returned for a row that has been deleted.
var ErrGone = errors.New("it has been deleted")

// ReplaceCredentials calls replace with the sealed credentials of an auth setting and stores what it returns, unless that is
// nil. On PostgreSQL no other process may replace, or change, them meanwhile. It is nobody's change, as NoteToken's.
func (s *Store) ReplaceCredentials(ctx context.Context, setting id.ID, replace func(sealed []byte) ([]byte, error)) error {
	if s.Embedded() {
		// There is no other process, and a transaction would keep all others from writing.
		return replaceIn(ctx, s.db, setting, "", replace)
	}
	return s.tx(ctx, func(tx *sql.Tx) error { return replaceIn(ctx, tx, setting, " FOR UPDATE", replace) })
}

// database is a *sql.DB or a *sql.Tx.
type database interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func replaceIn(ctx context.Context, db database, setting id.ID, lock string, replace func(sealed []byte) ([]byte, error)) error {
	var before []byte
	err := db.QueryRowContext(ctx, "SELECT credentials FROM auth_settings WHERE id = $1"+lock, setting).Scan(&before)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("replace the credentials of an auth setting: %w", ErrGone)
	}
	if err != nil {
		return fmt.Errorf("replace the credentials of an auth setting: %w", err)
	}
	after, err := replace(before)
	if err != nil || after == nil {
		return err
	}
	// Without a lock somebody may have changed them, whose change stands.
	if _, err := db.ExecContext(ctx, "UPDATE auth_settings SET credentials = $1 WHERE id = $2 AND credentials = $3", after, setting, before); err != nil {
		return fmt.Errorf("replace the credentials of an auth setting: %w", err)
	}
	return nil
}
