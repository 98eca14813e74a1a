package worker

import (
	"net/http"
	"time"

	"github.com/hookline/hookline/internal/stream"
)

// slow is how far an endpoint has slowed its lane down, by answering 429 or 503. The zero value is not at all. Each worker slows down by
// the answers that it gets itself.
type slow struct {
	atOnce    int       // attempts at once, less than the window; 0 for as many as the window has
	until     time.Time // no attempt begins before: what the endpoint asked for with Retry-After
	halved    time.Time // when atOnce was last halved
	successes int       // since atOnce last changed
}

const (
	// maxPause is the longest time for which a Retry-After holds up the whole lane.
	maxPause = time.Minute
	// forgetSlow is how long nothing is heard of an endpoint until it is tried at full speed again.
	forgetSlow = 5 * time.Minute
)

// ended returns how slow the endpoint is after an attempt that began at started while running attempts, with it, were under way. The answers
// to all that were under way together halve their number once. Each round of successes lets a quarter more begin, and one more at least.
func (s slow) ended(r *stream.Result, wait time.Duration, running, window int, started, now time.Time) slow {
	switch {
	case isOverloaded(r):
		if until := now.Add(min(wait, maxPause)); wait > 0 && until.After(s.until) {
			s.until = until
		}
		s.successes = 0
		if s.halved.IsZero() || !started.Before(s.halved) {
			s.atOnce, s.halved = max(min(s.limit(window), running)/2, 1), now
		}
	case r.Status == stream.StatusSucceeded && s.atOnce > 0:
		s.successes++
		if s.successes >= s.atOnce {
			s.atOnce, s.successes = s.atOnce+max(s.atOnce/4, 1), 0
		}
		if s.atOnce >= window {
			s.atOnce = 0
		}
	}
	return s
}

// limit is how many attempts may be under way at once.
func (s slow) limit(window int) int {
	if s.atOnce > 0 {
		return min(s.atOnce, window)
	}
	return window
}

// over reports whether nothing is left to be remembered.
func (s slow) over(now time.Time) bool {
	return now.After(s.until) && (s.atOnce == 0 || now.Sub(s.halved) > forgetSlow)
}

// isOverloaded reports whether the endpoint answered that it is asked too much.
func isOverloaded(r *stream.Result) bool {
	return r.Attempt != nil && r.Attempt.Outcome == stream.OutcomeHTTPError &&
		(r.Attempt.StatusCode == http.StatusTooManyRequests || r.Attempt.StatusCode == http.StatusServiceUnavailable)
}
