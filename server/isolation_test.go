package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// What all objects of the other account are called, and what nothing is called: texts of the same length, neither of which is
// in any message.
const (
	foreignText = "quixotic"
	missingText = "zymology"
	ownText     = "own"
)

// shared are the types whose objects all accounts share.
var shared = []string{"Category", "EventType"}

// timely are fields that change by themselves.
var timely = []string{"ApiKey.lastUsedAt", "Certificate.status", "Certificate.statusMessage"}

// prober asks with an account's key about objects of another account.
type prober struct {
	*world
	schema  *ast.Schema
	made    int
	key     string
	foreign logged
	ids     map[string]string // of the other account's objects, by type
}

// renew gives the prober an account in which nothing was changed yet.
func (p *prober) renew() {
	p.t.Helper()
	p.made++
	ctx, key := p.customer(fmt.Sprintf("prober-%d", p.made))
	p.key = key
	p.subscribe(ctx, ownText, "sms.*")
	p.get(key, `mutation {createAuthSetting(input: {key: "`+ownText+`", credentials: {basic: {username: "u", password: "p"}}}) {authSetting {id}}}`, nil, "createAuthSetting.authSetting.id")
}

// ask executes an operation and returns the whole answer, with the text that was given taken out. What changes something
// renews the account.
func (p *prober) ask(operation ast.Operation, document string, vars map[string]any, given string) string {
	p.t.Helper()
	if operation == ast.Subscription { // what comes later is in TestLiveLog
		return strings.ReplaceAll(p.subscriptionRefusal(p.key, document, vars), given, "GIVEN")
	}
	body := must(json.Marshal(map[string]any{"query": document, "variables": vars}))
	got := p.send(request{method: "POST", path: "/graphql", body: string(body), header: bearer(p.key)})
	if operation == ast.Mutation && strings.Contains(got.body, `"userErrors":[]`) {
		p.renew()
	}
	shown := strings.ReplaceAll(got.body, given, "GIVEN")
	if strings.Contains(shown, foreignText) {
		p.t.Errorf("%s with %q shows what is another account's: %s", document, given, got.body)
	}
	return fmt.Sprint(got.status, " ", shown)
}

// selection is what to select of a root field: of a query all that needs no arguments, some levels deep; of a mutation the
// mistakes, and whether there is an object, as those that are made differ.
func (p *prober) selection(operation ast.Operation, kind *ast.Type, depth int) string {
	definition := p.schema.Types[kind.Name()]
	if !definition.IsCompositeType() {
		return ""
	}
	selected := []string{"__typename"}
	for _, field := range fieldsOf(definition) {
		composite := p.schema.Types[field.Type.Name()].IsCompositeType()
		switch {
		case field.Name == "userErrors":
			selected = append(selected, "userErrors {code message path blockedBy {__typename id}}")
		case operation == ast.Mutation && composite:
			selected = append(selected, field.Name+" {__typename}")
		case operation == ast.Mutation, len(field.Arguments) > 0, composite && depth == 0, slices.Contains(timely, definition.Name+"."+field.Name):
		default:
			selected = append(selected, field.Name+p.selection(operation, field.Type, depth-1))
		}
	}
	return " {" + strings.Join(selected, " ") + "}"
}

// compare asks the same with a text that another account's object has and with one that nothing has.
func (p *prober) compare(operation ast.Operation, document string, vars func(text string) map[string]any, foreign, missing string) {
	p.t.Helper()
	theirs := p.ask(operation, document, vars(foreign), foreign)
	nobodys := p.ask(operation, document, vars(missing), missing)
	if theirs != nobodys {
		p.t.Errorf("%s\nwith %v, another account's: %s\nwith %v, nobody's: %s", document, vars(foreign), theirs, vars(missing), nobodys)
	}
}

// ownArguments are the values of required arguments that make operations go on to look at the others; everything else is a
// sample of its type.
var ownArguments = map[string]any{
	"Ref":            map[string]any{"key": ownText},
	"ResourceAction": "FORWARD",
}

