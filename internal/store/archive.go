package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// Archive writes results: a row for each attempt, and the delivery as it is after it. It may be called again with the same
// results. A delivery that has succeeded is never set back, whatever comes late. It returns how many of the attempts are new.
func (s *Store) Archive(ctx context.Context, results []stream.Logged) (added int, err error) {
	if s.Embedded() {
		err = s.tx(ctx, func(tx *sql.Tx) error {
			added, err = archiveSQLite(ctx, tx, results)
			return err
		})
	} else {
		added, err = s.archivePostgres(ctx, results)
	}
	if err != nil {
		return 0, fmt.Errorf("archive results: %w", err)
	}
	return added, nil
}

// upsertDeliveries ends the statements that write deliveries. A result with an attempt counts if its attempt is a newer one
// than the row knows; a result without one if the row has not been queued again since: both make a second archiving of the
// same result change nothing. A success counts however late it comes, but sets back no number. A delivery that was called off stays
// so unless the attempt that was under way is a success; of another one only the number counts.
const upsertDeliveries = `
	ON CONFLICT (id) DO UPDATE SET
		status = CASE WHEN ` + staysCancelled + ` THEN deliveries.status ELSE excluded.status END,
		attempt_count = CASE WHEN excluded.attempt_count > deliveries.attempt_count THEN excluded.attempt_count ELSE deliveries.attempt_count END,
		failure_count = CASE WHEN excluded.failure_count > deliveries.failure_count THEN excluded.failure_count ELSE deliveries.failure_count END,
		next_attempt_at = CASE WHEN ` + staysCancelled + ` THEN deliveries.next_attempt_at ELSE excluded.next_attempt_at END,
		queued_at = CASE WHEN ` + staysCancelled + ` THEN deliveries.queued_at ELSE excluded.queued_at END,
		completed_at = CASE WHEN ` + staysCancelled + ` THEN deliveries.completed_at ELSE excluded.completed_at END
	WHERE deliveries.status <> 'SUCCEEDED' AND (excluded.status = 'SUCCEEDED' OR excluded.attempt_count > deliveries.attempt_count
		OR (excluded.attempt_count = deliveries.attempt_count AND deliveries.status = 'QUEUED' AND deliveries.queued_at = excluded.queued_at))`

// staysCancelled is whether a delivery was called off and stays so.
const staysCancelled = `deliveries.status = 'CANCELLED' AND excluded.status <> 'SUCCEEDED'`

const insertDeliveries = `INSERT INTO deliveries (id, account_id, event_id, subscription_id, event_type, status, attempt_count, failure_count,
	next_attempt_at, queued_at, completed_at) `

const insertAttempts = `INSERT INTO attempts (id, account_id, delivery_id, event_id, subscription_id, event_type, "number", "trigger", outcome,
	status_code, started_at, queued_us, dns_us, connect_us, tls_us, first_byte_us, total_us, connection_reused, url, payload_format,
	request_headers, response_headers, response_body, response_truncated, remote_address, tls_version, error, hint, next_attempt_at,
	feed_partition, feed_position, bucket_size) `

// optional turns a time of a stream entry into a column's value.
func optional(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := stream.FromMicros(micros)
	return &t
}

// completedAt returns when the delivery came to its end with the result; nil if it did not.
func completedAt(r stream.Logged) *time.Time {
	switch r.Status {
	case stream.StatusSucceeded, stream.StatusExhausted, stream.StatusCancelled:
		t := r.Position.Time()
		return &t
	default:
		return nil
	}
}

// rounds splits results so that no round has two of the same delivery, in the order in which they came.
func rounds(results []stream.Logged) [][]stream.Logged {
	var split [][]stream.Logged
	seen := make(map[id.ID]int, len(results))
	for _, r := range results {
		round := seen[r.DeliveryID]
		seen[r.DeliveryID]++
		if round == len(split) {
			split = append(split, nil)
		}
		split[round] = append(split[round], r)
	}
	return split
}

func (s *Store) archivePostgres(ctx context.Context, results []stream.Logged) (added int, err error) {
	var statements []arrayStatement
	attempts := postgresAttempts(results)
	if attempts.columns != nil {
		statements = append(statements, attempts)
	}
	for _, round := range rounds(results) {
		statements = append(statements, postgresDeliveries(round))
	}
	err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		affected, err := affectedByArrays(ctx, conn.Conn(), statements...)
		if err == nil && attempts.columns != nil {
			added = int(affected[0])
		}
		return err
	})
	return added, err
}

func postgresDeliveries(results []stream.Logged) arrayStatement {
	n := len(results)
	id, account, event, subscription, kind, status := ids(n), ids(n), ids(n), ids(n), textsOf(n, 16), textsOf(n, 12)
	attempts, failures, next, queued, completed := ints(n), ints(n), timestamps(n), timestamps(n), timestamps(n)
	for _, r := range results {
		id.addID(r.DeliveryID)
		account.addID(r.AccountID)
		event.addID(r.EventID)
		subscription.addID(r.SubscriptionID)
		kind.addText(r.EventType)
		status.addText(string(r.Status))
		attempts.addInt(int64(r.Attempts))
		failures.addInt(int64(r.Failures))
		next.addTimeOrNull(optional(r.NextAttemptAt))
		queued.addTimeOrNull(optional(r.QueuedAt))
		completed.addTimeOrNull(completedAt(r))
	}
	return arrayStatement{
		name: "upsert deliveries",
		// In the order of their ids, so that archivers that meet cannot deadlock.
		query: insertDeliveries + `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[],
			$8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[]) AS new(id) ORDER BY id` + upsertDeliveries,
		columns: []*pgArray{id, account, event, subscription, kind, status, attempts, failures, next, queued, completed},
	}
}

