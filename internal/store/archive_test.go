package store_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// archive archives results as one batch.
func (d *db) archive(results ...stream.Logged) {
	d.t.Helper()
	_, err := d.Archive(d.t.Context(), results)
	must(d.t, err)
}

// resultOf returns the result of an attempt of an event's delivery, after which it stands so.
func resultOf(e *store.NewEvent, subscription id.ID, status stream.Status, attempts int) stream.Logged {
	r := standingOf(e, subscription, status, attempts)
	r.Attempt = &stream.Attempt{
		ID: id.New(), Trigger: stream.TriggerFirst, Outcome: stream.OutcomeHTTPError, StatusCode: 500, StartedAt: stream.Micros(time.Now()),
		URL: "https://example.com", PayloadFormat: "ENVELOPE",
	}
	if status == stream.StatusSucceeded {
		r.Attempt.Outcome, r.Attempt.StatusCode = stream.OutcomeSuccess, 200
	}
	return r
}

// standingOf returns a result without an attempt.
func standingOf(e *store.NewEvent, subscription id.ID, status stream.Status, attempts int) stream.Logged {
	r := stream.Logged{
		Result: &stream.Result{
			AccountID: e.AccountID, DeliveryID: id.ForDelivery(e.ID, subscription), EventID: e.ID, SubscriptionID: subscription,
			EventType: e.Type, Status: status, Attempts: attempts,
		},
		Position: stream.PositionAt(time.Now()),
	}
	if status == stream.StatusRetrying {
		r.NextAttemptAt = stream.Micros(time.Now().Add(-time.Second)) // due
	}
	return r
}

// attemptsOf returns the ids of a delivery's attempts, the first one first.
func (d *db) attemptsOf(of id.ID) []id.ID {
	d.t.Helper()
	found, err := d.Ent.Attempt.Query().Where(attempt.DeliveryID(of)).Order(ent.Asc(attempt.FieldID)).IDs(d.ctx)
	must(d.t, err)
	return found
}

// someAttempt generates results with an attempt that hold all that a row can hold.
func someAttempt() *rapid.Generator[stream.Logged] {
	return rapid.Custom(func(t *rapid.T) stream.Logged {
		text := func(name string) string { return storable().Draw(t, name) }
		us := func(name string) int64 { return rapid.Int64Range(0, 1<<40).Draw(t, name) }
		at := func(name string) int64 { return rapid.Int64Range(1, 4102444800_000_000).Draw(t, name) }
		e := newEvent(time.Now(), 1)
		r := resultOf(e, targets(e)[0], rapid.SampledFrom([]stream.Status{
			stream.StatusQueued, stream.StatusRetrying, stream.StatusSucceeded, stream.StatusExhausted, stream.StatusCancelled,
		}).Draw(t, "status"), rapid.IntRange(1, 1<<30).Draw(t, "number"))
		r.EventType, r.Partition = text("type"), rapid.IntRange(0, 1000).Draw(t, "partition")
		r.Position = stream.Position(rapid.Int64Range(0, 1<<60).Draw(t, "position"))
		r.NextAttemptAt = rapid.SampledFrom([]int64{0, at("next")}).Draw(t, "with a next attempt")
		*r.Attempt = stream.Attempt{
			ID: id.New(), Trigger: stream.Trigger(text("trigger")), Outcome: stream.Outcome(text("outcome")),
			StatusCode: rapid.IntRange(0, 999).Draw(t, "code"), StartedAt: at("started"), QueuedUs: us("queued"), DNSUs: us("dns"),
			ConnectUs: us("connect"), TLSUs: us("tls"), FirstByteUs: us("first byte"), TotalUs: us("total"),
			ConnectionReused: rapid.Bool().Draw(t, "reused"), URL: text("url"), PayloadFormat: text("format"), RequestHeaders: text("request"),
			ResponseHeaders: text("response"), ResponseBody: rapid.SliceOf(rapid.Byte()).Draw(t, "body"),
			ResponseTruncated: rapid.Bool().Draw(t, "truncated"), RemoteAddress: text("remote"), TLSVersion: text("tls version"),
			Error: text("error"), Hint: text("hint"), BucketSize: rapid.IntRange(0, 2000).Draw(t, "bucket"),
		}
		return r
	})
}

