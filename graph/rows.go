package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/stream"
)

// Row is an attempt of the live log, as JSON of what a subscription selects of it.
type Row struct{ text []byte }

// MarshalGQL writes the row.
func (r *Row) MarshalGQL(w io.Writer) { _, _ = w.Write(r.text) } // gqlgen writes into a buffer

// UnmarshalGQL is never used; gqlgen writes rows as they are only if they have it.
func (r *Row) UnmarshalGQL(any) error { return inputErrorf("an attempt is no input") }

// rows renders the attempts of live batches. Many dashboards watch the same attempts with the same document: a row is
// rendered once for all of them, which costs some 50 µs and a statement or two, and copied for each.
type rows struct {
	schema  *executableSchema
	present graphql.ErrorPresenterFunc
	recover graphql.RecoverFunc

	mu sync.Mutex
	// Rows are remembered for one to two generations.
	young, old map[rowKey]*rowEntry
	youngSize  atomic.Int64
	youngSince time.Time
}

// A generation ends when it is so old, or so large.
const (
	generationTime = time.Second
	generationSize = 16 << 20 // bytes
)

// rowKey names a rendered row: the same for subscribers who are to see the same.
type rowKey struct {
	result *stream.Result // of one account
	field  *ast.Field     // `attempts`, in a document that all who send it share
	reader string         // see readerOf
}

// rowEntry is a row that somebody renders, and others wait for.
type rowEntry struct {
	once sync.Once
	done atomic.Bool
	row  *Row // nil if rendering has failed
}

// readerOf returns what besides document and row decides on how a row looks: the caller's scopes, and the values of the
// variables that are used anywhere but in the arguments of the subscription itself.
func readerOf(ctx context.Context) string {
	operation := graphql.GetOperationContext(ctx)
	var used variableNames
	for _, selection := range operation.Operation.SelectionSet {
		if root, ok := selection.(*ast.Field); ok {
			used.selections(root.SelectionSet)
			continue
		}
		used.selections(ast.SelectionSet{selection})
	}
	values := make([]any, 0, len(used.names)+1)
	values = append(values, access.PrincipalFrom(ctx).Scopes)
	slices.Sort(used.names)
	for _, name := range slices.Compact(used.names) {
		values = append(values, name, operation.Variables[name])
	}
	text, err := json.Marshal(values)
	if err != nil {
		return fmt.Sprintf("%p", operation) // of no use to others
	}
	return string(text)
}

// variableNames collects the variables that selections use. Documents are small, see limits.go.
type variableNames struct{ names []string }

func (v *variableNames) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			v.arguments(selection.Arguments)
			v.directives(selection.Directives)
			v.selections(selection.SelectionSet)
		case *ast.InlineFragment:
			v.directives(selection.Directives)
			v.selections(selection.SelectionSet)
		case *ast.FragmentSpread:
			v.directives(selection.Directives)
			v.selections(selection.Definition.SelectionSet)
		}
	}
}

func (v *variableNames) directives(directives ast.DirectiveList) {
	for _, directive := range directives {
		v.arguments(directive.Arguments)
	}
}

func (v *variableNames) arguments(arguments ast.ArgumentList) {
	for _, argument := range arguments {
		v.value(argument.Value)
	}
}

func (v *variableNames) value(value *ast.Value) {
	if value.Kind == ast.Variable {
		v.names = append(v.names, value.Raw)
	}
	for _, child := range value.Children {
		v.value(child.Value)
	}
}

// render returns the rows of results, as the field of ctx selects them, for a reader.
func (c *rows) render(ctx context.Context, results []*stream.Result, reader string) []*Row {
	field := graphql.GetFieldContext(ctx).Field
	rendered := make([]*Row, len(results))
	var rendering sync.WaitGroup
	for i, entry := range c.entries(results, field.Field, reader) {
		if entry.done.Load() && entry.row != nil {
			rendered[i] = entry.row
			continue
		}
		rendering.Go(func() { rendered[i] = c.renderOne(ctx, field.Selections, entry, results[i], i) })
	}
	rendering.Wait()
	return rendered
}

// entries returns the entries of results, and makes those that are missing.
func (c *rows) entries(results []*stream.Result, field *ast.Field, reader string) []*rowEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.young == nil || now.Sub(c.youngSince) > generationTime || c.youngSize.Load() > generationSize {
		c.old, c.young, c.youngSince = c.young, make(map[rowKey]*rowEntry), now
		c.youngSize.Store(0)
	}
	entries := make([]*rowEntry, len(results))
	for i, result := range results {
		key := rowKey{result, field, reader}
		entry := c.young[key]
		if entry == nil {
			entry = c.old[key]
		}
		if entry == nil {
			entry = &rowEntry{}
			c.young[key] = entry
		}
		entries[i] = entry
	}
	return entries
}

// renderOne renders a row, or waits for who does. A row with errors is not for others: the error may be of the reader's
// making, who has left.
func (c *rows) renderOne(ctx context.Context, set ast.SelectionSet, entry *rowEntry, result *stream.Result, i int) (row *Row) {
	mine := false
	entry.once.Do(func() {
		mine = true
		var sound bool
		if row, sound = c.execute(ctx, set, result, i); sound {
			entry.row = row
			c.youngSize.Add(int64(len(row.text)))
		}
		entry.done.Store(true)
	})
	if mine {
		return row
	}
	if entry.row != nil {
		return entry.row
	}
	row, _ = c.execute(ctx, set, result, i)
	return row
}

// execute executes the selections on a result's attempt. The row is nil when the schema does not allow for its errors.
func (c *rows) execute(ctx context.Context, set ast.SelectionSet, result *stream.Result, i int) (row *Row, sound bool) {
	within := graphql.WithResponseContext(ctx, c.present, c.recover)
	within = graphql.WithFieldContext(within, &graphql.FieldContext{Index: &i})
	defer func() {
		if value := recover(); value != nil {
			graphql.AddError(ctx, c.recover(ctx, value))
			row, sound = nil, false
		}
	}()
	ec := newExecutionContext(graphql.GetOperationContext(ctx), c.schema, nil)
	marshaler := ec._DeliveryAttempt(within, set, attemptOf(result))
	if marshaler != graphql.Null {
		var text bytes.Buffer
		marshaler.MarshalGQL(&text)
		row = &Row{text.Bytes()}
	}
	errs := graphql.GetErrors(within)
	for _, err := range errs {
		graphql.AddError(ctx, err)
	}
	return row, row != nil && len(errs) == 0
}
