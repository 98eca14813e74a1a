package graphqlws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

func TestOperation_of_each_kind_ends_with_complete(t *testing.T) {
	t.Parallel()
	source := make(chan string, 2)
	c := start(t, &Transport{}, schema{
		"hello": answers(`{"hello":"you"}`),
		"touch": answers(`{"touch":"done"}`),
		"feed":  follows(source),
	}).open(t)

	c.subscribe("q", `{ hello }`)
	c.expect(`{"id":"q","type":"next","payload":{"data":{"hello":"you"}}}`, `{"id":"q","type":"complete"}`)
	c.subscribe("m", `mutation { touch }`)
	c.expect(`{"id":"m","type":"next","payload":{"data":{"touch":"done"}}}`, `{"id":"m","type":"complete"}`)
	c.subscribe("s", `subscription { feed }`)
	source <- `{"feed":"1"}`
	source <- `{"feed":"2"}`
	close(source)
	c.expect(
		`{"id":"s","type":"next","payload":{"data":{"feed":"1"}}}`,
		`{"id":"s","type":"next","payload":{"data":{"feed":"2"}}}`,
		`{"id":"s","type":"complete"}`,
	)
}

func TestOperation_id_is_free_once_the_client_sees_the_end(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{MaxOperations: 1}, schema{"hello": answers(`{"hello":"you"}`)}).open(t)
	for range 200 {
		c.subscribe(`1`, `{ hello }`)
		c.expect(`{"id":"1","type":"next","payload":{"data":{"hello":"you"}}}`, `{"id":"1","type":"complete"}`)
		c.subscribe(`1`, `{ nothing }`)
		if _, got, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(got), `{"id":"1","type":"error"`) {
			t.Fatalf("got %s (%v)", got, err)
		}
	}
}

func TestOperation_may_have_any_id(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{"hello": answers(`{"hello":"you"}`)}).open(t)
	c.subscribe(`\"},{\u0000é😀`, `{ hello }`)
	c.expect(`{"id":"\"},{\u0000é😀","type":"next","payload":{"data":{"hello":"you"}}}`, `{"id":"\"},{\u0000é😀","type":"complete"}`)
}

func TestOperation_ends_with_error_when_it_is_refused(t *testing.T) {
	t.Parallel()
	s := start(t, &Transport{}, schema{
		"hello": answers(`{"hello":"you"}`),
		"feed": func(ctx context.Context) graphql.ResponseHandler {
			graphql.AddErrorf(ctx, "no such delivery")
			return nil
		},
		"other": func(context.Context) graphql.ResponseHandler {
			return func(context.Context) *graphql.Response { // never ends
				return &graphql.Response{Errors: gqlerror.List{{Message: "not any more"}}}
			}
		},
	})
	s.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if graphql.GetOperationContext(ctx).Operation.Name == "Secret" {
			return graphql.OneShot(graphql.ErrorResponse(ctx, "FORBIDDEN"))
		}
		return next(ctx)
	})
	c := s.open(t)
	for query, want := range map[string]string{
		`{ hello`:                `[{"message":"Expected Name, found \u003cEOF\u003e","locations":[{"line":1,"column":8}],"extensions":{"code":"GRAPHQL_PARSE_FAILED"}}]`,
		`{ helo: nothing }`:      `[{"message":"Cannot query field \"nothing\" on type \"Query\".","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]`,
		`query Secret{ hello }`:  `[{"message":"FORBIDDEN"}]`,
		`subscription { feed }`:  `[{"message":"no such delivery"}]`,
		`subscription { other }`: `[{"message":"not any more"}]`,
	} {
		c.subscribe("1", query)
		c.expect(`{"id":"1","type":"error","payload":` + want + `}`)
	}
	c.subscribe("1", `{ hello }`) // no complete came in between
	c.expect(`{"id":"1","type":"next","payload":{"data":{"hello":"you"}}}`)
}

func TestOperation_sends_errors_of_fields_with_its_data(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{"fail": func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{Data: []byte("null"), Errors: gqlerror.List{{Message: "failed"}}})
	}}).open(t)
	c.subscribe("1", `{ fail }`)
	c.expect(`{"id":"1","type":"next","payload":{"errors":[{"message":"failed"}],"data":null}}`, `{"id":"1","type":"complete"}`)
}

