package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// machine follows one delivery through its states, and knows what its row must say: what the last result says that was archived for the
// first time. Batches come again at any time, and a worker that was taken for dead can log attempts late.
type machine struct {
	d     *db
	event *store.NewEvent
	sub   id.ID

	// What the row must say; status is empty while there is none.
	status             stream.Status
	attempts, failures int
	queuedAt           *time.Time

	// The work entry that a worker has; there is none once the delivery is neither new nor QUEUED. Others that were taken for dead
	// have had it as it is in frozen.
	target stream.Target
	frozen []stream.Target
	busy   bool // one has it although the delivery has succeeded by another

	batch    []stream.Logged   // settled, not yet archived
	archived [][]stream.Logged // may come again
	logged   map[id.ID]bool    // attempts
}

func TestDeliveryStates(t *testing.T) {
	t.Parallel()
	onEach(t, "are those of the last result, whatever comes again or late", func(t *testing.T, d *db) {
		rapid.Check(t, func(rt *rapid.T) {
			e := newEvent(time.Now(), 1)
			d.commit(e)
			m := &machine{d: d, event: e, sub: targets(e)[0], logged: make(map[id.ID]bool), target: stream.Target{SubscriptionID: targets(e)[0]}}
			steps := map[string]func(*rapid.T){"": m.check}
			for name, often := range map[string]struct {
				step  func(*rapid.T)
				times int
			}{
				"attempt": {m.attempt, 1}, "put off": {m.putOff, 2}, "interrupt": {m.interrupt, 2}, "archive": {m.archive, 4},
				"come again": {m.comeAgain, 2}, "come late": {m.comeLate, 1}, "claim": {m.claim, 2}, "strand": {m.strand, 1},
				"cancel": {m.cancel, 1}, "retry now": {m.retryNow, 1},
			} {
				for i := range often.times {
					steps[fmt.Sprint(name, i)] = often.step
				}
			}
			rt.Repeat(steps)
		})
	})
}

// working says whether a worker has the delivery, after all that is settled, archived or not.
func (m *machine) working() bool {
	status := m.status
	if n := len(m.batch); n > 0 {
		status = m.batch[n-1].Status
	}
	return m.busy || status == "" || status == stream.StatusQueued
}

// settle adds a result of the worker that has the delivery to the batch.
func (m *machine) settle(r stream.Logged) {
	r.Failures, r.QueuedAt = m.target.Failures, m.target.QueuedAt
	m.busy = m.busy && r.Status == stream.StatusQueued
	m.batch = append(m.batch, r)
}

func (m *machine) attempt(t *rapid.T) {
	if !m.working() {
		return
	}
	status := rapid.SampledFrom([]stream.Status{
		stream.StatusRetrying, stream.StatusRetrying, stream.StatusRetrying, stream.StatusRetrying, stream.StatusSucceeded,
		stream.StatusExhausted, stream.StatusCancelled,
	}).Draw(t, "status")
	m.target.Attempts++
	if status == stream.StatusRetrying || status == stream.StatusExhausted {
		m.target.Failures++
	}
	m.settle(resultOf(m.event, m.sub, status, m.target.Attempts))
}

// putOff ends the worker's part without an attempt.
func (m *machine) putOff(t *rapid.T) {
	if !m.working() {
		return
	}
	status := rapid.SampledFrom([]stream.Status{
		stream.StatusRetrying, stream.StatusRetrying, stream.StatusRetrying, stream.StatusCancelled,
	}).Draw(t, "status")
	m.settle(standingOf(m.event, m.sub, status, m.target.Attempts))
}

// interrupt has another worker take over.
func (m *machine) interrupt(*rapid.T) {
	if !m.working() {
		return
	}
	m.frozen = append(m.frozen, m.target)
	m.target.Attempts++
	m.target.QueuedAt = stream.Micros(time.Now())
	m.settle(resultOf(m.event, m.sub, stream.StatusQueued, m.target.Attempts))
}

func (m *machine) archive(*rapid.T) {
	if len(m.batch) == 0 {
		return
	}
	m.d.archive(m.batch...)
	for _, r := range m.batch {
		m.apply(r)
	}
	m.archived = append(m.archived, m.batch)
	m.batch = nil
}

// apply is what a result that comes for the first time does.
func (m *machine) apply(r stream.Logged) {
	if r.Attempt != nil {
		m.logged[r.Attempt.ID] = true
	}
	if m.status == stream.StatusSucceeded {
		return
	}
	if m.status == stream.StatusCancelled && r.Status != stream.StatusSucceeded { // called off meanwhile: what was under way is over
		if r.Attempts > m.attempts {
			m.attempts, m.failures = r.Attempts, r.Failures
		}
		return
	}
	m.status, m.attempts, m.failures, m.queuedAt = r.Status, r.Attempts, r.Failures, timeOrNil(r.QueuedAt)
}

func (m *machine) comeAgain(t *rapid.T) {
	if len(m.archived) == 0 {
		return
	}
	m.d.archive(rapid.SampledFrom(m.archived).Draw(t, "batch")...)
}

