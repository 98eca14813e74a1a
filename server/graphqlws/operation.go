package graphqlws

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// errCompleted is why the context of an operation ends that the client has completed.
var errCompleted = errors.New("the client has completed the operation")

// operation is a query, mutation or subscription that a client has asked for.
type operation struct {
	id   string
	head []byte // of its `next` messages
	stop context.CancelCauseFunc
	// silent is set when the client has completed the operation: nothing more may be sent for it, not even what is
	// queued, because the client may use the id again at once.
	silent atomic.Bool
}

// subscribe starts the operation that the client asks for.
func (c *connection) subscribe(ctx context.Context, m message) {
	ctx = graphql.StartOperationTrace(ctx)
	params, err := parseOperation(m.Payload)
	if err != nil {
		c.closeBadRequest(err)
		return
	}
	params.Headers = c.header
	params.ReadTime = graphql.TraceTiming{Start: graphql.GetStartTime(ctx), End: graphql.Now()}

	switch used, running := c.lookUp(m.ID); {
	case used:
		c.close(codeSubscriberAlreadyExists, "Subscriber for "+m.ID+" already exists", nil)
		return
	case running >= c.transport.MaxOperations:
		c.send(c.closing, errorFrame(m.ID, c.tooManyOperations()))
		return
	}
	// Waits only for the goroutines of operations that the client has completed, and only when there are very many.
	select {
	case c.slots <- struct{}{}:
	case <-c.closing:
		return
	}
	ctx, stop := context.WithCancelCause(ctx)
	op := &operation{id: m.ID, head: nextHead(m.ID), stop: stop}
	if !c.enter(op) {
		stop(errSocketClosed)
		return
	}
	c.started++
	go func() {
		defer c.running.Done()
		defer func() { <-c.slots }()
		defer stop(nil)
		c.run(ctx, op, params)
	}()
}

// run executes the operation and sends its responses and its last message: `error`, or `complete` after the last response.
// Of an operation whose context has ended nothing more is sent: either the client has completed it, or the socket is
// closing, and a client that was told `complete` before would not ask for the rest on its next socket.
func (c *connection) run(ctx context.Context, op *operation, params *graphql.RawParams) {
	errs := c.execute(ctx, op, params)
	if ctx.Err() != nil {
		return
	}
	last := completeFrame(op.id)
	if len(errs) > 0 {
		last = errorFrame(op.id, errs)
	}
	last.op, last.last = op, true
	c.send(c.closing, last)
}

// execute sends the operation's responses until there are no more or ctx ends. It returns the errors that end the
// operation with `error` instead of `complete`: those found before execution (syntax, validation, scope, limits), and a panic.
func (c *connection) execute(ctx context.Context, op *operation, params *graphql.RawParams) (errs gqlerror.List) {
	done := ctx.Done() // an interceptor may replace ctx
	defer func() {
		if v := recover(); v != nil {
			errs = c.recovered(ctx, v)
		}
	}()
	opCtx, errs := c.exec.CreateOperationContext(ctx, params)
	ctx = graphql.WithOperationContext(ctx, opCtx)
	if len(errs) > 0 {
		return c.exec.DispatchError(ctx, errs).Errors
	}
	responses, ctx := c.exec.DispatchOperation(ctx, opCtx)
	for {
		response := responses(ctx)
		if response == nil {
			return nil
		}
		// No data at all, not even null, means that nothing was executed (GraphQL, October 2021, section 7.1).
		if len(response.Data) == 0 && len(response.Errors) > 0 {
			return response.Errors
		}
		f, err := nextFrame(op.head, response)
		if err != nil {
			return c.recovered(ctx, err)
		}
		f.op = op
		if !c.send(done, f) {
			return nil
		}
	}
}

// recovered turns a panic into the errors that the client sees, as the server's own recover and presenter functions do.
func (c *connection) recovered(ctx context.Context, v any) gqlerror.List {
	presenter, ok := c.exec.(interface {
		PresentRecoveredError(ctx context.Context, v any) error
	})
	if ok {
		presented, ok := errors.AsType[*gqlerror.Error](presenter.PresentRecoveredError(ctx, v))
		if ok && presented != nil {
			return gqlerror.List{presented}
		}
	}
	return gqlerror.List{{Message: "internal system error"}}
}

func (c *connection) tooManyOperations() gqlerror.List {
	return gqlerror.List{{
		Message:    fmt.Sprintf("%d operations are running on this socket, which is the limit: complete one first", c.transport.MaxOperations),
		Extensions: map[string]any{"code": "TOO_MANY_OPERATIONS"},
	}}
}

// complete ends an operation that the client no longer wants. One that has ended already is none of its mistakes.
func (c *connection) complete(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op, ok := c.active[id]; ok {
		op.silent.Store(true)
		op.stop(errCompleted)
		delete(c.active, id)
	}
}

// lookUp says whether id is in use, and how many ids are.
func (c *connection) lookUp(id string) (used bool, active int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, used = c.active[id]
	return used, len(c.active)
}

// enter makes op an active operation and counts it into running, unless the socket is closing. Only the reader calls it.
func (c *connection) enter(op *operation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.active[op.id] = op
	c.running.Add(1)
	return true
}

// forget makes the id of op free, unless the client has completed op and the id is another operation's by now.
func (c *connection) forget(op *operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active[op.id] == op {
		delete(c.active, op.id)
	}
}
