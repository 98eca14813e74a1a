package testenv

import (
	"context"
	"net/http"
	"time"
)

// Response is how a [Receiver] answers one request. The zero value is an empty 200 at once.
type Response struct {
	Status int // 0 means 200
	Header http.Header
	Body   []byte

	// Release holds the answer back until the channel is closed or gives a value.
	Release <-chan struct{}
	// Delay holds the answer back for a time.
	Delay time.Duration
	// Hang never answers: the connection stays open until the client leaves or the test ends.
	Hang bool
	// Tick trickles the body: the header at once, then one byte for every value of the channel.
	Tick <-chan time.Time
	// Abort closes the connection (with HTTP/2, resets the stream) instead of answering; with a Tick, in place of the last byte.
	Abort bool
}

// write answers the request whose context is ctx, or drops it when the client leaves or closed ends the test.
func (s Response) write(ctx context.Context, w http.ResponseWriter, closed <-chan struct{}) {
	if !s.awaitTurn(ctx, closed) {
		panic(http.ErrAbortHandler)
	}
	if s.Abort && s.Tick == nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range s.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if s.Status != 0 {
		w.WriteHeader(s.Status)
	}
	if s.Tick == nil {
		_, _ = w.Write(s.Body) // fails when the client has left
		return
	}
	s.trickle(ctx, w, closed)
}

// awaitTurn waits until the answer is due. It returns false when it never is.
func (s Response) awaitTurn(ctx context.Context, closed <-chan struct{}) bool {
	var delay <-chan time.Time
	if s.Delay > 0 {
		timer := time.NewTimer(s.Delay)
		defer timer.Stop()
		delay = timer.C
	}
	release := s.Release
	for s.Hang || delay != nil || release != nil {
		select {
		case <-delay:
			delay = nil
		case <-release:
			release = nil
		case <-ctx.Done():
			return false
		case <-closed:
			return false
		}
	}
	return true
}

// trickle writes the body byte by byte.
func (s Response) trickle(ctx context.Context, w http.ResponseWriter, closed <-chan struct{}) {
	out := http.NewResponseController(w)
	_ = out.Flush() // fails when the client has left, which ctx shows
	for i := range s.Body {
		select {
		case <-s.Tick:
		case <-ctx.Done():
			panic(http.ErrAbortHandler)
		case <-closed:
			panic(http.ErrAbortHandler)
		}
		if s.Abort && i == len(s.Body)-1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(s.Body[i : i+1])
		_ = out.Flush()
	}
}
