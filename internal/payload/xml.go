package payload

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// appendXML appends an XML document with the events, inside the element around if it has a name.
func appendXML(dst []byte, events []Event, around string) ([]byte, error) {
	w := xmlWriter{bytes.NewBuffer(dst)}
	w.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	if around != "" {
		w.open(around)
	}
	for i := range events {
		if err := w.event(&events[i]); err != nil {
			return nil, fmt.Errorf("render notification as XML: %w", err)
		}
	}
	if around != "" {
		w.close(around)
	}
	return w.Bytes(), nil
}

// xmlWriter writes elements by the mapping that XML documents.
type xmlWriter struct{ *bytes.Buffer }

func (w xmlWriter) event(e *Event) error {
	w.open("event")
	w.member("id", e.ID)
	w.member("type", e.Type)
	if !e.OccurredAt.IsZero() {
		w.member("occurredAt", e.OccurredAt.UTC().Format(timeLayout))
	}
	w.member("application", e.Application)
	w.member("entity", e.Entity)
	w.member("user", e.User)
	w.member("resource", e.Resource)
	if len(e.Attributes) > 0 {
		w.open("attributes")
		for _, a := range e.Attributes {
			w.element(a.Key, a.Value)
		}
		w.close("attributes")
	}
	w.member("callbackData", e.CallbackData)
	if len(e.Data) > 0 {
		if err := w.data(e.Data); err != nil {
			return err
		}
	}
	w.close("event")
	return nil
}

// data writes a whole JSON text.
func (w xmlWriter) data(text []byte) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := w.value("data", dec); err != nil {
		return err
	}
	switch _, err := dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errors.New("data is more than one JSON value")
	default:
		return err
	}
}

// value writes the next JSON value as an element. It recurses no deeper than the decoder lets values nest.
func (w xmlWriter) value(name string, dec *jsontext.Decoder) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case 'n':
		w.open(name, ` nil="true"`)
	case '{', '[':
		w.open(name)
		if err := w.members(token.Kind() == '{', dec); err != nil {
			return err
		}
	default:
		w.element(name, token.String())
		return nil
	}
	w.close(name)
	return nil
}

// members writes what is left of an object or array.
func (w xmlWriter) members(object bool, dec *jsontext.Decoder) error {
	for {
		switch dec.PeekKind() {
		case '}', ']':
			_, err := dec.ReadToken()
			return err
		}
		name := "item"
		if object {
			token, err := dec.ReadToken()
			if err != nil {
				return err
			}
			name = token.String()
		}
		if err := w.value(name, dec); err != nil {
			return err
		}
	}
}

// member writes an element with text, unless that is absent.
func (w xmlWriter) member(name, text string) {
	if text != "" {
		w.element(name, text)
	}
}

func (w xmlWriter) element(name, text string) {
	w.open(name)
	w.text(text)
	w.close(name)
}

// open writes a start tag; attributes are as they are written in it, with a space before each.
func (w xmlWriter) open(name string, attributes ...string) {
	w.WriteByte('<')
	if isElementName(name) {
		w.WriteString(name)
	} else {
		w.WriteString(`entry name="`)
		w.text(name)
		w.WriteByte('"')
	}
	for _, a := range attributes {
		w.WriteString(a)
	}
	w.WriteByte('>')
}

func (w xmlWriter) close(name string) {
	if !isElementName(name) {
		name = "entry"
	}
	w.WriteString("</" + name + ">")
}

// text writes what is between tags or the quotes of an attribute.
func (w xmlWriter) text(text string) {
	_ = xml.EscapeText(w, []byte(text)) // a bytes.Buffer never fails
}

// isElementName reports whether name can be an element's without further ado: XML allows more characters, but which
// ones differs between its editions.
func isElementName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return name != "" && !strings.EqualFold(name[:min(3, len(name))], "xml")
}