func TestArchive(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T, *db){
		"keeps all that there is to an attempt": func(t *testing.T, d *db) {
			rapid.Check(t, func(rt *rapid.T) {
				results := rapid.SliceOfN(someAttempt(), 1, 3).Draw(rt, "results")
				d.archive(results...)
				for _, r := range results {
					row := d.Ent.Attempt.GetX(d.ctx, r.Attempt.ID)
					if row.FeedPartition != r.Partition || row.FeedPosition != int64(r.Position) {
						rt.Fatalf("the row lies at %d, %d, want %d, %d", row.FeedPartition, row.FeedPosition, r.Partition, r.Position)
					}
					want := *r.Result
					want.Status, want.Failures, want.QueuedAt = "", 0, 0 // the delivery's row has them
					if got := store.AttemptResult(row); !sameResult(got, &want) {
						rt.Fatalf("read back:\n%+v\n%+v\nwant:\n%+v\n%+v", got, got.Attempt, want, want.Attempt)
					}
					// What is shown before it is archived is what is shown afterwards.
					if again := store.AttemptResult(store.AttemptRow(r.Result)); !sameResult(again, &want) {
						rt.Fatalf("AttemptRow of %+v reads as %+v", want, again)
					}
				}
			})
		},

		"writes how the delivery stands after each result": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 5)
			subs := targets(e)
			retrying := resultOf(e, subs[0], stream.StatusRetrying, 1)
			retrying.Failures = 1
			putOff := standingOf(e, subs[1], stream.StatusRetrying, 0)
			succeeded, exhausted := resultOf(e, subs[2], stream.StatusSucceeded, 1), resultOf(e, subs[3], stream.StatusExhausted, 1)
			cancelled := standingOf(e, subs[4], stream.StatusCancelled, 0)
			d.archive(retrying, putOff, succeeded, exhausted, cancelled)
			for _, r := range []stream.Logged{retrying, putOff, succeeded, exhausted, cancelled} {
				row := d.delivery(r.DeliveryID)
				if row == nil {
					t.Fatalf("no row for %+v", r.Result)
				}
				ended := r.Status != stream.StatusRetrying
				if row.AccountID != e.AccountID || row.EventID != e.ID || row.SubscriptionID != r.SubscriptionID || row.EventType != e.Type ||
					row.Status != string(r.Status) || row.AttemptCount != r.Attempts || row.FailureCount != r.Failures ||
					!sameTime(row.NextAttemptAt, timeOrNil(r.NextAttemptAt)) || (row.CompletedAt != nil) != ended {
					t.Errorf("row %+v of %+v", row, r.Result)
				}
				if ended && !row.CompletedAt.Equal(r.Position.Time()) {
					t.Errorf("completed at %v, want %v", row.CompletedAt, r.Position.Time())
				}
				if n := len(d.attemptsOf(r.DeliveryID)); (r.Attempt == nil && n != 0) || (r.Attempt != nil && n != 1) {
					t.Errorf("%d attempts of %+v", n, r.Result)
				}
			}
		},

		"changes nothing the second time": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 3)
			var batch []stream.Logged
			for i, status := range []stream.Status{stream.StatusRetrying, stream.StatusSucceeded, stream.StatusExhausted} {
				batch = append(batch, resultOf(e, targets(e)[i], status, 1))
			}
			d.archive(batch...)
			before := d.all(e)
			d.archive(batch...)
			d.archive(batch[1:2]...)
			if after := d.all(e); !slices.Equal(after, before) {
				t.Errorf("rows after archiving again:\n%v\nbefore:\n%v", after, before)
			}
		},

		"takes several results of one delivery in the order in which they came": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 2)
			one, two := targets(e)[0], targets(e)[1]
			d.archive(
				resultOf(e, one, stream.StatusQueued, 1), resultOf(e, two, stream.StatusRetrying, 1),
				resultOf(e, one, stream.StatusRetrying, 2), resultOf(e, one, stream.StatusExhausted, 3),
			)
			first, second := d.delivery(id.ForDelivery(e.ID, one)), d.delivery(id.ForDelivery(e.ID, two))
			if first.Status != "EXHAUSTED" || first.AttemptCount != 3 || second.Status != "RETRYING" || second.AttemptCount != 1 {
				t.Errorf("rows %+v and %+v", first, second)
			}
			if n := len(d.attemptsOf(first.ID)); n != 3 {
				t.Errorf("%d attempts, want 3", n)
			}
		},

		"never sets back a delivery that has succeeded": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 1)
			sub := targets(e)[0]
			d.archive(resultOf(e, sub, stream.StatusSucceeded, 2))
			before := d.delivery(id.ForDelivery(e.ID, sub))
			for _, late := range []stream.Logged{
				resultOf(e, sub, stream.StatusRetrying, 3), resultOf(e, sub, stream.StatusExhausted, 4), resultOf(e, sub, stream.StatusQueued, 5),
				standingOf(e, sub, stream.StatusCancelled, 2), resultOf(e, sub, stream.StatusSucceeded, 6),
			} {
				d.archive(late)
				if after := d.delivery(before.ID); after.String() != before.String() {
					t.Errorf("after %+v the row is %v, was %v", late.Result, after, before)
				}
			}
			if n := len(d.attemptsOf(before.ID)); n != 5 {
				t.Errorf("%d attempts are logged, want 5", n)
			}
		},

		"logs the late attempts of a worker that was taken for dead, and believes their success": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 1)
			sub := targets(e)[0]
			interrupted, retried := resultOf(e, sub, stream.StatusQueued, 1), resultOf(e, sub, stream.StatusRetrying, 2)
			retried.Failures = 1
			d.archive(interrupted)
			d.archive(retried)
			failed := resultOf(e, sub, stream.StatusRetrying, 1)
			failed.NextAttemptAt++
			d.archive(failed)
			row := d.delivery(id.ForDelivery(e.ID, sub))
			if row.Status != "RETRYING" || row.AttemptCount != 2 || !sameTime(row.NextAttemptAt, timeOrNil(retried.NextAttemptAt)) {
				t.Errorf("after a late failure: %+v", row)
			}
			d.archive(resultOf(e, sub, stream.StatusSucceeded, 1))
			row = d.delivery(row.ID)
			if row.Status != "SUCCEEDED" || row.NextAttemptAt != nil || row.CompletedAt == nil {
				t.Errorf("after a late success: %+v", row)
			}
			if row.AttemptCount != 2 || row.FailureCount != 1 {
				t.Errorf("the late success has set the counts back: %d attempts, %d failures", row.AttemptCount, row.FailureCount)
			}
			if n := len(d.attemptsOf(row.ID)); n != 4 {
				t.Errorf("%d attempts are logged, want 4", n)
			}
		},

		"goes on after an interrupted attempt, with one or without": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 2)
			for i, next := range []stream.Logged{
				resultOf(e, targets(e)[0], stream.StatusRetrying, 2), standingOf(e, targets(e)[1], stream.StatusRetrying, 1),
			} {
				interrupted := resultOf(e, targets(e)[i], stream.StatusQueued, 1)
				interrupted.QueuedAt = stream.Micros(time.Now())
				next.QueuedAt = interrupted.QueuedAt
				d.archive(interrupted)
				row := d.delivery(next.DeliveryID)
				if row.Status != "QUEUED" || row.AttemptCount != 1 || !sameTime(row.QueuedAt, timeOrNil(next.QueuedAt)) ||
					row.NextAttemptAt != nil || row.CompletedAt != nil {
					t.Errorf("row of an interrupted attempt: %+v", row)
				}
				d.archive(next)
				if row := d.delivery(next.DeliveryID); row.Status != "RETRYING" || row.AttemptCount != next.Attempts {
					t.Errorf("row after %+v: %+v", next.Result, row)
				}
			}
		},

		"may be called by several at once with the same results": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 50)
			batch := make([]stream.Logged, 0, 100)
			for _, sub := range targets(e) {
				batch = append(batch, resultOf(e, sub, stream.StatusRetrying, 1), resultOf(e, sub, stream.StatusSucceeded, 2))
			}
			var archivers sync.WaitGroup
			var added atomic.Int64
			for range 4 {
				archivers.Go(func() {
					for range 5 {
						n, err := d.Archive(t.Context(), batch)
						if err != nil {
							t.Error(err)
						}
						added.Add(int64(n))
					}
				})
			}
			archivers.Wait()
			if n := added.Load(); n != 100 {
				t.Errorf("%d attempts are said to be new, want 100", n)
			}
			if n := d.Ent.Delivery.Query().Where(delivery.EventID(e.ID), delivery.Status("SUCCEEDED"), delivery.AttemptCount(2)).CountX(d.ctx); n != 50 {
				t.Errorf("%d of 50 deliveries have succeeded", n)
			}
			if n := d.Ent.Attempt.Query().Where(attempt.EventID(e.ID)).CountX(d.ctx); n != 100 {
				t.Errorf("%d attempts, want 100", n)
			}
		},
	})

	onEach(t, "counts what was put off by when it was queued", func(t *testing.T, d *db) {
		e := newEvent(time.Now(), 1)
		sub := targets(e)[0]
		first := standingOf(e, sub, stream.StatusRetrying, 0)
		d.archive(first)
		claimed := d.claimDue(1)[0]
		d.archive(first) // again, when the delivery has been queued since
		if row := d.delivery(claimed.ID); row.Status != "QUEUED" || !sameTime(row.QueuedAt, &claimed.QueuedAt) {
			t.Fatalf("what was put off before it was queued has changed %+v", row)
		}
		second := standingOf(e, sub, stream.StatusRetrying, 0)
		second.QueuedAt = stream.Micros(claimed.QueuedAt)
		d.archive(second)
		if row := d.delivery(claimed.ID); row.Status != "RETRYING" {
			t.Errorf("what was put off after it was queued has not changed %+v", row)
		}
	})
}

