package accept

import (
	"strings"
	"time"

	"github.com/hookline/hookline/internal/usererror"
)

// ParseTime reads a time by RFC 3339, whose letters may be small. It reports false for anything else: time.Parse takes commas, hours
// of one digit and offsets of 24 hours, too (https://go.dev/issue/54580).
func ParseTime(text string) (time.Time, bool) {
	text = strings.ToUpper(text)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || text[len("2006-01-02T0")] == ':' || text[len("2006-01-02T15:04:05")] == ',' {
		return time.Time{}, false
	}
	if text[len(text)-1] != 'Z' {
		if hours, minutes := text[len(text)-len("07:00"):len(text)-len(":00")], text[len(text)-len("00"):]; hours > "23" || minutes > "59" {
			return time.Time{}, false
		}
	}
	return t, true
}

// The range of occurredAt: what every database and format can hold.
var (
	minOccurredAt = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	maxOccurredAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// ReadOccurredAt reads when an event occurred, and adds what is wrong with it under the path. What it returns then is not to be used.
func ReadOccurredAt(wrong *usererror.List, path, text string) time.Time {
	t, is := ParseTime(text)
	if !is {
		wrong.Add(usererror.Invalid, path, "%.64q is not a time of the form 2026-03-01T12:00:00Z (RFC 3339)", text)
		return t
	}
	checkOccurredAt(wrong, path, t)
	return t
}

func checkOccurredAt(wrong *usererror.List, path string, t time.Time) {
	if t.Before(minOccurredAt) || t.After(maxOccurredAt) {
		wrong.Add(usererror.OutOfRange, path, "must lie between the years 1970 and 9999")
	}
}
