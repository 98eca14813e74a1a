package worker

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// requestOf is a bucket of events.
func requestOf(events ...id.ID) (r request) {
	for _, event := range events {
		r = append(r, &job{entry: &inflight{Entry: &stream.Entry{Work: stream.Work{Event: stream.Event{ID: event}}}}})
	}
	return r
}

func TestNamedFailed(t *testing.T) {
	t.Parallel()
	first, second := id.New(), id.New()
	a, b := id.Format(id.Event, first), id.Format(id.Event, second)
	const none, stranger = "", "evt_01h455vb4pex5vsknk084sn02q"
	one, both := a, a+b
	right := `{"failed":["` + a + `"]}`
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(right))
	_ = w.Close()
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(right)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}

	for name, c := range map[string]struct {
		body string
		want string // those that are sent again
	}{
		"names one":                            {right, one},
		"names both, and one twice":            {`{"failed":["` + a + `","` + b + `","` + a + `"],"ok":0}`, both},
		"names one with a byte order mark":     {"\ufeff \r\n" + right + "\n", one},
		"names one in Latin-1":                 {"{\"why\":\"gr\xf6\xdfe\"," + right[1:], one},
		"writes the name large":                {`{"FAILED":["` + a + `"]}`, one},
		"escapes the name":                     {`{"\u0066ailed":["` + a + `"]}`, one},
		"has the member twice":                 {`{"failed":["` + a + `"],"failed":["` + b + `"]}`, both},
		"is two objects":                       {right + "\n" + `{"failed":["` + b + `"]}`, both},
		"names none":                           {`{"failed":[]}`, none},
		"says null":                            {`{"failed":null}`, none},
		"is another object":                    {`{"ok":true,"taken":["` + a + `"]}`, none},
		"is another array":                     {`["` + a + `"]`, none},
		"is an echo of an odd event":           {`{"results":[{"id":"` + a + `","data":{"failed":3,"text":"\"failed\": 2"}}]}`, none},
		"is empty":                             {``, none},
		"is OK":                                {`OK`, none},
		"is text":                              {`2 taken, failed: 0, "failed"`, none},
		"is HTML":                              {`<html><p class="failed">Thank you</p></html>`, none},
		"is a picture":                         {"GIF89a\x01\x00\x01\x00\x80\xff", none},
		"names a stranger":                     {`{"failed":["` + stranger + `"]}`, both},
		"names one and a stranger":             {`{"failed":["` + a + `","` + stranger + `"]}`, both},
		"garbles an id":                        {`{"failed":["` + strings.ToUpper(a) + `"]}`, both},
		"counts":                               {`{"failed":1}`, both},
		"says false":                           {`{"failed":false}`, both},
		"names one without a list":             {`{"failed":"` + a + `"}`, both},
		"names an object":                      {`{"failed":{"id":"` + a + `"}}`, both},
		"names one as an object":               {`{"failed":[{"id":"` + a + `"}]}`, both},
		"names one and a number":               {`{"failed":["` + a + `",5]}`, both},
		"names one and null":                   {`{"failed":["` + a + `",null]}`, both},
		"names them in one text":               {`{"failed":["` + a + "," + b + `"]}`, both},
		"has it wrong, then right":             {`{"failed":"` + a + `","failed":[]}`, both},
		"names one, with text behind":          {right + ` OK`, both},
		"names one, with text before":          {`<b>Warning</b>: slow ` + right, both},
		"names one in an array":                {`[` + right + `]`, both},
		"names one further inside":             {`{"result":` + right + `}`, both},
		"names one in JSON within JSON":        {string(mustJSON(right)), both},
		"names one in a text within an object": {`{"statusCode":200,"body":` + string(mustJSON(right)) + `}`, both},
		"names one in JSON that is cut":        {right[:len(right)-1], both},
		"names one with a comma too many":      {`{"failed":["` + a + `",]}`, both},
		"names one as Python would":            {`{'failed': ['` + a + `']}`, both},
		"names one in UTF-16":                  {string(wide), both},
	} {
		again(t, name, &egress.Response{Body: []byte(c.body)}, c.want, first, second)
	}

	for name, c := range map[string]struct {
		resp egress.Response
		want string
	}{
		"is too long to see all":               {egress.Response{Body: []byte(`{"failed":["` + a + `",`), BodyTruncated: true}, both},
		"is too long to see whether it names":  {egress.Response{Body: []byte("\ufeff\n" + `{"taken":["`), BodyTruncated: true}, both},
		"is a long array":                      {egress.Response{Body: []byte(`[{"taken":["`), BodyTruncated: true}, both},
		"is a long text":                       {egress.Response{Body: bytes.Repeat([]byte("x"), 100), BodyTruncated: true}, none},
		"is zipped":                            {egress.Response{Body: zipped.Bytes(), Header: http.Header{"Content-Encoding": {"gzip"}}}, both},
		"is zipped text, as it says":           {egress.Response{Body: []byte("\x1f\x8b\x08\x00"), Header: http.Header{"Content-Encoding": {"br"}}}, both},
		"says that it is zipped, and is empty": {egress.Response{Header: http.Header{"Content-Encoding": {"gzip"}}}, none},
		"says that it is zipped, and is not":   {egress.Response{Body: []byte(right), Header: http.Header{"Content-Encoding": {"gzip"}}}, one},
		"is coded as it is":                    {egress.Response{Body: []byte("\xff"), Header: http.Header{"Content-Encoding": {"Identity"}}}, none},
		"gives a charset for a coding":         {egress.Response{Body: []byte("OK\r\n"), Header: http.Header{"Content-Encoding": {"utf-8"}}}, none},
	} {
		again(t, name, &c.resp, c.want, first, second)
	}
}

