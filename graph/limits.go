package graph

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Limits bound what a document may ask of the server.
type Limits struct {
	// Tokens of the document.
	Tokens int
	// Depth of nested fields.
	Depth int
	// Fields, where those of a fragment count every time that it is spread.
	Fields int
	// Aliases, counted likewise.
	Aliases int
	// Directives, counted likewise.
	Directives int
	// Name is the length of a name, in bytes: looking for similar ones takes time that grows with it.
	Name int
	// Complexity is about how many fields the answer may have, with lists at their asked size.
	Complexity int
}

// DefaultLimits have room for everything that the dashboard asks, several times over, and for introspection.
var DefaultLimits = Limits{Tokens: 10_000, Depth: 16, Fields: 1000, Aliases: 100, Directives: 200, Name: 255, Complexity: 50_000}

// documentLimit refuses documents that are too large before they are validated: validation takes time that grows with
// the square of the fields that a document has when its fragments are spread out, and fragments in fragments make
// that number exponential. Here each fragment is measured once.
type documentLimit struct {
	limits        Limits
	introspection bool
	known         graphql.Cache[*ast.QueryDocument] // documents that have passed
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = (*documentLimit)(nil)

func (*documentLimit) ExtensionName() string { return "DocumentLimit" }

func (*documentLimit) Validate(graphql.ExecutableSchema) error { return nil }

func (l *documentLimit) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	if _, passed := l.known.Get(ctx, request.Query); passed {
		return nil
	}
	if strings.TrimSpace(request.Query) == "" {
		return refusal(codeParseFailed, "the request has no query")
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: request.Query}, l.limits.Tokens)
	if err != nil {
		return asParseError(err, l.limits.Tokens)
	}
	m := measurer{document: document, limits: l.limits, fragments: make(map[string]*size), introspection: l.introspection}
	return m.check()
}

const (
	codeParseFailed      = "GRAPHQL_PARSE_FAILED"
	codeValidationFailed = "GRAPHQL_VALIDATION_FAILED"
)

func asParseError(err error, tokens int) *gqlerror.Error {
	found, ok := err.(*gqlerror.Error) //nolint:errorlint // gqlparser returns nothing else, and wraps nothing
	if !ok {
		found = gqlerror.Wrap(err)
	}
	if strings.Contains(found.Message, "exceeded token limit") {
		found.Message = fmt.Sprintf("the document has more than %d tokens; pass values as variables, which do not count", tokens)
	}
	found.Extensions = map[string]any{"code": codeParseFailed}
	return found
}

// size is how much a selection set asks for when its fragments are spread out. Numbers stop growing at enough.
type size struct {
	depth, fields, aliases, directives int
	typeLists                          int // how deep lists of introspection are within each other
}

const enough = 1 << 30

func (s *size) add(other size) {
	s.depth = max(s.depth, other.depth)
	s.fields = min(s.fields+other.fields, enough)
	s.aliases = min(s.aliases+other.aliases, enough)
	s.directives = min(s.directives+other.directives, enough)
	s.typeLists = max(s.typeLists, other.typeLists)
}

// measurer measures a document that has been parsed and not validated: names may lead nowhere, fragments in circles.
type measurer struct {
	document      *ast.QueryDocument
	limits        Limits
	fragments     map[string]*size // nil while it is being measured
	introspection bool
	wrong         *gqlerror.Error
}

// typeLists are the fields of introspection's types that lead from one type to several: each within another multiplies the
// answer by about the number of types.
var typeLists = []string{"fields", "inputFields", "interfaces", "possibleTypes"}

// maxTypeLists is how deep these may be within each other, as in graphql-js: all known tools are content with one.
const maxTypeLists = 2

func (m *measurer) check() *gqlerror.Error {
	var whole size
	for _, operation := range m.document.Operations {
		m.name(operation.Position, operation.Name)
		for _, variable := range operation.VariableDefinitions {
			m.name(variable.Position, variable.Variable, variable.Type.Name())
			whole.add(m.directives(variable.Directives))
		}
		whole.add(m.directives(operation.Directives))
		whole.add(m.measure(operation.SelectionSet))
	}
	for _, fragment := range m.document.Fragments {
		m.name(fragment.Position, fragment.Name, fragment.TypeCondition)
		whole.add(m.directives(fragment.Directives))
		whole.add(m.fragment(fragment.Name))
	}
	limits := m.limits
	for _, limit := range []struct {
		what      string
		is, limit int
	}{
		{"is nested %d fields deep", whole.depth, limits.Depth},
		{"has %d fields, those of fragments counted every time that they are spread", whole.fields, limits.Fields},
		{"has %d aliases, those of fragments counted every time that they are spread", whole.aliases, limits.Aliases},
		{"has %d directives, those of fragments counted every time that they are spread", whole.directives, limits.Directives},
	} {
		if m.wrong == nil && limit.is > limit.limit {
			m.wrong = refusal(codeValidationFailed, fmt.Sprintf("the document "+limit.what+"; the limit is %d", limit.is, limit.limit))
		}
	}
	return m.wrong
}

