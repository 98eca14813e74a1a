package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/usererror"
)

// Events also come as CloudEvents 1.0 over HTTP (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):
// one in headers and body (binary), one in JSON (structured), or a JSON array of them (batched). Of a CloudEvent become
//
//	type               the type
//	source and id      the idempotency key: the same two are the same event
//	time               occurredAt
//	subject            the resource
//	user, entity, application, intermediate
//	                   what is called so, as in the CloudEvents that Hookline sends
//	callbackdata, notifyurl, notify
//	                   callbackData, notifyUrl and notify of the webhook
//	data, data_base64  the payload; data that are text and not JSON become a JSON string; no data become null
//	source, dataschema, all other extensions
//	                   attributes, with true, false and numbers as text

// The media types of CloudEvents that are not binary.
const (
	typeCloudEvent  = "application/cloudevents+json"
	typeCloudEvents = "application/cloudevents-batch+json"
)

// cloudEventPaths are the names in CloudEvents of an event's fields.
var cloudEventPaths = map[string]string{
	"idempotencyKey": "id", "occurredAt": "time", "resource": "subject", "payload": "data",
}

// asCloudEvent turns the paths of mistakes into those of the CloudEvent that has them.
func asCloudEvent(wrong usererror.List) {
	for _, mistake := range wrong {
		switch {
		case len(mistake.Path) == 0:
		case mistake.Path[0] == "attributes" && len(mistake.Path) > 1:
			mistake.Path = mistake.Path[1:]
		case mistake.Path[0] == "webhook" && len(mistake.Path) > 1:
			mistake.Path = []string{strings.ToLower(mistake.Path[1])}
		case cloudEventPaths[mistake.Path[0]] != "":
			mistake.Path = []string{cloudEventPaths[mistake.Path[0]]}
		}
	}
}

// cloudEvent is a CloudEvent as far as it has been read.
type cloudEvent struct {
	accept.Event
	given       map[string]bool
	version     string
	id, source  string
	contentType string // of the data; empty for JSON
	wrong       usererror.List
}

// set takes an attribute, which must have a value.
func (c *cloudEvent) set(name, value string) {
	switch name {
	case "specversion":
		c.version = value
	case "id":
		c.id = value
	case "source":
		c.source = value
		c.add(name, value)
	case "type":
		c.Type = value
	case "time":
		c.OccurredAt = accept.ReadOccurredAt(&c.wrong, name, value)
	case "subject":
		c.Resource = value
	case "user":
		c.User = value
	case "entity":
		c.Entity = value
	case "application":
		c.Application = value
	case "intermediate":
		c.setBool(&c.Intermediate, name, value)
	case "callbackdata":
		c.webhook().CallbackData = value
	case "notifyurl":
		c.webhook().NotifyURL = &value
	case "notify":
		c.setBool(&c.webhook().Notify, name, value)
	case "datacontenttype":
		c.contentType = value
	default:
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			note(&c.wrong, usererror.Invalid, field(name), "%.64q is no name of an attribute: those have the letters a–z and digits", name)
			return
		}
		c.add(name, value)
	}
}

func (c *cloudEvent) setBool(into *bool, name, value string) {
	if value != "true" && value != "false" {
		note(&c.wrong, usererror.Invalid, name, "must be true or false")
	}
	*into = value == "true"
}

func (c *cloudEvent) webhook() *accept.Webhook {
	if c.Webhook == nil {
		c.Webhook = accept.NewWebhook()
	}
	return c.Webhook
}

func (c *cloudEvent) add(name, value string) {
	c.Attributes = append(c.Attributes, types.Attribute{Key: name, Value: value})
}

// finish checks what every CloudEvent has, and returns the event.
func (c *cloudEvent) finish() (accept.Event, usererror.List) {
	switch c.version {
	case "1.0":
	case "":
		note(&c.wrong, usererror.Required, "specversion", "a CloudEvent needs the specversion 1.0")
	default:
		note(&c.wrong, usererror.Invalid, "specversion", "CloudEvents of specversion %.32q are not understood; those of 1.0 are", c.version)
	}
	if c.id == "" {
		note(&c.wrong, usererror.Required, "id", "a CloudEvent needs an id")
	}
	if c.source == "" {
		note(&c.wrong, usererror.Required, "source", "a CloudEvent needs a source")
	}
	if c.Payload == nil {
		c.Payload = []byte("null")
	}
	c.IdempotencyKey = cloudEventKey(c.source, c.id)
	return c.Event, c.wrong
}

