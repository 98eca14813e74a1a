package server_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/testenv"
)

// inputWalk goes through every argument of every root field and, within, every field of every input, so that whatever is
// added to the schema is covered. At each place it puts values that the schema does not allow, and values that it allows
// and nobody expects.
type inputWalk struct {
	schema *ast.Schema
	made   int            // values that must be unique
	fixed  map[string]any // samples of types, in place of the usual ones
}

// sample is a value that the type allows; fields that can be left out are.
func (walk *inputWalk) sample(kind *ast.Type) any {
	if kind.Elem != nil {
		return []any{walk.sample(kind.Elem)}
	}
	walk.made++
	switch kind.NamedType {
	case "Int", "Int64", "Float":
		return 30
	case "Boolean":
		return false
	case "DateTime":
		return time.Now().Add(24 * time.Hour).Format(time.RFC3339)
	case "Duration":
		return "PT30S"
	case "URL":
		return "https://203.0.113.7/"
	case "JSON":
		return map[string]any{}
	case "String", "ID", "Key", "Cursor":
		return fmt.Sprintf("sample-%d", walk.made)
	}
	if value, fixed := walk.fixed[kind.NamedType]; fixed {
		return value
	}
	definition := walk.schema.Types[kind.NamedType]
	switch definition.Kind {
	case ast.Enum:
		return definition.EnumValues[0].Name
	case ast.InputObject:
		return walk.object(definition, nil)
	}
	return "x"
}

// object is a value of an input with what it must have, and the field, if any.
func (walk *inputWalk) object(definition *ast.Definition, with *ast.FieldDefinition) map[string]any {
	value := make(map[string]any)
	oneOf := definition.Directives.ForName("oneOf") != nil
	for _, field := range definition.Fields {
		if field != with && (field.Type.NonNull && field.DefaultValue == nil || oneOf && with == nil && len(value) == 0) {
			value[field.Name] = walk.sample(field.Type)
		}
	}
	return value
}

// place is where a value of a type goes: put returns the whole argument with the value at it.
type place struct {
	path []string
	kind *ast.Type
	put  func(any) any
}

// places are all places in an argument. An input within itself is gone into once.
func (walk *inputWalk) places(at place, within []string) []place {
	all := []place{at}
	if at.kind.Elem != nil {
		inner := place{at.path, at.kind.Elem, func(v any) any { return at.put([]any{v}) }}
		return append(all, walk.places(inner, within)...)
	}
	definition := walk.schema.Types[at.kind.NamedType]
	if definition.Kind != ast.InputObject || slices.Contains(within, definition.Name) {
		return all
	}
	for _, field := range definition.Fields {
		inner := place{append(slices.Clip(at.path), field.Name), field.Type, func(v any) any {
			object := walk.object(definition, field)
			object[field.Name] = v
			return at.put(object)
		}}
		all = append(all, walk.places(inner, append(slices.Clip(within), definition.Name))...)
	}
	return all
}

func raw(values ...string) []any {
	all := make([]any, len(values))
	for i, v := range values {
		all[i] = json.RawMessage(v)
	}
	return all
}

// wrong are values that the type does not allow.
func (walk *inputWalk) wrong(kind *ast.Type) (values []any) {
	if kind.NonNull {
		values = append(values, nil)
	}
	if kind.Elem != nil {
		return values // one value stands for a list of it
	}
	switch kind.NamedType {
	case "Int":
		return append(values, raw(`"x"`, `"7"`, `1.5`, `true`, `{}`, `2147483648`, `-2147483649`, `1e400`, `99999999999999999999`, `["a"]`)...)
	case "Int64":
		return append(values, raw(`"x"`, `1.5`, `true`, `{}`, `9223372036854775808`)...)
	case "Float":
		return append(values, raw(`"x"`, `"7"`, `true`, `{}`, `1e999`)...)
	case "Boolean":
		return append(values, raw(`"true"`, `1`, `0`, `{}`, `"x"`)...)
	case "DateTime", "Duration":
		return append(values, raw(`""`, `"x"`, `7`, `true`, `{}`, `"2026-13-45T00:00:00Z"`, `"P"`, `"a\u0000b"`)...)
	case "String", "Key", "URL", "Cursor":
		return append(values, raw(`7`, `1.5`, `true`, `{}`, `["a", "b"]`, `"a\u0000b"`)...)
	case "ID":
		return append(values, raw(`1.5`, `true`, `{}`, `"a\u0000b"`)...)
	case "JSON":
		return values
	}
	definition := walk.schema.Types[kind.NamedType]
	switch definition.Kind {
	case ast.Enum:
		lower := strings.ToLower(definition.EnumValues[0].Name)
		return append(values, lower, lower+" ", "", "NO_SUCH_VALUE", 7, true, map[string]any{}, "a\x00b")
	case ast.InputObject:
		unknown := walk.object(definition, nil)
		unknown["noSuchField"] = 1
		return append(values, "x", 7, true, unknown, []any{"x", 7})
	}
	return values
}

