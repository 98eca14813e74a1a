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
