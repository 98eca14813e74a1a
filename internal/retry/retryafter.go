package retry

import (
	"net/http"
	"strings"
	"time"
)

// MaxRetryAfter is the longest wait that ParseRetryAfter returns.
const MaxRetryAfter = 24 * time.Hour

// ParseRetryAfter reads the value of a Retry-After header (RFC 9110, section 10.2.3), a number of seconds or an HTTP
// date, as the time to wait from now: 0 for a negative number or a date that has passed, and MaxRetryAfter for whatever
// is more. ok is false for anything else.
func ParseRetryAfter(header string, now time.Time) (wait time.Duration, ok bool) {
	header = strings.Trim(header, " \t")
	if digits, negative := strings.CutPrefix(header, "-"); isDigits(digits) {
		if negative {
			return 0, true
		}
		return parseSeconds(digits), true
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return min(max(at.Sub(now), 0), MaxRetryAfter), true
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// parseSeconds reads digits of any number, so it stops where they are more than MaxRetryAfter.
func parseSeconds(digits string) time.Duration {
	var seconds int64
	for _, digit := range digits {
		seconds = seconds*10 + int64(digit-'0')
		if seconds >= int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter
		}
	}
	return time.Duration(seconds) * time.Second
}
