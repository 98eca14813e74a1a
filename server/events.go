package server

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/usererror"
)

// Events come as one JSON object, an array of them, or a line for each (NDJSON, https://github.com/ndjson/ndjson-spec).
// They are read token by token, without reflection: this is the hot path of publishing. Payloads are slices of the body.

// submission is what a request asks to be published: events, each with what is wrong with its form.
type submission struct {
	events []accept.Event
	wrong  []usererror.List
	// single says that the body was one object, for which the answer's status and the header Idempotency-Key speak.
	single bool
	// cloudEvents says that the events came as CloudEvents; id is that of a single one.
	cloudEvents bool
	id          string
}

// errTooMany says that a body has more events than may come in one request.
var errTooMany = fmt.Errorf("a request has at most %d events", accept.MaxEvents)

// parseEvents reads a body. With lines, a line that is not JSON is one event's mistake; without, it is an error and nothing
// is read.
func parseEvents(body []byte, lines bool) (*submission, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	if lines {
		return parseLines(body)
	}
	reader := newReader(body)
	var s submission
	var err error
	switch reader.PeekKind() {
	case '[':
		err = readArray(reader, func() error {
			if len(s.events) == accept.MaxEvents {
				return errTooMany
			}
			return s.readOne(reader, body)
		})
	case '{':
		s.single = true
		if err = s.readOne(reader, body); err == nil && reader.PeekKind() == '{' {
			return parseLines(body) // one after the other
		}
	case jsontext.KindInvalid:
		_, err = reader.ReadToken()
	default:
		err = errors.New("expected an object or an array")
	}
	if err == nil {
		err = atEnd(reader)
	}
	return &s, err
}

func newReader(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true)) // readOne looks for them
}

func atEnd(reader *jsontext.Decoder) error {
	if kind := reader.PeekKind(); kind != jsontext.KindInvalid {
		return fmt.Errorf("there is more after the end, at byte %d", reader.InputOffset())
	}
	if _, err := reader.ReadToken(); err != nil && !isEOF(err) {
		return err
	}
	return nil
}

// readArray calls read for each element.
func readArray(reader *jsontext.Decoder, read func() error) error {
	if _, err := reader.ReadToken(); err != nil {
		return err
	}
	for reader.PeekKind() != ']' {
		if err := read(); err != nil {
			return err
		}
	}
	_, err := reader.ReadToken()
	return err
}

// parseLines reads a line for each event. Empty lines are left out.
func parseLines(body []byte) (*submission, error) {
	var s submission
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(s.events) == accept.MaxEvents {
			return nil, errTooMany
		}
		reader := newReader(line)
		read := len(s.events)
		err := s.readOne(reader, line)
		if err == nil {
			err = atEnd(reader)
		}
		if err != nil {
			s.events, s.wrong = s.events[:read], s.wrong[:read]
			s.add(accept.Event{}, usererror.List{usererror.New(usererror.Invalid, "", "the line is not an event in JSON: %s", describe(err))})
		}
	}
	return &s, nil
}

// maxMistakes is how many mistakes of an event are kept: a body has room for millions.
const maxMistakes = 64

// note adds a mistake, unless there are enough.
func note(wrong *usererror.List, code usererror.Code, path, format string, args ...any) {
	if len(*wrong) < maxMistakes {
		wrong.Add(code, path, format, args...)
	}
}

func (s *submission) add(e accept.Event, wrong usererror.List) {
	s.events = append(s.events, e)
	s.wrong = append(s.wrong, wrong)
}

// readOne reads an event. The error is about JSON; what is wrong with an event that is JSON is kept beside it.
func (s *submission) readOne(reader *jsontext.Decoder, body []byte) error {
	var e accept.Event
	var wrong usererror.List
	if reader.PeekKind() != '{' {
		if err := reader.SkipValue(); err != nil {
			return err
		}
		s.add(e, usererror.List{usererror.New(usererror.Invalid, "", "an event is an object")})
		return nil
	}
	if _, err := reader.ReadToken(); err != nil {
		return err
	}
	var seen [8]string
	names := seen[:0]
	for reader.PeekKind() != '}' {
		name, err := readName(reader)
		if err != nil {
			return err
		}
		if len(names) == maxMistakes { // so many fields are mistakes, but for a few
			if err := reader.SkipValue(); err != nil {
				return err
			}
			continue
		}
		for _, before := range names {
			if before == name {
				note(&wrong, usererror.Invalid, field(name), "the field is given twice")
			}
		}
		names = append(names, name)
		if err := readField(reader, body, &e, name, &wrong); err != nil {
			return err
		}
	}
	if _, err := reader.ReadToken(); err != nil {
		return err
	}
	s.add(e, wrong)
	return nil
}