// comeLate has a worker that was taken for dead say how it went: its attempts are logged, but only a success says anything new.
func (m *machine) comeLate(t *rapid.T) {
	if len(m.frozen) == 0 || len(m.batch) > 0 {
		return
	}
	had := rapid.SampledFrom(m.frozen).Draw(t, "had")
	late := standingOf(m.event, m.sub, stream.StatusRetrying, had.Attempts)
	if rapid.Bool().Draw(t, "with an attempt") {
		late = resultOf(m.event, m.sub, rapid.SampledFrom([]stream.Status{
			stream.StatusRetrying, stream.StatusExhausted, stream.StatusSucceeded,
		}).Draw(t, "late status"), had.Attempts+1)
		m.logged[late.Attempt.ID] = true
	}
	late.Failures, late.QueuedAt = had.Failures, had.QueuedAt
	m.d.archive(late)
	m.archived = append(m.archived, []stream.Logged{late})
	if late.Status == stream.StatusSucceeded {
		m.busy = m.working()
		m.status, m.queuedAt = stream.StatusSucceeded, nil
	}
}

// cancel calls the delivery off, in the middle of an attempt or not.
func (m *machine) cancel(t *rapid.T) {
	may := m.status == stream.StatusRetrying || m.status == stream.StatusQueued
	m.intervened(t, m.d.Cancel, may)
	if may {
		m.busy = m.working() // whoever has it does not know
		m.status, m.queuedAt = stream.StatusCancelled, nil
	}
}

func (m *machine) retryNow(t *rapid.T) {
	m.intervened(t, m.d.RetryNow, m.status == stream.StatusRetrying)
}

// intervened does something by hand that has an effect in some states only.
func (m *machine) intervened(t *rapid.T, intervene func(context.Context, id.ID) (bool, error), want bool) {
	done, err := intervene(m.d.ctx, id.ForDelivery(m.event.ID, m.sub))
	if err != nil || done != want {
		t.Fatalf("a delivery that is %s: done %v, %v; want %v", m.status, done, err, want)
	}
}

// claim queues the delivery again when its next attempt is due, as it always is here.
func (m *machine) claim(t *rapid.T) {
	if m.status != stream.StatusRetrying || len(m.batch) > 0 {
		return
	}
	queued, err := m.d.ClaimDue(m.d.t.Context(), 1000)
	m.queued(t, queued, err)
}

// strand loses the work entry, and has the sweeper queue the delivery again.
func (m *machine) strand(t *rapid.T) {
	if m.status != stream.StatusQueued || len(m.batch) > 0 {
		return
	}
	queued, err := m.d.ClaimStranded(m.d.t.Context(), time.Now().Add(time.Second), 1000)
	m.queued(t, queued, err)
}

// queued finds the delivery among those that are queued, and makes the worker's target from it.
func (m *machine) queued(t *rapid.T, all []store.Queued, err error) {
	own := id.ForDelivery(m.event.ID, m.sub)
	found := slices.IndexFunc(all, func(q store.Queued) bool { return q.ID == own })
	if err != nil || found < 0 {
		t.Fatalf("the delivery is not among %v, %v", all, err)
	}
	q := all[found]
	if q.Attempts != m.attempts || q.Failures != m.failures {
		t.Fatalf("queued %+v, want %d attempts and %d failures", q, m.attempts, m.failures)
	}
	m.status, m.queuedAt = stream.StatusQueued, &q.QueuedAt
	works, _, err := m.d.Works(m.d.t.Context(), []store.Queued{q})
	if err != nil || len(works) != 1 || len(works[0].Targets) != 1 {
		t.Fatalf("works %+v, %v", works, err)
	}
	m.target = works[0].Targets[0]
}

func (m *machine) check(t *rapid.T) {
	row := m.d.delivery(id.ForDelivery(m.event.ID, m.sub))
	if m.status == "" {
		if row != nil {
			t.Fatalf("row %v of a delivery that has no result", row)
		}
		return
	}
	if row == nil {
		t.Fatalf("no row, want %s", m.status)
	}
	if row.Status != string(m.status) || row.AttemptCount != m.attempts || row.FailureCount != m.failures {
		t.Fatalf("row %v, want %s after %d attempts and %d failures", row, m.status, m.attempts, m.failures)
	}
	if m.status == stream.StatusQueued && !sameTime(row.QueuedAt, m.queuedAt) {
		t.Fatalf("queued at %v, want %v", row.QueuedAt, m.queuedAt)
	}
	ended := m.status == stream.StatusSucceeded || m.status == stream.StatusExhausted || m.status == stream.StatusCancelled
	if (row.CompletedAt != nil) != ended || (row.NextAttemptAt != nil) != (m.status == stream.StatusRetrying) {
		t.Fatalf("row %v is %s", row, m.status)
	}
	found := m.d.attemptsOf(row.ID)
	for _, a := range found {
		if !m.logged[a] {
			t.Fatalf("attempt %v was not made", a)
		}
	}
	if len(found) != len(m.logged) {
		t.Fatalf("%d attempts are logged, want %d", len(found), len(m.logged))
	}
}
