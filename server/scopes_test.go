package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/testenv"
)

// required are the literals of arguments that fields of queries need, other than the `id` or the `by` of the object that the
// field is.
func required(ids map[string]string) map[string]string {
	return map[string]string{
		"Query.deletionImpact(id:)":      `"` + ids["AuthSetting"] + `"`,
		"Query.eventType(name:)":         `"sms.delivery"`,
		"Query.explainEvent(id:)":        `"` + ids["Event"] + `"`,
		"Query.node(id:)":                `"` + ids["EventSubscription"] + `"`,
		"Query.nodes(ids:)":              `["` + ids["EventSubscription"] + `"]`,
		"Query.resourceRoute(resource:)": `"own"`,
	}
}

// TestEveryFieldDemandsItsScope: every field of the schema is refused to a key that has every scope but those of the field,
// and answered without an error to one that has one of these besides.
func TestEveryFieldDemandsItsScope(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ids := w.nodeIDs(schema, w.furnish("own").key)
		literals := required(ids)
		walk := &inputWalk{schema: schema}
		arguments := func(object *ast.Definition, field *ast.FieldDefinition, of string) string {
			var given []string
			for _, argument := range field.Arguments {
				if !argument.Type.NonNull || argument.DefaultValue != nil {
					continue
				}
				name := fmt.Sprintf("%s.%s(%s:)", object.Name, field.Name, argument.Name)
				literal, found := literals[name]
				switch theirs := ids[field.Type.Name()]; {
				case field.Name == "node" && of != "":
					literal = `"` + ids[of] + `"`
				case theirs != "" && argument.Type.Name() == "ID" && object == schema.Query:
					literal = `"` + theirs + `"`
				case theirs != "" && argument.Type.Name() == "Ref" && object == schema.Query:
					literal = `{id: "` + theirs + `"}`
				case !found && object == schema.Query:
					t.Errorf("%s has no entry in required", name)
				case !found:
					literal = literalOf(schema, argument.Type, walk.sample(argument.Type))
				}
				given = append(given, argument.Name+": "+literal)
			}
			if given == nil {
				return ""
			}
			return "(" + strings.Join(given, ", ") + ")"
		}
		account := parse(t, ids["Account"])
		keys := map[string]string{}
		keyWith := func(scopes []access.Scope) string {
			name := fmt.Sprint(scopes)
			if keys[name] == "" {
				token, tokenID, hash := apikey.Generate()
				texts := make([]string, len(scopes))
				for i, s := range scopes {
					texts[i] = string(s)
				}
				w.store.Ent.APIKey.Create().SetAccountID(account).SetTokenID(tokenID).SetSecretHash(hash).SetName(name).SetScopes(texts).SaveX(access.WithSystem(t.Context()))
				keys[name] = token
			}
			return keys[name]
		}

		asked := 0
		for _, object := range ownTypes(schema) {
			for _, field := range fieldsOf(object) {
				name := object.Name + "." + field.Name
				needs := scopesOf(object, field)
				others := slices.DeleteFunc(slices.Clone(access.AllScopes), func(s access.Scope) bool { return slices.Contains(needs, s) })
				if len(needs) > 0 {
					way, found := wayTo(schema, object, access.AllScopes)
					if !found {
						t.Fatalf("%s cannot be reached", name)
					}
					document := selecting(schema, way, object, field, arguments)
					asked++
					if refused := w.refusal(keyWith(others), document); !strings.HasPrefix(refused, "FORBIDDEN") || !strings.Contains(refused, name) {
						t.Errorf("%s without %v: %s: %q", name, needs, document, refused)
					}
				} else {
					needs = []access.Scope{""} // any key will do
				}
				for _, scope := range needs {
					has := append(slices.Clip(others), scope)
					way, found := wayTo(schema, object, has)
					if !found {
						t.Errorf("%s cannot be reached with %v", name, has)
						continue
					}
					document := selecting(schema, way, object, field, arguments)
					asked++
					if refused := w.refusal(keyWith(has), document); refused != "" {
						t.Errorf("%s with %s: %s: %q", name, scope, document, refused)
					}
				}
			}
		}
		if asked < 500 {
			t.Errorf("only %d requests", asked)
		}
		t.Logf("%d requests", asked)
	})
}

// refusal returns the first error of an operation with its code, and what else it names; empty if there is none. Of a
// subscription it returns only why it was not begun.
func (w *world) refusal(key, document string) string {
	w.t.Helper()
	if strings.HasPrefix(document, "subscription") {
		return w.subscriptionRefusal(key, document, nil)
	}
	a := w.query(key, document, nil)
	if len(a.Errors) == 0 {
		return ""
	}
	return fmt.Sprint(a.code(), " ", a.Errors[0].Message, " ", a.Errors[0].Extensions["missing"])
}

// subscriptionRefusal opens a stream, which begins with a comment if the operation is let through, and with its errors if not.
func (w *world) subscriptionRefusal(key, document string, vars map[string]any) string {
	w.t.Helper()
	header := bearer(key)
	header.Set("Accept", "text/event-stream")
	body := must(json.Marshal(map[string]any{"query": document, "variables": vars}))
	req := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/graphql", bytes.NewReader(body)))
	req.Header = header
	resp := must(http.DefaultClient.Do(req))
	defer resp.Body.Close()
	beginning := make([]byte, 1)
	must(resp.Body.Read(beginning))
	if beginning[0] == ':' {
		return ""
	}
	rest := make([]byte, 2000)
	n, _ := resp.Body.Read(rest)
	_, code, _ := strings.Cut(string(rest[:n]), `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return code + " " + string(rest[:n])
}

// literalOf writes a value in GraphQL.
func literalOf(schema *ast.Schema, kind *ast.Type, value any) string {
	switch v := value.(type) {
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = literalOf(schema, kind.Elem, item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		var fields []string
		for name, field := range v {
			fields = append(fields, name+": "+literalOf(schema, schema.Types[kind.NamedType].Fields.ForName(name).Type, field))
		}
		return "{" + strings.Join(fields, ", ") + "}"
	case string:
		if schema.Types[kind.NamedType].Kind == ast.Enum {
			return v
		}
		return fmt.Sprintf("%q", v)
	}
	return fmt.Sprint(value)
}
