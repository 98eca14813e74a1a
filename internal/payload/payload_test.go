package payload_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/payload"
)

var update = flag.Bool("update", false, "write the golden files anew")

var formats = []payload.Format{payload.Envelope, payload.Raw, payload.CloudEvents, payload.XML}

// examples are the events of the golden files.
var examples = map[string]payload.Event{
	"full": {
		ID:          "evt_01h455vb4pex5vsknk084sn02q",
		Type:        "sms.delivery",
		OccurredAt:  time.Date(2026, 3, 1, 13, 37, 5, 7_999_999, time.FixedZone("CET", 3600)),
		Application: "otp", Entity: "shop-42", User: "ann", Resource: "+44 7700 900123",
		Attributes:   []payload.Attribute{{Key: "channelId", Value: "c1"}, {Key: "messageStatus", Value: "DELIVERED"}, {Key: "source", Value: "smsc-1"}, {Key: "campaign", Value: "spring"}},
		CallbackData: `{"order":17}`,
		Data: json.RawMessage(`{"to":"447700900123", "price":{"amount":0.050,"currency":"EUR"},` + "\n" +
			`"parts":[1,2],"errors":[],"note":null,"final":true,"big":12345678901234567890.10}`),
	},
	"minimal": {ID: "evt_01h455vb4pex5vsknk084sn02q", Type: "sms.delivery"},
	"odd": {
		ID:          "evt_\"\\/<&>'",
		Type:        "line\nbreak\ttab\x00\x1b\x7f",
		OccurredAt:  time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		Application: "a b/c?é", Entity: "größe 日本 🙂", User: "bad\xff\xc3utf8\xed\xa0\x80", Resource: "\u2028\ufffd\ufffe",
		Attributes: []payload.Attribute{
			{Key: "", Value: "empty"}, {Key: "2nd", Value: ""}, {Key: "with space", Value: "]]>"}, {Key: "xmlns", Value: "x"}, {Key: "a:b", Value: "<"},
		},
		Data: json.RawMessage(`[ {"":{"é":"\u0000\ud800\ud83d\ude42"}, "a\"b":[[],{}], "XmL":-0.0e+10, "a":1, "a":2, "_a-1.b":false} ]`),
	},
	"text": {ID: "evt_1", Type: "a", Data: json.RawMessage(`"a <b>"`)},
}

// TestRender compares with the golden files; go test -update writes them.
func TestRender(t *testing.T) {
	t.Parallel()
	for name, event := range examples {
		for _, f := range formats {
			got, err := payload.Render(nil, f, event)
			if err != nil {
				t.Errorf("%s of %s: %v", f, name, err)
			}
			compare(t, name+"."+strings.ToLower(string(f)), got)
		}
	}
}

func TestRenderBucket(t *testing.T) {
	t.Parallel()
	for _, f := range formats {
		got, err := payload.RenderBucket(nil, f, []payload.Event{examples["minimal"], examples["full"]})
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		compare(t, "bucket."+strings.ToLower(string(f)), got)
	}
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s is now\n%s\nwant\n%s", name, got, want)
	}
}

func TestRenderAppends(t *testing.T) {
	t.Parallel()
	event := examples["full"]
	for _, f := range formats {
		for name, render := range map[string]func(dst []byte) ([]byte, error){
			"Render":       func(dst []byte) ([]byte, error) { return payload.Render(dst, f, event) },
			"RenderBucket": func(dst []byte) ([]byte, error) { return payload.RenderBucket(dst, f, []payload.Event{event}) },
		} {
			alone, err := render(nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := render([]byte("before,"))
			if err != nil || string(got) != "before,"+string(alone) {
				t.Errorf("%s of %s after other text: %s, %v", name, f, got, err)
			}
		}
	}
}

func TestRenderLeavesDataAlone(t *testing.T) {
	t.Parallel()
	event := examples["full"]
	before := string(event.Data)
	for _, f := range formats {
		if _, err := payload.Render(nil, f, event); err != nil || string(event.Data) != before {
			t.Errorf("%s changed the data to %s, %v", f, event.Data, err)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	data := func(s string) payload.Event { return payload.Event{ID: "evt_1", Data: json.RawMessage(s)} }
	for name, c := range map[string]struct {
		format payload.Format
		event  payload.Event
		want   string
	}{
		"an unknown format":         {"YAML", data(`1`), `unknown format "YAML"`},
		"no format":                 {"", data(`1`), `unknown format ""`},
		"XML of a cut object":       {payload.XML, data(`{"a":1`), "unexpected EOF"},
		"XML of a cut array":        {payload.XML, data(`[1,`), "unexpected EOF"},
		"XML of a name alone":       {payload.XML, data(`{"a"`), "unexpected EOF"},
		"XML of a bad name":         {payload.XML, data(`{1:2}`), "object member name must be a string"},
		"XML of a mismatch":         {payload.XML, data(`{"a":1]`), "after object value"},
		"XML of nothing but spaces": {payload.XML, data(` `), "EOF"},
		"XML of a bare word":        {payload.XML, data(`nil`), "invalid character"},
		"XML of two values":         {payload.XML, data(`1 2`), "more than one JSON value"},
		"XML of a value and more":   {payload.XML, data(`1 }`), "invalid character '}'"},
		"XML that nests too deep":   {payload.XML, data(strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001)), "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := payload.Render([]byte("x"), c.format, c.event)
			if got != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Render = %s, %v, want %q", got, err, c.want)
			}
			got, err = payload.RenderBucket([]byte("x"), c.format, []payload.Event{{}, c.event})
			if got != nil || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("RenderBucket = %s, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	t.Parallel()
	for f, want := range map[payload.Format][2]string{
		payload.Envelope:    {"application/json", "application/json"},
		payload.Raw:         {"application/json", "application/json"},
		payload.CloudEvents: {"application/cloudevents+json", "application/cloudevents-batch+json"},
		payload.XML:         {"application/xml", "application/xml"},
	} {
		if got := [2]string{payload.ContentType(f), payload.BucketContentType(f)}; got != want {
			t.Errorf("content types of %s are %q, want %q", f, got, want)
		}
	}
}
