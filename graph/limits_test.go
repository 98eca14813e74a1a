package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// limit returns the error that a document gets before it is validated.
func limit(t *testing.T, document string, limits Limits) *gqlerror.Error {
	t.Helper()
	l := &documentLimit{limits: limits, introspection: true, known: graphql.NoCache[*ast.QueryDocument]{}}
	return l.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: document})
}

// bomb is a document whose fragments, spread out, have 2^depth fields.
func bomb(depth int, inside string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "{ ...f0 }\n")
	for i := range depth {
		fmt.Fprintf(&b, "fragment f%d on Query { ...f%d ...f%d }\n", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "fragment f%d on Query { %s }", depth, inside)
	return b.String()
}

// askSchema is the query of graphql-js, with which tools begin.
const askSchema = `query IntrospectionQuery { __schema { description queryType { name kind } mutationType { name kind } subscriptionType { name kind }
	types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf
	fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
	inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
	enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
	ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

func TestDocumentLimit(t *testing.T) {
	t.Parallel()

	t.Run("passes introspection and wide documents", func(t *testing.T) {
		t.Parallel()
		for _, document := range []string{
			askSchema,
			`{deliveryAttempts {nodes {delivery {event {deliveries {attempts {request {headers {name}}}}}}}}}`,
			`{a: viewer {version} b: viewer {version}}`,
			`{event(id: "x") {id}} fragment unused on Event {id}`, // which validation refuses
			`{viewer {...nowhere}}`,
			`{viewer {...a}} fragment a on Viewer {...b} fragment b on Viewer {...a}`,
		} {
			if err := limit(t, document, DefaultLimits); err != nil {
				t.Errorf("%.60s: %v", document, err)
			}
		}
	})

	t.Run("refuses what is beyond a limit, and names it", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct{ document, says string }{
			"depth":                   {`{a {b {c {d {e}}}}}`, "nested 5 fields deep; the limit is 4"},
			"depth, fragment":         {`{a {...x}} fragment x on Y {b {c {d {e}}}}`, "nested 5 fields deep; the limit is 4"},
			"fields":                  {`{a b c d e f g h i j k}`, "has 11 fields"},
			"fields, bomb":            {bomb(30, "a"), "has 1073741824 fields"},
			"aliases":                 {`{a: x b: x c: x d: x}`, "has 4 aliases"},
			"aliases, spread":         {`{...f ... {...f}} fragment f on Q {a: x b: x}`, "has 6 aliases"},
			"directives":              {`query @a {x @b ...f} fragment f on Q @c {x}`, "has 3 directives"},
			"directives, spread":      {`{...f ...f} fragment f on Q {x @a @b}`, "has 6 directives"},
			"directives of variables": {`query ($a: Int @a @b @c) {x}`, "has 3 directives"},
			"a name":                  {`{` + strings.Repeat("a", 21) + `}`, "the name aaaaaaaaaaaaaaaaaaaaa… has 21 characters; the limit is 20"},
			"an alias":                {`{` + strings.Repeat("a", 21) + `: b}`, "has 21 characters"},
			"an argument":             {`{a(` + strings.Repeat("a", 21) + `: 1)}`, "has 21 characters"},
			"an enum value":           {`{a(b: [{c: ` + strings.Repeat("a", 21) + `}])}`, "has 21 characters"},
			"an input field":          {`{a(b: [{` + strings.Repeat("a", 21) + `: 1}])}`, "has 21 characters"},
			"a type":                  {`{... on ` + strings.Repeat("a", 21) + ` {b}}`, "has 21 characters"},
			"a variable's type":       {`query ($a: [` + strings.Repeat("a", 21) + `]) {b}`, "has 21 characters"},
			"a fragment":              {`{...` + strings.Repeat("a", 21) + `}`, "has 21 characters"},
			"a directive's name":      {`{a @` + strings.Repeat("a", 21) + `}`, "has 21 characters"},
			"tokens":                  {"{" + strings.Repeat(" a", 100) + "}", "more than 90 tokens; pass values as variables"},
		} {
			err := limit(t, c.document, Limits{Tokens: 90, Depth: 4, Fields: 10, Aliases: 3, Directives: 2, Name: 20})
			if name == "fields, bomb" {
				err = limit(t, c.document, Limits{Tokens: 1000, Depth: 4, Fields: 10, Aliases: 3, Directives: 2, Name: 20})
			}
			if err == nil || !strings.Contains(err.Message, c.says) {
				t.Errorf("%s: got %v, want %q", name, err, c.says)
			}
		}
	})

	t.Run("refuses introspection that multiplies itself", func(t *testing.T) {
		t.Parallel()
		for document, allowed := range map[string]bool{
			`{__schema {types {fields {type {fields {name}}}}}}`:                                                                                  true,
			`{__schema {types {fields {type {fields {type {interfaces {name}}}}}}}}`:                                                              false,
			`{__type(name: "Node") {possibleTypes {interfaces {possibleTypes {name}}}}}`:                                                          false,
			`{__type(name: "Node") {...a}} fragment a on __Type {possibleTypes {...b}} fragment b on __Type {fields {type {inputFields {name}}}}`: false,
			`{events {nodes {fields {interfaces {possibleTypes {fields}}}}}}`:                                                                     true, // which validation refuses
		} {
			if err := limit(t, document, DefaultLimits); (err == nil) != allowed {
				t.Errorf("%s: %v", document, err)
			}
		}
	})

	t.Run("refuses nothing to read", func(t *testing.T) {
		t.Parallel()
		for _, document := range []string{"", " \n", "{", "query"} {
			if err := limit(t, document, DefaultLimits); err == nil || err.Extensions["code"] != codeParseFailed {
				t.Errorf("%q: got %v", document, err)
			}
		}
	})

	t.Run("refuses numbers that would lose digits", func(t *testing.T) {
		t.Parallel()
		for literal, allowed := range map[string]bool{
			"9223372036854775807": true, "9223372036854775808": false, "-9223372036854775808": true,
			"123456789012345678901234567890": false, "0.1": true, "0.123456789012345": true, "0.12345678901234567": false,
			"1e999": false, "-12.50e3": true, "0.000000000000000000001": true,
		} {
			for _, document := range []string{
				fmt.Sprintf(`mutation {publishEvents(events: [{type: "a", payload: {n: [%s]}}]) {userErrors {code}}}`, literal),
				fmt.Sprintf(`{viewer @x(n: %s) {version}}`, literal),
			} {
				if err := limit(t, document, DefaultLimits); (err == nil) != allowed {
					t.Errorf("%s: got %v", literal, err)
				}
			}
		}
	})

	t.Run("refuses introspection where it is off", func(t *testing.T) {
		t.Parallel()
		l := &documentLimit{limits: DefaultLimits, known: graphql.NoCache[*ast.QueryDocument]{}}
		for document, allowed := range map[string]bool{
			askSchema: false, `{...f} fragment f on Query {x: __type(name: "Event") {name}}`: false, `{__typename}`: true,
		} {
			if err := l.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: document}); (err == nil) != allowed {
				t.Errorf("%.60s: got %v", document, err)
			}
		}
	})
}

// BenchmarkValidate measures about the most that validating a document within the limits costs: fields of the same name,
// each of which is compared with all others.
func BenchmarkValidate(b *testing.B) {
	document := "{" + strings.Repeat(" events {nodes {id}}", DefaultLimits.Fields/3) + "}"
	api := executor.New(NewExecutableSchema(Config{Resolvers: &Resolver{}}))
	for b.Loop() {
		request := &graphql.RawParams{Query: document}
		if _, errs := api.CreateOperationContext(graphql.StartOperationTrace(b.Context()), request); errs != nil {
			b.Fatal(errs)
		}
	}
}