// readName reads the name of a field. Those that events have are not allocated.
func readName(reader *jsontext.Decoder) (string, error) {
	quoted, err := reader.ReadValue()
	if err != nil {
		return "", err
	}
	switch string(quoted) {
	case `"type"`:
		return "type", nil
	case `"payload"`:
		return "payload", nil
	case `"idempotencyKey"`:
		return "idempotencyKey", nil
	case `"entity"`:
		return "entity", nil
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	return string(name), err
}

// field shows a name that came from outside, shortened.
func field(name string) string {
	return shorten(strings.ReplaceAll(name, ".", "_")) // a path is dotted
}

func shorten(name string) string {
	if len(name) > 64 {
		return strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}

// readField reads the value of an event's field.
func readField(reader *jsontext.Decoder, body []byte, e *accept.Event, name string, wrong *usererror.List) error {
	var text *string
	switch name {
	case "type":
		text = &e.Type
	case "idempotencyKey":
		text = &e.IdempotencyKey
	case "user":
		text = &e.User
	case "entity":
		text = &e.Entity
	case "application":
		text = &e.Application
	case "resource":
		text = &e.Resource
	case "payload":
		value, err := reader.ReadValue()
		end := reader.InputOffset()
		if err == nil {
			e.Payload = body[end-int64(len(value)) : end]
		}
		return err
	case "occurredAt":
		return readTime(reader, &e.OccurredAt, wrong)
	case "attributes":
		return readAttributes(reader, e, wrong)
	case "intermediate":
		return readBool(reader, &e.Intermediate, name, wrong)
	case "webhook":
		return readWebhook(reader, e, wrong)
	default:
		note(wrong, usererror.Invalid, field(name), "events have no field %.64q; they have type, payload, idempotencyKey, occurredAt, user, "+
			"entity, application, resource, attributes, intermediate and webhook", name)
		return reader.SkipValue()
	}
	return readText(reader, text, name, wrong)
}

// readText reads a string, or null for none.
func readText(reader *jsontext.Decoder, into *string, path string, wrong *usererror.List) error {
	switch kind := reader.PeekKind(); kind {
	case '"', 'n':
		token, err := reader.ReadToken()
		if err == nil && kind == '"' {
			*into = token.String()
		}
		return err
	default:
		note(wrong, usererror.Invalid, path, "must be a string")
		return reader.SkipValue()
	}
}

func readTime(reader *jsontext.Decoder, into *time.Time, wrong *usererror.List) error {
	if reader.PeekKind() != '"' {
		return readText(reader, new(string), "occurredAt", wrong)
	}
	token, err := reader.ReadToken()
	if err == nil {
		*into = accept.ReadOccurredAt(wrong, "occurredAt", token.String())
	}
	return err
}

// readBool reads true or false, or null for what is the case without the field.
func readBool(reader *jsontext.Decoder, into *bool, path string, wrong *usererror.List) error {
	switch kind := reader.PeekKind(); kind {
	case 't', 'f':
		*into = kind == 't'
	case 'n':
	default:
		note(wrong, usererror.Invalid, path, "must be true or false")
	}
	return reader.SkipValue()
}

// readWebhook reads what the event says about its own delivery.
func readWebhook(reader *jsontext.Decoder, e *accept.Event, wrong *usererror.List) error {
	switch reader.PeekKind() {
	case 'n':
		return reader.SkipValue()
	case '{':
	default:
		note(wrong, usererror.Invalid, "webhook", "must be an object")
		return reader.SkipValue()
	}
	e.Webhook = accept.NewWebhook()
	given := make(map[string]bool)
	return readObject(reader, func(name string) error {
		path := "webhook." + field(name)
		if given[name] {
			note(wrong, usererror.Invalid, path, "the field is given twice")
		}
		given[name] = true
		switch name {
		case "notifyUrl":
			if reader.PeekKind() != '"' {
				return readText(reader, new(string), path, wrong)
			}
			e.Webhook.NotifyURL = new(string)
			return readText(reader, e.Webhook.NotifyURL, path, wrong)
		case "notify":
			return readBool(reader, &e.Webhook.Notify, path, wrong)
		case "callbackData":
			return readText(reader, &e.Webhook.CallbackData, path, wrong)
		case "contentType":
			return readText(reader, &e.Webhook.ContentType, path, wrong)
		case "intermediateReports":
			return readBool(reader, &e.Webhook.IntermediateReports, path, wrong)
		default:
			note(wrong, usererror.Invalid, path, "webhooks have no field %.64q; they have notifyUrl, notify, callbackData, contentType "+
				"and intermediateReports", name)
			return reader.SkipValue()
		}
	})
}

// readAttributes reads `{"key":"value"}`, in which null is as if it were absent, or `[{"key":"…","value":"…"}]` as GraphQL has them.
func readAttributes(reader *jsontext.Decoder, e *accept.Event, wrong *usererror.List) error {
	switch reader.PeekKind() {
	case '{':
		return readObject(reader, func(name string) error {
			switch reader.PeekKind() {
			case '"':
				token, err := reader.ReadToken()
				if err == nil {
					e.Attributes = append(e.Attributes, types.Attribute{Key: name, Value: token.String()})
				}
				return err
			case 'n':
			default:
				before := len(*wrong)
				note(wrong, usererror.Invalid, "attributes", "must be a string")
				for _, mistake := range (*wrong)[before:] {
					mistake.Path = append(mistake.Path, shorten(name)) // which may have dots
				}
			}
			return reader.SkipValue()
		})
	case '[':
		place := -1
		return readArray(reader, func() error {
			place++
			return readAttribute(reader, e, fmt.Sprintf("attributes.%d", place), wrong)
		})
	case 'n':
	default:
		note(wrong, usererror.Invalid, "attributes", "must be an object of strings")
	}
	return reader.SkipValue()
}

// readAttribute reads an element of a list of attributes.
func readAttribute(reader *jsontext.Decoder, e *accept.Event, path string, wrong *usererror.List) error {
	if reader.PeekKind() != '{' {
		note(wrong, usererror.Invalid, path, "an attribute of a list has a key and a value")
		return reader.SkipValue()
	}
	var key, value *string
	read := func(into **string, name string) error {
		if *into != nil {
			note(wrong, usererror.Invalid, path+"."+name, "the field is given twice")
		}
		*into = new(string)
		if reader.PeekKind() == 'n' {
			note(wrong, usererror.Required, path+"."+name, "must be a string, not null")
		}
		return readText(reader, *into, path+"."+name, wrong)
	}
	err := readObject(reader, func(name string) error {
		switch name {
		case "key":
			return read(&key, name)
		case "value":
			return read(&value, name)
		default:
			note(wrong, usererror.Invalid, path+"."+field(name), "attributes have no field %.64q; they have key and value", name)
			return reader.SkipValue()
		}
	})
	switch {
	case err != nil:
		return err
	case key == nil:
		note(wrong, usererror.Required, path+".key", "an attribute needs a key")
	case value == nil:
		note(wrong, usererror.Required, path+".value", "an attribute needs a value, which may be empty")
	default:
		e.Attributes = append(e.Attributes, types.Attribute{Key: *key, Value: *value})
	}
	return nil
}

// readObject calls read for each name, to read its value.
func readObject(reader *jsontext.Decoder, read func(name string) error) error {
	if _, err := reader.ReadToken(); err != nil {
		return err
	}
	for reader.PeekKind() != '}' {
		token, err := reader.ReadToken()
		if err != nil {
			return err
		}
		if err := read(token.String()); err != nil {
			return err
		}
	}
	_, err := reader.ReadToken()
	return err
}
