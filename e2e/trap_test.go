package e2e

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// trap says what is not to pass a proxy to Redis, and what happens to the connection on which it would have.
type trap struct {
	answers bool     // it is in what the server says; otherwise in what the client says
	sees    []string // all of this is in it
	passOn  bool     // a request passes, and it is its answer that does not
	cut     bool     // the connection is cut; otherwise it stays open, and nothing passes on it any more
	times   int      // how often that happens; 0 is as often as it can
}

// The steps of a delivery, as they can be seen between a process and Redis.
var (
	workGoes      = trap{sees: []string{"xadd", ":work"}}                            // what is to be delivered
	workWritten   = trap{sees: []string{"xadd", ":work"}, passOn: true}              // and that it is queued
	workComes     = trap{answers: true, sees: []string{":work"}}                     // the answer to XREADGROUP
	resultGoes    = trap{sees: []string{"multi", "xadd", ":attempts"}}               // what is settled
	resultWritten = trap{sees: []string{"multi", "xadd", ":attempts"}, passOn: true} // and that it is
	archivedGoes  = trap{sees: []string{"xack", ":attempts"}}                        // what is in the database
)

// cutting is the trap as one that cuts a number of connections.
func (t trap) cutting(times int) trap {
	t.cut, t.times = true, times
	return t
}

// traps are those of a proxy.
type traps struct {
	watched
	set    *trap
	caught int // since set
}

// lay sets the trap in place of the one that was, which nil takes away.
func (p *proxy) lay(t *trap) {
	p.traps.update(func() { p.traps.set, p.traps.caught = t, 0 })
}

// awaitCaught waits until the trap has caught something as often as it can, or once.
func (p *proxy) awaitCaught(t *testing.T) {
	t.Helper()
	p.traps.await(t, "the trap catches something", func() bool { return p.traps.caught >= max(p.traps.set.times, 1) })
}

// catch returns the trap if it catches this.
func (ts *traps) catch(text []byte, answer bool) (caught *trap) {
	ts.mu.Lock()
	t := ts.set
	hit := t != nil && t.answers == answer && (t.times == 0 || ts.caught < t.times) &&
		!slices.ContainsFunc(t.sees, func(part string) bool { return !strings.Contains(string(text), part) })
	ts.mu.Unlock()
	if !hit {
		return nil
	}
	ts.update(func() { ts.caught++ })
	return t
}

// passage is a connection through a proxy.
type passage struct {
	traps *traps
	gone  chan struct{} // closed when the connection is

	mu   sync.Mutex
	deaf *trap // which has caught a request whose answer is not to pass
}

// way is what one side says on a passage.
type way struct {
	io.Reader
	*passage
	answers bool
}

func (p *passage) requests(from io.Reader) io.Reader { return way{from, p, false} }
func (p *passage) answers(from io.Reader) io.Reader  { return way{from, p, true} }

// errCut is why nothing more passes.
var errCut = errors.New("a trap has cut the connection")

// Read returns what passes next. What a trap catches does not.
func (w way) Read(to []byte) (int, error) {
	n, err := w.Reader.Read(to)
	caught := w.traps.catch(to[:n], w.answers)
	w.mu.Lock()
	switch {
	case caught != nil && caught.passOn:
		w.deaf, caught = caught, nil
	case caught == nil && w.answers:
		caught = w.deaf
	}
	w.mu.Unlock()
	if caught == nil {
		return n, err
	}
	if !caught.cut {
		<-w.gone
	}
	return 0, errCut
}
