package store_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// addDelivery writes a delivery's row. next is its next_attempt_at, or its queued_at when it is QUEUED.
func (d *db) addDelivery(status stream.Status, at time.Time) id.ID {
	d.t.Helper()
	e := newEvent(time.Now(), 1)
	create := d.Ent.Delivery.Create().SetID(id.ForDelivery(e.ID, targets(e)[0])).SetAccountID(e.AccountID).SetEventID(e.ID).
		SetSubscriptionID(targets(e)[0]).SetEventType(e.Type).SetStatus(string(status)).SetAttemptCount(2).SetFailureCount(1)
	switch status {
	case stream.StatusRetrying:
		create.SetNextAttemptAt(micro(at))
	case stream.StatusQueued:
		create.SetQueuedAt(micro(at))
	default:
		create.SetCompletedAt(micro(at))
	}
	return create.SaveX(d.ctx).ID
}

func deliveryIDs(queued []store.Queued) []id.ID {
	all := make([]id.ID, len(queued))
	for i, q := range queued {
		all[i] = q.ID
	}
	return all
}

func sorted(ids []id.ID) []id.ID {
	return slices.SortedFunc(slices.Values(ids), func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
}

func TestClaimDue(t *testing.T) {
	t.Parallel()
	onEach(t, "queues what is due, and nothing else", func(t *testing.T, d *db) {
		now := time.Now()
		due := d.addDelivery(stream.StatusRetrying, now.Add(-time.Millisecond))
		for status, at := range map[stream.Status]time.Duration{
			stream.StatusRetrying: time.Minute, stream.StatusQueued: -time.Hour, stream.StatusSucceeded: -time.Hour,
			stream.StatusExhausted: -time.Hour, stream.StatusCancelled: -time.Hour,
		} {
			d.addDelivery(status, now.Add(at))
		}
		others := d.all()
		q := d.claimDue(1)[0]
		row := d.delivery(due)
		if want := (store.Queued{
			ID: due, AccountID: row.AccountID, EventID: row.EventID, SubscriptionID: row.SubscriptionID, Attempts: 2, Failures: 1, QueuedAt: q.QueuedAt,
		}); q != want {
			t.Errorf("claimed %+v, want %+v", q, want)
		}
		if row.Status != "QUEUED" || row.NextAttemptAt != nil || !sameTime(row.QueuedAt, &q.QueuedAt) || q.QueuedAt.Before(micro(now)) {
			t.Errorf("the row of what was claimed: %+v, queued at %v", row, q.QueuedAt)
		}
		d.claimDue(0)
		changed := 0
		for _, row := range d.all() {
			if !slices.Contains(others, row) {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("%d rows have changed", changed)
		}
	})

	onEach(t, "takes first what is due longest", func(t *testing.T, d *db) {
		now := time.Now()
		want := make([]id.ID, 10)
		for _, i := range rand.Perm(len(want)) {
			// In the middle of a second and at its beginning: as text, the times must sort too.
			want[i] = d.addDelivery(stream.StatusRetrying, now.Truncate(time.Second).Add(time.Duration(i-20)*500*time.Millisecond))
		}
		for from := 0; from < len(want); from += 5 {
			queued, err := d.ClaimDue(t.Context(), 5)
			must(t, err)
			if got := deliveryIDs(queued); !slices.Equal(sorted(got), sorted(want[from:from+5])) {
				t.Errorf("claimed %v, want those due longest: %v", got, want[from:from+5])
			}
		}
	})

	onEach(t, "gives each delivery to one of several who claim at once", func(t *testing.T, d *db) {
		var want []id.ID
		for range 200 {
			want = append(want, d.addDelivery(stream.StatusRetrying, time.Now().Add(-time.Minute)))
		}
		var got []id.ID
		var mu sync.Mutex
		var claimers sync.WaitGroup
		for range 4 {
			claimers.Go(func() {
				for {
					queued, err := d.ClaimDue(t.Context(), 7)
					if err != nil || len(queued) > 7 {
						t.Errorf("claimed %d, %v", len(queued), err)
						return
					}
					mu.Lock()
					got = append(got, deliveryIDs(queued)...)
					done := len(got) >= len(want)
					mu.Unlock()
					if done {
						return
					}
				}
			})
		}
		claimers.Wait()
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%d claimed of %d, or not each once", len(got), len(want))
		}
	})

	onPostgres(t, "waits for nobody", func(t *testing.T, d *db) {
		taken, free := d.addDelivery(stream.StatusRetrying, time.Now().Add(-time.Hour)), d.addDelivery(stream.StatusRetrying, time.Now().Add(-time.Minute))
		other, err := d.connect().Begin(t.Context())
		must(t, err)
		_, err = other.Exec(t.Context(), `SELECT id FROM deliveries WHERE id = $1 FOR UPDATE`, taken)
		must(t, err)
		queued, err := d.ClaimDue(t.Context(), 10)
		must(t, err)
		if !slices.Equal(deliveryIDs(queued), []id.ID{free}) {
			t.Errorf("claimed %v while another has %v", deliveryIDs(queued), taken)
		}
		must(t, other.Rollback(t.Context()))
		d.claimDue(1)
	})
}

func TestClaimStranded(t *testing.T) {
	t.Parallel()
	onEach(t, "queues again what is queued since before the cutoff", func(t *testing.T, d *db) {
		cutoff := micro(time.Now().Add(-time.Minute))
		var stranded []id.ID
		for i := range 3 {
			stranded = append(stranded, d.addDelivery(stream.StatusQueued, cutoff.Add(-time.Duration(i+1)*time.Second)))
		}
		later := d.addDelivery(stream.StatusQueued, cutoff)
		d.addDelivery(stream.StatusRetrying, cutoff.Add(-time.Hour))
		d.addDelivery(stream.StatusSucceeded, cutoff.Add(-time.Hour))
		first, err := d.ClaimStranded(t.Context(), cutoff, 2)
		must(t, err)
		second, err := d.ClaimStranded(t.Context(), cutoff, 2)
		must(t, err)
		if !slices.Equal(sorted(deliveryIDs(first)), sorted(stranded[1:])) || !slices.Equal(deliveryIDs(second), stranded[:1]) {
			t.Errorf("claimed %v and %v, want those queued longest first of %v", deliveryIDs(first), deliveryIDs(second), stranded)
		}
		for _, q := range slices.Concat(first, second) {
			row := d.delivery(q.ID)
			if row.Status != "QUEUED" || !sameTime(row.QueuedAt, &q.QueuedAt) || !q.QueuedAt.After(cutoff) || q.Attempts != 2 || q.Failures != 1 {
				t.Errorf("claimed %+v, row %+v", q, row)
			}
		}
		if row := d.delivery(later); !row.QueuedAt.Equal(micro(cutoff)) {
			t.Errorf("what was queued at the cutoff has changed: %+v", row)
		}
		if again, err := d.ClaimStranded(t.Context(), cutoff, 10); err != nil || len(again) > 0 {
			t.Errorf("claimed again: %v, %v", again, err)
		}
	})
}

func TestWorks(t *testing.T) {
	t.Parallel()
	onEach(t, "turns deliveries into works of their events", func(t *testing.T, d *db) {
		small, large := newEvent(time.Now(), 2), newEvent(time.Now(), 1)
		small.Application, small.Entity, small.User, small.Resource = "otp", "shop", "ann", "4477"
		small.Attributes = `[{"key":"channel","value":"c1"},{"key":"status","value":"ok"}]`
		small.Payload = `"` + strings.Repeat("a", stream.InlinePayload-2) + `"`
		large.Payload = `"` + strings.Repeat("a", stream.InlinePayload-1) + `"`
		d.commit(small, large)
		gone := newEvent(time.Now(), 1)
		at := micro(time.Now())
		queued := func(e *store.NewEvent, target, attempts int) store.Queued {
			return store.Queued{
				ID: id.ForDelivery(e.ID, targets(e)[target]), AccountID: e.AccountID, EventID: e.ID, SubscriptionID: targets(e)[target],
				Attempts: attempts, Failures: attempts / 2, QueuedAt: at,
			}
		}
		works, lost, err := d.Works(t.Context(), []store.Queued{queued(small, 0, 0), queued(large, 0, 3), queued(gone, 0, 1), queued(small, 1, 1)})
		must(t, err)
		us := stream.Micros(at)
		want := []stream.Work{
			{
				Event: stream.Event{
					ID: small.ID, AccountID: small.AccountID, Type: small.Type, OccurredAt: stream.Micros(small.OccurredAt),
					Application: "otp", Entity: "shop", User: "ann", Resource: "4477",
					Attributes: []stream.Attribute{{Key: "channel", Value: "c1"}, {Key: "status", Value: "ok"}}, Payload: []byte(small.Payload),
				},
				Targets: []stream.Target{
					{SubscriptionID: targets(small)[0], Trigger: stream.TriggerFirst, DueAt: us, QueuedAt: us},
					{SubscriptionID: targets(small)[1], Attempts: 1, Trigger: stream.TriggerRetry, DueAt: us, QueuedAt: us},
				},
			},
			{
				Event: stream.Event{
					ID: large.ID, AccountID: large.AccountID, Type: large.Type, OccurredAt: stream.Micros(large.OccurredAt),
					PayloadSize: len(large.Payload),
				},
				Targets: []stream.Target{{SubscriptionID: targets(large)[0], Attempts: 3, Failures: 1, Trigger: stream.TriggerRetry, DueAt: us, QueuedAt: us}},
			},
		}
		if !reflect.DeepEqual(works, want) {
			t.Errorf("works %+v\nwant  %+v", works, want)
		}
		if len(lost) != 1 || lost[0] != queued(gone, 0, 1) {
			t.Errorf("lost %+v", lost)
		}
		for _, e := range []*store.NewEvent{small, large} {
			if payload, err := d.Payload(t.Context(), e.ID); err != nil || payload != e.Payload {
				t.Errorf("payload %q, %v", payload, err)
			}
		}
		if _, err := d.Payload(t.Context(), gone.ID); !ent.IsNotFound(err) {
			t.Errorf("payload of an event that is not kept: %v", err)
		}
	})
}

func TestCancelLost(t *testing.T) {
	t.Parallel()
	onEach(t, "ends what is still queued", func(t *testing.T, d *db) {
		queued, retrying := d.addDelivery(stream.StatusQueued, time.Now()), d.addDelivery(stream.StatusRetrying, time.Now())
		kept := d.addDelivery(stream.StatusQueued, time.Now())
		must(t, d.CancelLost(t.Context(), []store.Queued{{ID: queued}, {ID: retrying}}))
		row := d.delivery(queued)
		if row.Status != "CANCELLED" || row.QueuedAt != nil || row.CompletedAt == nil {
			t.Errorf("row %+v", row)
		}
		if d.delivery(retrying).Status != "RETRYING" || d.delivery(kept).Status != "QUEUED" {
			t.Error("others have been cancelled too")
		}
	})
}
