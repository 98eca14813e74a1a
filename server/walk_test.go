package server_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/access"
)

// The tests that go through the whole schema, so that whatever is added to it is covered, share what is here.

// parseSchema reads the schema as clients get it.
func parseSchema(t *testing.T) *ast.Schema {
	t.Helper()
	schema, err := gqlparser.LoadSchema(&ast.Source{Input: graph.PrintedSchema()})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// step selects a field of an object on the way to a type; on an interface or a union, of one of its types.
type step struct {
	object *ast.Definition
	within bool // the object is one of several types that are possible here
	field  *ast.FieldDefinition
}

// fieldsOf are the fields of a type but for introspection's.
func fieldsOf(definition *ast.Definition) []*ast.FieldDefinition {
	return slices.DeleteFunc(slices.Clone(definition.Fields), func(f *ast.FieldDefinition) bool { return strings.HasPrefix(f.Name, "__") })
}

// ownTypes are the objects and interfaces that the schema defines, in order of their names.
func ownTypes(schema *ast.Schema) []*ast.Definition {
	var own []*ast.Definition
	for _, name := range slices.Sorted(maps.Keys(schema.Types)) {
		definition := schema.Types[name]
		if !definition.BuiltIn && !strings.HasPrefix(name, "__") && (definition.Kind == ast.Object || definition.Kind == ast.Interface) {
			own = append(own, definition)
		}
	}
	return own
}

// scopesOf are the scopes of which a field needs one, as the schema says.
func scopesOf(object *ast.Definition, field *ast.FieldDefinition) (anyOf []access.Scope) {
	directive := field.Directives.ForName("scope")
	if directive == nil {
		directive = object.Directives.ForName("scope")
	}
	for _, child := range directive.Arguments.ForName("any").Value.Children {
		anyOf = append(anyOf, access.Scope(child.Value.Raw))
	}
	return anyOf
}

// wayTo returns the shortest way from a root type to objects of a type by fields that a key with these scopes may select;
// nothing if it is a root type itself, and false if there is no way.
func wayTo(schema *ast.Schema, goal *ast.Definition, has []access.Scope) ([]step, bool) {
	type place struct {
		at  *ast.Definition
		way []step
	}
	var queue []place
	for _, root := range []*ast.Definition{schema.Query, schema.Mutation, schema.Subscription} {
		queue = append(queue, place{at: root})
	}
	seen := map[string]bool{}
	for len(queue) > 0 {
		here := queue[0]
		queue = queue[1:]
		if here.at == goal {
			return here.way, true
		}
		if seen[here.at.Name] {
			continue
		}
		seen[here.at.Name] = true
		objects, within := []*ast.Definition{here.at}, false
		if here.at.Kind != ast.Object {
			objects, within = schema.GetPossibleTypes(here.at), true
			for _, object := range objects {
				if object == goal {
					return append(slices.Clip(here.way), step{object: object, within: true}), true
				}
			}
		}
		for _, object := range objects {
			for _, field := range fieldsOf(object) {
				needs := scopesOf(object, field)
				if len(needs) > 0 && !slices.ContainsFunc(needs, func(s access.Scope) bool { return slices.Contains(has, s) }) {
					continue
				}
				if next := schema.Types[field.Type.Name()]; next.IsCompositeType() {
					queue = append(queue, place{next, append(slices.Clip(here.way), step{object, within, field})})
				}
			}
		}
	}
	return nil, false
}

// selecting returns an operation that selects a field of an object at the end of a way. arguments gives a field's required
// arguments, as literals; of is the type that the way wants of it.
func selecting(schema *ast.Schema, way []step, object *ast.Definition, field *ast.FieldDefinition, arguments func(object *ast.Definition, field *ast.FieldDefinition, of string) string) string {
	var steps []step
	if len(way) > 0 && way[len(way)-1].field == nil { // the way ends at an object among several types
		steps = append(slices.Clip(way[:len(way)-1]), step{object, true, field})
	} else {
		steps = append(slices.Clip(way), step{object, false, field})
	}
	inner := ""
	if schema.Types[field.Type.Name()].IsCompositeType() {
		inner = "{__typename}"
	}
	for i, at := range slices.Backward(steps) {
		of := ""
		if i+1 < len(steps) && steps[i+1].within {
			of = steps[i+1].object.Name
		}
		inner = fmt.Sprintf("{%s%s%s}", at.field.Name, arguments(at.object, at.field, of), inner)
		if at.within {
			inner = fmt.Sprintf("{... on %s %s}", at.object.Name, inner)
		}
	}
	switch steps[0].object {
	case schema.Mutation:
		return "mutation " + inner
	case schema.Subscription:
		return "subscription " + inner
	}
	return inner
}

// nodeIDs returns an id of each type that has ids, of the account of an API key: whatever its lists begin with.
func (w *world) nodeIDs(schema *ast.Schema, key string) map[string]string {
	w.t.Helper()
	ids := map[string]string{"Account": w.get(key, `{viewer {account {id}}}`, nil, "viewer.account.id")}
	for _, node := range schema.PossibleTypes["Node"] {
		if ids[node.Name] != "" {
			continue
		}
		for _, field := range fieldsOf(schema.Query) {
			switch {
			case slices.ContainsFunc(field.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil }):
			case field.Type.Name() == node.Name+"Connection":
				if w.get(key, fmt.Sprintf(`{%s(first: 1) {nodes {id}}}`, field.Name), nil, field.Name+".nodes") != "[]" {
					ids[node.Name] = w.get(key, fmt.Sprintf(`{%s(first: 1) {nodes {id}}}`, field.Name), nil, field.Name+".nodes.0.id")
				}
			case field.Type.Name() == node.Name && field.Type.Elem == nil:
				if w.get(key, fmt.Sprintf(`{%s {id}}`, field.Name), nil, field.Name) != "null" {
					ids[node.Name] = w.get(key, fmt.Sprintf(`{%s {id}}`, field.Name), nil, field.Name+".id")
				}
			case field.Type.Name() == node.Name:
				ids[node.Name] = w.get(key, fmt.Sprintf(`{%s {id}}`, field.Name), nil, field.Name+".0.id")
			}
		}
		if ids[node.Name] == "" {
			w.t.Fatalf("the account has no %s: have world.furnish make one", node.Name)
		}
	}
	return ids
}
