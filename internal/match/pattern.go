package match

import (
	"errors"
	"fmt"
	"strings"
)

// MaxPatternLength is the length that a pattern can have, in bytes.
const MaxPatternLength = 255

// ErrPattern is wrapped by the errors of ValidatePattern.
var ErrPattern = errors.New("not an event type or pattern")

// ValidatePattern says what is wrong with a pattern, nil if nothing is. A pattern is an event type's name (segments of
// a-z, 0-9 and _, joined by dots) in which a whole segment may be *:
//
//   - as the last segment it stands for one or more segments: agent.* matches agent.presencechanged.v1, and * alone
//     matches every event type;
//   - elsewhere it stands for exactly one: agent.*.v1.
func ValidatePattern(pattern string) error {
	if pattern == "" {
		return fmt.Errorf("%w: it is empty", ErrPattern)
	}
	if len(pattern) > MaxPatternLength {
		return fmt.Errorf("%w: %.32q… has %d characters, at most %d are allowed", ErrPattern, pattern, len(pattern), MaxPatternLength)
	}
	for segment := range strings.SplitSeq(pattern, ".") {
		if segment == "*" {
			continue
		}
		if segment == "" {
			return fmt.Errorf("%w: %q has an empty segment", ErrPattern, pattern)
		}
		for _, c := range segment {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
			case 'A' <= c && c <= 'Z':
				return fmt.Errorf("%w: %q must be lower case", ErrPattern, pattern)
			case c == '*':
				return fmt.Errorf("%w: in %q a * is only part of a segment, it must be a whole one", ErrPattern, pattern)
			default:
				return fmt.Errorf("%w: %q contains %q, only a-z, 0-9, _ and dots are allowed", ErrPattern, pattern, c)
			}
		}
	}
	return nil
}

// MatchPattern reports whether the event type name matches pattern, which ValidatePattern has let through.
func MatchPattern(pattern, name string) bool {
	for pattern != "*" {
		want, wantMore, wantsMore := strings.Cut(pattern, ".")
		got, gotMore, hasMore := strings.Cut(name, ".")
		if want != got && want != "*" || wantsMore != hasMore {
			return false
		}
		if !wantsMore {
			return true
		}
		pattern, name = wantMore, gotMore
	}
	return true
}

// isWildcard reports whether a pattern is more than a name.
func isWildcard(pattern string) bool { return strings.IndexByte(pattern, '*') >= 0 }
