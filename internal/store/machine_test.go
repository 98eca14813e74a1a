package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// everything is more rows than there are: those of machines that are done stay.
const everything = 1_000_000

// machine follows the deliveries of an event, whose results come together.
type machine struct {
	d          *db
	event      *store.NewEvent
	deliveries []*followed
	swept      bool

	batch    []stream.Logged   // settled, not yet archived
	archived [][]stream.Logged // may come again
}

// followed is one delivery on its way through the states, and knows what its row must say: what the last result says that was archived for the
// first time. Batches come again at any time, and a worker that was taken for dead can log attempts late.
type followed struct {
	*machine
	sub id.ID

	// What the row must say; status is empty while there is none.
	status             stream.Status
	attempts, failures int
	queuedAt           *time.Time

	// The work entry that a worker has; there is none once the delivery is neither new nor QUEUED. Others that were taken for dead
	// have had it as it is in frozen.
	target stream.Target
	frozen []stream.Target
	busy   bool // one has it although the delivery has come to its end by another, or was called off

	logged map[id.ID]bool // attempts
}

func TestDeliveryStates(t *testing.T) {
	t.Parallel()
	onEach(t, "are those of the last result, whatever comes again or late", func(t *testing.T, d *db) {
		at := time.Now().Add(-time.Hour)
		rapid.Check(t, func(rt *rapid.T) {
			at = at.Add(time.Second) // later than what was swept
			m := newMachine(rt, d, at)
			steps := map[string]func(*rapid.T){"": m.check}
			for name, often := range map[string]struct {
				step  func(*followed, *rapid.T)
				times int
			}{
				"attempt": {(*followed).attempt, 2}, "put off": {(*followed).putOff, 2}, "interrupt": {(*followed).interrupt, 2},
				"come late": {(*followed).comeLate, 1}, "cancel": {(*followed).cancel, 1}, "retry now": {(*followed).retryNow, 1},
				"unpark": {(*followed).unpark, 2},
			} {
				for i := range often.times {
					steps[fmt.Sprint(name, i)] = func(rt *rapid.T) { often.step(rapid.SampledFrom(m.deliveries).Draw(rt, "delivery"), rt) }
				}
			}
			for name, often := range map[string]struct {
				step  func(*rapid.T)
				times int
			}{
				"archive": {m.archive, 4}, "come again": {m.comeAgain, 2}, "claim": {m.claim, 2}, "strand": {m.strand, 1}, "sweep": {m.sweep, 1},
			} {
				for i := range often.times {
					steps[fmt.Sprint(name, i)] = often.step
				}
			}
			rt.Repeat(steps)
		})
	})
}

// newMachine commits an event with a few deliveries, of which the last ones may be held.
func newMachine(t *rapid.T, d *db, at time.Time) *machine {
	m := &machine{d: d, event: newEvent(at, rapid.IntRange(1, 3).Draw(t, "deliveries"))}
	held := rapid.SliceOfN(rapid.SampledFrom([]stream.Status{stream.StatusParked, stream.StatusSkipped}), 0, len(targets(m.event))).Draw(t, "held")
	m.event.Held = held
	d.commit(m.event)
	for i, sub := range targets(m.event) {
		of := &followed{machine: m, sub: sub, target: stream.Target{SubscriptionID: sub}, logged: make(map[id.ID]bool)}
		if first := m.event.ToDeliver(); i >= first {
			of.status = held[i-first]
		}
		m.deliveries = append(m.deliveries, of)
	}
	return m
}

// of returns the delivery with the id, nil if the event has none.
func (m *machine) of(own id.ID) *followed {
	for _, d := range m.deliveries {
		if id.ForDelivery(m.event.ID, d.sub) == own {
			return d
		}
	}
	return nil
}

// working says whether a worker has the delivery, after all that is settled, archived or not.
func (m *followed) working() bool {
	status := m.status
	for _, r := range m.batch {
		if r.SubscriptionID == m.sub {
			status = r.Status
		}
	}
	return m.busy || status == "" || status == stream.StatusQueued
}

// settle adds a result of the worker that has the delivery to the batch.
func (m *followed) settle(r stream.Logged) {
	r.Failures, r.QueuedAt = m.target.Failures, m.target.QueuedAt
	m.busy = m.busy && r.Status == stream.StatusQueued
	m.batch = append(m.batch, r)
}

