package e2e

import (
	"context"
	"sync"
	"testing"
	"time"
)

// patience bounds how long a test waits for what should happen soon. It is long, because the machine may be busy, and because what
// Redis has lost is found only after a while.
const patience = 90 * time.Second

// watched is a state that others change and a test waits on.
type watched struct {
	mu      sync.Mutex
	changed chan struct{} // closed at the next change
}

// update changes the state.
func (w *watched) update(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// read looks at the state.
func (w *watched) read(look func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	look()
}

// await waits until cond holds of the state. Call it from the test's own goroutine.
func (w *watched) await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		w.mu.Lock()
		if cond() {
			w.mu.Unlock()
			return
		}
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// soon is a context that ends when a test has waited long enough.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
