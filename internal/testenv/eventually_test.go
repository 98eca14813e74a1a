package testenv

import (
	"strings"
	"testing"
	"time"
)

func TestEventually(t *testing.T) {
	t.Parallel()
	t.Run("asks_again_until_the_condition_holds", func(t *testing.T) {
		t.Parallel()
		asked := 0
		Eventually(t, time.Minute, func() bool { asked++; return asked == 3 }, "asked %d times", asked)
		if asked != 3 {
			t.Errorf("asked %d times", asked)
		}
	})
	t.Run("asks_at_least_once", func(t *testing.T) {
		t.Parallel()
		Eventually(t, 0, func() bool { return true }, "not asked")
	})
	t.Run("fails_with_the_message", func(t *testing.T) {
		t.Parallel()
		got := verdict(t, func(t testing.TB) {
			Eventually(t, time.Millisecond, func() bool { return false }, "row %d", 7)
		})
		if !strings.HasPrefix(got, "fatal: ") || !strings.Contains(got, "row 7") {
			t.Errorf("got %q", got)
		}
	})
}

func TestGrows(t *testing.T) {
	t.Parallel()
	counted := func(counts ...int) func() int {
		return func() int {
			n := counts[0]
			if len(counts) > 1 {
				counts = counts[1:]
			}
			return n
		}
	}
	for name, c := range map[string]struct {
		within time.Duration
		counts []int
		want   string
	}{
		"waits while the count grows":    {time.Minute, []int{0, 1, 1, 2, 3}, ""},
		"fails when it grows no more":    {time.Millisecond, []int{0, 2}, "more than 2 of 3"},
		"fails when there is too much":   {time.Minute, []int{2, 4}, "4, want 3"},
		"does not ask for what is there": {0, []int{3}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := verdict(t, func(t testing.TB) { Grows(t, c.within, 3, counted(c.counts...), "rows") })
			if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("got %q", got)
			}
		})
	}
}
