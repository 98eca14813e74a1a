package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Work is counted in units of about 10 ns. A value is given up when it takes more than
// workBase + workPerByte × its length: 2 ms for a small one, 160 ms for 256 KiB.
const (
	workBase    = 200_000
	workPerByte = 60
	// workReasons bounds looking for the reasons of a failure, which keeps all of them in memory.
	workReasons = 2_000_000

	workSchema = 30 // holding a value against a subschema
	workNumber = 50 // reading a number as an exact fraction
)

// errTooMuchWork ends an evaluation.
var errTooMuchWork = errors.New("it takes too much work to validate")

// evaluator holds values against a schema, one at a time, and gives up when that takes too much work: the library that it
// uses cannot be stopped, and a few hundred bytes of schema, or a hostile value for an innocent one, keep it busy for years.
type evaluator struct {
	schema *jsonschema.Schema
	// failing is satisfied by what fails the schema; it stops at the first reason and keeps none.
	failing *jsonschema.Schema
	left    int // work
}

// newEvaluator compiles a schema that has passed checkDocument.
func newEvaluator(document any) (*evaluator, error) {
	e := new(evaluator)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noLoader{})
	compiler.UseRegexpEngine(e.regexp)
	err := compiler.AddResource(schemaURL, document)
	if err != nil {
		return nil, err
	}
	if e.schema, err = compiler.Compile(schemaURL); err != nil {
		return nil, err
	}
	e.failing = &jsonschema.Schema{DraftVersion: e.schema.DraftVersion, Not: e.schema}
	all, err := subschemas(e.schema)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		e.count(s)
	}
	return e, nil
}

// check returns nil for what satisfies the schema, a *jsonschema.ValidationError or errTooMuchWork.
func (e *evaluator) check(value any, size int) error {
	err := e.within(workBase+workPerByte*size, e.failing, value)
	if err != nil && !errors.Is(err, errTooMuchWork) {
		return nil // it does not fail
	}
	if err != nil {
		return err
	}
	err = e.within(workReasons, e.schema, value)
	if errors.Is(err, errTooMuchWork) {
		return errors.New("it does not satisfy the schema, in too many places to look for them")
	}
	return err
}

// within evaluates until a bound of work.
func (e *evaluator) within(work int, s *jsonschema.Schema, value any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != errTooMuchWork { //nolint:errorlint // it is what spend panics with, unwrapped
				panic(r)
			}
			err = errTooMuchWork
		}
	}()
	e.left = work
	e.spend(workOf(e.schema))
	return s.Validate(value)
}

// spend counts work that is about to be done. The panic does not leave within.
func (e *evaluator) spend(work int) {
	if e.left -= work; e.left < 0 {
		panic(errTooMuchWork)
	}
}

// count makes a subschema count the work that it leads to, before it is done. What the library calls between a subschema's
// own comparisons and everything that goes on from it is its format, so this is where it counts: the value's own
// size, and for each subschema that is next what that one does before it counts itself.
func (e *evaluator) count(s *jsonschema.Schema) {
	here, each := workOfAll(inPlace(s)), workOfAll(ofEach(s))
	format, perByte := s.Format, 0.125
	if format != nil {
		perByte = 1 // reading a text as a URL, say
	}
	if format == nil || format.Name == "regex" { // compiling what publishers send is no check
		format = &jsonschema.Format{Validate: func(any) error { return nil }}
	}
	s.Format = &jsonschema.Format{Name: format.Name, Validate: func(value any) error {
		switch v := value.(type) {
		case string:
			e.spend(here + int(perByte*float64(len(v))))
		case json.Number:
			e.spend(here + workNumber)
		case []any:
			e.spend(here + len(v)*(4+each))
			for i := range min(len(v), len(s.PrefixItems)) {
				e.spend(workOf(s.PrefixItems[i]))
			}
			if items, ok := s.Items.([]*jsonschema.Schema); ok {
				e.spend(workOfAll(items[:min(len(v), len(items))]))
			}
			if s.UniqueItems {
				e.spend(workOfUnique(v))
			}
		case map[string]any:
			e.spend(here + len(v)*(4+each))
			for name := range v {
				if member := s.Properties[name]; member != nil {
					e.spend(workOf(member))
				}
			}
		default:
			e.spend(here)
		}
		return format.Validate(value)
	}}
}

// workOf is what a subschema does with a value before it counts.
func workOf(s *jsonschema.Schema) int {
	work := workSchema
	if s.Enum != nil {
		for _, value := range s.Enum.Values {
			work += workOfValue(value)
		}
	}
	if s.Const != nil {
		work += workOfValue(*s.Const)
	}
	return work + len(s.Required) + len(s.DependentRequired)
}

func workOfAll(schemas []*jsonschema.Schema) (work int) {
	for _, s := range schemas {
		work += workOf(s)
	}
	return work
}

// workOfValue is what comparing with a value takes, or hashing it.
func workOfValue(value any) int {
	work := 2
	switch v := value.(type) {
	case string:
		work += len(v) / 32
	case json.Number:
		work += 2 * workNumber
	case []any:
		for _, item := range v {
			work += workOfValue(item)
		}
	case map[string]any:
		for _, member := range v {
			work += 2 + workOfValue(member)
		}
	}
	return work
}

// workOfUnique is what finding equal items takes. The library hashes long lists, but lists and objects can be made to
// have the same hash.
func workOfUnique(items []any) int {
	work, compared := workOfValue(items), 20
	for _, item := range items {
		switch item.(type) {
		case []any, map[string]any:
			compared = max(len(items), 20)
		}
	}
	return min(work*min(compared, len(items)), math.MaxInt32)
}

// The limits of regular expressions.
const (
	maxPattern     = 1000 // characters
	maxPatternSize = 2000 // instructions
)

// countedRegexp counts its work.
type countedRegexp struct {
	*regexp.Regexp

	evaluator *evaluator
	size      int // instructions
}

// MatchString counts the worst case, in which every instruction is tried on every byte.
func (r *countedRegexp) MatchString(s string) bool {
	r.evaluator.spend(2 + len(s)*r.size)
	return r.Regexp.MatchString(s)
}

// regexp compiles a regular expression (RE2) of moderate size.
func (e *evaluator) regexp(text string) (jsonschema.Regexp, error) {
	if n := utf8.RuneCountInString(text); n > maxPattern {
		return nil, fmt.Errorf("it has %d characters: at most %d are allowed", n, maxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	if n := len(program.Inst); n > maxPatternSize {
		return nil, fmt.Errorf("it is too large once its repetitions are written out (%d steps): at most %d are allowed", n, maxPatternSize)
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return &countedRegexp{compiled, e, len(program.Inst)}, nil
}
