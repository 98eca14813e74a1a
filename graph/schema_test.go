package graph

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/access"
)

var update = flag.Bool("update", false, "write the printed schema instead of comparing it")

func TestSchema(t *testing.T) {
	t.Parallel()

	t.Run("every field demands a scope, itself or by its type", func(t *testing.T) {
		t.Parallel()
		for _, definition := range parsedSchema.Types {
			if definition.BuiltIn || (definition.Kind != ast.Object && definition.Kind != ast.Interface) {
				continue
			}
			for _, field := range definition.Fields {
				if strings.HasPrefix(field.Name, "__") {
					continue
				}
				if _, known := scopesOf(definition, field); !known {
					t.Errorf("%s.%s has no @scope, nor has its type", definition.Name, field.Name)
				}
			}
		}
	})

	t.Run("every root field names its own scopes", func(t *testing.T) {
		t.Parallel()
		for _, root := range []*ast.Definition{parsedSchema.Query, parsedSchema.Mutation, parsedSchema.Subscription} {
			for _, field := range root.Fields {
				if !strings.HasPrefix(field.Name, "__") && field.Directives.ForName("scope") == nil {
					t.Errorf("%s.%s has no @scope", root.Name, field.Name)
				}
			}
		}
	})

	t.Run("scopes are those of package access", func(t *testing.T) {
		t.Parallel()
		values := parsedSchema.Types["Scope"].EnumValues
		if len(values) != len(access.AllScopes) {
			t.Errorf("the schema has %d scopes, the package %d", len(values), len(access.AllScopes))
		}
		for _, scope := range access.AllScopes {
			if values.ForName(string(scope)) == nil {
				t.Errorf("the schema lacks the scope %s", scope)
			}
		}
	})

	t.Run("everything is described", func(t *testing.T) {
		t.Parallel()
		for _, definition := range parsedSchema.Types {
			if definition.BuiltIn {
				continue
			}
			describes(t, definition.Description, definition.Name)
			for _, value := range definition.EnumValues {
				describes(t, value.Description, definition.Name+"."+value.Name)
			}
			for _, field := range definition.Fields {
				if strings.HasPrefix(field.Name, "__") {
					continue
				}
				describes(t, field.Description, definition.Name+"."+field.Name)
				for _, argument := range field.Arguments {
					describes(t, argument.Description, definition.Name+"."+field.Name+"."+argument.Name)
				}
			}
		}
	})

	t.Run("every type with an id has a prefix, and can be found by node", func(t *testing.T) {
		t.Parallel()
		names := make(map[string]bool)
		for _, name := range nodeTypes {
			names[name] = true
		}
		for _, definition := range parsedSchema.PossibleTypes["Node"] {
			if prefixes[definition.Name+".id"] == "" {
				t.Errorf("prefixes lacks %s.id", definition.Name)
			}
			if !names[definition.Name] {
				t.Errorf("nodeTypes lacks %s", definition.Name)
			}
		}
	})

	t.Run("is printed as committed", func(t *testing.T) {
		t.Parallel()
		const path = "schema.printed.graphql"
		printed := PrintedSchema()
		if *update {
			if err := os.WriteFile(path, []byte(printed), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		committed, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if printed != string(committed) {
			t.Errorf("%s is not the schema any more: run go test ./graph -run TestSchema -update", path)
		}
	})
}

func describes(t *testing.T, description, name string) {
	t.Helper()
	if description == "" {
		t.Errorf("%s has no description", name)
	}
}
