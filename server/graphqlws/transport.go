// Package graphqlws serves GraphQL over websockets, in the subprotocol graphql-transport-ws
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md), as a transport of gqlgen's server.
//
// Every socket has one goroutine that reads, one that writes, and one for each running operation:
//
//	client ──► read ──► subscribe ──► operation ┐ a full queue blocks only
//	                                  operation ┼──► queue ──► write ──► client
//	                                  operation ┘ the operations of this socket
//
// Whatever ends a socket (the client, an error, a refused key, a shutdown) goes through connection.close, which records
// the close code, cancels the operations and lets the reader and the writer finish the closing handshake.
package graphqlws

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

const subprotocol = "graphql-transport-ws"

// writeBufferSize is what a frame is gathered in; the rest of a longer one is handed to the kernel from where it lies.
const writeBufferSize = 4 << 10

// InitPayload is the payload of connection_init. A browser can't set headers on a websocket, so they come here.
type InitPayload struct {
	// Authorization is what the header of that name would hold: `Bearer hk_…`.
	Authorization string `json:"authorization"`
	// Account is the key of the account that an administrator picks, as in the header Hookline-Account.
	Account string `json:"account"`
}

// Refusal is an error of Authenticate or Revalidate, or the cause of the end of a context, whose reason is shown to the
// client. Of any other error the client learns nothing but "Forbidden".
type Refusal struct {
	// Reason says what is wrong with the key, in English; it is cut to the 123 bytes that a close frame holds.
	Reason string
}

func (r *Refusal) Error() string { return r.Reason }

// Transport is a graphql.Transport. Its zero value works, with the defaults named below and without authentication.
// The fields must not be changed after the first request.
//
// Messages are not compressed: each would cost tens of microseconds of CPU and a compressor's memory per socket, more
// than writing it as it is.
type Transport struct {
	// Authenticate is called once per socket, with the request that was upgraded and the payload of connection_init. The
	// operations of the socket run under the context that it returns, which should derive from ctx; ctx ends with the
	// socket. An error closes the socket with 4403, and so does the end of the returned context, as by a deadline at which
	// the key expires; see Refusal, which may be the cause of that, too. Nil lets everyone in.
	Authenticate func(ctx context.Context, r *http.Request, init InitPayload) (context.Context, error)

	// Revalidate is called every RevalidateInterval with the context that Authenticate returned, so that a key that was
	// revoked or has expired closes the sockets that it opened. An error closes the socket with 4403; see Refusal. When it
	// can't tell, because the database is down, it had better return nil. Calls for one socket never overlap. Nil: the
	// first answer holds as long as the socket.
	Revalidate func(ctx context.Context) error
	// RevalidateInterval is the time between two calls of Revalidate; default 5 s.
	RevalidateInterval time.Duration

	// CheckOrigin says whether a page on the request's Origin may open a socket; others get status 403. Nil admits
	// requests without that header, which don't come from a page, and those whose origin has the host they are sent to.
	CheckOrigin func(r *http.Request) bool

	// InitTimeout bounds the time from the upgrade until the client is authenticated; default 10 s. Then the socket is
	// closed with 4408.
	InitTimeout time.Duration

	// PingInterval is the time between two pings of the server; default 15 s. A socket on which nothing was received for
	// two intervals is taken for dead. The pings are websocket ping frames, not `ping` messages of the subprotocol:
	// browsers answer them on their own, also for a tab in the background whose scripts are throttled, and so does every
	// other client without any code for it. `ping` messages of the client are answered too.
	PingInterval time.Duration

	// WriteTimeout bounds the writing of one frame; default 10 s. A client that doesn't read for so long loses its socket
	// and the operations on it.
	WriteTimeout time.Duration

	// ReadLimit is the greatest size of a client's message in bytes; default 1 MiB. A longer one closes the socket with 1009.
	ReadLimit int64

	// MaxOperations is the number of operations that may run on one socket at once; default 100. One more is answered
	// with an `error` message; the socket stays.
	MaxOperations int

	// QueueSize is the number of messages that may wait to be written to one socket; default 16. When the queue is full
	// an operation waits with its next response, and with it whatever feeds its resolver; other sockets go on.
	QueueSize int

	// Logger gets one line per socket, when it has ended; default slog.Default().
	Logger *slog.Logger

	setup    sync.Once
	upgrader websocket.Upgrader

	mu       sync.Mutex
	sockets  map[*connection]struct{}
	stopping bool
	serving  sync.WaitGroup // requests and the sockets that came of them
}

