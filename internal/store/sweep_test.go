package store_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// sweep sweeps once.
func (d *db) sweep(cutoff time.Time) (queued []store.Queued, more bool) {
	d.t.Helper()
	queued, more, err := d.Sweep(d.t.Context(), cutoff)
	must(d.t, err)
	return queued, more
}

func TestSweep(t *testing.T) {
	t.Parallel()
	// Each step goes on where the last one ended, as time does: the model knows which deliveries have been made.
	onEach(t, "finds exactly the deliveries that are missing", func(t *testing.T, d *db) {
		now := time.Now().Add(-time.Hour)
		rapid.Check(t, func(rt *rapid.T) {
			var missing, waiting []id.ID
			var events []*store.NewEvent
			var results []stream.Logged
			// Some of the events of this step are not before the cutoff: they are the next one's.
			cutoff := now.Add(time.Minute)
			for range rapid.IntRange(0, 8).Draw(rt, "events") {
				after := rapid.IntRange(0, 3).Draw(rt, "after the cutoff") == 0
				at := now.Add(time.Duration(rapid.IntRange(0, 59_999).Draw(rt, "ms")) * time.Millisecond)
				if after {
					at = at.Add(time.Minute)
				}
				e := newEvent(at, rapid.IntRange(0, 3).Draw(rt, "matched"))
				events = append(events, e)
				for _, sub := range targets(e) {
					switch delivery := id.ForDelivery(e.ID, sub); {
					case rapid.Bool().Draw(rt, "delivered"):
						results = append(results, resultOf(e, sub, stream.StatusSucceeded, 1))
					case after:
						waiting = append(waiting, delivery)
					default:
						missing = append(missing, delivery)
					}
				}
			}
			d.commit(events...)
			d.archive(results...)

			queued, more := d.sweep(cutoff)
			if got := deliveryIDs(queued); !slices.Equal(sorted(got), sorted(missing)) || more {
				rt.Fatalf("found %v, want %v; more: %v", got, missing, more)
			}
			for _, q := range queued {
				row := d.delivery(q.ID)
				if row == nil || row.Status != "QUEUED" || !sameTime(row.QueuedAt, &q.QueuedAt) || row.AccountID != q.AccountID ||
					row.EventID != q.EventID || row.SubscriptionID != q.SubscriptionID || row.EventType != "sms.delivery" ||
					row.AttemptCount != 0 || q.Attempts != 0 || row.CompletedAt != nil || row.NextAttemptAt != nil {
					rt.Fatalf("row %+v of %+v", row, q)
				}
			}
			if again, more := d.sweep(cutoff); len(again) > 0 || more {
				rt.Fatalf("found again: %v", again)
			}
			// What was not before the cutoff is found in its time.
			queued, _ = d.sweep(cutoff.Add(time.Minute))
			if got := deliveryIDs(queued); !slices.Equal(sorted(got), sorted(waiting)) {
				rt.Fatalf("found later %v, want %v", got, waiting)
			}
			now = now.Add(2 * time.Minute)
		})
	})

	onEach(t, "does not go back behind where it has been", func(t *testing.T, d *db) {
		now := time.Now()
		d.sweep(now.Add(-time.Minute))
		d.commit(newEvent(now.Add(-2*time.Minute), 1))
		if queued, _ := d.sweep(now.Add(-90 * time.Second)); len(queued) > 0 {
			t.Errorf("swept what it had passed: %v", queued)
		}
		last := newEvent(now.Add(-30*time.Second), 1)
		d.commit(last)
		if queued, _ := d.sweep(now); len(queued) != 1 || queued[0].EventID != last.ID {
			t.Errorf("found %v, want only the event %v behind where it has been", queued, last.ID)
		}
	})

	onEach(t, "looks at so many events at a time, and says that there are more", func(t *testing.T, d *db) {
		const events = 20_500 // more than one span, less than two
		at := time.Now().Add(-time.Hour)
		var want []id.ID
		for from := 0; from < events; from += 1000 {
			batch := make([]*store.NewEvent, 0, 1000)
			for i := range min(1000, events-from) {
				e := newEvent(at, 0)
				if i%100 == 0 {
					e = newEvent(at, 1)
					want = append(want, id.ForDelivery(e.ID, targets(e)[0]))
				}
				batch = append(batch, e)
			}
			at = at.Add(time.Second)
			d.commit(batch...)
		}
		first, more := d.sweep(time.Now())
		if !more || len(first) == len(want) {
			t.Errorf("found %d of %d at first; more: %v", len(first), len(want), more)
		}
		second, more := d.sweep(time.Now())
		if got := append(deliveryIDs(first), deliveryIDs(second)...); more || !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("found %d and %d, want %d together; more: %v", len(first), len(second), len(want), more)
		}
	})

	onPostgres(t, "leaves it to another process that is at it", func(t *testing.T, d *db) {
		d.sweep(time.Now().Add(-time.Hour)) // makes the marker
		e := newEvent(time.Now().Add(-time.Minute), 1)
		d.commit(e)
		other, err := d.connect().Begin(t.Context())
		must(t, err)
		_, err = other.Exec(t.Context(), `SELECT position FROM markers WHERE id = 'sweep' FOR UPDATE`)
		must(t, err)
		if queued, more := d.sweep(time.Now()); len(queued) > 0 || more {
			t.Errorf("found %v while another sweeps; more: %v", queued, more)
		}
		must(t, other.Rollback(t.Context()))
		if queued, _ := d.sweep(time.Now()); len(queued) != 1 {
			t.Errorf("found %v afterwards", queued)
		}
	})
}
