package graphqlws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// The close codes of the subprotocol; 4500 is not in its text but in its reference implementation.
const (
	codeBadRequest                    = 4400
	codeUnauthorized                  = 4401
	codeForbidden                     = 4403
	codeSubprotocolNotAcceptable      = 4406
	codeInitialisationTimeout         = 4408
	codeSubscriberAlreadyExists       = 4409
	codeTooManyInitialisationRequests = 4429
	codeInternalServerError           = 4500
)

// closeTimeout is how long a client gets to answer the close frame; then its connection is cut.
const closeTimeout = 2 * time.Second

// errSocketClosed is why the contexts of a socket end, unless the client completed the operation before.
var errSocketClosed = errors.New("the websocket is closed")

// connection is one socket.
type connection struct {
	transport *Transport
	conn      *websocket.Conn
	exec      graphql.GraphExecutor
	header    http.Header             // of the request that was upgraded
	stop      context.CancelCauseFunc // ends the context of the socket

	queue   chan frame     // to the writer
	slots   chan struct{}  // one for each goroutine of an operation, also of one that the client has completed
	running sync.WaitGroup // operations and calls of Revalidate
	closing chan struct{}  // closed by close

	opened  time.Time
	started int // operations; the reader's
	written int // frames; the writer's

	mu     sync.Mutex
	active map[string]*operation // by id, until the client completes it or is sent its last message
	closed bool                  // close was called, with the following
	code   int
	reason string
	cause  error
	cut    *time.Timer // closes the connection after closeTimeout
}

func newConnection(t *Transport, conn *websocket.Conn, exec graphql.GraphExecutor, header http.Header, stop context.CancelCauseFunc) *connection {
	c := &connection{
		transport: t,
		conn:      conn,
		exec:      exec,
		header:    header,
		stop:      stop,
		queue:     make(chan frame, t.QueueSize),
		slots:     make(chan struct{}, t.MaxOperations),
		closing:   make(chan struct{}),
		opened:    time.Now(),
		active:    make(map[string]*operation),
	}
	// gorilla's own handlers write from the reader's goroutine; ours leave all writing to the writer.
	conn.SetPingHandler(func(payload string) error {
		c.extendDeadline()
		c.send(c.closing, controlPongFrame(payload))
		return nil
	})
	conn.SetPongHandler(func(string) error {
		c.extendDeadline()
		return nil
	})
	conn.SetCloseHandler(func(int, string) error { return nil })
	c.extendDeadline()
	return c
}

// serve reads the socket under ctx, the context that c.stop ends. It returns when the socket is closed and everything
// that was started for it has ended.
func (c *connection) serve(ctx context.Context, r *http.Request) {
	defer c.stop(nil)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		c.write()
	}()

	if authenticated, ok := c.initialise(ctx, r); ok {
		c.operate(authenticated)
	}
	c.drain()
	<-wrote
	_ = c.conn.Close()
	c.cut.Stop()
	c.running.Wait()
	c.log(ctx)
}

// initialise waits for connection_init and acknowledges it. It returns the context to run operations under, or false
// when the socket is closing.
func (c *connection) initialise(ctx context.Context, r *http.Request) (context.Context, bool) {
	late := time.AfterFunc(c.transport.InitTimeout, func() {
		c.close(codeInitialisationTimeout, "Connection initialisation timeout", nil)
	})
	defer late.Stop()
	for {
		m, ok := c.next()
		if !ok {
			return nil, false
		}
		switch m.Type {
		case typeInit:
			return c.acknowledge(ctx, r, m)
		case typeSubscribe:
			c.close(codeUnauthorized, "Unauthorized", nil)
		case typePing:
			c.send(c.closing, pongFrame(m.Payload))
		}
	}
}

