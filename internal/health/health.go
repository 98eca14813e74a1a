// Package health says how a subscription is doing, from what its attempts say.
package health

import "time"

// State is how a subscription is doing. Its text is the GraphQL enum value.
type State string

// All states, the one that wins where several apply first; graph/schema/health.graphqls says what they mean.
const (
	Disabled State = "DISABLED"
	Idle     State = "IDLE"
	Failing  State = "FAILING"
	Degraded State = "DEGRADED"
	Healthy  State = "HEALTHY"
)

// The thresholds of the states.
const (
	// IdleAfter is how long after its last attempt a subscription is Idle.
	IdleAfter = 24 * time.Hour
	// FailingAttempts and FailingFor: with so many failed attempts since the last success, or when the first of them is so long
	// ago, a subscription is Failing.
	FailingAttempts = 5
	FailingFor      = time.Hour
	// DegradedFor is how long after a failed attempt a subscription is Degraded that is not Failing.
	DegradedFor = time.Hour
)

// Record is what the attempts of a subscription say. Times are when attempts began; the zero time stands for never. Only attempts count
// that show how the endpoint does: none that was interrupted or called off.
type Record struct {
	// FailingSince is the first failed attempt since the last success, and FailedAttempts how many there were since then.
	FailingSince   time.Time
	FailedAttempts int
	LastSuccessAt  time.Time
	LastFailureAt  time.Time
}

// StateAt returns the state at a time of a subscription with this record. Package configure has the same for the database.
func (r Record) StateAt(now time.Time, enabled bool) State {
	switch attempted := now.Add(-IdleAfter); {
	case !enabled:
		return Disabled
	case !r.LastSuccessAt.After(attempted) && !r.LastFailureAt.After(attempted):
		return Idle
	case !r.FailingSince.IsZero() && (r.FailedAttempts >= FailingAttempts || !r.FailingSince.After(now.Add(-FailingFor))):
		return Failing
	case r.LastFailureAt.After(now.Add(-DegradedFor)):
		return Degraded
	default:
		return Healthy
	}
}

// Succeeded and Failed return the record of one attempt that began at a time.
func Succeeded(at time.Time) Record { return Record{LastSuccessAt: at} }

// Failed is like Succeeded.
func Failed(at time.Time) Record {
	return Record{FailingSince: at, FailedAttempts: 1, LastFailureAt: at}
}

// Merge returns the record of the attempts of both, in whatever order they come. Of the failures of a record only the first and the last are
// known: if a success lies between them, just the last one counts as later. So FailedAttempts may be too few, and never too
// many. Package store has the same for the database.
func (r Record) Merge(other Record) Record {
	merged := Record{LastSuccessAt: later(r.LastSuccessAt, other.LastSuccessAt), LastFailureAt: later(r.LastFailureAt, other.LastFailureAt)}
	for _, side := range []Record{r, other} {
		since, failed := side.failingAfter(merged.LastSuccessAt)
		if merged.FailingSince.IsZero() || !since.IsZero() && since.Before(merged.FailingSince) {
			merged.FailingSince = since
		}
		merged.FailedAttempts += failed
	}
	return merged
}

// failingAfter returns the first failure after a success, and how many there are.
func (r Record) failingAfter(success time.Time) (since time.Time, failed int) {
	switch {
	case r.FailingSince.IsZero():
		return time.Time{}, 0
	case r.FailingSince.After(success):
		return r.FailingSince, r.FailedAttempts
	case r.LastFailureAt.After(success):
		return r.LastFailureAt, min(r.FailedAttempts, 1)
	default:
		return time.Time{}, 0
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
