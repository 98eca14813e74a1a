package configure

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of an event type; those of its schema are in internal/catalogue.
const (
	maxDescription = 1000     // characters
	maxExample     = 64 << 10 // bytes
)

// validationOff accepts payloads without looking at them.
const validationOff = "OFF"

// validations are all values of an event type's validation.
var validations = []string{validationOff, "WARN", "REJECT"}

// UpsertEventType creates an event type, or changes the one that has the name. Every process follows within a second.
func (s *Service) UpsertEventType(ctx context.Context, in EventTypeInput) (*ent.EventType, error) {
	var row *ent.EventType
	err := s.changeCatalogue(ctx, func(c *change) error {
		if !checkEventTypeName(&c.wrong, in.Name) {
			return nil
		}
		query := c.EventType.Query().Where(eventtype.Name(in.Name))
		if !s.Store.Embedded() {
			query.ForUpdate()
		}
		found, err := query.Only(ctx)
		switch {
		case ent.IsNotFound(err):
			row, err = c.createEventType(ctx, in)
		case err == nil:
			row, err = c.updateEventType(ctx, found, in)
		}
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		return c.recordEventType(ctx, row.ID)
	})
	if err != nil {
		return nil, err
	}
	return row.Unwrap(), nil
}

// checkEventTypeName says what is wrong with the name of an event type, and reports whether nothing is.
func checkEventTypeName(wrong *usererror.List, name string) bool {
	const path = "input.name"
	switch err := match.ValidatePattern(name); {
	case name == "":
		wrong.Add(usererror.Required, path, "a name is needed, such as `orders.paid`")
	case len(name) > match.MaxPatternLength:
		wrong.Add(usererror.OutOfRange, path, "the name has %d characters: at most %d are allowed", len(name), match.MaxPatternLength)
	case err != nil:
		wrong.Add(usererror.Invalid, path, "%v", err)
	case strings.Contains(name, "*"):
		wrong.Add(usererror.Invalid, path, "%s is a wildcard: an event type's name has only a–z, 0–9, _ and dots", quote(name))
	case !strings.Contains(name, "."):
		wrong.Add(usererror.Invalid, path, "%s has one segment: the name is the category's key, a dot and at least one more segment, such as `orders.paid`", quote(name))
	default:
		return true
	}
	return false
}

func (c *change) createEventType(ctx context.Context, in EventTypeInput) (*ent.EventType, error) {
	key, _, _ := strings.Cut(in.Name, ".")
	within, err := c.Category.Query().Where(category.Key(key)).OnlyID(ctx)
	if ent.IsNotFound(err) {
		c.wrong.Add(usererror.NotFound, "input.name", "the first segment names the category, but there is no category %s: create it with `upsertCategory` first", quote(key))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	create := c.EventType.Create().SetName(in.Name).SetCategoryID(within)
	c.setEventType(create.Mutation(), &ent.EventType{Validation: validationOff}, in)
	if len(c.wrong) > 0 {
		return nil, nil
	}
	return create.Save(ctx)
}

func (c *change) updateEventType(ctx context.Context, found *ent.EventType, in EventTypeInput) (*ent.EventType, error) {
	update := found.Update()
	c.setEventType(update.Mutation(), found, in)
	if len(c.wrong) > 0 {
		return nil, nil
	}
	return update.Save(ctx)
}

// setEventType sets the fields that are given, and says what is wrong with them.
func (c *change) setEventType(m *ent.EventTypeMutation, found *ent.EventType, in EventTypeInput) {
	if in.Description != nil {
		switch n := utf8.RuneCountInString(*in.Description); {
		case n > maxDescription:
			c.wrong.Add(usererror.OutOfRange, "input.description", "the description has %d characters: at most %d are allowed", n, maxDescription)
		case !storable(*in.Description):
			c.wrong.Add(usererror.Invalid, "input.description", "the description has NUL characters or is not UTF-8: remove them")
		}
		m.SetDescription(*in.Description)
	}
	c.setSchema(m, found, in)
	switch {
	case in.Deprecated == nil:
	case !*in.Deprecated:
		m.ClearDeprecatedAt()
	case found.DeprecatedAt == nil:
		m.SetDeprecatedAt(time.Now().UTC().Truncate(time.Microsecond))
	}
}

// setSchema sets schema, validation and example, which must agree with each other.
func (c *change) setSchema(m *ent.EventTypeMutation, found *ent.EventType, in EventTypeInput) {
	text, example, validation := given(in.JSONSchema, found.JSONSchema), given(in.Example, found.Example), found.Validation
	if in.Validation != nil {
		validation = *in.Validation
	}
	switch {
	case !slices.Contains(validations, validation):
		c.wrong.Add(usererror.Invalid, "input.validation", "there is no validation %s: there are %s", quote(validation), listed(validations))
	case validation != validationOff && text == "":
		path := "input.validation"
		if in.JSONSchema.IsSet() {
			path = "input.jsonSchema"
		}
		c.wrong.Add(usererror.Required, path, "the validation %s needs a JSON Schema: give one, or set the validation to `%s`", quote(validation), validationOff)
	}
	if n := len(example); n > maxExample {
		c.wrong.Add(usererror.OutOfRange, "input.example", "the example has %d bytes: at most %d are allowed", n, maxExample)
		return
	}
	c.checkSchema(text, example, in)
	m.SetJSONSchema(text)
	m.SetExample(example)
	m.SetValidation(validation)
}

// given returns the JSON that is to be stored; empty for none.
func given(value graphql.Omittable[json.RawMessage], present string) string {
	if !value.IsSet() {
		return present
	}
	if text := string(value.Value()); text != "null" {
		return text
	}
	return ""
}

// checkSchema says what is wrong with the schema, or how the example fails it.
func (c *change) checkSchema(text, example string, in EventTypeInput) {
	if text == "" || !in.JSONSchema.IsSet() && !in.Example.IsSet() {
		return
	}
	if n := len(text); n > catalogue.MaxSchema {
		c.wrong.Add(usererror.OutOfRange, "input.jsonSchema", "the JSON Schema has %d bytes: at most %d are allowed", n, catalogue.MaxSchema)
		return
	}
	schema, err := catalogue.CompileSchema([]byte(text))
	if err != nil {
		c.wrong.Add(usererror.Invalid, "input.jsonSchema", "the JSON Schema cannot be used: %v", err)
		return
	}
	if example == "" {
		return
	}
	if failed := schema.Check([]byte(example)); failed != "" {
		c.wrong.Add(usererror.Invalid, "input.example", "the example does not satisfy the JSON Schema (%s): change one of them, or set the example to null", failed)
	}
}

// deprecatedWarnings warn of event types that should no longer be used.
func deprecatedWarnings(names []string) (warnings []string) {
	for _, name := range names {
		warnings = append(warnings, "the event type "+quote(name)+" is deprecated: see its description for what to use in place of it")
	}
	return warnings
}
