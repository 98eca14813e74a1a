package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// How work is read.
const (
	// maxEntries is how many entries a worker has at once: it takes a slot for each before it reads it.
	maxEntries = 8192
	readCount  = 64
	readWait   = 500 * time.Millisecond // bounds how long a stop waits for a reader
	failPause  = 500 * time.Millisecond
	// mislaidEvery is how often a worker looks for entries that it was given and did not get.
	mislaidEvery = 2 * time.Second
	// maxReads is how many workers may fall silent over an entry before it is set aside.
	maxReads = 5
)

// inflight is an entry on its way through the worker.
type inflight struct {
	*stream.Entry
	remaining int  // targets that are not settled; the settler's
	partly    bool // some are noted as settled in Redis; the settler's

	fetch    sync.Once
	fetched  []byte
	fetchErr error
}

// payload returns the event's payload, read from the database once if the entry does not carry it.
func (e *inflight) payload(ctx context.Context, s *store.Store) ([]byte, error) {
	if len(e.Event.Payload) > 0 {
		return e.Event.Payload, nil
	}
	e.fetch.Do(func() {
		text, err := s.Payload(ctx, e.Event.ID)
		e.fetched, e.fetchErr = []byte(text), err
	})
	return e.fetched, e.fetchErr
}

// consume reads one partition's work and dispatches it, until ctx ends.
func (w *Worker) consume(ctx context.Context, partition int) error {
	looked := time.Now()
	for ctx.Err() == nil {
		count, err := w.takeSlots(ctx, partition)
		if err != nil {
			return nil //nolint:nilerr // the context has ended: a stop, not a failure
		}
		var entries []*stream.Entry
		if time.Since(looked) >= mislaidEvery {
			looked = time.Now()
			entries, err = w.findMislaid(ctx, partition, count)
		}
		if err == nil && len(entries) == 0 {
			timed, cancel := context.WithTimeout(ctx, readWait+commandTimeout)
			entries, err = w.streams.ReadWork(timed, w.name, partition, count, readWait, w.reject)
			cancel()
			entries = w.settlers[partition].held.add(entries)
		}
		w.slots.Release(int64(count - len(entries)))
		for _, entry := range entries {
			w.dispatchEntry(ctx, entry)
		}
		if err != nil && ctx.Err() == nil {
			w.streamFailed(ctx, partition, err)
		}
	}
	return nil
}

// takeSlots waits for a slot and takes up to readCount of them, while results can be archived.
func (w *Worker) takeSlots(ctx context.Context, partition int) (int, error) {
	if err := w.tended[partition].archiving.wait(ctx); err != nil {
		return 0, err
	}
	if err := w.slots.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	if w.slots.TryAcquire(readCount - 1) {
		return readCount, nil
	}
	return 1, nil
}

// streamFailed notes that the streams did not answer, makes lost groups again and pauses.
func (w *Worker) streamFailed(ctx context.Context, partition int, err error) {
	w.problems.note(streamsOf(partition), err)
	if stream.IsNoGroup(err) {
		w.checkEpoch(ctx, partition)
	}
	pause.For(ctx, failPause)
}

// reject notes an entry that cannot be read, or is void. What it was of is in the database, and the sweeper queues it again.
func (w *Worker) reject(entry string, err error) {
	w.metrics.rejected.Inc()
	w.log.Error("stream entry set aside", "entry", entry, "error", err)
}

// newInflight returns an entry on its way; what an earlier worker has settled of it, is settled.
func newInflight(entry *stream.Entry) *inflight {
	return &inflight{Entry: entry, remaining: len(entry.Targets) - len(entry.Settled), partly: len(entry.Settled) > 0}
}

// dispatchEntry gives each of an entry's targets to the lane of its profile.
func (w *Worker) dispatchEntry(ctx context.Context, entry *stream.Entry) {
	e := newInflight(entry)
	if e.remaining <= 0 {
		// Its last targets were settled when its worker died before removing it.
		e.remaining = 1
		w.settler(e).settled <- settled{job: &job{entry: e}, result: nil, empty: true}
		return
	}
	for place, target := range entry.Targets {
		if slices.Contains(entry.Settled, place) {
			continue
		}
		w.dispatchTarget(ctx, &job{entry: e, place: place, target: target})
	}
}