func (m *measurer) measure(set ast.SelectionSet) (total size) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			total.add(m.field(selection))
		case *ast.InlineFragment:
			m.name(selection.Position, selection.TypeCondition)
			total.add(m.directives(selection.Directives))
			total.add(m.measure(selection.SelectionSet))
		case *ast.FragmentSpread:
			m.name(selection.Position, selection.Name)
			total.add(m.directives(selection.Directives))
			total.add(m.fragment(selection.Name))
		}
	}
	return total
}

func (m *measurer) field(field *ast.Field) size {
	if !m.introspection && (field.Name == "__schema" || field.Name == "__type") {
		m.fail(field.Position, "introspection is switched off")
	}
	m.name(field.Position, field.Name, field.Alias)
	m.arguments(field.Arguments)
	inner := m.measure(field.SelectionSet)
	inner.add(m.directives(field.Directives))
	switch {
	case slices.Contains(typeLists, field.Name):
		inner.typeLists++
	case (field.Name == "__schema" || field.Name == "__type") && inner.typeLists > maxTypeLists:
		m.fail(field.Position, fmt.Sprintf("introspection has lists of types (%s) within each other, %d deep; the limit is %d",
			strings.Join(typeLists, ", "), inner.typeLists, maxTypeLists))
	}
	inner.depth++
	inner.fields = min(inner.fields+1, enough)
	if field.Alias != field.Name {
		inner.aliases = min(inner.aliases+1, enough)
	}
	return inner
}

func (m *measurer) fragment(name string) size {
	if known, found := m.fragments[name]; found {
		if known == nil {
			return size{} // a circle, which validation refuses
		}
		return *known
	}
	definition := m.document.Fragments.ForName(name)
	if definition == nil {
		return size{} // which validation refuses
	}
	m.fragments[name] = nil
	total := m.measure(definition.SelectionSet)
	m.fragments[name] = &total
	return total
}

func (m *measurer) directives(directives ast.DirectiveList) size {
	for _, directive := range directives {
		if directive.Name == "defer" {
			m.fail(directive.Position, "@defer is not offered")
		}
		m.name(directive.Position, directive.Name)
		m.arguments(directive.Arguments)
	}
	return size{directives: len(directives)}
}

func (m *measurer) arguments(arguments ast.ArgumentList) {
	for _, argument := range arguments {
		m.name(argument.Position, argument.Name)
		m.value(argument.Value)
	}
}

// name refuses names that are too long to be any.
func (m *measurer) name(at *ast.Position, names ...string) {
	for _, name := range names {
		if len(name) > m.limits.Name {
			m.fail(at, fmt.Sprintf("the name %.32s… has %d characters; the limit is %d", name, len(name), m.limits.Name))
		}
	}
}

// value refuses number literals that do not keep their digits in 64 bits, as gqlparser reads them. In a variable any
// number does.
func (m *measurer) value(value *ast.Value) {
	switch value.Kind {
	case ast.EnumValue, ast.Variable:
		m.name(value.Position, value.Raw)
	case ast.IntValue:
		if _, err := strconv.ParseInt(value.Raw, 10, 64); err != nil {
			m.fail(value.Position, fmt.Sprintf("%.64s does not fit into 64 bits: give it in a variable", value.Raw))
		}
	case ast.FloatValue:
		if _, err := strconv.ParseFloat(value.Raw, 64); err != nil || significantDigits(value.Raw) > 15 {
			m.fail(value.Position, fmt.Sprintf("%.64s does not fit into 64 bits: give it in a variable", value.Raw))
		}
	}
	for _, child := range value.Children {
		m.name(child.Position, child.Name)
		m.value(child.Value)
	}
}

// significantDigits counts the digits of a decimal number without leading zeros. A 64-bit float keeps 15 of them.
func significantDigits(number string) int {
	digits, _, _ := strings.Cut(strings.ToLower(number), "e")
	digits = strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(digits, "-"), ".", ""), "0")
	return len(digits)
}

func (m *measurer) fail(at *ast.Position, message string) {
	if m.wrong != nil {
		return
	}
	m.wrong = refusal(codeValidationFailed, message)
	if at != nil {
		m.wrong.Locations = []gqlerror.Location{{Line: at.Line, Column: at.Column}}
	}
}
