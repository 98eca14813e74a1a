package graph

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
)

// TestSchemaStyle is the linter of the schema: every rule is one that clients rely on. That everything is described, and
// demands a scope, is in TestSchema.
func TestSchemaStyle(t *testing.T) {
	t.Parallel()
	own := make(map[string]*ast.Definition)
	for name, definition := range parsedSchema.Types {
		if !definition.BuiltIn && !strings.HasPrefix(name, "__") {
			own[name] = definition
		}
	}
	definitions := slices.SortedFunc(maps.Values(own), func(a, b *ast.Definition) int { return strings.Compare(a.Name, b.Name) })

	t.Run("names are written as GraphQL's usage has it", func(t *testing.T) {
		t.Parallel()
		// Single capitals in a row (TLSVersion) are spelled as words (TlsVersion).
		pascal := regexp.MustCompile(`^([A-Z][a-z0-9]+)+$`)
		camel := regexp.MustCompile(`^[a-z][a-z0-9]*([A-Z][a-z0-9]*)*$`)
		screaming := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`)
		asStandards := []string{"JSON", "URL"} // scalars that are known by these names everywhere
		brand := strings.NewReplacer("OAuth2", "Oauth2")
		for _, definition := range definitions {
			if !pascal.MatchString(brand.Replace(definition.Name)) && !slices.Contains(asStandards, definition.Name) {
				t.Errorf("%s: types are in PascalCase", definition.Name)
			}
			for _, value := range definition.EnumValues {
				if !screaming.MatchString(value.Name) {
					t.Errorf("%s.%s: enum values are in SCREAMING_CASE", definition.Name, value.Name)
				}
			}
			for _, field := range definition.Fields {
				if !camel.MatchString(field.Name) && !strings.HasPrefix(field.Name, "__") {
					t.Errorf("%s.%s: fields are in camelCase", definition.Name, field.Name)
				}
				for _, argument := range field.Arguments {
					if !camel.MatchString(argument.Name) {
						t.Errorf("%s.%s(%s:): arguments are in camelCase", definition.Name, field.Name, argument.Name)
					}
				}
			}
		}
	})

	t.Run("descriptions are sentences without stray spaces", func(t *testing.T) {
		t.Parallel()
		for name, description := range descriptions(definitions) {
			end, _ := utf8.DecodeLastRuneInString(description)
			if description != strings.TrimSpace(description) || !strings.ContainsRune(".…", end) {
				t.Errorf("%s: %q", name, description)
			}
		}
	})

	t.Run("inputs are told by their names", func(t *testing.T) {
		t.Parallel()
		choices := []string{"Ref"} // an object is named the same way everywhere
		for _, definition := range definitions {
			told := slices.ContainsFunc([]string{"Input", "Filter", "Order", "Choice"}, func(suffix string) bool { return strings.HasSuffix(definition.Name, suffix) })
			switch {
			case definition.Kind == ast.InputObject && !told && !slices.Contains(choices, definition.Name):
				t.Errorf("%s: inputs end in Input, Filter, Order or Choice", definition.Name)
			case definition.Kind == ast.Object && strings.HasSuffix(definition.Name, "Input"):
				t.Errorf("%s: only inputs end in Input", definition.Name)
			}
		}
	})

	t.Run("mutations answer with a payload that has userErrors, and all else of it may be null or empty", func(t *testing.T) {
		t.Parallel()
		for _, mutation := range parsedSchema.Mutation.Fields {
			payload := own[mutation.Type.Name()]
			if payload == nil || !strings.HasSuffix(payload.Name, "Payload") || !mutation.Type.NonNull {
				t.Errorf("%s: answers with %s", mutation.Name, mutation.Type)
				continue
			}
			for _, field := range payload.Fields {
				switch {
				case field.Name == "userErrors":
					if field.Type.String() != "[UserError!]!" {
						t.Errorf("%s.userErrors is %s", payload.Name, field.Type)
					}
				case field.Type.NonNull && field.Type.Elem == nil:
					t.Errorf("%s.%s cannot be null, so that no mistake could be answered", payload.Name, field.Name)
				}
			}
			if payload.Fields.ForName("userErrors") == nil {
				t.Errorf("%s has no userErrors", payload.Name)
			}
		}
	})

	t.Run("connections are Relay's", func(t *testing.T) {
		t.Parallel()
		for _, connection := range definitions {
			node, is := strings.CutSuffix(connection.Name, "Connection")
			if !is {
				continue
			}
			for name, want := range map[string]string{"edges": "[" + node + "Edge!]!", "nodes": "[" + node + "!]!", "pageInfo": "PageInfo!"} {
				if field := connection.Fields.ForName(name); field == nil || field.Type.String() != want {
					t.Errorf("%s.%s is not %s", connection.Name, name, want)
				}
			}
			edge := own[node+"Edge"]
			if edge == nil || edge.Fields.ForName("node").Type.String() != node+"!" || edge.Fields.ForName("cursor").Type.String() != "Cursor!" {
				t.Errorf("%sEdge is not an edge", node)
			}
		}
		for _, definition := range definitions {
			for _, field := range definition.Fields {
				if !strings.HasSuffix(field.Type.Name(), "Connection") || definition.Kind != ast.Object {
					continue
				}
				for name, want := range map[string]string{"first": "Int", "after": "Cursor", "last": "Int", "before": "Cursor"} {
					if argument := field.Arguments.ForName(name); argument == nil || argument.Type.String() != want {
						t.Errorf("%s.%s(%s:) is not %s", definition.Name, field.Name, name, want)
					}
				}
			}
		}
	})

	t.Run("lists hold no nulls", func(t *testing.T) {
		t.Parallel()
		for name, kind := range usedTypes(definitions) {
			if kind.Elem != nil && !kind.Elem.NonNull && name != "Query.nodes" { // where null stands for an id that nothing has
				t.Errorf("%s is %s", name, kind)
			}
		}
	})

	t.Run("every type but scalars is used", func(t *testing.T) {
		t.Parallel()
		used := map[string]bool{"Query": true, "Mutation": true, "Subscription": true}
		for _, kind := range usedTypes(definitions) {
			used[kind.Name()] = true
		}
		for _, definition := range definitions {
			if definition.Kind == ast.Union {
				for _, member := range definition.Types {
					used[member] = true
				}
			}
		}
		for _, directive := range parsedSchema.Directives {
			for _, argument := range directive.Arguments {
				used[argument.Type.Name()] = true
			}
		}
		for _, definition := range definitions {
			if !used[definition.Name] && len(definition.Interfaces) == 0 && definition.Kind != ast.Scalar {
				t.Errorf("nothing uses %s", definition.Name)
			}
		}
	})

	t.Run("what is deprecated says what to use", func(t *testing.T) {
		t.Parallel()
		for _, definition := range definitions {
			for _, field := range definition.Fields {
				if d := field.Directives.ForName("deprecated"); d != nil && d.Arguments.ForName("reason") == nil {
					t.Errorf("%s.%s is deprecated without a reason", definition.Name, field.Name)
				}
			}
		}
	})
}

// usedTypes are the types of all fields and arguments, by their names.
func usedTypes(definitions []*ast.Definition) map[string]*ast.Type {
	used := make(map[string]*ast.Type)
	for _, definition := range definitions {
		for _, field := range definition.Fields {
			used[definition.Name+"."+field.Name] = field.Type
			for _, argument := range field.Arguments {
				used[definition.Name+"."+field.Name+"("+argument.Name+":)"] = argument.Type
			}
		}
	}
	return used
}

// descriptions are those of all types, fields, arguments and enum values, by their names.
func descriptions(definitions []*ast.Definition) map[string]string {
	all := make(map[string]string)
	for _, definition := range definitions {
		all[definition.Name] = definition.Description
		for _, value := range definition.EnumValues {
			all[definition.Name+"."+value.Name] = value.Description
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			all[definition.Name+"."+field.Name] = field.Description
			for _, argument := range field.Arguments {
				all[definition.Name+"."+field.Name+"("+argument.Name+":)"] = argument.Description
			}
		}
	}
	return all
}
