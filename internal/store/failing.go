package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
)

// A subscription that fails, that Hookline has disabled, or that has recovered is told of by an event of its account. What is told
// is noted after the event is published, which has an idempotency key: a crash in between, or several workers, publish it once.

// Told is a subscription of which its account is to be told.
type Told struct {
	ID, AccountID id.ID
	Key, Name     string
	Record        health.Record
	// WarnedAt is when the account was last told that it fails or was disabled; nil for never, or if it has recovered since.
	WarnedAt    *time.Time
	AutoDisable health.AutoDisable
	// Of one that Hookline has disabled: why, when, and the version that this made.
	Reason     string
	DisabledAt time.Time
	Version    int
}

// selectTold reads the subscriptions of which to tell, with their account and their profile.
const selectTold = `SELECT s.id, s.account_id, s."key", s.name, s.disabled_reason, s.untold_since, s.version, a.auto_disable, a.auto_disable_after, a.auto_disable_attempts,
		h.failing_since, h.failed_attempts, h.last_success_at, h.last_failure_at, h.warned_at
	FROM event_subscriptions s JOIN accounts a ON a.id = s.account_id JOIN notification_profiles p ON p.id = s.profile_id
	LEFT JOIN subscription_health h ON h.subscription_id = s.id WHERE s.id > $1 AND `

// FailingLong returns up to limit enabled subscriptions, by id and after the one given, that have failed for half of the time after
// which their account has them disabled, and half as often, unless the account has been warned and all of the time has not passed. What was
// changed since it last failed, itself or its profile, may be better now.
func (s *Store) FailingLong(ctx context.Context, after id.ID, limit int) ([]Told, error) {
	span := `(EXTRACT(EPOCH FROM h.last_failure_at) - EXTRACT(EPOCH FROM h.failing_since))`
	if s.Embedded() {
		span = `(unixepoch(h.last_failure_at, 'subsec') - unixepoch(h.failing_since, 'subsec'))`
	}
	// Index: subscriptionhealth_failing_since, of those that are failing. The caller decides to the microsecond, hence the second more.
	return s.told(ctx, `s.enabled AND h.failing_since IS NOT NULL AND a.auto_disable AND s.updated_at < h.last_failure_at AND p.updated_at < h.last_failure_at
		AND `+span+` + 1 >= a.auto_disable_after / 2000000000.0 AND 2 * h.failed_attempts >= a.auto_disable_attempts
		AND (h.warned_at IS NULL OR h.warned_at < h.failing_since OR `+span+` + 1 >= a.auto_disable_after / 1000000000.0)`, after, limit)
}

// Recovered returns up to limit enabled subscriptions that have succeeded since their account was warned.
func (s *Store) Recovered(ctx context.Context, after id.ID, limit int) ([]Told, error) {
	// Index: subscriptionhealth_warned_at, of those of which an account was warned.
	return s.told(ctx, `s.enabled AND h.warned_at IS NOT NULL AND h.last_success_at > h.warned_at`, after, limit)
}

// DisabledUntold returns up to limit subscriptions that Hookline has disabled and of which the account has not been told.
func (s *Store) DisabledUntold(ctx context.Context, after id.ID, limit int) ([]Told, error) {
	// Index: eventsubscription_untold_since, of these.
	return s.told(ctx, `s.untold_since IS NOT NULL`, after, limit)
}

