package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
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

// Claim is the right to replace the credentials of an auth setting, which nobody else has until it lapses.
type Claim struct {
	Setting id.ID
	Sealed  []byte // the credentials as they were when it was given
	until   int64  // µs since 1970 by the database's clock
}

// ClaimCredentials claims an auth setting's credentials for life, or until the claim is ended. It returns nil if somebody else has a
// claim. No connection is held meanwhile. It is nobody's change, as NoteToken's.
func (s *Store) ClaimCredentials(ctx context.Context, setting id.ID, life time.Duration) (*Claim, error) {
	clock := "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint" // the workers' own may differ
	if s.Embedded() {
		clock = strconv.FormatInt(time.Now().UnixMicro(), 10)
	}
	claim, found := &Claim{Setting: setting}, false
	err := s.tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE auth_settings SET claimed_until = `+clock+` + $1
			WHERE id = $2 AND (claimed_until IS NULL OR claimed_until < `+clock+`) RETURNING credentials, claimed_until`,
			life.Microseconds(), setting).Scan(&claim.Sealed, &claim.until)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		claim = nil
		return tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM auth_settings WHERE id = $1)", setting).Scan(&found)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("claim the credentials of an auth setting: %w", err)
	case claim == nil && !found:
		return nil, fmt.Errorf("claim the credentials of an auth setting: %w", ErrGone)
	}
	return claim, nil
}

// SwapCredentials replaces the credentials with which a claim was given. If somebody has changed them meanwhile, in spite of the claim,
// their change stands: it reports false, and the claim has what there is now.
func (s *Store) SwapCredentials(ctx context.Context, c *Claim, sealed []byte) (swapped bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE auth_settings SET credentials = $1 WHERE id = $2 AND credentials = $3", sealed, c.Setting, c.Sealed)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if swapped = n > 0; err != nil || swapped {
			return err
		}
		err = tx.QueryRowContext(ctx, "SELECT credentials FROM auth_settings WHERE id = $1", c.Setting).Scan(&c.Sealed)
		if errors.Is(err, sql.ErrNoRows) {
			err = ErrGone
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replace the credentials of an auth setting: %w", err)
	}
	return swapped, nil
}

// EndClaim lets others claim the credentials. It does nothing to a claim that has lapsed.
func (s *Store) EndClaim(ctx context.Context, c *Claim) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE auth_settings SET claimed_until = NULL WHERE id = $1 AND claimed_until = $2", c.Setting, c.until); err != nil {
			return fmt.Errorf("end the claim to the credentials of an auth setting: %w", err)
		}
		return nil
	})
}
