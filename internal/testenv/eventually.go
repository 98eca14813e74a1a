package testenv

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollInterval is short enough not to slow a test down and long enough not to load the machine.
const pollInterval = 10 * time.Millisecond

// Eventually waits until cond holds and fails the test when it does not within the given time. It polls: it is for what
// gives no signal to wait on, such as a row that another process writes. Call it from the test's own goroutine.
func Eventually(t testing.TB, within time.Duration, cond func() bool, format string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if poll(ctx, cond) != nil {
		t.Fatalf("not within %v: %s", within, fmt.Sprintf(format, args...))
	}
}

// Grows waits until count returns want, and fails the test when it has not grown for the given time, or is more: how long much work takes
// depends on the machine, not whether it goes on.
func Grows(t testing.TB, within time.Duration, want int, count func() int, what string) {
	t.Helper()
	for n := count(); n != want; {
		if n > want {
			t.Fatalf("%s: %d, want %d", what, n, want)
		}
		before := n
		Eventually(t, within, func() bool { n = count(); return n != before }, "%s: more than %d of %d", what, before, want)
	}
}

// poll calls cond until it returns true, at least once, or returns the cause for which ctx ended.
func poll(ctx context.Context, cond func() bool) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if cond() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
