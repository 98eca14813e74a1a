package expr_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/expr"
)

func event(payload string) *expr.Event {
	return &expr.Event{
		Type: "sms.delivery", User: "ann", Entity: "shop", Resource: "+44 77",
		OccurredAt: time.Date(2026, 3, 1, 22, 30, 0, 0, time.FixedZone("", 3600)),
		Attributes: map[string]string{"channelId": "c1"}, Payload: []byte(payload),
	}
}

func compile(t testing.TB, text string) *expr.Expression {
	t.Helper()
	x, err := expr.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return x
}

const payload = `{"price":{"amount":0.06,"currency":"EUR"},"count":3,"items":[{"n":1},{"n":2}],"tags":{"a":"b"},"flag":true,"none":null,"text":"Grüße"}`

func TestMatches(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`true`:                                                    true,
		`event.payload.price.amount > 0.05`:                       true,
		`event.payload.price.amount > 0.06`:                       false,
		`event.payload["price"].currency == "EUR"`:                true,
		`event.payload.count == 3`:                                true,
		`event.payload.count > 2 && 4 > event.payload.count`:      true,
		`event.payload.items.exists(i, i.n == 2)`:                 true,
		`event.payload.items.all(i, i.n > 1)`:                     false,
		`size(event.payload.items) == 2`:                          true,
		`"a" in event.payload.tags`:                               true,
		`event.payload.flag == true`:                              true,
		`event.payload.none == null`:                              true,
		`event.payload.text.contains("üß")`:                       true,
		`event.payload.text.matches("^Gr.+e$")`:                   true,
		`event.type == "sms.delivery"`:                            true,
		`event.type.startsWith("sms.")`:                           true,
		`event.user in ["bob", "ann"]`:                            true,
		`event.entity != "shop"`:                                  false,
		`event.application == ""`:                                 true,
		`event.resource.endsWith("77")`:                           true,
		`event.attributes.channelId == "c1"`:                      true,
		`"status" in event.attributes`:                            false,
		`event.occurredAt.getHours() == 21`:                       true, // UTC
		`event.occurredAt < timestamp("2027-01-01T00:00:00Z")`:    true,
		`has(event.payload.missing) && event.payload.missing > 1`: false,
		`event.payload.missing > 1 || event.user == "ann"`:        true, // CEL's || needs only one side
	} {
		if matched, why := compile(t, text).Matches(event(payload)); matched != want || why != nil {
			t.Errorf("%s: %v, %v, want %v", text, matched, why, want)
		}
	}
}

func TestWhatFailsDoesNotMatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, payload, why string }{
		"a missing field":           {`event.payload.price.tax > 1`, payload, "no such key: tax"},
		"a missing attribute":       {`event.attributes.status == "ok"`, payload, "no such key: status"},
		"text against a number":     {`event.payload.text > 1`, payload, "no such overload"},
		"a field of a text":         {`event.payload.x == 1`, `"text"`, "no such key: x"},
		"a payload that is no JSON": {`event.payload.x == 1`, `{`, "no such key: x"},
		"a division by nothing":     {`1 / (size(event.payload.items) - 2) == 1`, payload, "division by zero"},
		"a high cost":               {`event.payload.exists(a, a == -1.0)`, "[" + strings.Repeat("1,", 100_000) + "1]", "exceeded"}, // its cost, or on a busy machine its time
	} {
		matched, why := compile(t, c.text).Matches(event(c.payload))
		if matched || why == nil || !strings.Contains(why.Error(), c.why) {
			t.Errorf("%s: %v, %v, want %q", name, matched, why, c.why)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                   {"", "empty: leave it out"},
		"spaces":                    {" \n", "empty: leave it out"},
		"a syntax error":            {"event.type ==\n  )", "line 2, column 3: "},
		"an unknown field":          {`event.colour == "red"`, "line 1, column 1: event has no such field; it has event.type, event.occurredAt"},
		"the id":                    {`event.id == "evt_1"`, "event has no such field"},
		"an unknown name":           {`payload.price > 1`, "line 1, column 1: undeclared reference to 'payload'"},
		"an unknown function":       {`now() > event.occurredAt`, "undeclared reference to 'now'"},
		"types that do not compare": {`event.user > 1`, "line 1, column 12: found no matching overload"},
		"text":                      {`event.user`, "a value of type string instead of true or false: compare"},
		"a part of the payload":     {`event.payload.flag`, "can be anything, instead of true or false: compare"},
		"a bad regular expression":  {`event.user.matches("(")`, "missing closing )"},
		"loops in loops":            {`event.payload.a.exists(a, event.payload.b.exists(b, a == b))`, "the limit is 100000; avoid loops in loops"},
		"three loops":               {`event.payload.a.all(a, a.all(b, b.all(c, c.all(d, d.all(e, e.all(f, f.all(g, g == 1)))))))`, "any number of steps"},
		"NUL":                       {"true // \x00", "NUL"},
		"no UTF-8":                  {"true // \xff", "UTF-8"},
		"4,001 characters":          {"true" + strings.Repeat(" ", 3997), "4001 characters: at most 4000"},
		"a megabyte":                {strings.Repeat("(", 1<<20), "1048576 characters: at most 4000"},
		"deep nesting":              {strings.Repeat("(", 1990) + "true" + strings.Repeat(")", 1990), "recursion"},
	} {
		if _, err := expr.Compile(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	compile(t, "true"+strings.Repeat(" ", 3996))
	compile(t, `event.payload.text == "`+strings.Repeat("ü", 3976)+`"`)
}

func TestPayloadIsParsedOnceForAllExpressions(t *testing.T) {
	t.Parallel()
	e := event(payload)
	first, second := compile(t, `event.payload.count == 3`), compile(t, `event.payload.flag == true`)
	if matched, why := first.Matches(e); !matched {
		t.Fatal(why)
	}
	e.Payload = nil
	if matched, why := second.Matches(e); !matched {
		t.Errorf("the payload was parsed again: %v", why)
	}
}

// TestExpressionsAreSharedByManyEvents is for the race detector.
func TestExpressionsAreSharedByManyEvents(t *testing.T) {
	t.Parallel()
	x := compile(t, `event.payload.items.exists(i, i.n == 2)`)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if matched, why := x.Matches(event(payload)); !matched {
					t.Error(why)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCompile(f *testing.F) {
	f.Add(`event.payload.price.amount > 0.05`)
	f.Add(`event.attributes.exists(k, event.attributes[k] == "x")`)
	f.Fuzz(func(t *testing.T, text string) {
		if x, err := expr.Compile(text); err == nil {
			_, _ = x.Matches(event(payload)) // must come to an end, and not panic
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	for name, text := range map[string]string{
		"tag":     `event.user == "ann"`,
		"payload": `event.payload.price.amount > 0.05`,
		"loop":    `event.payload.items.exists(i, i.n == 2)`,
	} {
		x := compile(b, text)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			e := event(payload) // parsed once, as for many candidates
			for b.Loop() {
				if matched, why := x.Matches(e); !matched {
					b.Fatal(why)
				}
			}
		})
	}
}
