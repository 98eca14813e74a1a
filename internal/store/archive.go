package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// Archive writes results: a row for each attempt, and the delivery as it is after it. It may be called again with the same
// results. A delivery that has succeeded is never set back, whatever comes late.
func (s *Store) Archive(ctx context.Context, results []stream.Logged) error {
	var err error
	if s.Embedded() {
		err = s.tx(ctx, func(tx *sql.Tx) error { return archiveSQLite(ctx, tx, results) })
	} else {
		err = s.archivePostgres(ctx, results)
	}
	if err != nil {
		return fmt.Errorf("archive results: %w", err)
	}
	return nil
}

// upsertDeliveries ends the statements that write deliveries. A result with an attempt counts if its attempt is a newer one
// than the row knows; a result without one if the row has not been queued again since: both make a second archiving of the
// same result change nothing.
const upsertDeliveries = `
	ON CONFLICT (id) DO UPDATE SET status = excluded.status, attempt_count = excluded.attempt_count, failure_count = excluded.failure_count,
		next_attempt_at = excluded.next_attempt_at, queued_at = excluded.queued_at, completed_at = excluded.completed_at
	WHERE deliveries.status <> 'SUCCEEDED' AND (excluded.status = 'SUCCEEDED' OR excluded.attempt_count > deliveries.attempt_count
		OR (excluded.attempt_count = deliveries.attempt_count AND deliveries.status = 'QUEUED' AND deliveries.queued_at = excluded.queued_at))`

const insertDeliveries = `INSERT INTO deliveries (id, account_id, event_id, subscription_id, event_type, status, attempt_count, failure_count,
	next_attempt_at, queued_at, completed_at) `

const insertAttempts = `INSERT INTO attempts (id, account_id, delivery_id, event_id, subscription_id, event_type, "number", "trigger", outcome,
	status_code, started_at, queued_us, dns_us, connect_us, tls_us, first_byte_us, total_us, connection_reused, url, payload_format,
	request_headers, response_headers, response_body, response_truncated, remote_address, tls_version, error, hint, next_attempt_at,
	feed_partition, feed_position) `

// optional turns a time of a stream entry into a column's value.
func optional(micros int64) *time.Time {
	if micros == 0 {
		return nil
	}
	t := stream.FromMicros(micros)
	return &t
}

