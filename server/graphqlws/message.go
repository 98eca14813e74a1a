package graphqlws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The types of message.
const (
	typeInit      = "connection_init"
	typeAck       = "connection_ack"
	typePing      = "ping"
	typePong      = "pong"
	typeSubscribe = "subscribe"
	typeNext      = "next"
	typeError     = "error"
	typeComplete  = "complete"
)

// maxIDBytes bounds the client's ids, which are repeated in every message of their operations.
const maxIDBytes = 255

// maxReasonBytes is what a close frame holds beside its code (RFC 6455, section 5.5).
const maxReasonBytes = 123

// maxPooledBytes keeps one long message from staying in the pool of buffers for ever.
const maxPooledBytes = 64 << 10

// message is a message of the client.
type message struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// parseMessage reads a message of the client. The text of its error, as that of the other parse functions, is fit for
// the client.
func parseMessage(data []byte) (message, error) {
	var m message
	if !utf8.Valid(data) {
		return m, errors.New("not UTF-8")
	}
	if json.Unmarshal(data, &m) != nil {
		return m, errors.New("not a JSON object with type, id and payload")
	}
	switch m.Type {
	case typeSubscribe, typeComplete:
		if m.ID == "" || len(m.ID) > maxIDBytes {
			return m, fmt.Errorf("%s needs an id of 1 to %d bytes", m.Type, maxIDBytes)
		}
	case typeInit, typePing, typePong:
		if len(m.Payload) > 0 && m.Payload[0] != '{' && string(m.Payload) != "null" {
			return m, fmt.Errorf("the payload of %s is not an object", m.Type)
		}
	default:
		return m, errors.New("not a type that clients send")
	}
	return m, nil
}

// parseInit reads the payload of connection_init, which may be missing.
func parseInit(payload json.RawMessage) (InitPayload, error) {
	var init InitPayload
	if len(payload) > 0 && json.Unmarshal(payload, &init) != nil {
		return init, errors.New("authorization and account in the payload of connection_init are not strings")
	}
	return init, nil
}

// parseOperation reads the payload of subscribe. Numbers in the variables stay as they were written.
func parseOperation(payload json.RawMessage) (*graphql.RawParams, error) {
	var operation struct {
		Query         *string        `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	if decoder.Decode(&operation) != nil || operation.Query == nil {
		return nil, errors.New("the payload of subscribe is not an object with query, operationName, variables and extensions")
	}
	return &graphql.RawParams{
		Query:         *operation.Query,
		OperationName: operation.OperationName,
		Variables:     operation.Variables,
		Extensions:    operation.Extensions,
	}, nil
}

// frame is a websocket frame on its way to the writer, which hands its buffer back to the pool.
type frame struct {
	kind int // websocket.TextMessage or websocket.PongMessage
	body *[]byte
	// op is the operation that the message belongs to, if any: once the client has completed it, the frame is dropped.
	op *operation
	// last marks the operation's last message: the id is free again when the client sees it.
	last bool
}

var bodies = sync.Pool{New: func() any { return new([]byte) }}

func newFrame(kind int) frame {
	body := bodies.Get().(*[]byte)
	*body = (*body)[:0]
	return frame{kind: kind, body: body}
}

func (f frame) release() {
	if cap(*f.body) <= maxPooledBytes {
		bodies.Put(f.body)
	}
}

// ackFrame acknowledges connection_init.
func ackFrame() frame {
	f := newFrame(websocket.TextMessage)
	*f.body = append(*f.body, `{"type":"`+typeAck+`"}`...)
	return f
}

// pongFrame answers a `ping` message, with its payload, which must be valid JSON or empty.
func pongFrame(payload json.RawMessage) frame {
	f := newFrame(websocket.TextMessage)
	*f.body = append(*f.body, `{"type":"`+typePong+`"`...)
	if len(payload) > 0 {
		*f.body = append(*f.body, `,"payload":`...)
		*f.body = append(*f.body, payload...)
	}
	*f.body = append(*f.body, '}')
	return f
}

// controlPongFrame answers a websocket ping frame.
func controlPongFrame(payload string) frame {
	f := newFrame(websocket.PongMessage)
	*f.body = append(*f.body, payload...)
	return f
}

// nextHead is what all `next` messages of an operation start with.
func nextHead(id string) []byte {
	return append(appendHead(nil, id, typeNext), `,"payload":`...)
}

// nextFrame copies the response: gqlgen uses the memory of its data again for the next one. The data itself goes out as
// it is, save for bytes that are not UTF-8, which gqlgen lets through and on which a browser would drop the socket.
func nextFrame(head []byte, response *graphql.Response) (frame, error) {
	f := newFrame(websocket.TextMessage)
	b := append(*f.body, head...)
	if isPlain(response) {
		b = append(b, `{"data":`...)
		b = appendData(b, response.Data)
		b = append(b, '}')
	} else {
		plain := *response
		plain.Data = appendData(nil, response.Data)
		payload, err := json.Marshal(&plain)
		if err != nil {
			f.release()
			return frame{}, fmt.Errorf("encode response: %w", err)
		}
		b = append(b, payload...)
	}
	*f.body = append(b, '}')
	return f, nil
}

// isPlain says whether the response consists of data alone, as nearly all do.
func isPlain(r *graphql.Response) bool {
	return len(r.Errors) == 0 && len(r.Extensions) == 0 && r.Label == "" && r.Path == nil && r.HasNext == nil
}

func appendData(b []byte, data json.RawMessage) []byte {
	switch {
	case len(data) == 0:
		return append(b, "null"...)
	case !utf8.Valid(data):
		return append(b, bytes.ToValidUTF8(data, []byte("\uFFFD"))...)
	}
	return append(b, data...)
}

// errorFrame ends an operation with errors; no complete may follow. Errors whose extensions have no JSON form lose them.
func errorFrame(id string, errs gqlerror.List) frame {
	payload, err := json.Marshal(errs)
	if err != nil {
		bare := make(gqlerror.List, len(errs))
		for i, e := range errs {
			bare[i] = &gqlerror.Error{Message: e.Message, Path: e.Path, Locations: e.Locations}
		}
		payload, _ = json.Marshal(bare)
	}
	f := newFrame(websocket.TextMessage)
	b := appendHead(*f.body, id, typeError)
	b = append(b, `,"payload":`...)
	b = append(b, payload...)
	*f.body = append(b, '}')
	return f
}

// completeFrame ends an operation that has sent all its responses.
func completeFrame(id string) frame {
	f := newFrame(websocket.TextMessage)
	*f.body = append(appendHead(*f.body, id, typeComplete), '}')
	return f
}

// appendHead starts a message that belongs to an operation; the id may hold anything that the client made up.
func appendHead(b []byte, id, messageType string) []byte {
	quoted, _ := json.Marshal(id) // a string always has a JSON form
	b = append(b, `{"id":`...)
	b = append(b, quoted...)
	b = append(b, `,"type":"`...)
	b = append(b, messageType...)
	return append(b, '"')
}

// closeReason makes text fit into a close frame: valid UTF-8 of at most 123 bytes, cut between two characters.
func closeReason(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= maxReasonBytes {
		return text
	}
	end := maxReasonBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
