package accept

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
)

// submission is the events of one call of Publish, on their way to the database.
type submission struct {
	events []*store.NewEvent
	at     time.Time
	done   chan error // has room for the one answer
}

// bytes is the size of the payloads.
func (s *submission) bytes() (size int64) {
	for _, e := range s.events {
		size += int64(len(e.Payload))
	}
	return size
}

// answer tells the one who waits what became of the submission.
func (a *Accepter) answer(s *submission, err error) {
	a.waiting.Add(-s.bytes())
	s.done <- err
}

// Group commit: what arrives while a commit is under way shares the next one. No timer: a commit starts as soon as a committer
// is free.
const (
	maxBatch      = 1000            // events in a commit, unless a single submission has more
	commitTimeout = 5 * time.Second // less than stream.EnqueueWithin, which counts from before the commit
	maxWait       = 5 * time.Second // a submission that has waited longer is refused
)

// committers is how many commits may be under way at once. SQLite has one writer.
func (a *Accepter) committers() int {
	if a.store.Embedded() {
		return 1
	}
	return 3
}

// commitAll commits submissions until there are no more.
func (a *Accepter) commitAll(ctx context.Context) {
	var held []*submission // has a key that is also in the batch under way
	for {
		batch, rest, open := a.collect(held)
		held = rest
		if len(batch) > 0 {
			a.commit(ctx, batch)
		} else if !open {
			return
		}
	}
}

// collect waits for a submission unless some are held, and takes what else is there. Two with the same idempotency key do not go
// together: the second one is held for the next batch.
func (a *Accepter) collect(held []*submission) (batch, rest []*submission, open bool) {
	keys := make(map[id.ID]bool)
	events, open := 0, true
	add := func(s *submission) {
		if s.repeats(keys) {
			rest = append(rest, s)
			return
		}
		batch = append(batch, s)
		events += len(s.events)
	}
	for _, s := range held {
		add(s)
	}
	if len(held) == 0 {
		s, ok := <-a.submissions
		if !ok {
			return nil, nil, false
		}
		add(s)
	}
	for events < maxBatch && len(rest) < maxBatch {
		select {
		case s, ok := <-a.submissions:
			if !ok {
				return batch, rest, false
			}
			add(s)
		default:
			return batch, rest, open
		}
	}
	return batch, rest, open
}

// repeats reports whether the submission has an idempotency key that is among keys, and adds its keys if not.
func (s *submission) repeats(keys map[id.ID]bool) bool {
	for _, e := range s.events {
		if keys[e.KeyID] {
			return true
		}
	}
	for _, e := range s.events {
		if e.KeyID != id.Nil {
			keys[e.KeyID] = true
		}
	}
	return false
}

// commit commits a batch in one transaction and answers its submissions.
func (a *Accepter) commit(ctx context.Context, batch []*submission) {
	now := time.Now()
	var events []*store.NewEvent
	var fresh []*submission
	for _, s := range batch {
		if now.Sub(s.at) > maxWait {
			a.metrics.overloaded.Inc()
			a.answer(s, ErrOverloaded)
			continue
		}
		fresh = append(fresh, s)
		for _, e := range s.events {
			e.ID = id.New()
		}
		events = append(events, s.events...)
	}
	if len(events) == 0 {
		return
	}
	commitCtx, cancel := context.WithTimeout(ctx, commitTimeout)
	err := a.store.CommitEvents(commitCtx, events)
	cancel()
	a.metrics.commits.Observe(time.Since(now).Seconds())
	if err != nil {
		a.log.Error("events not committed", "events", len(events), "error", err)
		if errors.Is(err, store.ErrAway) {
			err = ErrUnavailable
		} else {
			err = ErrUncertain
		}
	} else {
		for _, e := range events {
			if e.First != id.Nil {
				a.metrics.duplicates.Inc()
				continue
			}
			a.metrics.accepted.Inc()
			if e.ToDeliver() > 0 {
				a.enqueue(work(e))
			}
		}
	}
	for _, s := range fresh {
		a.answer(s, err)
	}
}
