package store

import (
	"context"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/stream"
)

// clockSlack is by how much the clocks of a publisher's server and a worker may differ: an attempt can seem to end before its event.
const clockSlack = time.Minute

// AttemptsWanted turns a filter into conditions on the attempts' rows.
func AttemptsWanted(f livelog.Filter) []predicate.Attempt {
	var wanted []predicate.Attempt
	if !f.Since.IsZero() {
		wanted = append(wanted, attempt.IDGTE(firstFrom(f.Since)))
	}
	if !f.Until.IsZero() {
		wanted = append(wanted, attempt.IDLT(firstFrom(f.Until)))
	}
	if len(f.Outcomes) > 0 {
		wanted = append(wanted, attempt.OutcomeIn(texts(f.Outcomes)...))
	}
	if len(f.Subscriptions) > 0 {
		wanted = append(wanted, attempt.SubscriptionIDIn(f.Subscriptions...))
	}
	if f.EventID != id.Nil {
		wanted = append(wanted, attempt.EventID(f.EventID), attempt.IDGTE(id.FirstAt(id.Time(f.EventID).Add(-clockSlack))))
	}
	if f.DeliveryID != id.Nil {
		wanted = append(wanted, attempt.DeliveryID(f.DeliveryID))
	}
	if len(f.EventTypes) > 0 {
		wanted = append(wanted, attempt.EventTypeIn(f.EventTypes...))
	}
	if len(f.Triggers) > 0 {
		wanted = append(wanted, attempt.TriggerIn(texts(f.Triggers)...))
	}
	if len(f.StatusCodes) > 0 {
		wanted = append(wanted, attempt.StatusCodeIn(f.StatusCodes...))
	}
	if f.SlowerThan > 0 {
		wanted = append(wanted, attempt.TotalUsGTE(f.SlowerThan.Microseconds()))
	}
	return wanted
}

// firstFrom returns the smallest id that can be made at t or later: ids tell the time in whole milliseconds.
func firstFrom(t time.Time) id.ID {
	whole := t.Truncate(time.Millisecond)
	if whole.Before(t) {
		whole = whole.Add(time.Millisecond)
	}
	return id.FirstAt(whole)
}

func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// LatestAttempts is livelog.Archive's.
func (s *Store) LatestAttempts(ctx context.Context, account id.ID, f livelog.Filter, limit int) ([]stream.Logged, error) {
	// Index: attempt_account_id_id.
	rows, err := s.Ent.Attempt.Query().Where(AttemptsWanted(f)...).Order(ent.Desc(attempt.FieldID)).Limit(limit).
		All(access.WithAccount(ctx, account))
	if err != nil {
		return nil, fmt.Errorf("latest attempts: %w", err)
	}
	return logged(rows), nil
}

// feedSlack is by how much an attempt can have ended before it was written to its stream: Redis can be away in between.
const feedSlack = 10 * time.Minute

// AttemptsBetween is livelog.Archive's.
func (s *Store) AttemptsBetween(ctx context.Context, account id.ID, f livelog.Filter, after, until []stream.Position, limit int) ([]stream.Logged, int, error) {
	var spans []predicate.Attempt
	var first time.Time
	for partition := range after {
		if until[partition] <= after[partition] {
			continue
		}
		if at := after[partition].Time(); first.IsZero() || at.Before(first) {
			first = at
		}
		spans = append(spans, attempt.And(
			attempt.FeedPartition(partition),
			attempt.FeedPositionGT(int64(after[partition])), attempt.FeedPositionLTE(int64(until[partition]))))
	}
	if len(spans) == 0 {
		return nil, 0, nil
	}
	ctx = access.WithAccount(ctx, account)
	// Index: attempt_account_id_id, from shortly before the reader left.
	query := s.Ent.Attempt.Query().Where(AttemptsWanted(f)...).
		Where(attempt.IDGTE(id.FirstAt(first.Add(-feedSlack))), attempt.Or(spans...))
	rows, err := query.Clone().Order(attempt.ByFeedPosition(sql.OrderDesc()), ent.Desc(attempt.FieldID)).Limit(limit).All(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("attempts between: %w", err)
	}
	more := 0
	if len(rows) == limit {
		all, err := query.Count(ctx)
		if err != nil {
			return nil, 0, fmt.Errorf("attempts between: %w", err)
		}
		more = max(all-len(rows), 0)
	}
	return logged(rows), more, nil
}

// logged turns rows, the latest first, into results as they came by, the oldest first.
func logged(rows []*ent.Attempt) []stream.Logged {
	results := make([]stream.Logged, len(rows))
	for i, row := range rows {
		results[len(rows)-1-i] = stream.Logged{
			Result: AttemptResult(row), Partition: row.FeedPartition, Position: stream.Position(row.FeedPosition),
		}
	}
	return results
}

// AttemptResult turns an attempt's row into the result that it was written from, as far as the row tells.
func AttemptResult(row *ent.Attempt) *stream.Result {
	result := &stream.Result{
		AccountID: row.AccountID, DeliveryID: row.DeliveryID, EventID: row.EventID, SubscriptionID: row.SubscriptionID,
		EventType: row.EventType, Attempts: row.Number,
		Attempt: &stream.Attempt{
			ID: row.ID, Trigger: stream.Trigger(row.Trigger), Outcome: stream.Outcome(row.Outcome), StatusCode: row.StatusCode,
			StartedAt: stream.Micros(row.StartedAt), QueuedUs: row.QueuedUs, DNSUs: row.DNSUs, ConnectUs: row.ConnectUs,
			TLSUs: row.TLSUs, FirstByteUs: row.FirstByteUs, TotalUs: row.TotalUs, ConnectionReused: row.ConnectionReused,
			URL: row.URL, PayloadFormat: row.PayloadFormat, RequestHeaders: row.RequestHeaders, ResponseHeaders: row.ResponseHeaders,
			ResponseBody: row.ResponseBody, ResponseTruncated: row.ResponseTruncated, RemoteAddress: row.RemoteAddress,
			TLSVersion: row.TLSVersion, Error: row.Error, Hint: row.Hint, BucketSize: row.BucketSize,
		},
	}
	if row.NextAttemptAt != nil {
		result.NextAttemptAt = stream.Micros(*row.NextAttemptAt)
	}
	return result
}

// AttemptRow is the inverse of AttemptResult: the row that a result will be archived as.
func AttemptRow(r *stream.Result) *ent.Attempt {
	a := r.Attempt
	return &ent.Attempt{
		ID: a.ID, AccountID: r.AccountID, DeliveryID: r.DeliveryID, EventID: r.EventID, SubscriptionID: r.SubscriptionID,
		EventType: r.EventType, Number: r.Attempts, Trigger: string(a.Trigger), Outcome: string(a.Outcome), StatusCode: a.StatusCode,
		StartedAt: stream.FromMicros(a.StartedAt), QueuedUs: a.QueuedUs, DNSUs: a.DNSUs, ConnectUs: a.ConnectUs, TLSUs: a.TLSUs,
		FirstByteUs: a.FirstByteUs, TotalUs: a.TotalUs, ConnectionReused: a.ConnectionReused, URL: a.URL,
		PayloadFormat: a.PayloadFormat, RequestHeaders: a.RequestHeaders, ResponseHeaders: a.ResponseHeaders,
		ResponseBody: a.ResponseBody, ResponseTruncated: a.ResponseTruncated, RemoteAddress: a.RemoteAddress,
		TLSVersion: a.TLSVersion, Error: a.Error, Hint: a.Hint, BucketSize: a.BucketSize, NextAttemptAt: optional(r.NextAttemptAt),
	}
}
