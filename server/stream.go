package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// stream sends the responses of an operation as server-sent events (https://html.spec.whatwg.org/#server-sent-events),
// until there are no more, the client leaves, its key stops working or the server stops.
func (t *overHTTP) stream(ctx context.Context, w http.ResponseWriter, exec graphql.GraphExecutor, operation *graphql.OperationContext) {
	ctx, cancel := context.WithCancel(ctx)
	events := beginEvents(w)
	_ = events.write("", nil) // tells the client that the stream is open; fails when it has left, which the next write shows
	var tending sync.WaitGroup
	tending.Go(func() { t.tend(ctx, cancel, events) })
	defer tending.Wait()
	defer cancel()

	next, running := exec.DispatchOperation(ctx, operation)
	for response := next(running); response != nil; response = next(running) {
		if events.write("next", encode(response)) != nil {
			return
		}
	}
	if ctx.Err() == nil {
		_ = events.write("complete", nil) // fails when the client has left
	}
}

// tend keeps a stream alive until ctx ends, and ends it when the server stops or the key is refused.
func (t *overHTTP) tend(ctx context.Context, end context.CancelFunc, events *events) {
	defer end()
	beat := time.NewTicker(t.server.config.KeepAlive)
	defer beat.Stop()
	check := time.NewTicker(revalidateEvery)
	defer check.Stop()
	for {
		select {
		case <-beat.C:
			if events.write("", nil) != nil {
				return
			}
		case <-check.C:
			if t.server.revalidate(ctx) != nil {
				return
			}
		case <-t.server.stopping:
			return
		case <-ctx.Done():
			return
		}
	}
}

// streamOnce sends a response that was made without executing anything.
func streamOnce(w http.ResponseWriter, response *graphql.Response) {
	events := beginEvents(w)
	if events.write("next", encode(response)) == nil {
		_ = events.write("complete", nil) // fails when the client has left
	}
}

// events writes server-sent events, whole ones from whichever goroutine.
type events struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
}

func beginEvents(w http.ResponseWriter) *events {
	header := w.Header()
	header.Set("Content-Type", typeStream)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // or nginx would gather events
	w.WriteHeader(http.StatusOK)
	return &events{w: w, control: http.NewResponseController(w)}
}

// write sends an event; a comment if it has no name. data is JSON, which has no line breaks.
func (e *events) write(name string, data []byte) error {
	frame := []byte(":\n\n")
	if name != "" {
		frame = append([]byte("event: "+name+"\ndata: "), data...)
		frame = append(frame, "\n\n"...)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not supported only in tests without a connection
	if _, err := e.w.Write(frame); err != nil {                  //nolint:gosec // no browser takes an event stream for a page
		return err
	}
	return e.control.Flush()
}