// queuedAt returns the queued_at of a delivery after the result.
func queuedAt(r stream.Logged, now time.Time) *time.Time {
	if r.Status == stream.StatusQueued && r.Attempt != nil {
		return &now // its entry is still there: an attempt was interrupted, and goes on
	}
	return optional(r.QueuedAt)
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

func (s *Store) archivePostgres(ctx context.Context, results []stream.Logged) error {
	batch := &pgx.Batch{} // one round trip, and one transaction
	if query, args := postgresAttempts(results); args != nil {
		batch.Queue(query, args...)
	}
	now := time.Now().UTC()
	for _, round := range rounds(results) {
		query, args := postgresDeliveries(round, now)
		batch.Queue(query, args...)
	}
	return s.pool.SendBatch(ctx, batch).Close()
}

func postgresDeliveries(results []stream.Logged, now time.Time) (query string, args []any) {
	n := len(results)
	ids, accounts, events, subscriptions := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	types, statuses := make([]string, n), make([]string, n)
	attempts, failures := make([]int64, n), make([]int64, n)
	next, queued, completed := make([]*time.Time, n), make([]*time.Time, n), make([]*time.Time, n)
	for i, r := range results {
		ids[i], accounts[i], events[i], subscriptions[i] = r.DeliveryID, r.AccountID, r.EventID, r.SubscriptionID
		types[i], statuses[i] = r.EventType, string(r.Status)
		attempts[i], failures[i] = int64(r.Attempts), int64(r.Failures)
		next[i], queued[i], completed[i] = optional(r.NextAttemptAt), queuedAt(r, now), completedAt(r)
	}
	// In the order of their ids, so that archivers that meet cannot deadlock.
	return insertDeliveries + `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[],
			$8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[]) AS new(id) ORDER BY id` + upsertDeliveries,
		[]any{ids, accounts, events, subscriptions, types, statuses, attempts, failures, next, queued, completed}
}

func postgresAttempts(results []stream.Logged) (query string, args []any) {
	n := len(results)
	ids, accounts, deliveries := make([][16]byte, 0, n), make([][16]byte, 0, n), make([][16]byte, 0, n)
	events, subscriptions, types := make([][16]byte, 0, n), make([][16]byte, 0, n), make([]string, 0, n)
	numbers, triggers, outcomes, codes := make([]int64, 0, n), make([]string, 0, n), make([]string, 0, n), make([]int64, 0, n)
	started, queued, dns, connect := make([]time.Time, 0, n), make([]int64, 0, n), make([]int64, 0, n), make([]int64, 0, n)
	tls, firstByte, total, reused := make([]int64, 0, n), make([]int64, 0, n), make([]int64, 0, n), make([]bool, 0, n)
	urls, formats, requests, responses := make([]string, 0, n), make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
	bodies, truncated, remotes, tlsVersions := make([][]byte, 0, n), make([]bool, 0, n), make([]string, 0, n), make([]string, 0, n)
	failures, hints, next := make([]string, 0, n), make([]string, 0, n), make([]*time.Time, 0, n)
	partitions, positions := make([]int64, 0, n), make([]int64, 0, n)
	for _, r := range results {
		a := r.Attempt
		if a == nil {
			continue
		}
		ids, accounts, deliveries = append(ids, a.ID), append(accounts, r.AccountID), append(deliveries, r.DeliveryID)
		events, subscriptions, types = append(events, r.EventID), append(subscriptions, r.SubscriptionID), append(types, r.EventType)
		numbers, triggers = append(numbers, int64(r.Attempts)), append(triggers, string(a.Trigger))
		outcomes, codes = append(outcomes, string(a.Outcome)), append(codes, int64(a.StatusCode))
		started, queued, dns = append(started, stream.FromMicros(a.StartedAt)), append(queued, a.QueuedUs), append(dns, a.DNSUs)
		connect, tls, firstByte = append(connect, a.ConnectUs), append(tls, a.TLSUs), append(firstByte, a.FirstByteUs)
		total, reused, urls = append(total, a.TotalUs), append(reused, a.ConnectionReused), append(urls, a.URL)
		formats, requests = append(formats, a.PayloadFormat), append(requests, a.RequestHeaders)
		responses, bodies, truncated = append(responses, a.ResponseHeaders), append(bodies, a.ResponseBody), append(truncated, a.ResponseTruncated)
		remotes, tlsVersions = append(remotes, a.RemoteAddress), append(tlsVersions, a.TLSVersion)
		failures, hints, next = append(failures, a.Error), append(hints, a.Hint), append(next, optional(r.NextAttemptAt))
		partitions, positions = append(partitions, int64(r.Partition)), append(positions, int64(r.Position))
	}
	if len(ids) == 0 {
		return "", nil
	}
	return insertAttempts + `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[],
			$8::text[], $9::text[], $10::bigint[], $11::timestamptz[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
			$17::bigint[], $18::bool[], $19::text[], $20::text[], $21::text[], $22::text[], $23::bytea[], $24::bool[], $25::text[], $26::text[],
			$27::text[], $28::text[], $29::timestamptz[], $30::bigint[], $31::bigint[]) ON CONFLICT (id) DO NOTHING`,
		[]any{ids, accounts, deliveries, events, subscriptions, types, numbers, triggers, outcomes, codes, started, queued, dns, connect, tls,
			firstByte, total, reused, urls, formats, requests, responses, bodies, truncated, remotes, tlsVersions, failures, hints, next,
			partitions, positions}
}

func archiveSQLite(ctx context.Context, tx *sql.Tx, results []stream.Logged) error {
	attempt, err := tx.PrepareContext(ctx, insertAttempts+`VALUES (?`+strings.Repeat(", ?", 30)+`) ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return err
	}
	defer attempt.Close()
	delivery, err := tx.PrepareContext(ctx, insertDeliveries+`VALUES (?`+strings.Repeat(", ?", 10)+`)`+upsertDeliveries)
	if err != nil {
		return err
	}
	defer delivery.Close()
	now := time.Now().UTC()
	for _, r := range results {
		if a := r.Attempt; a != nil {
			_, err := attempt.ExecContext(ctx, a.ID, r.AccountID, r.DeliveryID, r.EventID, r.SubscriptionID, r.EventType, r.Attempts,
				string(a.Trigger), string(a.Outcome), a.StatusCode, stream.FromMicros(a.StartedAt), a.QueuedUs, a.DNSUs, a.ConnectUs,
				a.TLSUs, a.FirstByteUs, a.TotalUs, a.ConnectionReused, a.URL, a.PayloadFormat, a.RequestHeaders, a.ResponseHeaders,
				a.ResponseBody, a.ResponseTruncated, a.RemoteAddress, a.TLSVersion, a.Error, a.Hint, optional(r.NextAttemptAt),
				r.Partition, int64(r.Position))
			if err != nil {
				return err
			}
		}
		_, err := delivery.ExecContext(ctx, r.DeliveryID, r.AccountID, r.EventID, r.SubscriptionID, r.EventType, string(r.Status),
			r.Attempts, r.Failures, optional(r.NextAttemptAt), queuedAt(r, now), completedAt(r))
		if err != nil {
			return err
		}
	}
	return nil
}
