// Package payload renders what is sent to a webhook: an event, or a bucket of events, in the format of the profile.
package payload

import (
	"encoding/json"
	"fmt"
	"time"
)

// Event is what can be told of an event. A zero field is absent, and rendered as nothing at all.
type Event struct {
	ID                                  string // as shown: evt_…
	Type                                string
	OccurredAt                          time.Time
	Application, Entity, User, Resource string
	Attributes                          []Attribute // each key once
	CallbackData                        string
	// Data is the payload as it was published: valid JSON, which only XML looks into.
	Data json.RawMessage
}

// Attribute is one attribute of an event.
type Attribute struct{ Key, Value string }

// Format is the form of a notification's body.
type Format string

// The formats. Text that is not UTF-8 has its bad bytes replaced by U+FFFD in all of them, but the payload itself goes
// through Envelope, Raw and CloudEvents byte by byte, so that the order of its keys and the digits of its numbers stay.
const (
	// Envelope is a JSON object with id, type, occurredAt (RFC 3339, UTC, milliseconds), application, entity, user,
	// resource, attributes (an object), callbackData and data, the payload.
	Envelope Format = "ENVELOPE"
	// Raw is the payload alone, null if there is none.
	Raw Format = "RAW"
	// CloudEvents is the structured mode of CloudEvents 1.0 in JSON. The source is /hookline/applications/<application>,
	// or /hookline without one; the subject is the resource; entity, application, user and callbackdata are extension
	// attributes. So are, as strings, the event's attributes whose names CloudEvents allows ([a-z0-9]+, of any length: 20
	// is a recommendation) and that are none of these, no other context attribute and not data. The others are left out.
	CloudEvents Format = "CLOUDEVENTS"
	// XML is the envelope as XML 1.0: an element event with an element for each member that Envelope has. JSON becomes
	// XML like this:
	//
	//   - a member of an object is an element of its name, or <entry name="…"> if the name is not made of ASCII letters,
	//     digits, -, _ and . as XML demands, or begins with xml, which XML reserves;
	//   - each element of an array is an element item;
	//   - null is an empty element with the attribute nil="true";
	//   - strings and booleans are text, in which what XML cannot express (most control characters) is U+FFFD;
	//   - numbers are text, digit by digit as they were.
	XML Format = "XML"
)

// ContentType returns the Content-Type of a body that Render makes.
func ContentType(f Format) string {
	switch f {
	case CloudEvents:
		return "application/cloudevents+json"
	case XML:
		return "application/xml"
	default:
		return "application/json"
	}
}

// BucketContentType returns the Content-Type of a body that RenderBucket makes.
func BucketContentType(f Format) string {
	if f == CloudEvents {
		return "application/cloudevents-batch+json"
	}
	return ContentType(f)
}

// Render appends the body of a notification of one event to dst, and allocates nothing else if dst has room, except
// for XML. It fails on an unknown format, and for XML on data that is not JSON or nests deeper than 10,000 levels.
func Render(dst []byte, f Format, e Event) ([]byte, error) {
	if f == XML {
		return appendXML(dst, []Event{e}, "")
	}
	return appendJSON(dst, f, &e)
}

// RenderBucket appends the body of a notification of several events to dst: {"results":[…]} with each event as Render
// would have it, a CloudEvents batch, or an XML element results with an element event for each. As Raw does not tell the
// events' ids, they go before: {"ids":["evt_…"],"results":[…]}, in the same order. It fails as Render does.
func RenderBucket(dst []byte, f Format, events []Event) ([]byte, error) {
	open, end := `{"results":[`, "]}"
	switch f {
	case XML:
		return appendXML(dst, events, "results")
	case CloudEvents:
		open, end = "[", "]"
	case Raw:
		dst = appendIDs(append(dst, '{'), events)
		open = `"results":[`
	}
	dst = append(dst, open...)
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendJSON(dst, f, &events[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, end...), nil
}

func appendJSON(dst []byte, f Format, e *Event) ([]byte, error) {
	switch f {
	case Envelope:
		return appendEnvelope(dst, e), nil
	case Raw:
		return appendRaw(dst, e), nil
	case CloudEvents:
		return appendCloudEvent(dst, e), nil
	}
	return nil, fmt.Errorf("render notification: unknown format %.32q", string(f))
}
