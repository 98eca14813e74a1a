package mask_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/hookline/hookline/internal/mask"
)

func TestMask(t *testing.T) {
	t.Parallel()
	masked := mask.New([]string{"canary/in a \"mine\"", "canary", "canary-two", "short", `"rock" & pop`})
	for text, want := range map[string]string{
		"it says canary-two, canary.":               "it says ***, ***.",
		"canary%2Fin+a+%22mine%22":                  "***",
		`{"echo":"canary/in a \"mine\""}`:           `{"echo":"***"}`,
		`{"echo":"canary\/in a \"mine\""}`:          `{"echo":"***"}`,
		`{"echo":"\"rock\" \u0026 pop"}`:            `{"echo":"***"}`,
		`{"echo":"\"rock\" & pop"}`:                 `{"echo":"***"}`,
		`malformed: "x \"rock\" & pop y"`:           `malformed: "x *** y"`,
		"Y2FuYXJ5":                                  "***",
		"63616e617279":                              "***",
		"short and harmless are left as they are":   "short and harmless are left as they are",
		"X-Key: canary/in a \"mine\"\nX-Other: yes": "X-Key: ***\nX-Other: yes",
	} {
		if got := masked.Replace(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if mask.New([]string{"", "short"}) != nil {
		t.Error("a mask without anything to mask")
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	one, two := mask.New([]string{"canary"}), mask.New([]string{"budgie"})
	cause := fmt.Errorf("the endpoint said canary, then budgie: %w", io.EOF)
	if err := mask.Error(cause, nil, one, two); err.Error() != "the endpoint said ***, then ***: EOF" || !errors.Is(err, io.EOF) {
		t.Errorf("masked as %v", err)
	}
}