// odd are values that the type allows.
func (walk *inputWalk) odd(kind *ast.Type) []any {
	if kind.Elem != nil {
		return []any{[]any{}, slices.Repeat([]any{walk.sample(kind.Elem)}, 10_000)}
	}
	switch kind.NamedType {
	case "Int":
		return raw(`2147483647`, `-2147483648`, `0`, `-1`)
	case "Int64":
		return raw(`9223372036854775807`, `-9223372036854775808`)
	case "Float":
		return raw(`1e308`, `-1e308`, `5e-324`, `-1`)
	case "DateTime":
		return raw(`"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999999Z"`, `"2026-01-01T00:00:00-23:59"`)
	case "Duration":
		return raw(`"PT0S"`, `"-PT1H"`, `"P36500D"`, `"PT0.0000000001S"`)
	case "String", "ID", "Key", "URL", "Cursor":
		return append(raw(`""`, `" "`, `"\u202e\u0007\u001b[31m"`, `"💥 Ünïcödé \ufffd"`, `"\ud800"`, `"%_\\'\";--"`, `"https://[::1"`, `"AQ"`),
			strings.Repeat("x", 100_000))
	}
	return nil
}

// selection is what to select of a root field.
func (walk *inputWalk) selection(field *ast.FieldDefinition) string {
	definition := walk.schema.Types[field.Type.Name()]
	switch {
	case definition.Kind == ast.Scalar || definition.Kind == ast.Enum:
		return ""
	case definition.Fields.ForName("userErrors") != nil:
		return " {userErrors {code message path}}"
	case definition.Fields.ForName("nodes") != nil:
		return " {nodes {__typename}}"
	default:
		return " {__typename}"
	}
}

// document is an operation of one field, whose arguments are variables of their names.
func (walk *inputWalk) document(operation ast.Operation, field *ast.FieldDefinition, selection string) string {
	declared, given := make([]string, len(field.Arguments)), make([]string, len(field.Arguments))
	for i, argument := range field.Arguments {
		declared[i] = "$" + argument.Name + ": " + argument.Type.String()
		if argument.DefaultValue != nil {
			declared[i] += " = " + argument.DefaultValue.String()
		}
		given[i] = argument.Name + ": $" + argument.Name
	}
	return fmt.Sprintf("%s(%s) {%s(%s)%s}", operation, strings.Join(declared, ", "), field.Name, strings.Join(given, ", "), selection)
}

// TestInputs: whatever clients give for arguments is answered with a stable code and the place, never with INTERNAL.
func TestInputs(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		walk := &inputWalk{schema: schema}
		asked := 0
		for operation, root := range map[ast.Operation]*ast.Definition{ast.Query: schema.Query, ast.Mutation: schema.Mutation} {
			for _, field := range root.Fields {
				if strings.HasPrefix(field.Name, "__") || len(field.Arguments) == 0 {
					continue
				}
				document := walk.document(operation, field, walk.selection(field))
				ask := func(argument *ast.ArgumentDefinition, value any) answer {
					vars := map[string]any{argument.Name: value}
					for _, other := range field.Arguments {
						if other != argument && other.Type.NonNull && other.DefaultValue == nil {
							vars[other.Name] = walk.sample(other.Type)
						}
					}
					asked++
					a := w.query(adminKey, document, vars)
					for _, e := range a.Errors {
						if code, _ := e.Extensions["code"].(string); code == "" || code == "INTERNAL" || e.Message == "" {
							t.Errorf("%s: %.200v: %+v", field.Name, vars, e)
						}
					}
					return a
				}
				for _, argument := range field.Arguments {
					whole := place{[]string{argument.Name}, argument.Type, func(v any) any { return v }}
					for _, at := range walk.places(whole, nil) {
						for _, value := range walk.wrong(at.kind) {
							a := ask(argument, at.put(value))
							what := fmt.Sprintf("%s, %s = %.60s", field.Name, strings.Join(at.path, "."), must(json.Marshal(value)))
							if a.code() != "GRAPHQL_VALIDATION_FAILED" && a.code() != "BAD_USER_INPUT" {
								t.Errorf("%s: %s %+v", what, a.Data, a.Errors)
								continue
							}
							if path := fmt.Sprint(a.Errors[0].Path); !strings.Contains(path, at.path[len(at.path)-1]) {
								t.Errorf("%s: the error's path is %s: %s", what, path, a.Errors[0].Message)
							}
						}
						for _, value := range walk.odd(at.kind) {
							ask(argument, at.put(value))
						}
					}
				}
			}
		}
		if asked < 1000 {
			t.Errorf("only %d requests", asked)
		}
		t.Logf("%d requests", asked)
	})
}