// acknowledge answers connection_init.
func (c *connection) acknowledge(ctx context.Context, r *http.Request, m message) (context.Context, bool) {
	init, err := parseInit(m.Payload)
	if err != nil {
		c.closeBadRequest(err)
		return nil, false
	}
	if authenticate := c.transport.Authenticate; authenticate != nil {
		err := guard(func() (err error) {
			ctx, err = authenticate(ctx, r, init) //nolint:fatcontext // once a connection: acknowledge refuses a second time
			return err
		})
		if err != nil {
			c.closeRefused(err)
			return nil, false
		}
	}
	c.send(c.closing, ackFrame())
	if c.transport.Revalidate != nil {
		time.AfterFunc(c.transport.RevalidateInterval, func() { c.revalidate(ctx) })
	}
	return ctx, true
}

// revalidate asks whether the key still holds and, as long as it does, comes back after RevalidateInterval.
func (c *connection) revalidate(ctx context.Context) {
	if !c.begin() {
		return
	}
	defer c.running.Done()
	if err := guard(func() error { return c.transport.Revalidate(ctx) }); err != nil {
		c.closeRefused(err)
		return
	}
	time.AfterFunc(c.transport.RevalidateInterval, func() { c.revalidate(ctx) })
}

// operate handles the messages of a client that is authenticated, until the socket is closing or ctx ends.
func (c *connection) operate(ctx context.Context) {
	unwatch := context.AfterFunc(ctx, func() { c.closeRefused(context.Cause(ctx)) })
	defer unwatch()
	for {
		m, ok := c.next()
		if !ok {
			return
		}
		switch m.Type {
		case typeInit:
			c.close(codeTooManyInitialisationRequests, "Too many initialisation requests", nil)
		case typeSubscribe:
			c.subscribe(ctx, m)
		case typeComplete:
			c.complete(m.ID)
		case typePing:
			c.send(c.closing, pongFrame(m.Payload))
		}
	}
}

// next reads the next message. It is false when the socket is closing, also because of what was read.
func (c *connection) next() (message, bool) {
	select {
	case <-c.closing:
		return message{}, false
	default:
	}
	kind, reader, err := c.conn.NextReader()
	if err != nil {
		c.lose(err)
		return message{}, false
	}
	c.extendDeadline()
	if kind != websocket.TextMessage {
		c.closeBadRequest(errors.New("a binary frame"))
		return message{}, false
	}
	// gorilla's own limit would leave the rest unread, and then the connection's end can overtake the close frame.
	data, err := io.ReadAll(io.LimitReader(reader, c.transport.ReadLimit+1))
	switch {
	case err != nil:
		c.lose(err)
		return message{}, false
	case int64(len(data)) > c.transport.ReadLimit:
		c.close(websocket.CloseMessageTooBig, fmt.Sprintf("Message is longer than %d bytes", c.transport.ReadLimit), nil)
		return message{}, false
	}
	m, err := parseMessage(data)
	if err != nil {
		c.closeBadRequest(err)
		return message{}, false
	}
	return m, true
}

// drain throws away what the client still sends until it answers the close frame or its time is up. Closing the
// connection before would make the kernel answer such bytes with a reset, which can overtake the close frame.
func (c *connection) drain() {
	for {
		if _, _, err := c.conn.NextReader(); err != nil {
			return
		}
	}
}

// write is the writer: the only one to write to the socket, save for gorilla's reader, which closes it with 1002 when it
// meets a malformed frame.
func (c *connection) write() {
	ping := time.NewTicker(c.transport.PingInterval)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-c.closing:
			c.writeClose()
			return
		case f := <-c.queue:
			err = c.writeQueued(f)
		case <-ping.C:
			err = c.writeFrame(websocket.PingMessage, nil)
		}
		if err != nil {
			c.abort(err)
			return
		}
	}
}

func (c *connection) writeQueued(f frame) error {
	defer f.release()
	if f.op != nil {
		if f.op.silent.Load() {
			return nil
		}
		if f.last {
			c.forget(f.op) // before the client can know that the id is free
		}
	}
	return c.writeFrame(f.kind, *f.body)
}

