package worker

import (
	"context"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

const (
	// healthEvery is how often what attempts say of subscriptions is written.
	healthEvery = time.Second
	// healthBatch is how many subscriptions are written with one statement.
	healthBatch = 1000
)

// healthNotes are what the attempts that have just been archived say of their subscriptions, until it is written: one record for each
// subscription. What a worker that dies has not written is lost; the next attempt says as much.
type healthNotes struct {
	mu      sync.Mutex
	records map[id.ID]health.Record
}

// note takes in a batch of which so many attempts are new to the database. Otherwise they may have been counted before: they are not
// counted again, only when they were is noted.
func (n *healthNotes) note(batch []stream.Logged, added int) {
	attempts := 0
	for _, r := range batch {
		if r.Attempt != nil {
			attempts++
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.records == nil {
		n.records = make(map[id.ID]health.Record)
	}
	for _, r := range batch {
		if record, says := healthOf(r.Attempt); says {
			if added < attempts {
				record.FailedAttempts = 0
			}
			n.records[r.SubscriptionID] = n.records[r.SubscriptionID].Merge(record)
		}
	}
}

// healthOf returns what an attempt says of its subscription. One that was broken off or called off says nothing.
func healthOf(a *stream.Attempt) (record health.Record, says bool) {
	switch {
	case a == nil || a.Outcome == stream.OutcomeInterrupted || a.Outcome == stream.OutcomeCancelled:
		return health.Record{}, false
	case a.Outcome == stream.OutcomeSuccess:
		return health.Succeeded(stream.FromMicros(a.StartedAt)), true
	default:
		return health.Failed(stream.FromMicros(a.StartedAt)), true
	}
}

// take returns up to healthBatch records, which are no longer noted.
func (n *healthNotes) take() map[id.ID]health.Record {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.records) <= healthBatch {
		taken := n.records
		n.records = nil
		return taken
	}
	taken := make(map[id.ID]health.Record, healthBatch)
	for of, record := range n.records {
		if len(taken) == healthBatch {
			break
		}
		taken[of] = record
		delete(n.records, of)
	}
	return taken
}

// putBack notes again what could not be written.
func (n *healthNotes) putBack(records map[id.ID]health.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.records == nil {
		n.records = make(map[id.ID]health.Record, len(records))
	}
	for of, record := range records {
		n.records[of] = n.records[of].Merge(record)
	}
}

// writeHealth writes what is noted.
func (w *Worker) writeHealth(ctx context.Context) error {
	for {
		records := w.health.take()
		if len(records) == 0 {
			return nil
		}
		if err := w.store.NoteHealth(ctx, records); err != nil {
			w.health.putBack(records)
			return err
		}
	}
}