func (s *Store) told(ctx context.Context, where string, after id.ID, limit int) ([]Told, error) {
	rows, err := s.db.QueryContext(ctx, selectTold+where+` ORDER BY s.id LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read subscriptions to tell of: %w", err)
	}
	defer rows.Close()
	var found []Told
	for rows.Next() {
		var t Told
		var failed sql.NullInt64
		var untold, since, success, failure, warned sql.NullTime
		err := rows.Scan(&t.ID, &t.AccountID, &t.Key, &t.Name, &t.Reason, &untold, &t.Version, &t.AutoDisable.Enabled, &t.AutoDisable.After,
			&t.AutoDisable.LeastAttempts, &since, &failed, &success, &failure, &warned)
		if err != nil {
			return nil, fmt.Errorf("read subscriptions to tell of: %w", err)
		}
		t.DisabledAt = untold.Time.UTC()
		t.Record = health.Record{
			FailingSince: since.Time.UTC(), FailedAttempts: int(failed.Int64), LastSuccessAt: success.Time.UTC(), LastFailureAt: failure.Time.UTC(),
		}
		if warned.Valid {
			at := warned.Time.UTC()
			t.WarnedAt = &at
		}
		found = append(found, t)
	}
	return found, rows.Err()
}

// NoteWarned notes that the account was told that a subscription fails since then.
func (s *Store) NoteWarned(ctx context.Context, t Told) error {
	return s.noteTold(ctx, `UPDATE subscription_health SET warned_at = $1 WHERE subscription_id = $2 AND failing_since = $3`, now(), t.ID, t.Record.FailingSince)
}

// NoteDisabledTold notes that the account was told that a subscription was disabled: the next success is a recovery.
func (s *Store) NoteDisabledTold(ctx context.Context, t Told) error {
	// It may be that nothing is known of it yet: the answer that it is gone may have been the first one, a moment ago.
	err := s.noteTold(ctx, `INSERT INTO subscription_health (id, account_id, subscription_id, failed_attempts, warned_at)
		SELECT $1, account_id, id, 0, $2 FROM event_subscriptions WHERE id = $3 ON CONFLICT (subscription_id) DO UPDATE SET warned_at = excluded.warned_at`,
		id.New(), now(), t.ID)
	if err != nil {
		return err
	}
	return s.noteTold(ctx, `UPDATE event_subscriptions SET untold_since = NULL WHERE id = $1 AND version = $2`, t.ID, t.Version)
}

// NoteRecoveredTold notes that the account was told that a subscription has recovered.
func (s *Store) NoteRecoveredTold(ctx context.Context, t Told) error {
	return s.noteTold(ctx, `UPDATE subscription_health SET warned_at = NULL WHERE subscription_id = $1 AND warned_at = $2`, t.ID, t.WarnedAt)
}

func (s *Store) noteTold(ctx context.Context, query string, args ...any) error {
	if _, err := s.exec(ctx, query, args...); err != nil {
		return fmt.Errorf("note what was told of a subscription: %w", err)
	}
	return nil
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// LastSuccess returns when the last successful attempt of a subscription after a time began, as the log has it; the zero time if there
// was none. It may look at all attempts since.
func (s *Store) LastSuccess(ctx context.Context, subscription id.ID, after time.Time) (time.Time, error) {
	// Index: attempt_subscription_id_id. Ids are made when attempts end.
	var at time.Time
	err := s.db.QueryRowContext(ctx, `SELECT started_at FROM attempts WHERE subscription_id = $1 AND id >= $2 AND outcome = 'SUCCESS' AND started_at > $3
		ORDER BY id DESC LIMIT 1`, subscription, id.FirstAt(after), after.UTC()).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look for a success: %w", err)
	}
	return at.UTC(), nil
}

// Expiring is a certificate of which its account is to be told that it expires.
type Expiring struct {
	ID, AccountID          id.ID
	Key, Name, Fingerprint string
	NotAfter               time.Time
}

// ExpiringUntold returns up to limit certificates, by id and after the one given, that end within so many days from a time on, and of which
// the account has not been told as late as that.
func (s *Store) ExpiringUntold(ctx context.Context, at time.Time, days int, after id.ID, limit int) ([]Expiring, error) {
	// Index: certificate_not_after.
	rows, err := s.db.QueryContext(ctx, `SELECT id, account_id, "key", name, fingerprint, not_after FROM certificates
		WHERE not_after > $1 AND not_after <= $2 AND (expiry_told = 0 OR expiry_told > $3) AND id > $4 ORDER BY id LIMIT $5`,
		at.UTC(), at.UTC().AddDate(0, 0, days), days, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read expiring certificates: %w", err)
	}
	defer rows.Close()
	var found []Expiring
	for rows.Next() {
		var c Expiring
		if err := rows.Scan(&c.ID, &c.AccountID, &c.Key, &c.Name, &c.Fingerprint, &c.NotAfter); err != nil {
			return nil, fmt.Errorf("read expiring certificates: %w", err)
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// NoteExpiryTold notes that the account was told so many days before the end of a certificate. It is nobody's change.
func (s *Store) NoteExpiryTold(ctx context.Context, certificate id.ID, days int) error {
	if _, err := s.exec(ctx, `UPDATE certificates SET expiry_told = $1 WHERE id = $2`, days, certificate); err != nil {
		return fmt.Errorf("note that a certificate expires: %w", err)
	}
	return nil
}
