package health_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/health/healthtest"
)

func TestStateAt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range healthtest.Cases(now) {
		if got := c.Record.StateAt(now, !c.Disabled); got != c.State {
			t.Errorf("%s: %s, want %s", c.Name, got, c.State)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		attempts := healthtest.Attempts().Draw(t, "attempts")
		batches := make([]health.Record, rapid.IntRange(1, 5).Draw(t, "batches"))
		for _, i := range rapid.Permutation(indices(len(attempts))).Draw(t, "order") {
			to := &batches[rapid.IntRange(0, len(batches)-1).Draw(t, "batch")]
			*to = to.Merge(attempts[i])
		}
		var merged health.Record
		for _, batch := range batches {
			merged = merged.Merge(batch)
		}
		healthtest.Check(t, attempts, merged)

		uncounted := batches[0]
		uncounted.FailedAttempts = 0
		// A batch that comes again counts for nothing, though it may know better since when there are failures.
		again := merged.Merge(uncounted)
		if again.FailedAttempts != merged.FailedAttempts || again.FailingSince.After(merged.FailingSince) {
			t.Errorf("a batch that comes again makes %+v of %+v", again, merged)
		}
		healthtest.Check(t, attempts, again)
	})
}

func indices(n int) []int {
	return slices.Collect(func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	})
}