func (m *followed) attempt(t *rapid.T) {
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
func (m *followed) putOff(t *rapid.T) {
	if !m.working() {
		return
	}
	status := rapid.SampledFrom([]stream.Status{
		stream.StatusRetrying, stream.StatusRetrying, stream.StatusRetrying, stream.StatusCancelled, stream.StatusParked,
	}).Draw(t, "status")
	m.settle(standingOf(m.event, m.sub, status, m.target.Attempts))
}

// interrupt has another worker take over.
func (m *followed) interrupt(*rapid.T) {
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
		m.of(r.DeliveryID).apply(r)
	}
	m.archived = append(m.archived, m.batch)
	m.batch = nil
}

// apply is what a result that comes for the first time does.
func (m *followed) apply(r stream.Logged) {
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
func (m *followed) comeLate(t *rapid.T) {
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
func (m *followed) cancel(t *rapid.T) {
	may := m.status == stream.StatusRetrying || m.status == stream.StatusQueued || m.status == stream.StatusParked
	m.intervened(t, m.d.Cancel, may)
	if may {
		m.busy = m.working() // whoever has it does not know
		m.status, m.queuedAt = stream.StatusCancelled, nil
	}
}

func (m *followed) retryNow(t *rapid.T) {
	m.intervened(t, m.d.RetryNow, m.status == stream.StatusRetrying)
}

// intervened does something by hand that has an effect in some states only.
func (m *followed) intervened(t *rapid.T, intervene func(context.Context, id.ID) (bool, error), want bool) {
	done, err := intervene(m.d.ctx, id.ForDelivery(m.event.ID, m.sub))
	if err != nil || done != want {
		t.Fatalf("a delivery that is %s: done %v, %v; want %v", m.status, done, err, want)
	}
}

// unpark has the subscription enabled, or gone.
func (m *followed) unpark(t *rapid.T) {
	due, err := m.d.Unpark(m.d.t.Context(), m.sub, everything)
	if err != nil || (due == 1) != (m.status == stream.StatusParked) {
		t.Fatalf("%d deliveries are due of one that is %s, %v", due, m.status, err)
	}
	if due == 1 {
		m.status, m.queuedAt = stream.StatusRetrying, nil
	}
}

// claim queues the deliveries again whose next attempt is due, as it always is here.
func (m *machine) claim(t *rapid.T) {
	if len(m.batch) > 0 {
		return
	}
	queued, err := m.d.ClaimDue(m.d.t.Context(), everything)
	m.queued(t, stream.StatusRetrying, queued, err)
}

// strand loses the work entries, and has the sweeper queue the deliveries again.
func (m *machine) strand(t *rapid.T) {
	if len(m.batch) > 0 {
		return
	}
	queued, err := m.d.ClaimStranded(m.d.t.Context(), time.Now().Add(time.Second), everything)
	m.queued(t, stream.StatusQueued, queued, err)
}

// sweep loses the work entry of the event, and has the sweeper find the deliveries of it that have no row. It looks at an event once.
func (m *machine) sweep(t *rapid.T) {
	if len(m.batch) > 0 || m.swept {
		return
	}
	m.swept = true
	queued, _, err := m.d.Sweep(m.d.t.Context(), id.Time(m.event.ID).Add(time.Millisecond))
	m.queued(t, "", queued, err)
}

// queued finds the deliveries that are in a state, and no others of the event, among those that are queued, and makes the worker's targets
// from them.
func (m *machine) queued(t *rapid.T, state stream.Status, all []store.Queued, err error) {
	if err != nil {
		t.Fatalf("queueing what is %q: %v", state, err)
	}
	found := make(map[*followed]store.Queued)
	for _, q := range all {
		if of := m.of(q.ID); of != nil {
			found[of] = q
		}
	}
	for _, of := range m.deliveries {
		q, ok := found[of]
		if ok != (of.status == state) {
			t.Fatalf("queueing what is %q: one that is %q is queued: %v", state, of.status, ok)
		}
		if !ok {
			continue
		}
		if q.Attempts != of.attempts || q.Failures != of.failures {
			t.Fatalf("queued %+v, want %d attempts and %d failures", q, of.attempts, of.failures)
		}
		of.status, of.queuedAt = stream.StatusQueued, &q.QueuedAt
		works, _, err := m.d.Works(m.d.t.Context(), []store.Queued{q})
		if err != nil || len(works) != 1 || len(works[0].Targets) != 1 {
			t.Fatalf("works %+v, %v", works, err)
		}
		of.target = works[0].Targets[0]
	}
}

func (m *machine) check(t *rapid.T) {
	for _, of := range m.deliveries {
		of.check(t)
	}
}

func (m *followed) check(t *rapid.T) {
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
	ended := m.status == stream.StatusSucceeded || m.status == stream.StatusExhausted || m.status == stream.StatusCancelled ||
		m.status == stream.StatusSkipped
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