// maxKey is how long an idempotency key may be, in bytes.
const maxKey = 255

// cloudEventKey is the idempotency key of what has this source and id: `<source> <id>`, or a hash if that is too long. A source has
// no spaces.
func cloudEventKey(source, id string) string {
	key := source + " " + id
	if len(key) <= maxKey && !strings.Contains(source, " ") {
		return key
	}
	sum := sha256.New()
	for _, part := range []string{source, "\x00", id} {
		sum.Write([]byte(part))
	}
	return "cloudevent sha256 " + hex.EncodeToString(sum.Sum(nil))
}

// setData takes data that are not within JSON.
func (c *cloudEvent) setData(data []byte) {
	kind := dataKind(c.contentType)
	if kind == jsonData {
		data = bytes.TrimPrefix(data, byteOrderMark)
	}
	switch {
	case kind == jsonData && len(bytes.TrimSpace(data)) == 0: // none
	case kind == jsonData && !jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true)):
		note(&c.wrong, usererror.Invalid, "data", "the data are not JSON; say in datacontenttype (in binary mode: Content-Type) what they are")
	case kind == jsonData:
		c.Payload = bytes.TrimSpace(data)
	case kind == textData && utf8.Valid(data):
		c.Payload, _ = jsontext.AppendQuote(nil, data) // fails for what is not UTF-8
	default:
		note(&c.wrong, usererror.Invalid, "data", "data of the type %.64q cannot be delivered: Hookline takes JSON, and text in UTF-8", c.contentType)
	}
}

type kindOfData int

const (
	jsonData kindOfData = iota
	textData
	otherData
)

// dataKind says what a media type is to Hookline.
func dataKind(contentType string) kindOfData {
	if contentType == "" {
		return jsonData
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if charset := params["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		return otherData
	}
	switch {
	case mediaType == "application/json", mediaType == "text/json", strings.HasSuffix(mediaType, "+json"):
		return jsonData
	case strings.HasPrefix(mediaType, "text/"), mediaType == "application/xml", strings.HasSuffix(mediaType, "+xml"):
		return textData
	}
	return otherData
}

// isBinaryCloudEvent reports whether the headers have a CloudEvent, unless the media type says that the body has it.
func isBinaryCloudEvent(header http.Header) bool { return header.Get("Ce-Specversion") != "" }

// binaryCloudEvent reads a CloudEvent whose attributes are headers, and whose data are the body.
func binaryCloudEvent(header http.Header, body []byte) *submission {
	c := cloudEvent{contentType: header.Get("Content-Type")}
	for name, values := range header {
		name, is := strings.CutPrefix(name, "Ce-")
		if !is {
			continue
		}
		name = strings.ToLower(name)
		switch {
		case len(values) > 1:
			note(&c.wrong, usererror.Invalid, field(name), "the header Ce-%.64s is given twice", name)
		case name == "data" || name == "datacontenttype" || name == "data_base64":
			note(&c.wrong, usererror.Invalid, field(name), "the data are the body, and Content-Type says what they are")
		case values[0] != "" || name == "notifyurl": // which to leave out would tell everyone
			c.set(name, headerValue(values[0]))
		}
	}
	if len(body) > 0 {
		c.setData(body)
	}
	s := submission{cloudEvents: true, single: true, id: c.id}
	s.add(c.finish())
	return &s
}

// headerValue reads a header's value: the text in double quotes, if it is in some, with each %XX replaced by the byte.
func headerValue(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		var unquoted []byte
		for i := 1; i < len(value)-1; i++ {
			if value[i] == '\\' && i < len(value)-2 {
				i++
			}
			unquoted = append(unquoted, value[i])
		}
		value = string(unquoted)
	}
	if !strings.Contains(value, "%") {
		return value
	}
	var decoded []byte
	for i := 0; i < len(value); i++ {
		if value[i] == '%' && i+2 < len(value) {
			if b, err := hex.DecodeString(value[i+1 : i+3]); err == nil {
				decoded = append(decoded, b...)
				i += 2
				continue
			}
		}
		decoded = append(decoded, value[i])
	}
	return string(decoded)
}

