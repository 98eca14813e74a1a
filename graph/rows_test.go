package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// watcher is a subscription to live attempts, as far as rendering goes.
type watcher struct {
	ctx    func() context.Context // of a response
	ec     *executionContext
	fields ast.SelectionSet
	rows   *rows
	reader string
}

func newRows() *rows {
	log := slog.New(slog.DiscardHandler)
	r := &Resolver{}
	return &rows{
		schema:  NewExecutableSchema(Config{Resolvers: r}).(*executableSchema),
		present: presentError(log), recover: recoverPanic(log),
	}
}

// watch prepares an operation that has been parsed, for a caller with the scopes.
func (c *rows) watch(parsed *graphql.OperationContext, variables map[string]any, scopes ...access.Scope) *watcher {
	operation := &graphql.OperationContext{
		Doc: parsed.Doc, Operation: parsed.Operation, Variables: variables, RecoverFunc: c.recover,
		ResolverMiddleware: func(ctx context.Context, next graphql.Resolver) (any, error) { return next(ctx) },
	}
	ctx := access.WithPrincipal(context.Background(), &access.Principal{Scopes: scopes})
	ctx = graphql.WithOperationContext(ctx, operation)
	return &watcher{
		ctx: func() context.Context {
			return graphql.WithResponseContext(context.WithValue(ctx, loadersKey{}, newLoaders(nil, gatherFor)), c.present, c.recover)
		},
		ec:     newExecutionContext(operation, c.schema, nil),
		fields: operation.Operation.SelectionSet[0].(*ast.Field).SelectionSet,
		rows:   c, reader: readerOf(ctx),
	}
}

// read returns a batch of results as the watcher gets it.
func (w *watcher) read(into *bytes.Buffer, results []*stream.Result) {
	batch := &AttemptBatch{Kind: "LIVE", Cursor: "c", results: results, rows: w.rows, reader: w.reader}
	w.ec._AttemptBatch(w.ctx(), w.fields, batch).MarshalGQL(into)
}

func someResults(n int) []*stream.Result {
	results := make([]*stream.Result, n)
	for i := range results {
		results[i] = &stream.Result{
			AccountID: id.New(), DeliveryID: id.New(), EventID: id.New(), SubscriptionID: id.New(), EventType: "sms.delivery",
			Status: stream.StatusSucceeded, Attempts: 1,
			Attempt: &stream.Attempt{
				ID: id.New(), Trigger: stream.TriggerFirst, Outcome: stream.OutcomeSuccess, StatusCode: 200, StartedAt: 1, TotalUs: 1234,
				URL: "https://203.0.113.7/", PayloadFormat: "ENVELOPE",
			},
		}
	}
	return results
}

const watched = `subscription($full: Boolean! = false, $after: Cursor) {
	deliveryAttempts(after: $after) {kind cursor attempts {id startedAt outcome statusCode eventType number timing {totalMs} url @include(if: $full)}}}`

func TestRows(t *testing.T) {
	t.Parallel()
	results := someResults(3)
	read := func(w *watcher) string {
		var out bytes.Buffer
		w.read(&out, results)
		return out.String()
	}
	t.Run("are as gqlgen would have them", func(t *testing.T) {
		t.Parallel()
		var got struct {
			Kind, Cursor string
			Attempts     []map[string]any
		}
		if err := json.Unmarshal([]byte(read(newRows().watch(operationOf(t, watched), nil))), &got); err != nil || len(got.Attempts) != 3 {
			t.Fatalf("%+v, %v", got, err)
		}
		if attempt := got.Attempts[2]; attempt["id"] != id.Format(id.Attempt, results[2].Attempt.ID) || attempt["statusCode"] != 200.0 || len(attempt) != 7 {
			t.Errorf("got %v", attempt)
		}
	})

	t.Run("are shared by those who are to see the same", func(t *testing.T) {
		t.Parallel()
		c, operation := newRows(), operationOf(t, watched)
		first := read(c.watch(operation, map[string]any{"full": false, "after": "x"}, access.LogRead))
		for name, w := range map[string]struct {
			watcher *watcher
			shared  bool
		}{
			"the same":                   {c.watch(operation, map[string]any{"full": false, "after": "x"}, access.LogRead), true},
			"from elsewhere on":          {c.watch(operation, map[string]any{"full": false, "after": "y"}, access.LogRead), true},
			"with another variable":      {c.watch(operation, map[string]any{"full": true, "after": "x"}, access.LogRead), false},
			"with another scope":         {c.watch(operation, map[string]any{"full": false}, access.LogRead, access.PayloadsRead), false},
			"with a document of its own": {c.watch(operationOf(t, watched), map[string]any{"full": false}, access.LogRead), false},
		} {
			before := len(c.young)
			got := read(w.watcher)
			if shared := len(c.young) == before; shared != w.shared {
				t.Errorf("%s: shared is %v", name, shared)
			}
			if w.shared && got != first {
				t.Errorf("%s: %s, want %s", name, got, first)
			}
		}
	})

	t.Run("are forgotten after two generations", func(t *testing.T) {
		t.Parallel()
		c := newRows()
		w := c.watch(operationOf(t, watched), nil)
		read(w)
		for range 2 {
			c.youngSince = time.Now().Add(-2 * generationTime)
			var out bytes.Buffer
			w.read(&out, nil)
		}
		if len(c.young)+len(c.old) != 0 {
			t.Errorf("%d and %d are left", len(c.young), len(c.old))
		}
	})

	t.Run("that failed are not shared, and their errors are told", func(t *testing.T) {
		t.Parallel()
		c := newRows() // without a database
		operation := operationOf(t, `subscription {deliveryAttempts {attempts {id subscription {name}}}}`)
		for range 2 {
			w := c.watch(operation, nil)
			ctx := w.ctx()
			batch := &AttemptBatch{results: results, rows: c, reader: w.reader}
			var out bytes.Buffer
			w.ec._AttemptBatch(ctx, w.fields, batch).MarshalGQL(&out)
			if errs := graphql.GetErrors(ctx); len(errs) != len(results) || errs[0].Extensions["code"] != CodeInternal {
				t.Errorf("errors %v in %s", errs, out.String())
			}
		}
		for _, entry := range c.young {
			if entry.row != nil {
				t.Errorf("%s is shared", entry.row.text)
			}
		}
	})
}

// BenchmarkRows measures what a row costs for each of many who watch the same.
func BenchmarkRows(b *testing.B) {
	c, results := newRows(), someResults(100)
	operation := operationOf(b, watched)
	watchers := make([]*watcher, 100)
	for i := range watchers {
		watchers[i] = c.watch(operation, nil)
	}
	var out bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		c.young, c.old = nil, nil
		for _, w := range watchers {
			out.Reset()
			w.read(&out, results)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(watchers)*len(results)), "ns/row")
}
