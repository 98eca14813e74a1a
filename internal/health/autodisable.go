package health

import "time"

// AutoDisable says when a subscription that does nothing but fail is disabled.
type AutoDisable struct {
	Enabled bool
	// After is how long it must have failed, from the first failure to the last, and LeastAttempts how often.
	After         time.Duration
	LeastAttempts int
}

// DefaultAutoDisable is that of new accounts.
var DefaultAutoDisable = AutoDisable{Enabled: true, After: 5 * 24 * time.Hour, LeastAttempts: 20}

// The range of AutoDisable. Attempts are in the log for at least as long.
const (
	MinAutoDisableAfter    = time.Hour
	MaxAutoDisableAfter    = 30 * 24 * time.Hour
	MaxAutoDisableAttempts = 10_000
)

// Warns reports whether the account is to be warned of a subscription with this record: when half of the time and half of the attempts
// have failed.
func (a AutoDisable) Warns(r Record) bool {
	return a.Enabled && !r.FailingSince.IsZero() && r.LastFailureAt.Sub(r.FailingSince) >= a.After/2 && 2*r.FailedAttempts >= a.LeastAttempts
}

// Disables reports whether a subscription with this record is to be disabled.
func (a AutoDisable) Disables(r Record) bool {
	return a.Enabled && !r.FailingSince.IsZero() && r.LastFailureAt.Sub(r.FailingSince) >= a.After && r.FailedAttempts >= a.LeastAttempts
}

// DisablesAt returns from when on a subscription with this record is disabled if it goes on failing; the zero time if it is not.
func (a AutoDisable) DisablesAt(r Record) time.Time {
	if !a.Enabled || r.FailingSince.IsZero() {
		return time.Time{}
	}
	return r.FailingSince.Add(a.After)
}
