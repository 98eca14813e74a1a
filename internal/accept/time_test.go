package accept

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/usererror"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-03-01T12:00:00Z":                "2026-03-01T12:00:00Z",
		"2026-03-01t12:00:00z":                "2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00.123456789+01:30": "2026-03-01T10:30:00.123456789Z",
		"2026-03-01T12:00:00.5-23:59":         "2026-03-02T11:59:00.5Z",
		"0001-01-01T00:00:00Z":                "0001-01-01T00:00:00Z",
	} {
		if got, is := ParseTime(text); !is || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %v, %v", text, got, is)
		}
	}
	for _, text := range []string{
		"", "now", "2026-03-01", "2026-03-01T12:00Z", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z", "2026-03-01T2:00:00Z", "2026-03-01T2:00:00.5Z",
		"2026-03-01T12:00:00,5Z", "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00+24:00", "2026-03-01T12:00:00-24:00", "2026-03-01T12:00:00+23:60",
		"2026-03-01T12:00:00+01", "2026-03-01T12:00:00+0100", "2026-02-29T12:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:60:00Z",
		"+2026-03-01T12:00:00Z", "12026-03-01T12:00:00Z", "2026-03-01T12:00:00Z ", "2026-03-01T12:00:00ZZ", "2026-03-01T12:00:00\u017f",
	} {
		if got, is := ParseTime(text); is {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// TestReadOccurredAt: the time that stands for none in Go is one that is out of range.
func TestReadOccurredAt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-03-01T12:00:00Z": "", "1970-01-01T00:00:00Z": "", "9999-12-31T23:59:59Z": "", "yesterday": "INVALID time",
		"0001-01-01T00:00:00Z": "OUT_OF_RANGE time", "1969-12-31T23:59:59Z": "OUT_OF_RANGE time", "9999-12-31T23:59:59-00:01": "OUT_OF_RANGE time",
	} {
		var wrong usererror.List
		ReadOccurredAt(&wrong, "time", text)
		if got := said(wrong); len(got) > 1 || len(got) == 1 && got[0] != want || len(got) == 0 && want != "" {
			t.Errorf("%s: %v, want %s", text, got, want)
		}
	}
}

// FuzzParseTime: what is taken is what Go makes of it.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-03-01T12:00:00Z", "2026-03-01t1:00:00,5+24:00", "2026-03-01T12:00:00.5+01:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, is := ParseTime(text); is && (len(text) < 20 || got.Year() < -1 || got.Year() > 10_000) {
			t.Errorf("%q is taken for %v", text, got)
		}
	})
}