var _ graphql.Transport = (*Transport)(nil)

// Supports says whether r asks for a websocket.
func (t *Transport) Supports(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }

// Do upgrades the request and returns; the socket is served in the background, until it is closed, under the values of
// the request's context but not under its end. Were Do to stay, every socket would keep the buffers and the stack of its
// HTTP connection, and whatever middleware measures requests would measure sockets. A request that can't be upgraded is
// answered with the HTTP status that says why; after Shutdown that is 503.
func (t *Transport) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t.setup.Do(t.applyDefaults)
	if !t.begin() {
		http.Error(w, "the server is shutting down", http.StatusServiceUnavailable)
		return
	}
	conn, err := t.upgrader.Upgrade(w, r, nil)
	if err != nil {
		t.Logger.LogAttrs(r.Context(), slog.LevelDebug, "websocket not opened", slog.Any("error", err))
		t.serving.Done()
		return // Upgrade has answered
	}
	ctx, stop := context.WithCancelCause(context.WithoutCancel(r.Context()))
	c := newConnection(t, conn, exec, r.Header, stop)
	t.add(c)
	if conn.Subprotocol() != subprotocol {
		c.close(codeSubprotocolNotAcceptable, "Subprotocol not acceptable", nil)
	}
	go func() {
		defer t.serving.Done()
		defer t.remove(c)
		c.serve(ctx, r)
	}()
}

// Shutdown refuses new sockets with status 503, closes the open ones with 1001 (going away), on which clients connect
// again and repeat their subscriptions, and waits until their operations have ended. It is best called before whatever
// feeds the subscriptions is stopped: one that runs dry is told complete, and its client doesn't come back for it. When ctx ends first, the connections are cut and the error wraps
// its cause; operations that don't heed their context may then still run.
func (t *Transport) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	t.stopping = true
	for c := range t.sockets {
		c.goAway()
	}
	t.mu.Unlock()

	ended := make(chan struct{})
	go func() {
		t.serving.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.sockets {
		_ = c.conn.Close()
	}
	return fmt.Errorf("shut down websockets: %w", context.Cause(ctx))
}

func (t *Transport) applyDefaults() {
	t.RevalidateInterval = cmp.Or(t.RevalidateInterval, 5*time.Second)
	t.InitTimeout = cmp.Or(t.InitTimeout, 10*time.Second)
	t.PingInterval = cmp.Or(t.PingInterval, 15*time.Second)
	t.WriteTimeout = cmp.Or(t.WriteTimeout, 10*time.Second)
	t.ReadLimit = cmp.Or(t.ReadLimit, 1<<20)
	t.MaxOperations = cmp.Or(t.MaxOperations, 100)
	t.QueueSize = cmp.Or(t.QueueSize, 16)
	t.Logger = cmp.Or(t.Logger, slog.Default())
	t.sockets = make(map[*connection]struct{})
	t.upgrader = websocket.Upgrader{
		HandshakeTimeout: t.WriteTimeout,
		WriteBufferSize:  writeBufferSize,
		WriteBufferPool:  &sync.Pool{}, // a buffer per frame being written, not per socket
		Subprotocols:     []string{subprotocol},
		CheckOrigin:      t.CheckOrigin,
	}
}

// begin counts a request in, unless the transport is shutting down.
func (t *Transport) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopping {
		return false
	}
	t.serving.Add(1)
	return true
}

func (t *Transport) add(c *connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sockets[c] = struct{}{}
	if t.stopping { // since begin
		c.goAway()
	}
}

func (t *Transport) remove(c *connection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sockets, c)
}
