package graphqlws

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"pgregory.net/rapid"
)

func TestParseMessage_refuses_what_is_not_in_the_protocol(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		``, `null`, `[]`, `"ping"`, `{}`, `{"type":1}`, `{"type":""}`, `{"type":"nothing"}`, `{"type":"ping"} {}`,
		"{\"type\":\"ping\",\"payload\":{\"x\":\"\xff\"}}",
		`{"type":"connection_ack"}`, `{"type":"next","id":"1","payload":{}}`, `{"type":"error","id":"1","payload":[]}`,
		`{"type":"connection_init","payload":[]}`, `{"type":"ping","payload":"x"}`, `{"type":"pong","payload":1}`,
		`{"type":"subscribe","payload":{"query":"{ hello }"}}`, `{"type":"subscribe","id":"","payload":{"query":"{ hello }"}}`,
		`{"type":"subscribe","id":1,"payload":{"query":"{ hello }"}}`, `{"type":"complete"}`, `{"type":"complete","id":null}`,
		`{"type":"complete","id":"` + strings.Repeat("x", 256) + `"}`,
	} {
		if _, err := parseMessage([]byte(data)); err == nil {
			t.Errorf("accepted %s", data)
		}
	}
}

func TestParseMessage_accepts_what_is_in_the_protocol(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{"type":"connection_init"}`, `{"type":"connection_init","payload":null}`, `{"type":"connection_init","payload":{"x":1}}`,
		`{"type":"ping"}`, `{"type":"pong","payload": { }}`, `{"type":"complete","id":"1"}`,
		`{"type":"subscribe","id":"` + strings.Repeat("x", 255) + `","payload":{"query":""}}`,
	} {
		if _, err := parseMessage([]byte(data)); err != nil {
			t.Errorf("refused %s: %v", data, err)
		}
	}
}

func TestParseOperation_demands_the_types_of_the_protocol(t *testing.T) {
	t.Parallel()
	for payload, ok := range map[string]bool{
		``: false, `null`: false, `[]`: false, `"{ hello }"`: false, `{}`: false, `{"query":null}`: false, `{"query":1}`: false,
		`{"query":"{ hello }","variables":[]}`:                                          false,
		`{"query":"{ hello }","extensions":"x"}`:                                        false,
		`{"query":"{ hello }","operationName":1}`:                                       false,
		`{"query":"{ hello }"}`:                                                         true,
		`{"query":"","extensions":{"persisted":1}}`:                                     true,
		`{"query":"{ hello }","operationName":null,"variables":null,"extensions":null}`: true,
	} {
		if _, err := parseOperation(json.RawMessage(payload)); (err == nil) != ok {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

// FuzzParseMessage: whatever a client sends, the answer to it is JSON in UTF-8.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"type":"ping","payload":{"x":1}}`))
	f.Add([]byte(`{"type":"subscribe","id":"\ud800","payload":{"query":"{ hello }","variables":{"x":1e999}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMessage(data)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("error %q", err)
			}
			return
		}
		_, _ = parseInit(m.Payload)
		_, _ = parseOperation(m.Payload)
		answers := []frame{completeFrame(m.ID)}
		if m.Type == typePing {
			answers = append(answers, pongFrame(m.Payload))
		}
		for _, answer := range answers {
			if !json.Valid(*answer.body) || !utf8.Valid(*answer.body) {
				t.Errorf("answer %s", *answer.body)
			}
			answer.release()
		}
	})
}

// TestNextFrame_is_the_JSON_of_the_response holds the encoding of ours against that of encoding/json.
func TestNextFrame_is_the_JSON_of_the_response(t *testing.T) {
	t.Parallel()
	yes := true
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.String().Draw(t, "id")
		response := &graphql.Response{}
		if rapid.Bool().Draw(t, "has data") {
			response.Data, _ = json.Marshal(map[string]string{"x": rapid.String().Draw(t, "data")})
		}
		if rapid.Bool().Draw(t, "has errors") {
			response.Errors = gqlerror.List{{Message: rapid.String().Draw(t, "message")}}
		}
		response.Extensions = rapid.SampledFrom([]map[string]any{nil, {}, {"cost": "1"}}).Draw(t, "extensions")
		response.Label = rapid.SampledFrom([]string{"", "part"}).Draw(t, "label")
		response.Path = rapid.SampledFrom([]ast.Path{nil, {ast.PathName("x")}}).Draw(t, "path")
		response.HasNext = rapid.SampledFrom([]*bool{nil, &yes}).Draw(t, "has next")

		f, err := nextFrame(nextHead(id), response)
		if err != nil {
			t.Fatal(err)
		}
		defer f.release()
		want, err := json.Marshal(map[string]any{"id": id, "type": "next", "payload": response})
		if err != nil {
			t.Fatal(err)
		}
		if got := normalise(t, *f.body); got != normalise(t, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// normalise gives equal JSON equal text.
func normalise(t *rapid.T, data []byte) string {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNextFrame_mends_text_that_is_not_UTF8(t *testing.T) {
	t.Parallel()
	data := json.RawMessage("{\"body\":\"\xff\xfe ok\"}")
	for _, response := range []*graphql.Response{
		{Data: data},
		{Data: data, Errors: gqlerror.List{{Message: "partly"}}},
	} {
		f, err := nextFrame(nextHead("1"), response)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(*f.body) || !strings.Contains(string(*f.body), "\uFFFD ok") {
			t.Errorf("got %q", *f.body)
		}
		f.release()
	}
	if string(data) != "{\"body\":\"\xff\xfe ok\"}" {
		t.Error("the response's own data was changed")
	}
}

func TestNextFrame_reports_a_response_without_JSON_form(t *testing.T) {
	t.Parallel()
	_, err := nextFrame(nextHead("1"), &graphql.Response{Data: []byte("null"), Extensions: map[string]any{"x": func() {}}})
	if _, ok := errors.AsType[*json.UnsupportedTypeError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestErrorFrame_drops_extensions_without_JSON_form(t *testing.T) {
	t.Parallel()
	f := errorFrame("1", gqlerror.List{
		{Message: "a", Path: ast.Path{ast.PathName("x"), ast.PathIndex(1)}, Extensions: map[string]any{"x": func() {}}},
		{Message: "b", Locations: []gqlerror.Location{{Line: 1, Column: 2}}},
	})
	defer f.release()
	want := `{"id":"1","type":"error","payload":[{"message":"a","path":["x",1]},{"message":"b","locations":[{"line":1,"column":2}]}]}`
	if string(*f.body) != want {
		t.Errorf("got  %s\nwant %s", *f.body, want)
	}
}

func TestCloseReason_fits_into_a_close_frame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + strings.Repeat(rapid.StringN(0, 3, -1).Draw(t, "text"), 60)
		got := closeReason(text)
		if len(got) > maxReasonBytes || !utf8.ValidString(got) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		if !strings.HasPrefix(strings.ToValidUTF8(text, "\uFFFD"), got) {
			t.Errorf("%q is no start of %q", got, text)
		}
		if len(got) < len(text) && len(got) <= maxReasonBytes-utf8.UTFMax && utf8.ValidString(text) {
			t.Errorf("%q was cut to %d bytes without need", text, len(got))
		}
	})
}