func TestOperation_survives_a_panic(t *testing.T) {
	t.Parallel()
	source := make(chan string)
	s := start(t, &Transport{}, schema{
		"hello": answers(`{"hello":"you"}`),
		"panic": func(context.Context) graphql.ResponseHandler {
			return func(context.Context) *graphql.Response {
				<-source
				panic("oh dear")
			}
		},
		"fail": func(context.Context) graphql.ResponseHandler {
			return graphql.OneShot(&graphql.Response{Data: []byte("null"), Errors: gqlerror.List{
				{Message: "failed", Extensions: map[string]any{"no JSON": func() {}}},
			}})
		},
	})
	c := s.open(t)
	close(source)
	for _, query := range []string{`subscription { panic }`, `{ panic }`, `{ fail }`} {
		c.subscribe("1", query)
		c.expect(`{"id":"1","type":"error","payload":[{"message":"something went wrong"}]}`)
	}
	c.subscribe("1", `{ hello }`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"hello":"you"}}}`)
}

// bareExecutor is an executor that can't present recovered errors.
type bareExecutor struct{ graphql.GraphExecutor }

func (bareExecutor) CreateOperationContext(context.Context, *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	panic("oh dear")
}

func TestOperation_survives_a_panic_under_any_executor(t *testing.T) {
	t.Parallel()
	transport := &Transport{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		transport.Do(w, r, bareExecutor{executor.New(schema{})})
	}))
	defer srv.Close()
	c := server{url: "ws" + strings.TrimPrefix(srv.URL, "http")}.open(t)
	c.subscribe("1", `{ hello }`)
	c.expect(`{"id":"1","type":"error","payload":[{"message":"internal system error"}]}`)
	_ = c.Close()
	if err := transport.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestComplete_cancels_the_operation(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := start(t, &Transport{}, schema{"feed": idles(ended), "hello": answers(`{"hello":"you"}`)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	c.send(`{"id":"1","type":"complete"}`)
	if err := get(t, ended); !errors.Is(err, errCompleted) {
		t.Errorf("the operation ended because of %v", err)
	}
	c.send(`{"id":"1","type":"complete"}`, `{"id":"unknown","type":"complete"}`) // no mistakes
	c.subscribe("1", `{ hello }`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"hello":"you"}}}`, `{"id":"1","type":"complete"}`)
}

func TestComplete_drops_what_is_still_queued(t *testing.T) {
	t.Parallel()
	c, other := lone(t, nil)
	next := func(op *operation, data string) frame {
		f, err := nextFrame(op.head, &graphql.Response{Data: []byte(data)})
		if err != nil {
			t.Fatal(err)
		}
		f.op = op
		return f
	}
	before := &operation{id: "1", head: nextHead("1"), stop: func(error) {}}
	c.enter(before)
	last := completeFrame("1")
	last.op, last.last = before, true
	c.queue <- next(before, `"before"`)
	c.queue <- last
	c.complete("1")

	after := &operation{id: "1", head: nextHead("1"), stop: func(error) {}}
	c.enter(after)
	c.queue <- next(after, `"after"`)
	for range 3 {
		if err := c.writeQueued(<-c.queue); err != nil {
			t.Fatal(err)
		}
	}
	other.expect(`{"id":"1","type":"next","payload":{"data":"after"}}`)

	c.forget(before) // as if its last message was being written while the client completed it
	if used, _ := c.lookUp("1"); !used {
		t.Error("the end of the one operation has freed the id of the other")
	}
}

// A client that is told `complete` because the server shuts down would not come back for the rest.
func TestOperation_whose_context_has_ended_sends_nothing_more(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]func(context.Context) graphql.ResponseHandler{
		"complete": idles(make(chan error, 1)),
		"error": func(context.Context) graphql.ResponseHandler {
			panic("the context has ended")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exec := executor.New(schema{"feed": feed})
			exec.SetRecoverFunc(func(_ context.Context, v any) error { return fmt.Errorf("%v", v) })
			c, _ := lone(t, exec)
			ctx, cancel := context.WithCancel(graphql.StartOperationTrace(context.Background()))
			cancel()
			c.run(ctx, &operation{id: "1", head: nextHead("1")}, &graphql.RawParams{Query: `subscription { feed }`})
			if len(c.queue) != 0 {
				t.Errorf("sent %s", *(<-c.queue).body)
			}
		})
	}
}

func TestMaxOperations_refuses_one_more(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 4)
	c := start(t, &Transport{MaxOperations: 2}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	c.subscribe("2", `subscription { feed }`)
	refused := `{"id":"3","type":"error","payload":[{"message":"2 operations are running on this socket, which is the limit: complete one first","extensions":{"code":"TOO_MANY_OPERATIONS"}}]}`
	c.subscribe("3", `subscription { feed }`)
	c.expect(refused)
	c.send(`{"id":"1","type":"complete"}`)
	c.subscribe("1", `subscription { feed }`) // may have to wait for the other's goroutine
	c.subscribe("3", `subscription { feed }`)
	c.expect(refused)
}

func TestMaxOperations_bounds_goroutines_that_outlive_their_operation(t *testing.T) {
	t.Parallel()
	var running atomic.Int32
	c := start(t, &Transport{MaxOperations: 1}, schema{
		"hello": answers(`{"hello":"you"}`),
		"feed": func(ctx context.Context) graphql.ResponseHandler {
			if running.Add(1) > 1 {
				t.Error("two operations run at once")
			}
			<-ctx.Done()
			for range 100 {
				runtime.Gosched() // let the reader go on
			}
			running.Add(-1)
			return func(context.Context) *graphql.Response { return nil }
		},
	}).open(t)
	for range 200 {
		c.subscribe("1", `subscription { feed }`)
		c.send(`{"id":"1","type":"complete"}`)
	}
	c.subscribe("2", `{ hello }`)
	c.expect(`{"id":"2","type":"next","payload":{"data":{"hello":"you"}}}`)
}
