package configure

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/usererror"
)

// text draws text with a good share of what is odd about text.
var text = rapid.OneOf(
	rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_-]{0,300}`), rapid.StringN(200, 300, -1),
	rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) }),
)

func TestKeysAreOfOneForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`\A[A-Za-z0-9_-]{1,255}\z`)
	rapid.Check(t, func(t *rapid.T) {
		key := text.Draw(t, "key")
		var wrong usererror.List
		if good := checkKey(&wrong, "key", key); good != form.MatchString(key) || good != (len(wrong) == 0) {
			t.Fatalf("checkKey(%q) = %v, %v", key, good, wrong)
		}
	})
}

func TestNamesCanBeStoredAndShown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := text.Draw(t, "name")
		var wrong usererror.List
		good := checkName(&wrong, "name", name)
		if good != (len(wrong) == 0) {
			t.Fatalf("checkName(%q) = %v, %v", name, good, wrong)
		}
		n := utf8.RuneCountInString(name)
		if good && (n < 1 || n > 255 || !storable(name) || strings.ContainsFunc(name, unicode.IsControl) || strings.TrimSpace(name) == "") {
			t.Fatalf("checkName accepts %q", name)
		}
	})
}

func TestQuoteIsOneShortPrintableLine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quoted := quote(text.Draw(t, "text"))
		if !utf8.ValidString(quoted) || utf8.RuneCountInString(quoted) > 10*maxQuoted+3 ||
			strings.ContainsFunc(quoted, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("quoted as %q", quoted)
		}
	})
	for value, want := range map[string]string{
		"sms.delivery": "`sms.delivery`", "": "``", "a`b": `"a` + "`" + `b"`, "a\nb": `"a\nb"`, "\xff": `"\xff"`,
		strings.Repeat("ü", 64): "`" + strings.Repeat("ü", 64) + "`", strings.Repeat("ü", 65): "`" + strings.Repeat("ü", 64) + "…`",
	} {
		if got := quote(value); got != want {
			t.Errorf("quote(%q) = %s, want %s", value, got, want)
		}
	}
}

func TestMostSimilar(t *testing.T) {
	t.Parallel()
	names := []string{"sms.delivery", "mms.delivery", "sms.click", "email.open", "agent.presencechanged.v1"}
	for given, want := range map[string]string{
		"sms.delivry":             "sms.delivery",
		"sms.deliveries":          "sms.delivery",
		"mms.delivry":             "mms.delivery",
		"sms.clik":                "sms.click",
		"agent.presencechanged":   "agent.presencechanged.v1",
		"agent.presenceChange.v2": "agent.presencechanged.v1",
		"x":                       "",
		"voice.started":           "",
		strings.Repeat("a", 255):  "",
	} {
		if got := mostSimilar(given, names); got != want {
			t.Errorf("mostSimilar(%q) = %q, want %q", given, got, want)
		}
	}
}

func TestRulesAreTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	values := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID)
	rapid.Check(t, func(t *rapid.T) {
		r := rule{eventTypes: values.Draw(t, "event types"), filter: types.EventFilter{Users: values.Draw(t, "users"), Resources: values.Draw(t, "resources")}}
		shuffled := rule{
			eventTypes: rapid.Permutation(r.eventTypes).Draw(t, "shuffled event types"),
			filter: types.EventFilter{
				Users: rapid.Permutation(r.filter.Users).Draw(t, "shuffled users"), Resources: rapid.Permutation(r.filter.Resources).Draw(t, "shuffled resources"),
			},
		}
		before := slices.Clone(r.eventTypes)
		if !r.same(shuffled) || !shuffled.same(r) {
			t.Fatalf("%v differs from %v", r, shuffled)
		}
		if !slices.Equal(before, r.eventTypes) {
			t.Fatal("comparing changed the order")
		}
		other := r
		other.filter.Entities = []string{"e"}
		if r.same(other) || other.same(r) {
			t.Fatalf("%v is the same as %v", r, other)
		}
	})
}
