package retry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/retry"
)

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(1994, 11, 6, 8, 49, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for header, want := range map[string]time.Duration{
		"0":                              0,
		"120":                            2 * time.Minute,
		" 120\t":                         2 * time.Minute,
		"007":                            7 * time.Second,
		"86399":                          day - time.Second,
		"86400":                          day,
		"86401":                          day,
		strings.Repeat("9", 400):         day,
		strings.Repeat("0", 400) + "5":   5 * time.Second,
		"-5":                             0,
		"Sun, 06 Nov 1994 08:49:37 GMT":  37 * time.Second,
		"Sunday, 06-Nov-94 08:49:37 GMT": 37 * time.Second,
		"Sun Nov  6 08:49:37 1994":       37 * time.Second,
		"Sun, 06 Nov 1994 08:48:59 GMT":  0,
		"Fri, 31 Dec 1999 23:59:59 GMT":  day,
		"Fri, 31 Dec 9999 23:59:59 GMT":  day,
		"Mon, 01 Jan 0001 00:00:00 GMT":  0,
	} {
		if got, ok := retry.ParseRetryAfter(header, now); !ok || got != want {
			t.Errorf("ParseRetryAfter(%.40q) = %v, %v, want %v", header, got, ok, want)
		}
	}
	for _, header := range []string{"", " ", "-", "--5", "+5", "1.5", "5s", "5 6", "1e3", "٣", "soon", "1994-11-06T08:49:37Z", "\n5"} {
		if got, ok := retry.ParseRetryAfter(header, now); ok || got != 0 {
			t.Errorf("ParseRetryAfter(%q) = %v, %v, want nothing", header, got, ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "-1", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "", "5 "} {
		f.Add(seed, int64(784111740))
	}
	f.Fuzz(func(t *testing.T, header string, now int64) {
		wait, ok := retry.ParseRetryAfter(header, time.Unix(now, 0))
		if wait < 0 || wait > retry.MaxRetryAfter || !ok && wait != 0 {
			t.Errorf("ParseRetryAfter(%q, %d) = %v, %v", header, now, wait, ok)
		}
	})
}
