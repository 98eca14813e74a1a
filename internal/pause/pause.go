// Package pause waits for a time or the end of a context, whichever is first.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, and reports whether ctx goes on.
func For(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
