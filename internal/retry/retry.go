// Package retry says when the next attempt of a delivery is due.
package retry

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kind names a way of spacing attempts.
type Kind string

const (
	// Quadratic waits 1 + n² minutes after attempt n = 0, 1, …: 20 retries, the last one 41 h 30 min after the first
	// attempt.
	Quadratic Kind = "QUADRATIC"
	// Exponential8h waits 5 s, then twice as long each time up to 42 min 40 s, then an hour each time: 17 retries, the
	// last of which comes early (after 34 min 45 s) so as to fall exactly 8 h after the first attempt.
	Exponential8h Kind = "EXPONENTIAL_8H"
	// Standard is the schedule that the Standard Webhooks specification recommends: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h,
	// 14 h, 20 h and 24 h.
	Standard Kind = "STANDARD"
	// Custom waits for the policy's own Delays.
	Custom Kind = "CUSTOM"
	// None never retries.
	None Kind = "NONE"
)

// The limits of a Custom policy.
const (
	MaxDelays = 50
	MinDelay  = time.Second
	MaxDelay  = 24 * time.Hour
)

// Jitter is how far a delay may be from its schedule, as a share of it in either direction, so that deliveries which
// failed together do not come back together.
const Jitter = 0.1

// ErrPolicy is wrapped by the errors of Validate.
var ErrPolicy = errors.New("invalid retry policy")

// Policy says how long to wait after each failed attempt, and when to give up.
type Policy struct {
	Kind     Kind
	Delays   []time.Duration // of a Custom policy; others have none
	NoJitter bool
}

// Validate says what is wrong with a policy, nil if nothing is. Its errors wrap ErrPolicy and name the value and limits.
func (p Policy) Validate() error {
	switch p.Kind {
	case Quadratic, Exponential8h, Standard, None:
		if len(p.Delays) > 0 {
			return fmt.Errorf("%w: delays has %d values, must have none unless kind is %s", ErrPolicy, len(p.Delays), Custom)
		}
		return nil
	case Custom:
	default:
		return fmt.Errorf("%w: kind is %.32q, must be one of %s, %s, %s, %s, %s",
			ErrPolicy, string(p.Kind), Quadratic, Exponential8h, Standard, Custom, None)
	}
	if len(p.Delays) < 1 || len(p.Delays) > MaxDelays {
		return fmt.Errorf("%w: delays has %d values, must have 1 to %d", ErrPolicy, len(p.Delays), MaxDelays)
	}
	for i, d := range p.Delays {
		if d < MinDelay || d > MaxDelay {
			return fmt.Errorf("%w: delays[%d] is %v, must be %v to %v", ErrPolicy, i, d, MinDelay, MaxDelay)
		}
	}
	return nil
}

// Next returns how long to wait after attempt n (0 is the first) has failed; ok is false if that was the last one. The
// random number, from [0, 1), places the delay in the range that Jitter allows.
func (p Policy) Next(n int, random float64) (delay time.Duration, ok bool) {
	delays := p.delays()
	if n < 0 || n >= len(delays) {
		return 0, false
	}
	delay = delays[n]
	if !p.NoJitter {
		delay = time.Duration(float64(delay) * (1 - Jitter + 2*Jitter*random))
	}
	return delay, true
}

// Schedule returns the delays after attempts 0, 1, …, without jitter. There are none for a kind that does not exist.
func (p Policy) Schedule() []time.Duration { return slices.Clone(p.delays()) }

// TotalWindow returns the time from the first attempt to the last one, without jitter and the time that attempts take.
func (p Policy) TotalWindow() time.Duration {
	var total time.Duration
	for _, d := range p.delays() {
		total += d
	}
	return total
}

// delays is Schedule without the copy.
func (p Policy) delays() []time.Duration {
	switch p.Kind {
	case Quadratic:
		return quadratic
	case Exponential8h:
		return exponential8h
	case Standard:
		return standard
	case Custom:
		return p.Delays
	}
	return nil
}

var (
	quadratic     = makeQuadratic()
	exponential8h = makeExponential8h()
	standard      = []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
		20 * time.Hour, 24 * time.Hour,
	}
)

func makeQuadratic() []time.Duration {
	delays := make([]time.Duration, 20)
	for n := range delays {
		delays[n] = time.Duration(1+n*n) * time.Minute
	}
	return delays
}

func makeExponential8h() []time.Duration {
	var delays []time.Duration
	for left, delay := 8*time.Hour, 5*time.Second; left > 0; delay *= 2 {
		delays = append(delays, min(delay, time.Hour, left))
		left -= delays[len(delays)-1]
	}
	return delays
}
