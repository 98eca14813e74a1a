package worker

import (
	"log/slog"
	"testing"
	"time"

	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// TestTakenOver takes an entry over from workers that fell silent, and archives what is settled of it.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		s, err := store.Open(t.Context(), b.DatabaseURL)
		ensure(t, err)
		t.Cleanup(func() { ensure(t, s.Close()) })
		_, err = s.Migrate(t.Context())
		ensure(t, err)
		streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: 1})
		ensure(t, err)
		t.Cleanup(func() { ensure(t, streams.Close()) })
		secrets, err := vault.New([]vault.Key{{ID: "test"}})
		ensure(t, err)
		log := slog.New(slog.DiscardHandler)
		subscriptions, err := registry.Open(t.Context(), s.Ent, secrets, log) // knows none: deliveries are cancelled
		ensure(t, err)
		w := New(Config{Store: s, Streams: streams, Registry: subscriptions, Log: log})

		for name, c := range map[string]struct {
			reads      int
			queuedAt   int64
			status     stream.Status
			attempts   int
			interrupts int // results of attempts
		}{
			"by the first":             {reads: 1, status: stream.StatusCancelled},
			"by the second":            {reads: 2, status: stream.StatusCancelled, attempts: 1, interrupts: 1},
			"by the second, of a row":  {reads: 2, queuedAt: stream.Micros(time.Now().Add(-time.Minute)), status: stream.StatusCancelled, attempts: 1, interrupts: 1},
			"by the last that may":     {reads: maxReads, status: stream.StatusCancelled, attempts: maxReads - 1, interrupts: 1},
			"by one more: set aside":   {reads: maxReads + 1, status: stream.StatusExhausted, attempts: maxReads, interrupts: 1},
			"by one more, set aside 2": {reads: maxReads + 2, status: stream.StatusExhausted, attempts: maxReads + 1, interrupts: 1},
		} {
			entry := &stream.Entry{Reads: c.reads, ID: "1-0", Work: stream.Work{
				Event:   stream.Event{ID: id.New(), AccountID: id.New(), Type: "sms.delivery"},
				Targets: []stream.Target{{SubscriptionID: id.New(), Trigger: stream.TriggerFirst, QueuedAt: c.queuedAt}},
			}}
			w.dispatchEntry(t.Context(), entry)
			var logged []stream.Logged
			interrupts := 0
			for len(w.settlers[0].settled) > 0 {
				settled := <-w.settlers[0].settled
				if settled.open != (len(w.settlers[0].settled) > 0) {
					t.Errorf("%s: open is %v, and %d follow", name, settled.open, len(w.settlers[0].settled))
				}
				if a := settled.result.Attempt; a != nil {
					interrupts++
					if a.Outcome != stream.OutcomeInterrupted || a.Error == "" || a.Hint == "" || settled.result.Attempts != c.reads-1 {
						t.Errorf("%s: attempt %+v of %+v", name, a, settled.result)
					}
				}
				logged = append(logged, stream.Logged{Result: settled.result, Position: stream.PositionAt(time.Now())})
			}
			if interrupts != c.interrupts {
				t.Errorf("%s: %d attempts are logged, want %d", name, interrupts, c.interrupts)
			}
			// One by one, as they can be archived.
			for _, r := range logged {
				_, err := s.Archive(t.Context(), []stream.Logged{r})
				ensure(t, err)
			}
			row, err := s.Ent.Delivery.Query().Where(delivery.EventID(entry.Event.ID)).Only(access.WithSystem(t.Context()))
			ensure(t, err)
			if row.Status != string(c.status) || row.AttemptCount != c.attempts || row.CompletedAt == nil {
				t.Errorf("%s: the row is %v, want %s after %d attempts", name, row, c.status, c.attempts)
			}
		}
	})
}

// TestNothingLeft removes an entry whose last targets were settled when its worker fell silent.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: 1})
	ensure(t, err)
	t.Cleanup(func() { ensure(t, streams.Close()) })
	w := New(Config{Streams: streams, Log: slog.New(slog.DiscardHandler)})
	w.dispatchEntry(t.Context(), &stream.Entry{ID: "1-0", Reads: 2, Settled: []int{0}, Work: stream.Work{Targets: make([]stream.Target, 1)}})
	settlement, done := compose([]settled{<-w.settlers[0].settled})
	if done != 1 || len(settlement.Done) != 1 || len(settlement.Forget) != 1 || len(settlement.Results)+len(settlement.Requeued)+len(settlement.Partial) > 0 {
		t.Errorf("%d done by %+v", done, settlement)
	}
}

func ensure(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
