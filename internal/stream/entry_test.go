package stream

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
)

func ids() *rapid.Generator[id.ID] {
	return rapid.Custom(func(t *rapid.T) id.ID { return id.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")) })
}

// orNil makes slices as they come back from the encoding: without elements, nil.
func orNil[T any](g *rapid.Generator[[]T]) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		if s := g.Draw(t, "slice"); len(s) > 0 {
			return s
		}
		return nil
	})
}

func someWork() *rapid.Generator[Work] {
	attributes := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Attribute {
		return Attribute{Key: rapid.String().Draw(t, "key"), Value: rapid.String().Draw(t, "value")}
	}))
	targets := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Target {
		return Target{
			SubscriptionID: ids().Draw(t, "subscription"), Attempts: rapid.Int().Draw(t, "attempts"), Failures: rapid.Int().Draw(t, "failures"),
			Trigger: Trigger(rapid.String().Draw(t, "trigger")), DueAt: rapid.Int64().Draw(t, "due"), QueuedAt: rapid.Int64().Draw(t, "queued"),
		}
	}))
	return rapid.Custom(func(t *rapid.T) Work {
		text := func(name string) string { return rapid.String().Draw(t, name) }
		return Work{
			Event: Event{
				ID: ids().Draw(t, "event"), AccountID: ids().Draw(t, "account"), Type: text("type"), OccurredAt: rapid.Int64().Draw(t, "occurred"),
				Application: text("application"), Entity: text("entity"), User: text("user"), Resource: text("resource"),
				Attributes: orNil(attributes).Draw(t, "attributes"), Payload: orNil(rapid.SliceOf(rapid.Byte())).Draw(t, "payload"),
				PayloadSize: rapid.Int().Draw(t, "payload size"),
			},
			Targets: orNil(targets).Draw(t, "targets"),
		}
	})
}

func someResult() *rapid.Generator[Result] {
	return rapid.Custom(func(t *rapid.T) Result {
		text := func(name string) string { return rapid.String().Draw(t, name) }
		number := func(name string) int64 { return rapid.Int64().Draw(t, name) }
		r := Result{
			AccountID: ids().Draw(t, "account"), DeliveryID: ids().Draw(t, "delivery"), EventID: ids().Draw(t, "event"),
			SubscriptionID: ids().Draw(t, "subscription"), EventType: text("type"), Status: Status(text("status")),
			Attempts: rapid.Int().Draw(t, "attempts"), Failures: rapid.Int().Draw(t, "failures"),
			NextAttemptAt: number("next"), QueuedAt: number("queued at"),
		}
		if rapid.Bool().Draw(t, "with an attempt") {
			r.Attempt = &Attempt{
				ID: ids().Draw(t, "attempt"), Trigger: Trigger(text("trigger")), Outcome: Outcome(text("outcome")),
				StatusCode: rapid.Int().Draw(t, "code"), StartedAt: number("started"), QueuedUs: number("queued"), DNSUs: number("dns"),
				ConnectUs: number("connect"), TLSUs: number("tls"), FirstByteUs: number("first byte"), TotalUs: number("total"),
				ConnectionReused: rapid.Bool().Draw(t, "reused"), URL: text("url"), PayloadFormat: text("format"),
				RequestHeaders: text("request"), ResponseHeaders: text("response"),
				ResponseBody:      orNil(rapid.SliceOf(rapid.Byte())).Draw(t, "body"),
				ResponseTruncated: rapid.Bool().Draw(t, "truncated"), RemoteAddress: text("remote"), TLSVersion: text("tls version"),
				Error: text("error"), Hint: text("hint"), BucketSize: rapid.Int().Draw(t, "bucket"),
			}
		}
		return r
	})
}

// asRead turns the fields of an entry into what Redis gives back for them.
func asRead(fields []any) map[string]any {
	return map[string]any{fields[0].(string): string(fields[1].([]byte))}
}

func TestEntriesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	t.Run("Work", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, someWork().Draw(t, "work")) })
	})
	t.Run("Result", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) { checkRoundTrip(t, someResult().Draw(t, "result")) })
	})
}

func checkRoundTrip[T any](t *rapid.T, want T) {
	fields, err := encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	var got T
	if err := decode(asRead(fields), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
}

// TestNewerEntriesAreRead shows that a field may be added: those who do not know it read the others.
func TestNewerEntriesAreRead(t *testing.T) {
	t.Parallel()
	data, err := encoding.Marshal(map[int]any{
		1: map[int]any{3: "sms.delivery", 4: 7, 4711: []string{"unknown"}},
		2: []any{},
		9: map[string]any{"x": map[string]int{"y": 1}},
	})
	ensure(t, err)
	var got Work
	ensure(t, decode(map[string]any{entryField: string(data)}, &got))
	if got.Event.Type != "sms.delivery" || got.Event.OccurredAt != 7 {
		t.Errorf("got %+v", got)
	}
}

func TestEntriesOfAnotherVersionAreRefused(t *testing.T) {
	t.Parallel()
	fields, err := encode(&works(1, 1)[0])
	ensure(t, err)
	if err := decode(map[string]any{"2": asRead(fields)[entryField]}, &Work{}); err == nil {
		t.Error("an entry without the field of this version was read")
	}
}

func TestMicros(t *testing.T) {
	t.Parallel()
	if Micros(time.Time{}) != 0 || !FromMicros(0).IsZero() {
		t.Error("0 is not the zero time")
	}
	rapid.Check(t, func(t *rapid.T) {
		us := rapid.Int64Range(1, 1<<52).Draw(t, "us")
		if at := FromMicros(us); Micros(at) != us || at.Location() != time.UTC {
			t.Fatalf("FromMicros(%d) = %v, which is %d", us, at, Micros(at))
		}
	})
}

func FuzzDecodeWork(f *testing.F) {
	for _, w := range []Work{{}, works(1, 3)[0]} {
		seed(f, &w)
	}
	f.Fuzz(fuzzDecode[Work])
}

func FuzzDecodeResult(f *testing.F) {
	for _, r := range []*Result{{}, result(1)} {
		seed(f, r)
	}
	f.Fuzz(fuzzDecode[Result])
}

func seed(f *testing.F, v any) {
	data, err := encoding.Marshal(v)
	ensure(f, err)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(append([]byte{0xbf}, data...)) // a map without end
}

// fuzzDecode reads whatever is in an entry without panicking; what it can read, it can write.
func fuzzDecode[T any](t *testing.T, data []byte) {
	var v, again T
	if decode(map[string]any{entryField: string(data)}, &v) != nil {
		return
	}
	fields, err := encode(&v)
	ensure(t, err)
	ensure(t, decode(asRead(fields), &again))
	if !reflect.DeepEqual(v, again) && !reflect.DeepEqual(normal(t, &v), normal(t, &again)) {
		t.Errorf("read %+v, and after writing %+v", v, again)
	}
}

// normal writes v, which makes empty slices and those that are nil the same.
func normal(t *testing.T, v any) []byte {
	data, err := encoding.Marshal(v)
	ensure(t, err)
	return data
}
