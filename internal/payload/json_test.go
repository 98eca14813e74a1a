package payload_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/payload"
)

// envelope is what a receiver makes of one.
type envelope struct {
	ID           string            `json:"id"`
	Type         string            `json:"type"`
	OccurredAt   *string           `json:"occurredAt"`
	Application  string            `json:"application"`
	Entity       string            `json:"entity"`
	User         string            `json:"user"`
	Resource     string            `json:"resource"`
	Attributes   map[string]string `json:"attributes"`
	CallbackData string            `json:"callbackData"`
	Data         json.RawMessage   `json:"data"`
}

// TestEnvelopeIsReadAsItWas: whatever the strings, the envelope parses, gives each of them back, and has the payload
// byte by byte.
func TestEnvelopeIsReadAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := events.Draw(t, "event")
		body, err := payload.Render(nil, payload.Envelope, e)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Data) > 0 && !bytes.HasSuffix(body, append(bytes.Clone(e.Data), '}')) {
			t.Fatalf("%s does not end with the payload %s", body, e.Data)
		}
		var got envelope
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		want := envelope{
			ID: valid(e.ID), Type: valid(e.Type), Application: valid(e.Application), Entity: valid(e.Entity), User: valid(e.User),
			Resource: valid(e.Resource), CallbackData: valid(e.CallbackData), OccurredAt: got.OccurredAt,
		}
		for _, a := range e.Attributes {
			if want.Attributes == nil {
				want.Attributes = map[string]string{}
			}
			want.Attributes[valid(a.Key)] = valid(a.Value)
		}
		want.Data = bytes.TrimSpace(e.Data)
		if len(e.Data) == 0 {
			want.Data = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as\n%+v, want\n%+v", body, got, want)
		}
		if (got.OccurredAt == nil) != e.OccurredAt.IsZero() {
			t.Fatalf("occurredAt of %v is %v", e.OccurredAt, got.OccurredAt)
		}
		if got.OccurredAt != nil {
			at, err := time.Parse(time.RFC3339, *got.OccurredAt)
			if err != nil || !at.Equal(e.OccurredAt.Truncate(time.Millisecond)) || len(*got.OccurredAt) != len("2006-01-02T15:04:05.000Z") {
				t.Fatalf("occurredAt of %v is %s", e.OccurredAt, *got.OccurredAt)
			}
		}
	})
}

// legalName is what the specification of CloudEvents 1.0.2 says of attributes' names, and takenNames are those that have a meaning.
var (
	legalName  = regexp.MustCompile(`^[a-z0-9]+$`)
	takenNames = []string{
		"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "entity", "application", "user", "callbackdata",
	}
)

// TestCloudEventIsReadAsItWas checks the rules of the CloudEvents specification for any event.
func TestCloudEventIsReadAsItWas(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := events.Draw(t, "event")
		body, err := payload.Render(nil, payload.CloudEvents, e)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		text := func(name string) (s string) {
			if raw, ok := got[name]; ok {
				if err := json.Unmarshal(raw, &s); err != nil || s == "" {
					t.Fatalf("%s of %s is not a string that has something in it: %v", name, body, err)
				}
			}
			return s
		}
		for name, want := range map[string]string{
			"specversion": "1.0", "id": e.ID, "type": e.Type, "subject": e.Resource, "entity": e.Entity, "application": e.Application,
			"user": e.User, "callbackdata": e.CallbackData,
		} {
			if text(name) != valid(want) {
				t.Fatalf("%s of %s is %q, want %q", name, body, text(name), want)
			}
		}
		source, err := url.Parse(text("source"))
		if err != nil {
			t.Fatalf("source of %s is not a URI reference: %v", body, err)
		}
		want := "/hookline"
		if e.Application != "" {
			want += "/applications/" + e.Application
		}
		if source.Path != want || source.RawQuery != "" || source.Fragment != "" {
			t.Fatalf("source of %s has the path %q, want %q", body, source.Path, want)
		}
		bare := e
		bare.Data = nil // of which the SDK does not read everything that is JSON
		attributes, err := payload.Render(nil, payload.CloudEvents, bare)
		if err != nil {
			t.Fatal(err)
		}
		var read event.Event
		if err := json.Unmarshal(attributes, &read); err != nil {
			t.Fatalf("%s: %v", attributes, err)
		}
		extensions := map[string]any{}
		for name, value := range map[string]string{"entity": e.Entity, "application": e.Application, "user": e.User, "callbackdata": e.CallbackData} {
			if value != "" {
				extensions[name] = valid(value)
			}
		}
		for _, a := range e.Attributes {
			if legalName.MatchString(a.Key) && !slices.Contains(takenNames, a.Key) {
				extensions[a.Key] = valid(a.Value)
			}
		}
		if got := read.Extensions(); len(got)+len(extensions) > 0 && !reflect.DeepEqual(got, extensions) {
			t.Fatalf("%s has the extension attributes %v, want %v", body, got, extensions)
		}
		if len(e.Data) > 0 && (!bytes.HasSuffix(body, append(bytes.Clone(e.Data), '}')) || text("datacontenttype") != "application/json") {
			t.Fatalf("%s does not have the payload %s", body, e.Data)
		}
	})
}

