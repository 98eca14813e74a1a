package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookline/hookline/internal/pause"
)

func TestFor(t *testing.T) {
	t.Parallel()
	t.Run("waits as long as it is told", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if !pause.For(t.Context(), time.Minute) || time.Since(began) != time.Minute {
				t.Errorf("it waited for %v", time.Since(began))
			}
		})
	})
	t.Run("ends with the context, and says so", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			if pause.For(ctx, time.Minute) || time.Since(began) != time.Second {
				t.Errorf("it waited for %v", time.Since(began))
			}
			if pause.For(ctx, 0) {
				t.Error("a context that has ended goes on")
			}
		})
	})
}