// timeOrNil returns the time of microseconds since 1970; nil for 0.
func timeOrNil(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	return new(stream.FromMicros(us))
}

// all returns the rows of deliveries and attempts as text: those of some events, or all.
func (d *db) all(of ...*store.NewEvent) []string {
	var rows []string
	wanted := func(event id.ID) bool {
		return len(of) == 0 || slices.ContainsFunc(of, func(e *store.NewEvent) bool { return e.ID == event })
	}
	for _, row := range d.Ent.Delivery.Query().Order(ent.Asc(delivery.FieldID)).AllX(d.ctx) {
		if wanted(row.EventID) {
			rows = append(rows, row.String())
		}
	}
	for _, row := range d.Ent.Attempt.Query().Order(ent.Asc(attempt.FieldID)).AllX(d.ctx) {
		if wanted(row.EventID) {
			rows = append(rows, row.String())
		}
	}
	return rows
}

// sameResult compares results with an attempt.
func sameResult(a, b *stream.Result) bool {
	return fmt.Sprintf("%+v %+v", *withoutAttempt(a), *a.Attempt) == fmt.Sprintf("%+v %+v", *withoutAttempt(b), *b.Attempt)
}

func withoutAttempt(r *stream.Result) *stream.Result {
	without := *r
	without.Attempt = nil
	return &without
}

// claimDue claims all deliveries that are due, and checks how many they are.
func (d *db) claimDue(want int) []store.Queued {
	d.t.Helper()
	queued, err := d.ClaimDue(d.t.Context(), 1000)
	must(d.t, err)
	if len(queued) != want {
		d.t.Fatalf("%d deliveries are due, want %d", len(queued), want)
	}
	return queued
}
