package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is a compiled JSON Schema (https://json-schema.org; draft 2020-12 unless its `$schema` says otherwise). It is safe
// for concurrent use: as many values are held against it at a time as there are processors.
type Schema struct {
	document any
	idle     chan *evaluator // nil: not needed so far
}

// schemaURL is what a schema is called; references within it resolve against that.
const schemaURL = "urn:hookline:schema"

// noLoader loads nothing: a schema can neither read files nor make requests.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("nothing is loaded") }

// CompileSchema compiles a JSON Schema. Its error is for whoever wrote the schema.
func CompileSchema(text []byte) (*Schema, error) {
	if len(text) > MaxSchema {
		return nil, fmt.Errorf("the schema has %d bytes: at most %d are allowed", len(text), MaxSchema)
	}
	document, err := decode(text)
	if err != nil {
		return nil, err
	}
	switch document.(type) {
	case map[string]any, bool:
	default:
		return nil, errors.New("a JSON Schema is an object, true or false")
	}
	if err := checkDocument(document); err != nil {
		return nil, err
	}
	first, err := newEvaluator(document)
	if err != nil {
		return nil, schemaError(err)
	}
	s := &Schema{document, make(chan *evaluator, runtime.GOMAXPROCS(0))}
	s.idle <- first
	for len(s.idle) < cap(s.idle) {
		s.idle <- nil
	}
	return s, nil
}

// schemaError says why a schema cannot be compiled.
func schemaError(err error) error {
	if invalid, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if failed, ok := errors.AsType[*jsonschema.ValidationError](invalid.Err); ok {
			return errors.New("not a JSON Schema: " + describe(failed))
		}
	}
	if other, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Errorf("the schema refers to another document, which is never loaded (%.100q): copy it into `$defs`", other.URL)
	}
	return errors.New(clean(strings.ReplaceAll(err.Error(), schemaURL, "")))
}

// Check says how a payload fails the schema: the first few reasons in one line of at most MaxSchemaError bytes, which any
// database can hold, and which may quote the payload. It is empty when the payload satisfies the schema.
func (s *Schema) Check(payload []byte) string {
	if twice := duplicateName(payload); twice != "" {
		return clean(twice[:min(len(twice), maxReason/2)] + ": the name is given twice in its object")
	}
	document, err := decode(payload)
	if err != nil {
		return clean(err.Error())
	}
	e := <-s.idle
	defer func() { s.idle <- e }()
	if e == nil {
		if e, err = newEvaluator(s.document); err != nil { // it could be compiled before
			return clean(err.Error())
		}
	}
	if err = e.check(document, len(payload)); err == nil {
		return ""
	}
	if failed, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return describe(failed)
	}
	return clean(err.Error())
}

// duplicateName returns the place of a name that an object in the JSON has twice, empty if there is none. A schema sees one of them, and
// who gets the payload perhaps the other.
func duplicateName(text []byte) string {
	_, err := jsontext.NewDecoder(bytes.NewReader(text)).ReadValue()
	if found, ok := errors.AsType[*jsontext.SyntacticError](err); ok && errors.Is(err, jsontext.ErrDuplicateName) {
		return string(found.JSONPointer)
	}
	return ""
}

// decode reads JSON as the schema's compiler wants it.
func decode(text []byte) (any, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return document, checkValue(document, 0)
}

// The bounds of what is said about a failure.
const (
	maxReasons = 3
	maxReason  = 200 // bytes
	// MaxSchemaError is the longest answer of Schema.Check, in bytes.
	MaxSchemaError = maxReasons*(maxReason+8) + 32
)

// describe lists the first few reasons of a failure.
func describe(failed *jsonschema.ValidationError) string {
	printer := message.NewPrinter(language.English)
	var reasons []string
	more := 0
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		switch {
		case len(e.Causes) > 0:
		case len(reasons) == maxReasons:
			more++
		default:
			place := "the whole value"
			if len(e.InstanceLocation) > 0 {
				place = "/" + strings.Join(e.InstanceLocation, "/")
			}
			why := e.ErrorKind.LocalizedString(printer)
			if format, ok := e.ErrorKind.(*kind.Format); ok {
				why = fmt.Sprintf("not a valid %s: %v", format.Want, format.Err)
			}
			reasons = append(reasons, clean(place+": "+why))
		}
	}
	walk(failed)
	text := strings.Join(reasons, "; ")
	if more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// clean makes a text of any origin fit to be stored and shown in a line.
func clean(text string) string {
	if len(text) > 4*maxReason {
		text = text[:4*maxReason]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
