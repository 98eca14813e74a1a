package graph

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

func written(m graphql.Marshaler) string {
	var b strings.Builder
	m.MarshalGQL(&b)
	return b.String()
}

func TestDateTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-03-01T12:00:00Z":                `"2026-03-01T12:00:00Z"`,
		"2026-03-01T12:00:00.123456789Z":      `"2026-03-01T12:00:00.123456789Z"`,
		"2026-03-01T14:30:00.5+02:30":         `"2026-03-01T12:00:00.5Z"`,
		"0000-01-01T00:00:00Z":                `"0000-01-01T00:00:00Z"`,
		"2026-03-01t12:00:00z":                `"2026-03-01T12:00:00Z"`,
		"0001-01-01T00:00:00Z":                "", // Go's for none
		"2026-03-01T12:00:00+24:00":           "",
		"2026-03-01T12:00:00,5Z":              "",
		"2026-03-01":                          "",
		"2026-03-01T12:00:00":                 "",
		"2026-02-30T12:00:00Z":                "",
		"1772366400":                          "",
		"":                                    "",
		strings.Repeat("2026-03-01", 100_000): "",
	} {
		got, err := UnmarshalDateTime(text)
		if want == "" {
			if code, _ := CodeOf(err); code != CodeBadInput || len(err.Error()) > 200 {
				t.Errorf("%.40q: got %v, %v", text, got, err)
			}
		} else if err != nil || written(MarshalDateTime(got)) != want {
			t.Errorf("%q: got %s, %v", text, written(MarshalDateTime(got)), err)
		}
	}
	if _, err := UnmarshalDateTime(json.Number("1")); err == nil {
		t.Error("a number is taken for a DateTime")
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"PT30S": 30 * time.Second, "PT1H30M": 90 * time.Minute, "P2D": 48 * time.Hour, "PT0.5S": 500 * time.Millisecond,
		"P1W": 7 * 24 * time.Hour, "PT0S": 0,
		"P1Y": -1, "P1M": -1, "P1Y2M": -1, "30s": -1, "": -1, "PT": -1, "P": -1, "1": -1, "P36500D": 100 * 365 * 24 * time.Hour, "P36501D": -1, "P99999999999999W": -1, "PT1e300H": -1,
	} {
		got, err := UnmarshalDuration(text)
		if want < 0 {
			if code, _ := CodeOf(err); code != CodeBadInput {
				t.Errorf("%q: got %v, %v", text, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for d, want := range map[time.Duration]string{
		30 * time.Second: `"PT30S"`, 90 * time.Minute: `"PT1H30M"`, 0: `"PT0S"`, 41*time.Hour + 30*time.Minute: `"PT41H30M"`,
	} {
		if got := written(MarshalDuration(d)); got != want {
			back, err := UnmarshalDuration(strings.Trim(got, `"`))
			if err != nil || back != d {
				t.Errorf("%v: got %s", d, got)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"big":123456789012345678901234567890,"exact":0.1234567890123456789012345,"html":"<&>","none":null}`,
		`[1,true,"x",{}]`, `null`, `"text"`, `1e400`,
	} {
		var value any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		got, err := UnmarshalJSON(value)
		if err != nil || string(got) != text || written(MarshalJSON(got)) != text {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
}

// TestScalarsAreStrict: the values of GraphQL's own scalars, as gqlparser gives those of literals and of variables.
func TestScalarsAreStrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value                       any
		number, text, textID, float bool
	}{
		{"a", false, true, true, false},
		{"", false, true, true, false},
		{"7", false, true, true, false},
		{"a\x00b", false, false, false, false},
		{int64(7), true, false, true, true},
		{json.Number("7"), true, false, true, true},
		{int64(math.MaxInt32), true, false, true, true},
		{int64(math.MaxInt32 + 1), false, false, true, true},
		{json.Number("-2147483649"), false, false, true, true},
		{json.Number("99999999999999999999"), false, false, false, true},
		{json.Number("1.5"), false, false, false, true},
		{json.Number("1e999"), false, false, false, false},
		{1.5, false, false, false, true},
		{true, false, false, false, false},
		{nil, false, false, false, false},
		{[]any{"a"}, false, false, false, false},
		{map[string]any{}, false, false, false, false},
	} {
		_, number := UnmarshalInt(c.value)
		_, text := UnmarshalText(c.value)
		_, textID := UnmarshalTextID(c.value)
		_, float := UnmarshalFloat(t.Context(), c.value)
		for name, got := range map[string]struct {
			err error
			ok  bool
		}{"Int": {number, c.number}, "String": {text, c.text}, "ID": {textID, c.textID}, "Float": {float, c.float}} {
			if code, public := CodeOf(got.err); (got.err == nil) != got.ok || got.err != nil && (code != CodeBadInput || !public) {
				t.Errorf("%s of %#v: %v", name, c.value, got.err)
			}
		}
	}
}
