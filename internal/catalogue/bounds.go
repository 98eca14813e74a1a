package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The limits of a schema, and of the numbers and the depth of what is held against it. The largest numbers are beyond what a
// float64 holds.
const (
	// MaxSchema is the largest JSON Schema of an event type, in bytes.
	MaxSchema = 64 << 10

	maxParts    = 2000 // objects and booleans in a schema, which bounds its subschemas
	maxDepth    = 64   // objects and lists in each other
	maxAtOnce   = 1000 // subschemas that one value is held against
	maxNumber   = 400  // characters
	maxExponent = 400
)

// checkDocument says that a schema has too many parts to be compiled.
func checkDocument(document any) error {
	if n := parts(document); n > maxParts {
		return fmt.Errorf("the schema has %d objects and booleans: at most %d are allowed", n, maxParts)
	}
	return nil
}

// parts counts the objects and booleans in a value.
func parts(value any) (n int) {
	switch v := value.(type) {
	case bool:
		return 1
	case map[string]any:
		n = 1
		for _, member := range v {
			n += parts(member)
		}
	case []any:
		for _, item := range v {
			n += parts(item)
		}
	}
	return n
}

// checkValue says that a value is nested too deeply, which makes it slow to say where it fails, or that a number in it is
// beyond the limits: a schema calculates with exact fractions, and of 1e999999 that takes a million digits.
func checkValue(value any, depth int) error {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			if err := checkValue(member, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := checkValue(item, depth+1); err != nil {
				return err
			}
		}
	case json.Number:
		return checkNumber(string(v))
	}
	if depth > maxDepth {
		return fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	return nil
}

func checkNumber(number string) (err error) {
	exponent := 0
	if at := strings.IndexAny(number, "eE"); at >= 0 {
		exponent, err = strconv.Atoi(number[at+1:])
	}
	if len(number) > maxNumber || err != nil || max(exponent, -exponent) > maxExponent {
		return fmt.Errorf("the number %.20s… is too long (%d characters are allowed), or its exponent beyond ±%d", number, maxNumber, maxExponent)
	}
	return nil
}

// inPlace returns the subschemas that a value is held against besides a schema.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	next := slices.Concat(s.AllOf, s.AnyOf, s.OneOf, []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else},
		slices.Collect(maps.Values(s.DependentSchemas)))
	for _, dependency := range s.Dependencies {
		next = append(next, one(dependency))
	}
	return present(next)
}

// ofEach returns the subschemas that every member or item of a value may be held against.
func ofEach(s *jsonschema.Schema) []*jsonschema.Schema {
	next := slices.Collect(maps.Values(s.PatternProperties))
	return present(append(next, s.PropertyNames, one(s.AdditionalProperties), s.UnevaluatedProperties,
		s.Contains, one(s.Items), one(s.AdditionalItems), s.Items2020, s.UnevaluatedItems))
}

// ofSome returns the subschemas for certain members or items.
func ofSome(s *jsonschema.Schema) []*jsonschema.Schema {
	items, _ := s.Items.([]*jsonschema.Schema)
	return slices.Concat(slices.Collect(maps.Values(s.Properties)), s.PrefixItems, items)
}

// one returns a subschema where something else could be, too; nil for that.
func one(value any) *jsonschema.Schema {
	s, _ := value.(*jsonschema.Schema)
	return s
}

func present(schemas []*jsonschema.Schema) []*jsonschema.Schema {
	return slices.DeleteFunc(schemas, func(s *jsonschema.Schema) bool { return s == nil })
}

// walker finds the subschemas of a schema, and how many of them one value is held against.
type walker struct {
	all    []*jsonschema.Schema
	atOnce map[*jsonschema.Schema]int // 0 while it is being counted
}

// subschemas returns a schema and all that it leads to, or why it cannot be used.
func subschemas(s *jsonschema.Schema) ([]*jsonschema.Schema, error) {
	w := &walker{atOnce: make(map[*jsonschema.Schema]int)}
	if err := w.visit(s); err != nil {
		return nil, err
	}
	for seen := 0; seen < len(w.all); seen++ { //nolint:intrange // visiting adds to it
		for _, next := range slices.Concat(ofEach(w.all[seen]), ofSome(w.all[seen])) {
			if err := w.visit(next); err != nil {
				return nil, err
			}
		}
	}
	return w.all, nil
}

// visit adds a schema and all that hold the same value.
func (w *walker) visit(s *jsonschema.Schema) error {
	switch n, known := w.atOnce[s]; {
	case known && n == 0:
		return errors.New("the schema refers to itself for the same value, without end")
	case known:
		return nil
	case s.DynamicRef != nil || s.RecursiveRef != nil:
		return errors.New("the keywords `$dynamicRef` and `$recursiveRef` are not allowed: use `$ref`")
	case !strings.HasPrefix(s.Location, schemaURL):
		return fmt.Errorf("the schema refers to another document, which is never loaded (%.100q): copy it into `$defs`", s.Location)
	}
	w.atOnce[s] = 0
	w.all = append(w.all, s)
	n := 1
	for _, next := range inPlace(s) {
		if err := w.visit(next); err != nil {
			return err
		}
		n += w.atOnce[next]
	}
	if n > maxAtOnce {
		return fmt.Errorf("its references and combinations hold one value against more than %d subschemas", maxAtOnce)
	}
	w.atOnce[s] = n
	return nil
}
