package graph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/hookline/hookline/internal/access"
)

// scopeCheck refuses operations that select a field for which the caller's key lacks the scope. This is the one place
// where scopes of fields are demanded.
type scopeCheck struct{ schema *ast.Schema }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*scopeCheck)(nil)

func (*scopeCheck) ExtensionName() string { return "Scopes" }

func (s *scopeCheck) Validate(schema graphql.ExecutableSchema) error {
	s.schema = schema.Schema()
	return nil
}

// missingScope is a field that the caller may not select.
type missingScope struct {
	Path  []string `json:"path"`
	Field string   `json:"field"`
	// AnyOf are the scopes of which one is needed.
	AnyOf []access.Scope `json:"anyOf"`
}

func (s *scopeCheck) MutateOperationContext(ctx context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	principal := access.PrincipalFrom(ctx)
	if principal == nil {
		return refusal(CodeUnauthenticated, "this request has no API key")
	}
	walk := scopeWalk{principal: principal, seen: make(map[*ast.FragmentDefinition]bool)}
	walk.selections(operation.Operation.SelectionSet, nil)
	if len(walk.missing) == 0 {
		return nil
	}
	first := walk.missing[0]
	err := refusal(CodeForbidden, fmt.Sprintf(
		"the API key lacks a scope: %s needs %s", first.Field, strings.Join(texts(first.AnyOf), " or ")))
	err.Extensions["missing"] = walk.missing
	return err
}

func refusal(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// scopeWalk goes through the selections of an operation, through each fragment once.
type scopeWalk struct {
	principal *access.Principal
	seen      map[*ast.FragmentDefinition]bool
	missing   []missingScope
}

func (w *scopeWalk) selections(set ast.SelectionSet, path []string) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			path := append(slices.Clip(path), selection.Alias)
			w.field(selection, path)
			w.selections(selection.SelectionSet, path)
		case *ast.InlineFragment:
			w.selections(selection.SelectionSet, path)
		case *ast.FragmentSpread:
			if !w.seen[selection.Definition] {
				w.seen[selection.Definition] = true
				w.selections(selection.Definition.SelectionSet, path)
			}
		}
	}
}

func (w *scopeWalk) field(field *ast.Field, path []string) {
	if strings.HasPrefix(field.Name, "__") || strings.HasPrefix(field.ObjectDefinition.Name, "__") {
		return // introspection, which has a switch of its own
	}
	scopes, known := scopesOf(field.ObjectDefinition, field.Definition)
	if known && w.principal.Has(scopes...) {
		return
	}
	w.missing = append(w.missing, missingScope{
		Path: path, Field: field.ObjectDefinition.Name + "." + field.Name, AnyOf: scopes,
	})
}

// scopesOf returns the scopes of which a field needs one: those of the field, else those of its type. A field without
// any directive is not known, and nobody may select it.
func scopesOf(object *ast.Definition, field *ast.FieldDefinition) (anyOf []access.Scope, known bool) {
	directive := field.Directives.ForName("scope")
	if directive == nil {
		directive = object.Directives.ForName("scope")
	}
	if directive == nil {
		return nil, false
	}
	for _, child := range directive.Arguments.ForName("any").Value.Children {
		anyOf = append(anyOf, access.Scope(child.Value.Raw))
	}
	return anyOf, true
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}