//nolint:paralleltest // AllocsPerRun must not run beside others
func TestRenderAllocatesNothingIfThereIsRoom(t *testing.T) {
	dst := make([]byte, 0, 4096)
	for _, f := range []payload.Format{payload.Envelope, payload.Raw} {
		event := examples["odd"]
		event.User = "" // bad UTF-8 makes an error inside, of no consequence
		if allocs := testing.AllocsPerRun(100, func() { _, _ = payload.Render(dst, f, event) }); allocs != 0 {
			t.Errorf("%s: %v allocations", f, allocs)
		}
	}
}

// valid is text as JSON can have it.
func valid(text string) string { return string([]rune(text)) }

var (
	// strs draws any bytes at all, often those that need care.
	strs = rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"a", "Z", "9", "_", "-", ".", ":", "é", `"`, `\`, "<", "&", ">", "\n", "\x00", "\xff", "\u2028", "xml"})),
			func(s []string) string { return strings.Join(s, "") }),
	)
	// keys draws keys of attributes, often those that are names of CloudEvents' attributes.
	keys   = rapid.OneOf(strs, rapid.SampledFrom(takenNames), rapid.StringMatching(`[a-z0-9]{1,30}`))
	spaces = rapid.StringMatching(`[ \t\r\n]{0,2}`)
	events = rapid.Custom(func(t *rapid.T) payload.Event {
		e := payload.Event{
			ID: strs.Draw(t, "id"), Type: strs.Draw(t, "type"), Application: strs.Draw(t, "application"), Entity: strs.Draw(t, "entity"),
			User: strs.Draw(t, "user"), Resource: strs.Draw(t, "resource"), CallbackData: strs.Draw(t, "callback data"),
		}
		if rapid.Bool().Draw(t, "has time") {
			zone := time.FixedZone("", rapid.IntRange(-50_000, 50_000).Draw(t, "zone"))
			seconds := rapid.Int64Range(-2_000_000_000, 250_000_000_000).Draw(t, "seconds")
			e.OccurredAt = time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(zone)
		}
		for _, key := range rapid.SliceOfNDistinct(keys, 0, 4, valid).Draw(t, "keys") {
			e.Attributes = append(e.Attributes, payload.Attribute{Key: key, Value: strs.Draw(t, "value")})
		}
		if rapid.Bool().Draw(t, "has data") {
			e.Data = json.RawMessage(spaces.Draw(t, "before") + texts.Draw(t, "data") + spaces.Draw(t, "after"))
		}
		return e
	})
	// texts draws JSON with odd spacing.
	texts = rapid.Custom(func(t *rapid.T) string { return drawJSON(t, 3) })
)

func drawJSON(t *rapid.T, depth int) string {
	kinds := 3
	if depth > 0 {
		kinds = 5
	}
	pad := func(s string) string { return s + spaces.Draw(t, "space") }
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1:
		return rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?`).Draw(t, "number")
	case 2:
		return quote(strs.Draw(t, "string"))
	case 3:
		var b strings.Builder
		b.WriteString(pad("["))
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				b.WriteString(pad(","))
			}
			b.WriteString(pad(drawJSON(t, depth-1)))
		}
		return b.String() + "]"
	default:
		var b strings.Builder
		b.WriteString(pad("{"))
		for i, key := range rapid.SliceOfN(strs, 0, 3).Draw(t, "names") {
			if i > 0 {
				b.WriteString(pad(","))
			}
			b.WriteString(pad(quote(key)) + pad(":") + pad(drawJSON(t, depth-1)))
		}
		return b.String() + "}"
	}
}

func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func BenchmarkRender(b *testing.B) {
	event := examples["full"]
	event.Data = json.RawMessage(`{"text":"` + strings.Repeat("x", 500) + `"}`)
	dst := make([]byte, 0, 8192)
	for _, f := range formats {
		b.Run(string(f), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Render(dst, f, event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// rapid writes a generator down when it is first printed, which tests that run beside each other may not do at once.
func init() {
	_, _, _, _, _ = strs.String(), keys.String(), spaces.String(), events.String(), texts.String()
}