func mustJSON(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return quoted
}

// again checks which events of a bucket are sent again after an answer, and that it is said why.
func again(t *testing.T, name string, resp *egress.Response, want string, bucket ...id.ID) {
	t.Helper()
	r, got := requestOf(bucket...), ""
	whole := judgeNamed(r, resp)
	for _, j := range r {
		v := whole.of(j)
		switch {
		case v.outcome == stream.OutcomeResponseMismatch && v.err != "" && strings.HasSuffix(v.hint, "."):
			got += id.Format(id.Event, j.entry.Event.ID)
		case v.outcome != stream.OutcomeSuccess || v.err != "" || v.hint != "":
			t.Errorf("an answer that %s: %+v", name, v)
		}
	}
	if got != want {
		t.Errorf("an answer that %s: %q are sent again, want %q", name, got, want)
	}
	if whole.outcome == stream.OutcomeResponseMismatch && !strings.Contains(whole.hint, `{"failed":["evt_…"]}`) {
		t.Errorf("an answer that %s: the hint %q does not say the form", name, whole.hint)
	}
}

// TestNamedFailedLosesNothing: whatever an answer has besides, an event that it names as failed is sent again.
func TestNamedFailedLosesNothing(t *testing.T) {
	t.Parallel()
	events := []id.ID{id.New(), id.New(), id.New()}
	r := requestOf(events...)
	rapid.Check(t, func(t *rapid.T) {
		failed := shownIDs(rapid.SliceOfN(rapid.SampledFrom(events), 1, 5).Draw(t, "failed"))
		object := map[string]any{"failed": failed}
		if name := rapid.String().Draw(t, "name"); !strings.EqualFold(name, "failed") {
			object[name] = rapid.String().Draw(t, "value")
		}
		body, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		body = slices.Concat(rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "before"), body, rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "after"))
		limit := rapid.IntRange(0, len(body)).Draw(t, "limit")
		resp := &egress.Response{Body: body}
		if body[0] == '{' && rapid.Bool().Draw(t, "is cut") {
			resp.Body, resp.BodyTruncated = body[:limit], limit < len(body)
		}
		if len(resp.Body) == 0 {
			return
		}
		v := judgeNamed(r, resp)
		for _, j := range r {
			if slices.Contains(failed, id.Format(id.Event, j.entry.Event.ID)) && v.of(j).outcome != stream.OutcomeResponseMismatch {
				t.Fatalf("%q: %s counts as a success", resp.Body, id.Format(id.Event, j.entry.Event.ID))
			}
		}
	})
}

func shownIDs(events []id.ID) []string {
	shown := make([]string, len(events))
	for i, event := range events {
		shown[i] = id.Format(id.Event, event)
	}
	return shown
}

// A delivery without its event is called off, whatever became of the others.
func TestOfWithoutItsEvent(t *testing.T) {
	t.Parallel()
	lost := requestOf(id.New())[0]
	lost.lost = true
	if v := (verdict{outcome: stream.OutcomeInterrupted, err: errors.ErrUnsupported.Error()}).of(lost); v.outcome != stream.OutcomeCancelled {
		t.Errorf("a delivery without its event: %s", v.outcome)
	}
}
