package server

import (
	"context"
	"fmt"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/server/graphqlws"
)

// perKey counts what each API key has open on this server, up to a limit.
type perKey struct {
	limit int

	mu   sync.Mutex
	open map[id.ID]int
}

func newPerKey(limit int) *perKey { return &perKey{limit: limit, open: make(map[id.ID]int)} }

// take counts one more for a key, until it is given back or ctx ends. It reports false, and counts nothing, if the key has
// as many as it may.
func (p *perKey) take(ctx context.Context, key id.ID) (giveBack func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[key] >= p.limit {
		return nil, false
	}
	p.open[key]++
	giveBack = sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[key]--; p.open[key] == 0 {
			delete(p.open, key)
		}
	})
	context.AfterFunc(ctx, giveBack)
	return giveBack, true
}

// takeSocket counts a websocket, until ctx ends.
func (s *Server) takeSocket(ctx context.Context, principal *access.Principal) error {
	if _, ok := s.sockets.take(ctx, principal.KeyID); ok {
		return nil
	}
	return &graphqlws.Refusal{Reason: fmt.Sprintf("the API key has %d websockets open, which is the limit: close one first", s.sockets.limit)}
}

// limitOperations lets each API key run so many operations at once, over whatever transport.
func (s *Server) limitOperations(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	giveBack, ok := s.operations.take(ctx, access.PrincipalFrom(ctx).KeyID)
	if !ok {
		return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{
			Message:    fmt.Sprintf("the API key runs %d operations, which is the limit: complete one first", s.operations.limit),
			Extensions: map[string]any{"code": graph.CodeTooManyOperations},
		}}})
	}
	responses, many := next(ctx), kindOf(graphql.GetOperationContext(ctx)) == ast.Subscription
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil || !many {
			giveBack()
		}
		return response
	}
}
