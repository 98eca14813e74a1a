package payload_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/payload"
)

// TestXMLKeepsEveryValue reads payloads back by the documented mapping and finds every value, in order, under its name.
func TestXMLKeepsEveryValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := texts.Draw(t, "data")
		body, err := payload.Render(nil, payload.XML, payload.Event{Data: json.RawMessage(data)})
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		got, err := xmlLeaves(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		dec := json.NewDecoder(strings.NewReader(data))
		dec.UseNumber()
		want, err := jsonLeaves(dec, []string{"event", "data"})
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s became %s, read as\n%q, want\n%q", data, body, got, want)
		}
	})
}

// TestXMLNames: names that XML, or one of its editions, does not allow as an element's stand in an attribute.
func TestXMLNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a": "<a>", "_": "<_>", "aB-9._": "<aB-9._>", "xm": "<xm>", "x": "<x>", "entry": "<entry>", "item": "<item>",
		"": `<entry name="">`, "9a": `<entry name="9a">`, "-a": `<entry name="-a">`, ".a": `<entry name=".a">`, "a b": `<entry name="a b">`,
		"a:b": `<entry name="a:b">`, "é": `<entry name="é">`, "xml": `<entry name="xml">`, "XMLa": `<entry name="XMLa">`,
		`"<&>'`: `<entry name="&#34;&lt;&amp;&gt;&#39;">`, "a\nb": `<entry name="a&#xA;b">`, "a\x01": "<entry name=\"a\ufffd\">",
	} {
		data, err := json.Marshal(map[string]string{name: ""})
		if err != nil {
			t.Fatal(err)
		}
		body, err := payload.Render(nil, payload.XML, payload.Event{Data: data, Attributes: []payload.Attribute{{Key: name}}})
		if err != nil || strings.Count(string(body), want) != 2 {
			t.Errorf("the name %q became %s, %v, want %s twice", name, body, err, want)
		}
	}
}

// FuzzXML: whatever the strings and the payload, the document is well-formed, and is made if the payload is JSON.
func FuzzXML(f *testing.F) {
	for _, e := range examples {
		f.Add(e.ID, "k", e.User, []byte(e.Data))
	}
	f.Add("]]>", "a:b", "\r\n", []byte(`{"<a/>":"<!--","xmlns:a":[null,{"":""}]}`))
	f.Fuzz(func(t *testing.T, id, key, value string, data []byte) {
		e := payload.Event{ID: id, Attributes: []payload.Attribute{{Key: key, Value: value}}, Data: data}
		body, err := payload.Render(nil, payload.XML, e)
		if made, valid := err == nil, len(data) == 0 || json.Valid(data); made != valid {
			t.Fatalf("%q: %v, though json.Valid says %v", data, err, valid)
		}
		if err != nil {
			return
		}
		if _, err := xmlLeaves(body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		body, err = payload.RenderBucket(nil, payload.XML, []payload.Event{e, e})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := xmlLeaves(body); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	})
}

// xmlLeaves lists the elements without others in them as paths and their text, and fails on what is not well-formed.
func xmlLeaves(document []byte) ([]string, error) {
	dec := xml.NewDecoder(bytes.NewReader(document))
	var leaves, path []string
	var text string
	roots, leaf := 0, false
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) && roots == 1 {
			return leaves, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if len(path) == 0 {
				roots++
			}
			name := token.Name.Local
			text, leaf = "", true
			for _, a := range token.Attr {
				switch a.Name.Local {
				case "name":
					name = a.Value
				case "nil":
					text = "\x00nil"
				}
			}
			path = append(path, name)
		case xml.CharData:
			if text += string(token); len(path) == 0 && strings.TrimSpace(text) != "" {
				return nil, fmt.Errorf("text outside of the document: %q", text)
			}
		case xml.EndElement:
			if leaf {
				leaves = append(leaves, fmt.Sprintf("%q=%q", path, text))
			}
			leaf = false
			path = path[:len(path)-1]
		}
	}
}

// jsonLeaves lists the next JSON value as xmlLeaves has to have it.
func jsonLeaves(dec *json.Decoder, path []string) ([]string, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	leaf := func(text string) []string { return []string{fmt.Sprintf("%q=%q", path, xmlText(text))} }
	switch token := token.(type) {
	case nil:
		return []string{fmt.Sprintf("%q=%q", path, "\x00nil")}, nil
	case bool, json.Number:
		return leaf(fmt.Sprint(token)), nil
	case string:
		return leaf(token), nil
	}
	if !dec.More() {
		_, err := dec.Token()
		return leaf(""), err
	}
	var all []string
	for dec.More() {
		name := "item"
		if token == json.Delim('{') {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name = xmlText(key.(string))
		}
		below, err := jsonLeaves(dec, append(slices.Clone(path), name))
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	_, err = dec.Token()
	return all, err
}

// xmlText replaces what XML 1.0 cannot express (production 2, Char).
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, s)
}
