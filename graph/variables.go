package graph

import (
	"context"
	"fmt"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// variableCheck makes up for what gqlparser leaves unchecked in the values of variables: that inputs with @oneOf have
// exactly one field, and that enum values are written exactly as the schema has them.
type variableCheck struct{ schema *ast.Schema }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*variableCheck)(nil)

func (*variableCheck) ExtensionName() string { return "Variables" }

func (v *variableCheck) Validate(schema graphql.ExecutableSchema) error {
	v.schema = schema.Schema()
	return nil
}

func (v *variableCheck) MutateOperationContext(_ context.Context, operation *graphql.OperationContext) *gqlerror.Error {
	for _, variable := range operation.Operation.VariableDefinitions {
		path := ast.Path{ast.PathName("variable"), ast.PathName(variable.Variable)}
		if err := v.check(path, variable.Type, operation.Variables[variable.Variable]); err != nil {
			return err
		}
	}
	return nil
}

func (v *variableCheck) check(path ast.Path, expected *ast.Type, value any) *gqlerror.Error {
	if value == nil {
		return nil
	}
	if expected.Elem != nil {
		for i, element := range graphql.CoerceList(value) {
			if err := v.check(append(slices.Clip(path), ast.PathIndex(i)), expected.Elem, element); err != nil {
				return err
			}
		}
		return nil
	}
	definition := v.schema.Types[expected.NamedType]
	switch definition.Kind {
	case ast.Enum:
		if text, _ := value.(string); definition.EnumValues.ForName(text) == nil {
			return wrongVariable(path, "%v is not a %s", value, definition.Name)
		}
	case ast.InputObject:
		return v.object(path, definition, value)
	}
	return nil
}

func (v *variableCheck) object(path ast.Path, definition *ast.Definition, value any) *gqlerror.Error {
	fields, ok := value.(map[string]any)
	if !ok {
		return wrongVariable(path, "must be a %s", definition.Name)
	}
	if definition.Directives.ForName("oneOf") != nil {
		if len(fields) != 1 {
			return wrongVariable(path, "a %s must have exactly one field", definition.Name)
		}
		for name, given := range fields {
			if given == nil {
				return wrongVariable(append(path, ast.PathName(name)), "must not be null")
			}
		}
	}
	for _, field := range definition.Fields {
		given, found := fields[field.Name]
		if !found {
			continue
		}
		if err := v.check(append(slices.Clip(path), ast.PathName(field.Name)), field.Type, given); err != nil {
			return err
		}
	}
	return nil
}

func wrongVariable(path ast.Path, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{
		Message: fmt.Sprintf(format, args...), Path: path, Extensions: map[string]any{"code": codeValidationFailed},
	}
}
