package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
)

// successResolution is how exactly the last success of a subscription is known that does nothing but succeed: writing each would cost a
// row for every second of healthy traffic.
const successResolution = 10 * time.Second

// NoteHealth merges what attempts say of subscriptions into what is known of them, whoever calls it in whatever order. Subscriptions
// that are gone have no health any more.
func (s *Store) NoteHealth(ctx context.Context, records map[id.ID]health.Record) error {
	if len(records) == 0 {
		return nil
	}
	stale := time.Now().UTC().Truncate(time.Microsecond).Add(-successResolution)
	var err error
	if s.Embedded() {
		err = s.tx(ctx, func(tx *sql.Tx) error { return noteHealthSQLite(ctx, tx, records, stale) })
	} else {
		err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return execArrays(ctx, conn.Conn(), postgresHealth(records, stale)) })
	}
	if err != nil {
		return fmt.Errorf("note health: %w", err)
	}
	return nil
}

// insertHealth begins them. The row that is there already is h.
const insertHealth = `INSERT INTO subscription_health AS h (id, account_id, subscription_id, failing_since, failed_attempts, last_success_at, last_failure_at) `

// upsertHealth returns what ends the statements that write health: health.Record.Merge, in SQL. Failures from before the subscription was
// last enabled count as those before a success do. A success that tells nothing new but its time is written only if the known one is stale.
func upsertHealth(stale string) string {
	laterOf := func(a, b string) string {
		return "GREATEST(COALESCE(" + a + ", " + b + "), COALESCE(" + b + ", " + a + "))"
	}
	success := laterOf("h.last_success_at", "excluded.last_success_at")
	anew := laterOf(success, "h.enabled_at")
	// The first failure of a side after that, and how many there are; see health.Record.failingAfter.
	failingAfter := func(side string) (since, failed string) {
		cases := `(CASE WHEN SIDE.failing_since IS NULL THEN %s WHEN ` + anew + ` IS NULL OR SIDE.failing_since > ` + anew + ` THEN %s
			WHEN SIDE.last_failure_at > ` + anew + ` THEN %s ELSE %s END)`
		since = fmt.Sprintf(cases, "NULL", "SIDE.failing_since", "SIDE.last_failure_at", "NULL")
		failed = fmt.Sprintf(cases, "0", "SIDE.failed_attempts", "LEAST(SIDE.failed_attempts, 1)", "0")
		return strings.ReplaceAll(since, "SIDE", side), strings.ReplaceAll(failed, "SIDE", side)
	}
	knownSince, knownFailed := failingAfter("h")
	newSince, newFailed := failingAfter("excluded")
	return `
	ON CONFLICT (subscription_id) DO UPDATE SET
		failing_since = LEAST(COALESCE(` + knownSince + `, ` + newSince + `), COALESCE(` + newSince + `, ` + knownSince + `)),
		failed_attempts = ` + knownFailed + ` + ` + newFailed + `,
		last_success_at = ` + success + `,
		last_failure_at = ` + laterOf("h.last_failure_at", "excluded.last_failure_at") + `
	WHERE excluded.last_failure_at IS NOT NULL OR h.failing_since IS NOT NULL OR h.warned_at IS NOT NULL OR h.last_success_at IS NULL
		OR h.last_success_at < ` + stale
}

func postgresHealth(records map[id.ID]health.Record, stale time.Time) arrayStatement {
	n := len(records)
	row, subscription, since, failed, success, failure := ids(n), ids(n), timestamps(n), ints(n), timestamps(n), timestamps(n)
	for of, r := range records {
		row.addID(id.New())
		subscription.addID(of)
		since.addTimeOrNull(timeOrNull(r.FailingSince))
		failed.addInt(int64(r.FailedAttempts))
		success.addTimeOrNull(timeOrNull(r.LastSuccessAt))
		failure.addTimeOrNull(timeOrNull(r.LastFailureAt))
	}
	cutoff := timestamps(1)
	cutoff.addTime(stale)
	return arrayStatement{
		name: "upsert health",
		// In the order of their ids, so that workers that meet cannot deadlock.
		query: insertHealth + `SELECT new.id, s.account_id, s.id, since, failed, success, failure
			FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
			AS new(id, subscription, since, failed, success, failure)
			JOIN event_subscriptions s ON s.id = new.subscription ORDER BY s.id` + upsertHealth("($7::timestamptz[])[1]"),
		columns: []*pgArray{row, subscription, since, failed, success, failure, cutoff},
	}
}

func noteHealthSQLite(ctx context.Context, tx *sql.Tx, records map[id.ID]health.Record, stale time.Time) error {
	upsert, err := tx.PrepareContext(ctx, insertHealth+`SELECT $1, s.account_id, s.id, $3, $4, $5, $6 FROM event_subscriptions s WHERE s.id = $2`+
		strings.NewReplacer("GREATEST(", "max(", "LEAST(", "min(").Replace(upsertHealth("$7")))
	if err != nil {
		return err
	}
	defer upsert.Close()
	for of, r := range records {
		_, err := upsert.ExecContext(ctx, id.New(), of, timeOrNull(r.FailingSince), r.FailedAttempts, timeOrNull(r.LastSuccessAt), timeOrNull(r.LastFailureAt), stale)
		if err != nil {
			return err
		}
	}
	return nil
}

// timeOrNull turns a time into a column's value, the zero time into null.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