// TestAnotherAccountsObjectsDoNotExist: whatever argument of whatever field is given the id, the key or the name of another
// account's object, the answer is byte for byte the one for what nothing has. And nothing of the other account changes.
func TestAnotherAccountsObjectsDoNotExist(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		p := &prober{world: w, schema: schema, foreign: w.furnish(foreignText)}
		p.ids = w.nodeIDs(schema, p.foreign.key)
		maps.DeleteFunc(p.ids, func(name, _ string) bool { return slices.Contains(shared, name) })
		before := w.everything(schema, p.foreign.key)
		p.renew()
		asked := 0
		for operation, root := range map[ast.Operation]*ast.Definition{ast.Query: schema.Query, ast.Mutation: schema.Mutation, ast.Subscription: schema.Subscription} {
			for _, field := range fieldsOf(root) {
				walk := &inputWalk{schema: schema, fixed: ownArguments}
				document := walk.document(operation, field, p.selection(operation, field.Type, 3))
				for _, argument := range field.Arguments {
					whole := place{[]string{argument.Name}, argument.Type, func(v any) any { return v }}
					for _, at := range walk.places(whole, nil) {
						if !slices.Contains([]string{"ID", "Key", "String"}, at.kind.NamedType) {
							continue
						}
						vars := func(text string) map[string]any {
							walk.made = 0 // the same samples each time
							vars := map[string]any{argument.Name: at.put(text)}
							for _, other := range field.Arguments {
								if other != argument && other.Type.NonNull && other.DefaultValue == nil {
									vars[other.Name] = walk.sample(other.Type)
								}
							}
							return vars
						}
						asked++
						p.compare(operation, document, vars, foreignText, missingText)
						if at.kind.NamedType != "ID" {
							continue
						}
						for _, theirs := range p.ids {
							prefix, _, _ := strings.Cut(theirs, "_")
							asked++
							p.compare(operation, document, vars, theirs, id.Format(id.Prefix(prefix), id.New()))
						}
					}
				}
			}
		}
		for _, object := range ownTypes(schema) {
			for _, field := range fieldsOf(object) {
				for _, argument := range field.Arguments {
					root := object == schema.Query || object == schema.Mutation || object == schema.Subscription
					if name := argument.Type.Name(); !root && (name == "ID" || name == "Key" || schema.Types[name].Kind == ast.InputObject) {
						t.Errorf("%s.%s(%s:) can name an object, and this test does not go there", object.Name, field.Name, argument.Name)
					}
				}
			}
		}
		for i, after := range w.everything(schema, p.foreign.key) {
			if after != before[i] {
				t.Errorf("the other account's %s\nis now %s", before[i], after)
			}
		}
		if asked < 100 {
			t.Errorf("only %d pairs of requests", asked)
		}
		t.Logf("%d pairs of requests, %d accounts", asked, p.made)

		// What lists show of themselves, and what hangs on it, is the account's own.
		for _, field := range fieldsOf(schema.Query) {
			if slices.ContainsFunc(field.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }) {
				continue
			}
			got := p.ask(ast.Query, "{"+field.Name+p.selection(ast.Query, field.Type, 4)+"}", nil, "nothing")
			for name, theirs := range p.ids {
				if strings.Contains(got, theirs) {
					t.Errorf("%s shows the other account's %s: %s", field.Name, name, got)
				}
			}
		}
	})
}

// everything is all that an account's lists show, but for what is timely.
func (w *world) everything(schema *ast.Schema, key string) []string {
	w.t.Helper()
	p := &prober{world: w, schema: schema}
	var all []string
	for _, field := range fieldsOf(schema.Query) {
		needs := func(argument *ast.ArgumentDefinition) bool {
			return argument.Type.NonNull && argument.DefaultValue == nil
		}
		if !strings.HasSuffix(field.Type.Name(), "Connection") || field.Name == "accounts" || slices.ContainsFunc(field.Arguments, needs) {
			continue
		}
		all = append(all, field.Name+": "+w.get(key, "{"+field.Name+p.selection(ast.Query, field.Type, 4)+"}", nil, field.Name))
	}
	return all
}
