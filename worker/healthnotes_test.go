package worker

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

func TestHealthNotes(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Microsecond)
	ended := func(of id.ID, outcome stream.Outcome) stream.Logged {
		return stream.Logged{Result: &stream.Result{SubscriptionID: of, Attempt: &stream.Attempt{Outcome: outcome, StartedAt: stream.Micros(now)}}}
	}
	of := id.New()
	for outcome, want := range map[stream.Outcome]health.Record{
		stream.OutcomeSuccess: health.Succeeded(now), stream.OutcomeHTTPError: health.Failed(now), stream.OutcomeResponseMismatch: health.Failed(now),
		stream.OutcomeTimeout: health.Failed(now), stream.OutcomeDNS: health.Failed(now), stream.OutcomeConnect: health.Failed(now),
		stream.OutcomeTLS: health.Failed(now), stream.OutcomeAuth: health.Failed(now), stream.OutcomeBlocked: health.Failed(now),
		stream.OutcomeInterrupted: {}, stream.OutcomeCancelled: {},
	} {
		var n healthNotes
		n.note([]stream.Logged{ended(of, outcome), {Result: &stream.Result{SubscriptionID: of, Status: stream.StatusRetrying}}}, 1)
		if got := n.take()[of]; got != want {
			t.Errorf("%s: %+v, want %+v", outcome, got, want)
		}
	}

	var n healthNotes
	n.note([]stream.Logged{ended(of, stream.OutcomeTimeout), ended(of, stream.OutcomeTimeout)}, 2)
	n.note([]stream.Logged{ended(of, stream.OutcomeTimeout), ended(of, stream.OutcomeTimeout)}, 1) // one was archived before
	taken := n.take()
	if got := taken[of]; got.FailedAttempts != 2 {
		t.Errorf("%d failures, want the two that are new for certain", got.FailedAttempts)
	}
	n.note([]stream.Logged{ended(of, stream.OutcomeTimeout)}, 1)
	n.putBack(taken)
	if got := n.take()[of]; got.FailedAttempts != 3 {
		t.Errorf("%d failures, want those that could not be written, too", got.FailedAttempts)
	}

	for range healthBatch + 1 {
		n.note([]stream.Logged{ended(id.New(), stream.OutcomeSuccess)}, 1)
	}
	if first, second, none := len(n.take()), len(n.take()), len(n.take()); first != healthBatch || second != 1 || none != 0 {
		t.Errorf("taken %d, %d and %d", first, second, none)
	}
}