// parseCloudEvents reads a CloudEvent in JSON, or with batch an array of them.
func parseCloudEvents(body []byte, batch bool) (*submission, error) {
	body = bytes.TrimPrefix(body, byteOrderMark)
	reader := newReader(body)
	s := submission{cloudEvents: true}
	var err error
	switch kind := reader.PeekKind(); {
	case kind == jsontext.KindInvalid:
		_, err = reader.ReadToken()
	case !batch && kind == '{':
		s.single = true
		err = s.readCloudEvent(reader, body)
	case batch && kind == '[':
		err = readArray(reader, func() error {
			if len(s.events) == accept.MaxEvents {
				return errTooMany
			}
			return s.readCloudEvent(reader, body)
		})
	case batch:
		err = errors.New("a batch is an array")
	default:
		err = errors.New("a CloudEvent is an object; a batch of them has the Content-Type " + typeCloudEvents)
	}
	if err == nil {
		err = atEnd(reader)
	}
	return &s, err
}

// maxCloudEventNames is how many names a CloudEvent may have, with those that are null.
const maxCloudEventNames = 1000

// readCloudEvent reads a CloudEvent. The error is about JSON, as that of readOne.
func (s *submission) readCloudEvent(reader *jsontext.Decoder, body []byte) error {
	if reader.PeekKind() != '{' {
		s.add(accept.Event{}, usererror.List{usererror.New(usererror.Invalid, "", "a CloudEvent is an object")})
		return reader.SkipValue()
	}
	c := cloudEvent{given: make(map[string]bool)}
	var encoded *string
	err := readObject(reader, func(name string) error {
		if len(c.given) == maxCloudEventNames {
			note(&c.wrong, usererror.OutOfRange, "", "a CloudEvent has at most %d attributes", maxCloudEventNames)
			return reader.SkipValue()
		}
		if c.given[name] {
			note(&c.wrong, usererror.Invalid, field(name), "the attribute is given twice")
		}
		c.given[name] = true
		switch {
		case name == "data":
			value, err := reader.ReadValue()
			end := reader.InputOffset()
			if err == nil {
				c.Payload = body[end-int64(len(value)) : end]
			}
			return err
		case name == "data_base64":
			if reader.PeekKind() == '"' {
				encoded = new(string)
			}
			return readText(reader, cmp.Or(encoded, new(string)), name, &c.wrong)
		default:
			return c.readAttribute(reader, name)
		}
	})
	if err != nil {
		return err
	}
	if encoded != nil {
		c.setEncoded(*encoded)
	}
	s.id = c.id
	s.add(c.finish())
	return nil
}

// textAttributes are those that are strings by the specification of CloudEvents, or because they become text of the event.
var textAttributes = map[string]bool{
	"specversion": true, "id": true, "source": true, "type": true, "time": true, "subject": true, "datacontenttype": true, "dataschema": true,
	"user": true, "entity": true, "application": true, "callbackdata": true, "notifyurl": true,
}

// readAttribute reads the value of an attribute: a string, or for extensions a boolean or a number; null is as if it were absent.
func (c *cloudEvent) readAttribute(reader *jsontext.Decoder, name string) error {
	switch kind := reader.PeekKind(); {
	case kind == 'n':
		return reader.SkipValue()
	case kind != '"' && textAttributes[name]:
		note(&c.wrong, usererror.Invalid, name, "must be a string")
		return reader.SkipValue()
	case kind == '{' || kind == '[':
		note(&c.wrong, usererror.Invalid, field(name), "must be a string, a number, true or false")
		return reader.SkipValue()
	}
	token, err := reader.ReadToken()
	if err != nil {
		return err
	}
	if text := token.String(); text != "" || name == "notifyurl" {
		c.set(name, text)
	}
	return nil
}

// setEncoded takes the data of data_base64.
func (c *cloudEvent) setEncoded(text string) {
	if c.Payload != nil {
		note(&c.wrong, usererror.Invalid, "data_base64", "a CloudEvent has data or data_base64, not both")
		return
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		note(&c.wrong, usererror.Invalid, "data_base64", "is not base64 (RFC 4648)")
		return
	}
	c.setData(data)
}
