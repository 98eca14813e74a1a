package match_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/match"
)

func TestValidatePattern(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"sms", "sms.delivery", "agent.presencechanged.v1", "a_b.0", "*", "agent.*", "agent.*.v1", "*.v1", "*.*", "a.*.*",
		strings.Repeat("a", 255),
	} {
		if err := match.ValidatePattern(pattern); err != nil {
			t.Errorf("ValidatePattern(%q) = %v", pattern, err)
		}
	}
	for pattern, want := range map[string]string{
		"":                       "it is empty",
		".":                      "empty segment",
		"sms.":                   "empty segment",
		".sms":                   "empty segment",
		"sms..delivery":          "empty segment",
		"SMS.delivery":           "must be lower case",
		"sms-delivery":           "contains '-'",
		"sms delivery":           "contains ' '",
		"größe":                  "contains 'ö'",
		"a\xff":                  "contains '\ufffd'",
		"sms.del*":               "a * is only part of a segment",
		"**":                     "a * is only part of a segment",
		strings.Repeat("a", 256): "has 256 characters, at most 255",
	} {
		err := match.ValidatePattern(pattern)
		if !errors.Is(err, match.ErrPattern) || !strings.Contains(err.Error(), want) {
			t.Errorf("ValidatePattern(%q) = %v, want %q", pattern, err, want)
		}
	}
}

func TestMatchPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"sms.delivery", "sms.delivery", true},
		{"sms.delivery", "sms.click", false},
		{"sms.delivery", "sms", false},
		{"sms", "sms.delivery", false},
		{"sms.deliver", "sms.delivery", false},
		{"*", "sms", true},
		{"*", "agent.presencechanged.v1", true},
		{"agent.*", "agent.presencechanged", true},
		{"agent.*", "agent.presencechanged.v1", true},
		{"agent.*", "agent", false},
		{"agent.*", "agents.presencechanged", false},
		{"agent.*.v1", "agent.presencechanged.v1", true},
		{"agent.*.v1", "agent.presencechanged.v2", false},
		{"agent.*.v1", "agent.v1", false},
		{"agent.*.v1", "agent.a.b.v1", false},
		{"agent.*.v1", "agent.a.v1.b", false},
		{"*.v1", "agent.v1", true},
		{"*.v1", "agent.a.v1", false},
		{"*.*", "agent", false},
		{"*.*", "agent.a", true},
		{"*.*", "agent.a.v1", true},
		{"agent.*.*", "agent.a", false},
		{"agent.*.*", "agent.a.b.c", true},
	} {
		if got := match.MatchPattern(c.pattern, c.name); got != c.want {
			t.Errorf("MatchPattern(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

// TestMatchPatternIsItsRegularExpression compares with the textbook definition.
func TestMatchPatternIsItsRegularExpression(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern, name := patterns.Draw(t, "pattern"), names.Draw(t, "name")
		const segment = `[a-z0-9_]+`
		parts := strings.Split(pattern, ".")
		for i, part := range parts {
			switch {
			case part == "*" && i == len(parts)-1:
				parts[i] = segment + `(\.` + segment + `)*`
			case part == "*":
				parts[i] = segment
			}
		}
		want := regexp.MustCompile("^" + strings.Join(parts, `\.`) + "$").MatchString(name)
		if got := match.MatchPattern(pattern, name); got != want {
			t.Fatalf("MatchPattern(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

func FuzzValidatePattern(f *testing.F) {
	for _, seed := range []string{"sms.delivery", "*", "agent.*.v1", "a..b", "A*", "\xff"} {
		f.Add(seed)
	}
	grammar := regexp.MustCompile(`^([a-z0-9_]+|\*)(\.([a-z0-9_]+|\*))*$`)
	f.Fuzz(func(t *testing.T, pattern string) {
		valid := match.ValidatePattern(pattern) == nil
		if want := len(pattern) <= match.MaxPatternLength && grammar.MatchString(pattern); valid != want {
			t.Errorf("ValidatePattern(%q): valid %v, want %v", pattern, valid, want)
		}
	})
}

// Few segments, values and keys, so that rules and events drawn at random often meet.
var (
	segments = rapid.SampledFrom([]string{"a", "b", "c_1", "v1"})
	names    = rapid.Map(rapid.SliceOfN(segments, 1, 4), joinSegments)
	patterns = rapid.Map(rapid.SliceOfN(rapid.OneOf(segments, rapid.Just("*")), 1, 4), joinSegments)
)

func joinSegments(s []string) string { return strings.Join(s, ".") }

// rapid writes a generator down when it is first printed, which tests that run beside each other may not do at once.
func init() {
	_, _, _ = segments.String(), names.String(), patterns.String()
	_, _, _, _, _ = values.String(), keys.String(), lists.String(), rules.String(), events.String()
}
