package payload

import (
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeLayout is RFC 3339 with milliseconds, of a time in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

func appendEnvelope(dst []byte, e *Event) []byte {
	dst = append(dst, '{')
	dst = appendMember(dst, "id", e.ID)
	dst = appendMember(dst, "type", e.Type)
	dst = appendTime(dst, "occurredAt", e.OccurredAt)
	dst = appendMember(dst, "application", e.Application)
	dst = appendMember(dst, "entity", e.Entity)
	dst = appendMember(dst, "user", e.User)
	dst = appendMember(dst, "resource", e.Resource)
	if len(e.Attributes) > 0 {
		dst = append(dst, `"attributes":{`...)
		for _, a := range e.Attributes {
			dst = appendQuoted(dst, a.Key)
			dst = append(dst, ':')
			dst = appendQuoted(dst, a.Value)
			dst = append(dst, ',')
		}
		dst = append(endObject(dst), ',')
	}
	dst = appendMember(dst, "callbackData", e.CallbackData)
	dst = appendData(dst, e)
	return endObject(dst)
}

func appendCloudEvent(dst []byte, e *Event) []byte {
	dst = append(dst, `{"specversion":"1.0",`...)
	dst = appendMember(dst, "id", e.ID)
	if e.Application == "" {
		dst = append(dst, `"source":"/hookline",`...)
	} else {
		dst = append(dst, `"source":"/hookline/applications/`...)
		dst = append(dst, url.PathEscape(e.Application)...)
		dst = append(dst, `",`...)
	}
	dst = appendMember(dst, "type", e.Type)
	dst = appendMember(dst, "subject", e.Resource)
	dst = appendTime(dst, "time", e.OccurredAt)
	dst = appendMember(dst, "entity", e.Entity)
	dst = appendMember(dst, "application", e.Application)
	dst = appendMember(dst, "user", e.User)
	dst = appendMember(dst, "callbackdata", e.CallbackData)
	for _, a := range e.Attributes {
		if isExtension(a.Key) {
			dst = append(appendQuoted(appendName(dst, a.Key), a.Value), ',')
		}
	}
	if len(e.Data) > 0 {
		dst = append(dst, `"datacontenttype":"application/json",`...)
	}
	dst = appendData(dst, e)
	return endObject(dst)
}

// isExtension reports whether an attribute of the event can be an extension attribute of a CloudEvent: its name is one, and has no meaning
// of its own.
func isExtension(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", // the specification's
		"entity", "application", "user", "callbackdata": // Hookline's
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func appendRaw(dst []byte, e *Event) []byte {
	if len(e.Data) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, e.Data...)
}

// appendIDs appends the member with the events' ids, with a comma after it.
func appendIDs(dst []byte, events []Event) []byte {
	dst = append(dst, `"ids":[`...)
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, events[i].ID)
	}
	return append(dst, "],"...)
}

// appendMember appends a member of an object, with a comma after it, unless it is absent.
func appendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = appendName(dst, name)
	dst = appendQuoted(dst, value)
	return append(dst, ',')
}

func appendTime(dst []byte, name string, at time.Time) []byte {
	if at.IsZero() {
		return dst
	}
	dst = append(appendName(dst, name), '"')
	dst = at.UTC().AppendFormat(dst, timeLayout)
	return append(dst, `",`...)
}

func appendData(dst []byte, e *Event) []byte {
	if len(e.Data) == 0 {
		return dst
	}
	dst = append(appendName(dst, "data"), e.Data...)
	return append(dst, ',')
}

// appendName appends the name of a member, which needs no escapes.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, `":`...)
}

// endObject closes an object, in place of the comma after its last member if it has one.
func endObject(dst []byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = '}'
		return dst
	}
	return append(dst, '}')
}

// appendQuoted appends text as a JSON string.
func appendQuoted(dst []byte, text string) []byte {
	dst, _ = jsontext.AppendQuote(dst, text) // its error says that bad UTF-8 was replaced
	return dst
}