// postgresAttempts writes the attempts of those results that have one; without any it has no columns.
func postgresAttempts(results []stream.Logged) arrayStatement {
	n := len(results)
	id, account, delivery, event, subscription, kind := ids(n), ids(n), ids(n), ids(n), ids(n), textsOf(n, 16)
	number, trigger, outcome, code, started := ints(n), textsOf(n, 6), textsOf(n, 12), ints(n), timestamps(n)
	queued, dns, connect, tls, firstByte, total := ints(n), ints(n), ints(n), ints(n), ints(n), ints(n)
	reused, url, format := bools(n), textsOf(n, 48), textsOf(n, 8)
	request, response, body, truncated := textsOf(n, 256), textsOf(n, 64), byteas(n, 16), bools(n)
	remote, version, failure, hint, next := textsOf(n, 16), textsOf(n, 7), textsOf(n, 0), textsOf(n, 0), timestamps(n)
	partition, position, bucket := ints(n), ints(n), ints(n)
	found := false
	for _, r := range results {
		a := r.Attempt
		if a == nil {
			continue
		}
		found = true
		id.addID(a.ID)
		account.addID(r.AccountID)
		delivery.addID(r.DeliveryID)
		event.addID(r.EventID)
		subscription.addID(r.SubscriptionID)
		kind.addText(r.EventType)
		number.addInt(int64(r.Attempts))
		trigger.addText(string(a.Trigger))
		outcome.addText(string(a.Outcome))
		code.addInt(int64(a.StatusCode))
		started.addTime(stream.FromMicros(a.StartedAt))
		queued.addInt(a.QueuedUs)
		dns.addInt(a.DNSUs)
		connect.addInt(a.ConnectUs)
		tls.addInt(a.TLSUs)
		firstByte.addInt(a.FirstByteUs)
		total.addInt(a.TotalUs)
		reused.addBool(a.ConnectionReused)
		url.addText(a.URL)
		format.addText(a.PayloadFormat)
		request.addText(a.RequestHeaders)
		response.addText(a.ResponseHeaders)
		body.addBytes(a.ResponseBody)
		truncated.addBool(a.ResponseTruncated)
		remote.addText(a.RemoteAddress)
		version.addText(a.TLSVersion)
		failure.addText(a.Error)
		hint.addText(a.Hint)
		next.addTimeOrNull(optional(r.NextAttemptAt))
		partition.addInt(int64(r.Partition))
		position.addInt(int64(r.Position))
		bucket.addInt(int64(a.BucketSize))
	}
	if !found {
		return arrayStatement{}
	}
	return arrayStatement{
		name: "insert attempts",
		query: insertAttempts + `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[],
			$8::text[], $9::text[], $10::bigint[], $11::timestamptz[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
			$17::bigint[], $18::bool[], $19::text[], $20::text[], $21::text[], $22::text[], $23::bytea[], $24::bool[], $25::text[], $26::text[],
			$27::text[], $28::text[], $29::timestamptz[], $30::bigint[], $31::bigint[], $32::bigint[]) ON CONFLICT (id) DO NOTHING`,
		columns: []*pgArray{
			id, account, delivery, event, subscription, kind, number, trigger, outcome, code, started, queued, dns, connect, tls, firstByte,
			total, reused, url, format, request, response, body, truncated, remote, version, failure, hint, next, partition, position, bucket,
		},
	}
}

func archiveSQLite(ctx context.Context, tx *sql.Tx, results []stream.Logged) (added int, err error) {
	attempt, err := tx.PrepareContext(ctx, insertAttempts+`VALUES (?`+strings.Repeat(", ?", 31)+`) ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return 0, err
	}
	defer attempt.Close()
	delivery, err := tx.PrepareContext(ctx, insertDeliveries+`VALUES (?`+strings.Repeat(", ?", 10)+`)`+upsertDeliveries)
	if err != nil {
		return 0, err
	}
	defer delivery.Close()
	for _, r := range results {
		if a := r.Attempt; a != nil {
			inserted, err := attempt.ExecContext(ctx, a.ID, r.AccountID, r.DeliveryID, r.EventID, r.SubscriptionID, r.EventType, r.Attempts,
				string(a.Trigger), string(a.Outcome), a.StatusCode, stream.FromMicros(a.StartedAt), a.QueuedUs, a.DNSUs, a.ConnectUs,
				a.TLSUs, a.FirstByteUs, a.TotalUs, a.ConnectionReused, a.URL, a.PayloadFormat, a.RequestHeaders, a.ResponseHeaders,
				a.ResponseBody, a.ResponseTruncated, a.RemoteAddress, a.TLSVersion, a.Error, a.Hint, optional(r.NextAttemptAt),
				r.Partition, int64(r.Position), a.BucketSize)
			if err != nil {
				return 0, err
			}
			n, err := inserted.RowsAffected()
			if err != nil {
				return 0, err
			}
			added += int(n)
		}
		_, err := delivery.ExecContext(ctx, r.DeliveryID, r.AccountID, r.EventID, r.SubscriptionID, r.EventType, string(r.Status),
			r.Attempts, r.Failures, optional(r.NextAttemptAt), optional(r.QueuedAt), completedAt(r))
		if err != nil {
			return 0, err
		}
	}
	return added, nil
}
