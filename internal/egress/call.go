package egress

import (
	"bytes"
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// call is one request under way. It is the context of that request, so that the dial which net/http starts for it
// finds its limits, and it watches over the time limits with a single timer that is never reset on the way of a
// request that goes well.
type call struct {
	context.Context //nolint:containedctx // it is itself the context of one request; ends with a *timeoutError as its cause when a limit is reached
	cancel          context.CancelCauseFunc

	connectTimeout, readTimeout, totalTimeout time.Duration

	trace httptrace.ClientTrace
	body  bytes.Reader
	gate  Gate

	begun     time.Duration // by clock
	firstByte atomic.Int64  // by clock; 0 until the answer begins
	progress  atomic.Int64  // by clock, when this request last got something of its own

	mu      sync.Mutex
	timer   *time.Timer
	ended   bool
	dialled *conn // the connection made for the request, which it need not get
	conn    *conn // the connection that the request got
	reused  bool
	once    bool          // it has a body, and so gets no second connection
	stopped error         // why the gate did not let it pass
	served  bool          // it has got a connection, or has ended
	serving chan struct{} // closed when it is served; nil while nobody waits for that
}

type callKey struct{}

// Value makes the call visible to the dial that net/http starts for it.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callOf returns the call for which net/http dials.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// newCall starts the clock. The caller must call end.
func newCall(ctx context.Context, req *Request) *call {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &call{
		Context:        ctx,
		cancel:         cancel,
		connectTimeout: req.ConnectTimeout,
		readTimeout:    req.ReadTimeout,
		totalTimeout:   req.TotalTimeout,
		begun:          clock(),
		once:           len(req.Body) > 0,
		gate:           req.Gate,
	}
	c.body.Reset(req.Body)
	c.trace.GotConn = c.gotConn
	c.trace.GotFirstResponseByte = c.gotFirstByte
	c.mu.Lock()
	c.timer = time.AfterFunc(min(c.readTimeout, c.totalTimeout), c.watch)
	c.mu.Unlock()
	return c
}

// end stops the timer and releases the context.
func (c *call) end() {
	c.mu.Lock()
	c.ended = true
	c.serve()
	c.timer.Stop()
	c.mu.Unlock()
	c.cancel(nil)
}

// watch runs when a limit may have been reached: it ends the call, or sets the timer to when that is next possible.
func (c *call) watch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	now := clock()
	left := c.begun + c.totalTimeout - now
	if left <= 0 {
		c.cancel(&timeoutError{limit: totalLimit, missing: "no whole answer", after: c.totalTimeout})
		return
	}
	// Without a connection the dial's own limit applies, and silence begins with the connection at the earliest.
	silent := time.Duration(0)
	if c.conn != nil {
		silent = now - c.lastMoved()
	}
	if silent >= c.readTimeout {
		c.cancel(&timeoutError{limit: readLimit, missing: "no packet", after: c.readTimeout})
		return
	}
	c.timer.Reset(min(left, c.readTimeout-silent))
}

// lastMoved returns when the request last made progress. On a connection of its own every packet that comes
// counts, so that a header may trickle in; on a shared one only what came for this request.
func (c *call) lastMoved() time.Duration {
	moved := c.progress.Load()
	if !c.conn.shared {
		moved = max(moved, c.conn.moved.Load())
	}
	return time.Duration(moved)
}

// hasDialled is told of the connection that a dial for this call made; the call may be over.
func (c *call) hasDialled(made *conn) {
	c.mu.Lock()
	c.dialled = made
	c.mu.Unlock()
}

func (c *call) moved() { c.progress.Store(int64(clock())) }

func (c *call) gotConn(info httptrace.GotConnInfo) {
	c.moved()
	c.mu.Lock()
	c.conn = underlying(info.Conn)
	c.reused = info.Reused
	c.serve()
	c.mu.Unlock()
	switch {
	case c.gate == nil:
	case !c.conn.shared:
		c.conn.gated.Store(c)
	default:
		if err := c.pass(); err != nil {
			c.cancel(err)
		}
	}
}

// pass asks the gate.
func (c *call) pass() error {
	err := c.gate.Pass()
	if err != nil {
		c.mu.Lock()
		c.stopped = err
		c.mu.Unlock()
	}
	return err
}

// refused returns why the gate did not let the call pass; nil if it has not said so.
func (c *call) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// whenServed returns what is closed when the call needs no connection any more.
func (c *call) whenServed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.serving == nil {
		c.serving = make(chan struct{})
		if c.served {
			close(c.serving)
		}
	}
	return c.serving
}

// serve notes that the call needs no connection any more. mu is held.
func (c *call) serve() {
	if !c.served && c.serving != nil {
		close(c.serving)
	}
	c.served = true
}

func (c *call) gotFirstByte() {
	c.moved()
	c.firstByte.Store(c.progress.Load())
}

// stage returns how far the request came, but for failures of its dial.
func (c *call) stage() stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.conn
	if used == nil {
		used = c.dialled
	}
	switch {
	case used == nil:
		return preparing
	case c.firstByte.Load() > 0:
		return answering
	case used.asked && !c.reused:
		// With TLS 1.3 the endpoint judges the certificate when the handshake is over for us. Its verdict often comes
		// as no more than a closed connection, as we write while it closes.
		return handshaking
	}
	return waiting
}

// describe fills in what the call learned about time and connection.
func (c *call) describe(resp *Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	resp.Timing.Total = clock() - c.begun
	if at := time.Duration(c.firstByte.Load()); at > 0 {
		resp.Timing.FirstByte = at - c.begun
	}
	if c.conn == nil {
		return
	}
	resp.RemoteAddr = c.conn.remote
	resp.TLSVersion = c.conn.tlsVersion
	resp.Timing.Reused = c.reused
	if !c.reused && c.conn.begun >= c.begun {
		resp.Timing.DNS, resp.Timing.Connect, resp.Timing.TLS = c.conn.made.dns, c.conn.made.connect, c.conn.made.tls
	}
}
