package worker

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
)

// How what is to be told, or disabled, is looked for.
const (
	watchEvery        = 5 * time.Second
	certificatesEvery = time.Minute
	watchBatch        = 100
	// searchTimeout bounds the search for a success in the log. What has failed for days may have millions of attempts there.
	searchTimeout = 10 * time.Second
)

// watch looks for subscriptions that fail, that were disabled for it, and that have recovered, and for certificates that expire, until ctx
// ends. Every worker does: what is told is published once (store.Told), and one of those who disable a subscription does so.
func (w *Worker) watch(ctx context.Context) error {
	return w.every(ctx, watchEvery, "watching subscriptions", func(ctx context.Context) error {
		idOf := func(t *store.Told) id.ID { return t.ID }
		return errors.Join( // what fails for some keeps nothing from the others
			eachOf(ctx, w.store.FailingLong, idOf, w.followFailing),
			eachOf(ctx, w.store.DisabledUntold, idOf, w.tellDisabled),
			eachOf(ctx, w.store.Recovered, idOf, w.tellRecovered),
		)
	})
}

// eachOf calls step with all that read finds, a batch after the other by their ids. One that fails does not keep it from the others.
func eachOf[T any](ctx context.Context, read func(context.Context, id.ID, int) ([]T, error), idOf func(*T) id.ID, step func(context.Context, *T) error) error {
	var failed error
	for last := id.Nil; ; {
		found, err := read(ctx, last, watchBatch)
		if err != nil {
			return errors.Join(failed, err)
		}
		for i := range found {
			failed = errors.Join(failed, step(ctx, &found[i]))
			last = idOf(&found[i])
		}
		if len(found) < watchBatch || ctx.Err() != nil {
			return failed
		}
	}
}

// followFailing warns the account of a subscription, or disables it, when its time has come and the log has no success either.
func (w *Worker) followFailing(ctx context.Context, t *store.Told) error {
	disables := t.AutoDisable.Disables(t.Record)
	warned := t.WarnedAt != nil && !t.WarnedAt.Before(t.Record.FailingSince)
	if !disables && (warned || !t.AutoDisable.Warns(t.Record)) {
		return nil
	}
	searching, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	success, err := w.store.LastSuccess(searching, t.ID, t.Record.FailingSince)
	// When there is too much in the log to be searched, what the workers have noted holds: they lose a success only if they are killed within a
	// second of it.
	if err != nil && (searching.Err() == nil || ctx.Err() != nil) {
		return err
	}
	if !success.IsZero() { // which a worker that died had not written
		return w.store.NoteHealth(ctx, map[id.ID]health.Record{t.ID: health.Succeeded(success)})
	}
	if !disables {
		return w.tell(ctx, t, failingEvent(t), w.store.NoteWarned)
	}
	disabled, err := w.configure.DisableFailing(access.WithAccount(ctx, t.AccountID), t.ID, t.AutoDisable)
	if disabled {
		w.log.Warn("subscription disabled: it has done nothing but fail", "account", id.Format(id.Account, t.AccountID),
			"subscription", id.Format(id.EventSubscription, t.ID), "since", t.Record.FailingSince, "attempts", t.Record.FailedAttempts)
	}
	return err
}

func (w *Worker) tellDisabled(ctx context.Context, t *store.Told) error {
	return w.tell(ctx, t, disabledEvent(t), w.store.NoteDisabledTold)
}

func (w *Worker) tellRecovered(ctx context.Context, t *store.Told) error {
	return w.tell(ctx, t, recoveredEvent(t), w.store.NoteRecoveredTold)
}

// tell publishes an event and then notes it.
func (w *Worker) tell(ctx context.Context, t *store.Told, event accept.Event, note func(context.Context, store.Told) error) error {
	if err := w.accepter.Announce(ctx, t.AccountID, []accept.Event{event}); err != nil {
		return err
	}
	return note(ctx, *t)
}

// watchCertificates looks for certificates that expire soon, until ctx ends.
func (w *Worker) watchCertificates(ctx context.Context) error {
	return w.every(ctx, certificatesEvery, "watching certificates", func(ctx context.Context) error {
		var failed error
		for _, days := range []int{7, 30} { // what ends within the fewer days need not be told of twice
			read := func(ctx context.Context, after id.ID, limit int) ([]store.Expiring, error) {
				return w.store.ExpiringUntold(ctx, time.Now(), days, after, limit)
			}
			err := eachOf(ctx, read, func(c *store.Expiring) id.ID { return c.ID }, func(ctx context.Context, c *store.Expiring) error {
				if err := w.accepter.Announce(ctx, c.AccountID, []accept.Event{expiringEvent(c, days)}); err != nil {
					return err
				}
				return w.store.NoteExpiryTold(ctx, c.ID, days)
			})
			failed = errors.Join(failed, err)
		}
		return failed
	})
}
