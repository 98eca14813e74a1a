package graph

import (
	"context"
	"sync"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// AttemptBatch is some attempts as they ended, which may not be in the database yet.
type AttemptBatch struct {
	Kind    livelog.Kind
	Cursor  string
	Matched int
	Skipped int
	results []*stream.Result
	rows    *rows
	reader  string // see readerOf
}

// Attempts returns the batch's attempts. The loaders of the response get to know their deliveries.
func (b *AttemptBatch) Attempts(ctx context.Context) []*Row {
	live := loadersOf(ctx).live
	for _, r := range b.results {
		if r.Status != "" { // one that was read from the database does not tell
			live.add(deliveryOf(r))
		}
	}
	return b.rows.render(ctx, b.results, b.reader)
}

// liveDeliveries are deliveries as they were after the attempts of a batch. The database may not have them yet, or may be
// ahead of them.
type liveDeliveries struct {
	mu   sync.Mutex
	byID map[id.ID]*ent.Delivery
}

func (l *liveDeliveries) add(d *ent.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = make(map[id.ID]*ent.Delivery)
	}
	if known := l.byID[d.ID]; known == nil || known.AttemptCount < d.AttemptCount {
		l.byID[d.ID] = d
	}
}

// reader returns read with what is known here and is newer.
func (l *liveDeliveries) reader(
	read func(context.Context, []id.ID) (map[id.ID]*ent.Delivery, error),
) func(context.Context, []id.ID) (map[id.ID]*ent.Delivery, error) {
	return func(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Delivery, error) {
		found, err := read(ctx, ids)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, key := range ids {
			if live := l.byID[key]; live != nil && (found[key] == nil || found[key].AttemptCount < live.AttemptCount) {
				found[key] = live
			}
		}
		return found, nil
	}
}

// The limits of a live list.
const (
	maxBackfill  = 1000
	maxPerSecond = 10_000
)

// watchAttempts sends the account's attempts as they end, until ctx does.
func (r *Resolver) watchAttempts(
	ctx context.Context, f *AttemptFilter, after *string, backfill, perSecond int,
) (<-chan *AttemptBatch, error) {
	if err := checkRange("backfill", backfill, 0, maxBackfill); err != nil {
		return nil, err
	}
	if err := checkRange("maxPerSecond", perSecond, 1, maxPerSecond); err != nil {
		return nil, err
	}
	account, err := own(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := liveFilter(f)
	if err != nil {
		return nil, err
	}
	options := livelog.Options{After: orZero(after), Backfill: backfill, MaxPerSecond: perSecond}
	batches, err := r.Live.Subscribe(ctx, account, filter, options)
	if err != nil {
		return nil, err
	}
	out, reader := make(chan *AttemptBatch), readerOf(ctx)
	go func() { // ends when the hub closes its channel, which ctx makes it do
		defer close(out)
		for b := range batches {
			batch := &AttemptBatch{
				Kind: b.Kind, Cursor: b.Cursor, Matched: b.Matched, Skipped: b.Skipped,
				results: b.Attempts, rows: r.rows, reader: reader,
			}
			select {
			case out <- batch:
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

func liveFilter(f *AttemptFilter) (livelog.Filter, error) {
	if f == nil {
		return livelog.Filter{}, nil
	}
	filter := livelog.Filter{
		Since: orZero(f.Since), Until: orZero(f.Until), Outcomes: f.Outcomes, EventTypes: f.EventTypes, Triggers: f.Triggers,
		StatusCodes: f.StatusCodes, Subscriptions: parseIDs(id.EventSubscription, f.Subscriptions),
		SlowerThan: time.Duration(orZero(f.SlowerThanMs) * float64(time.Millisecond)),
	}
	if f.EventID != nil {
		filter.EventID = parseID(id.Event, *f.EventID)
	}
	if f.DeliveryID != nil {
		filter.DeliveryID = parseID(id.Delivery, *f.DeliveryID)
	}
	return filter, f.check()
}

// attemptOf shows a result's attempt as the row that the archive makes of it.
func attemptOf(r *stream.Result) *ent.Attempt {
	row := store.AttemptRow(r)
	if row.ResponseBody == nil {
		row.ResponseBody = []byte{} // there is none, which is not to be looked up
	}
	return row
}

// deliveryOf shows the delivery after a result.
func deliveryOf(r *stream.Result) *ent.Delivery {
	d := &ent.Delivery{
		ID: r.DeliveryID, AccountID: r.AccountID, EventID: r.EventID, SubscriptionID: r.SubscriptionID, EventType: r.EventType,
		Status: string(r.Status), AttemptCount: r.Attempts, FailureCount: r.Failures,
		NextAttemptAt: orNull(stream.FromMicros(r.NextAttemptAt)),
	}
	switch r.Status {
	case stream.StatusSucceeded, stream.StatusExhausted, stream.StatusCancelled:
		ended := id.Time(r.Attempt.ID)
		d.CompletedAt = &ended
	case stream.StatusQueued, stream.StatusRetrying:
	}
	return d
}