func (w *Worker) dispatchTarget(ctx context.Context, j *job) {
	if lost := j.entry.Reads - 1; lost > 0 {
		j.target.Attempts += lost
		j.target.QueuedAt = time.Now().UnixMicro() // as its row will say; what the other worker says of it later, counts less
		setAside := j.entry.Reads > maxReads
		w.settler(j.entry).settled <- settled{job: j, result: j.interrupted(setAside), open: !setAside}
		if setAside {
			w.log.Error("delivery set aside: every worker that had it fell silent",
				"delivery", id.Format(id.Delivery, id.ForDelivery(j.entry.Event.ID, j.target.SubscriptionID)), "workers", j.entry.Reads)
			return
		}
		j.target.Trigger = stream.TriggerRetry
	}
	found, err := w.lookUp(ctx, j)
	if err != nil {
		// Whether there is such a subscription cannot be known while the database is away. The deliveries behind this one need not wait.
		w.settle(j, j.putOff(time.Now().Add(putOffLeast)))
		return
	}
	if instead := j.heldBack(found); instead != nil {
		w.settle(j, instead)
		return
	}
	w.dispatcher.submit(j)
}

// heldBack returns what is written in place of an attempt of a delivery whose subscription has not been found, or is disabled; else nil.
func (j *job) heldBack(found bool) *stream.Result {
	switch {
	case found && j.subscription.Enabled:
		return nil
	case found && j.subscription.Park:
		return j.unattempted(stream.StatusParked)
	default:
		return j.unattempted(stream.StatusCancelled)
	}
}

// lookUp finds the subscription and profile of a job. One that is not in the registry may be younger than it: the registry is refreshed
// before the subscription counts as deleted.
func (w *Worker) lookUp(ctx context.Context, j *job) (found bool, err error) {
	if w.find(j) {
		return true, nil
	}
	if err := w.registry.Refresh(ctx); err != nil {
		return false, err
	}
	return w.find(j), nil
}

// find finds the subscription and profile of a job in the registry. The target that is the account itself stands for the event's own URL.
func (w *Worker) find(j *job) (found bool) {
	e, target := &j.entry.Event, j.target.SubscriptionID
	if target == e.AccountID {
		j.profile = registry.PerMessage(e.AccountID, e.NotifyURL, e.XML)
		j.subscription, found = w.registry.AccountSecret(e.AccountID)
		return found
	}
	j.subscription, j.profile, found = w.registry.Subscription(e.AccountID, target)
	return found
}

// interrupted is the result that explains an attempt whose worker fell silent.
func (j *job) interrupted(setAside bool) *stream.Result {
	now := time.Now()
	s := standing{status: stream.StatusQueued, attempts: j.target.Attempts, failures: j.target.Failures}
	a := &stream.Attempt{
		ID: id.New(), Trigger: j.target.Trigger, Outcome: stream.OutcomeInterrupted, StartedAt: now.UnixMicro(), PayloadFormat: "ENVELOPE",
		Error: "the worker fell silent; the request may have been sent",
		Hint:  "Another worker goes on with the delivery.",
	}
	if setAside {
		s.status = stream.StatusExhausted
		a.Error = fmt.Sprintf("%d workers fell silent over this delivery: it is set aside", j.entry.Reads)
		a.Hint = "Look for what ends the workers, then replay the delivery."
	}
	result := j.result(s)
	result.Attempt = a
	return result
}

// takeOver takes the partition's entries from workers that have fallen silent, as far as there are slots.
func (w *Worker) takeOver(ctx context.Context, partition int) error {
	if !w.slots.TryAcquire(readCount) {
		return nil
	}
	s := w.settlers[partition]
	s.taking.Lock()
	timed, cancel := context.WithTimeout(ctx, commandTimeout)
	entries, err := w.streams.TakeOver(timed, w.name, partition, readCount, w.reject)
	cancel()
	entries = s.held.add(entries)
	s.taking.Unlock()
	w.slots.Release(int64(readCount - len(entries)))
	for _, entry := range entries {
		w.metrics.takenOver.Inc()
		w.dispatchEntry(ctx, entry)
	}
	return err
}

// findMislaid returns entries that Redis has given to this worker, and whose way here was cut. Nobody else would ever get them while it
// lives, and they would hold up the sweeper.
func (w *Worker) findMislaid(ctx context.Context, partition, count int) ([]*stream.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	s := w.settlers[partition]
	s.taking.Lock()
	defer s.taking.Unlock()
	entries, err := w.streams.Mislaid(ctx, w.name, partition, count, s.held.has, w.reject)
	entries = s.held.add(entries)
	if len(entries) > 0 {
		w.log.Warn("work whose way from Redis was cut is read again", "partition", partition, "entries", len(entries))
	}
	return entries, err
}
