package server

import (
	"net/http"
	"strings"

	"github.com/hookline/hookline/graph"
)

// keyHeader is the header in which a request with a single event may have the idempotency key
// (https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header).
const keyHeader = "Idempotency-Key"

// setKey gives the single event the idempotency key of the header, if there is one.
func (s *submission) setKey(header http.Header) *problem {
	values := header.Values(keyHeader)
	if len(values) == 0 {
		return nil
	}
	key, is := unquoteKey(values[0])
	switch {
	case len(values) > 1:
		return problemf(graph.CodeBadInput, "the header %s is given twice; nothing was published", keyHeader)
	case !is:
		return problemf(graph.CodeBadInput, "the header %s must be a key, or a key in double quotes (a string of RFC 8941); nothing was published", keyHeader)
	case !s.single:
		return problemf(graph.CodeBadInput, "the header %s is for a single event: give each event of several %s of its own in the body; nothing was published",
			keyHeader, map[bool]string{false: "an idempotencyKey", true: "a source and an id"}[s.cloudEvents])
	case s.cloudEvents && key != s.events[0].IdempotencyKey && key != s.id:
		return problemf(graph.CodeBadInput, "the header %s differs from the CloudEvent's id, which with its source is the key: leave the header out; nothing was published", keyHeader)
	case s.cloudEvents:
		return nil
	case s.events[0].IdempotencyKey != "" && s.events[0].IdempotencyKey != key:
		return problemf(graph.CodeBadInput, "the header %s differs from the event's idempotencyKey: give one of them; nothing was published", keyHeader)
	}
	s.events[0].IdempotencyKey = key
	return nil
}

// unquoteKey returns the key that the header's value has: as it is, or as a string of structured fields
// (https://www.rfc-editor.org/rfc/rfc8941#section-3.3.3).
func unquoteKey(value string) (key string, is bool) {
	text, quoted := strings.CutPrefix(value, `"`)
	if !quoted {
		return value, value != ""
	}
	var unquoted []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return string(unquoted), len(unquoted) > 0 && i == len(text)-1
		case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			unquoted = append(unquoted, text[i])
		case c == '\\', c < 0x20, c > 0x7e:
			return "", false
		default:
			unquoted = append(unquoted, c)
		}
	}
	return "", false
}
