// Package healthtest has what package health and its twin in the database are tested with.
package healthtest

import (
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/health"
)

// Case is a record whose state is known.
type Case struct {
	Name     string
	Record   health.Record
	Disabled bool
	State    health.State
}

// Cases are records at all limits of the states at a time.
func Cases(now time.Time) []Case {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const moment = time.Microsecond
	failing := func(since, last, success time.Duration, n int) health.Record {
		r := health.Record{FailingSince: ago(since), LastFailureAt: ago(last), FailedAttempts: n}
		if success > 0 {
			r.LastSuccessAt = ago(success)
		}
		return r
	}
	return []Case{
		{"never attempted", health.Record{}, false, health.Idle},
		{"never attempted and disabled", health.Record{}, true, health.Disabled},
		{"disabled while failing", failing(time.Hour, moment, 0, 9), true, health.Disabled},
		{"disabled while healthy", health.Succeeded(now), true, health.Disabled},
		{"succeeded now", health.Succeeded(now), false, health.Healthy},
		{"succeeded almost a day ago", health.Succeeded(ago(health.IdleAfter - moment)), false, health.Healthy},
		{"succeeded a day ago", health.Succeeded(ago(health.IdleAfter)), false, health.Idle},
		{"failed a day ago", failing(health.IdleAfter, health.IdleAfter, 0, 9), false, health.Idle},
		{"failed almost a day ago", failing(health.IdleAfter-moment, health.IdleAfter-moment, 0, 1), false, health.Failing},
		{"failed once", failing(moment, moment, 0, 1), false, health.Degraded},
		{"failed and not known how often", failing(moment, moment, 0, 0), false, health.Degraded},
		{"failed almost often enough, for almost an hour", failing(health.FailingFor-moment, moment, 2*time.Hour, health.FailingAttempts-1), false, health.Degraded},
		{"failed often enough", failing(moment, moment, 2*moment, health.FailingAttempts), false, health.Failing},
		{"failing for an hour", failing(health.FailingFor, moment, 2*time.Hour, 1), false, health.Failing},
		{"failing for an hour, and nothing since", failing(health.FailingFor, health.FailingFor, 2*time.Hour, 1), false, health.Failing},
		{"succeeded after failures", health.Record{LastSuccessAt: now, LastFailureAt: ago(moment)}, false, health.Degraded},
		{"failed almost an hour ago", health.Record{LastSuccessAt: now, LastFailureAt: ago(health.DegradedFor - moment)}, false, health.Degraded},
		{"failed an hour ago", health.Record{LastSuccessAt: now, LastFailureAt: ago(health.DegradedFor)}, false, health.Healthy},
		{"enabled again after failures", health.Record{LastFailureAt: ago(moment)}, false, health.Degraded},
		{"enabled again after failures an hour ago", health.Record{LastFailureAt: ago(health.DegradedFor)}, false, health.Healthy},
		{"enabled again after failures a day ago", health.Record{LastFailureAt: ago(health.IdleAfter)}, false, health.Idle},
	}
}

// Attempts generates the records of attempts, each by itself, of which several may have begun at the same time.
func Attempts() *rapid.Generator[[]health.Record] {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) health.Record {
		at := epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "at")) * 250 * time.Millisecond)
		if rapid.Bool().Draw(t, "fails") {
			return health.Failed(at)
		}
		return health.Succeeded(at)
	}), 1, 20)
}

// Check says what is wrong with the record that attempts were merged to.
func Check(t rapid.TB, attempts []health.Record, merged health.Record) {
	t.Helper()
	var success, failure, since time.Time
	failed := 0
	for _, a := range attempts {
		success, failure = latest(success, a.LastSuccessAt), latest(failure, a.LastFailureAt)
	}
	for _, a := range attempts {
		if a.FailingSince.After(success) {
			failed++
			if since.IsZero() || a.FailingSince.Before(since) {
				since = a.FailingSince
			}
		}
	}
	if !merged.LastSuccessAt.Equal(success) || !merged.LastFailureAt.Equal(failure) {
		t.Errorf("%+v, want the last success at %v and the last failure at %v", merged, success, failure)
	}
	if merged.FailingSince.IsZero() != since.IsZero() || merged.FailingSince.Before(since) || merged.FailingSince.After(failure) {
		t.Errorf("%+v, want failing since %v", merged, since)
	}
	if merged.FailedAttempts > failed || (merged.FailedAttempts == 0) != (failed == 0) {
		t.Errorf("%+v, want at most %d failed attempts", merged, failed)
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