// writeClose sends the close frame, unless the connection is lost.
func (c *connection) writeClose() {
	c.mu.Lock()
	code, reason := c.code, c.reason
	c.mu.Unlock()
	if code == websocket.CloseAbnormalClosure {
		return
	}
	if err := c.writeFrame(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason)); err != nil {
		_ = c.conn.Close() // the reader need not wait for an answer
	}
}

func (c *connection) writeFrame(kind int, body []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.transport.WriteTimeout)) // always nil
	c.written++
	if err := c.conn.WriteMessage(kind, body); err != nil {
		return fmt.Errorf("write websocket: %w", err)
	}
	return nil
}

// send queues f, waiting while the queue is full. It is false, and f is dropped, if done is closed before.
func (c *connection) send(done <-chan struct{}, f frame) bool {
	select {
	case c.queue <- f:
		return true
	case <-done:
		f.release()
		return false
	}
}

// close ends the socket with a close code and a reason that the client sees; cause is for the log. It doesn't wait. Only
// the first call counts.
func (c *connection) close(code int, reason string, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.code, c.reason, c.cause = code, closeReason(reason), cause
	c.cut = time.AfterFunc(closeTimeout, func() { _ = c.conn.Close() })
	close(c.closing)
	c.stop(errSocketClosed)
	for _, op := range c.active { // should Authenticate's context not derive from ours
		op.stop(errSocketClosed)
	}
}

// goAway closes the socket because the server ends; clients connect again.
func (c *connection) goAway() { c.close(websocket.CloseGoingAway, "Server shutting down", nil) }

// closeBadRequest closes the socket because of a message that is not of the subprotocol.
func (c *connection) closeBadRequest(err error) {
	c.close(codeBadRequest, "Invalid message: "+err.Error(), nil)
}

// closeRefused closes the socket because Authenticate or Revalidate failed, or the context of the one ended.
func (c *connection) closeRefused(err error) {
	if _, ok := errors.AsType[*panicError](err); ok {
		c.close(codeInternalServerError, "Internal server error", err)
		return
	}
	reason := "Forbidden"
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		reason = cmp.Or(refusal.Reason, reason)
	}
	c.close(codeForbidden, reason, err)
}

// lose handles the error of a read: the client has closed the socket, or it is lost.
func (c *connection) lose(err error) {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if ok && closed.Code != websocket.CloseAbnormalClosure {
		c.close(closed.Code, "", nil) // which answers with the same code
		return
	}
	c.abort(fmt.Errorf("read websocket: %w", err))
}

// abort ends a socket on which nothing more can be written.
func (c *connection) abort(err error) {
	c.close(websocket.CloseAbnormalClosure, "", err)
	_ = c.conn.Close()
}

// extendDeadline gives the client two more intervals to be heard of again.
func (c *connection) extendDeadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		_ = c.conn.SetReadDeadline(time.Now().Add(2 * c.transport.PingInterval))
	}
}

// begin counts a goroutine into running, unless the socket is closing.
func (c *connection) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

// log writes the socket's one line. Clients come and go; what they did not do themselves is of more interest.
func (c *connection) log(ctx context.Context) {
	level := slog.LevelDebug
	switch {
	case c.code == codeInternalServerError:
		level = slog.LevelError
	case c.cause != nil:
		level = slog.LevelInfo
	}
	c.transport.Logger.LogAttrs(ctx, level, "websocket closed",
		slog.Int("code", c.code),
		slog.String("reason", c.reason),
		slog.Any("cause", c.cause),
		slog.Duration("open", time.Since(c.opened)),
		slog.Int("operations", c.started),
		slog.Int("frames", c.written),
	)
}

// panicError is a panic of one of the transport's hooks.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

// guard makes a panic of a hook cost one socket, not the process.
func guard(hook func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return hook()
}
