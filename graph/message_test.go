package graph

import (
	"strings"
	"testing"
)

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	got := parseHeaders("Content-Type: text/plain; a: b\nX-Empty:\r\nAuthorization: ***\nX-Twice: 1\nX-Twice: 2\n\n")
	want := []struct {
		name, value string
		secret      bool
	}{
		{"Content-Type", "text/plain; a: b", false}, {"X-Empty", "", false}, {"Authorization", "", true},
		{"X-Twice", "1", false}, {"X-Twice", "2", false},
	}
	if len(got) != len(want) {
		t.Fatalf("%d headers", len(got))
	}
	for i, w := range want {
		h := got[i]
		if h.Name != w.name || h.Secret != w.secret || (h.Value == nil) != w.secret || (h.Value != nil && *h.Value != w.value) {
			t.Errorf("got %s %v %v, want %v", h.Name, h.Value, h.Secret, w)
		}
	}
	if none := parseHeaders(""); none == nil || len(none) != 0 {
		t.Errorf("no lines: %v", none)
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data         string
		truncated    bool
		text, base64 string
	}{
		"text":                           {"grüß dich", false, "grüß dich", ""},
		"binary":                         {"\xff\x00", false, "", "/wA="},
		"cut off within a character":     {"gr\xc3", true, "gr", ""},
		"cut off within a long one":      {"a\xf0\x9f\x98", true, "a", ""},
		"cut off after a whole one":      {"grü", true, "grü", ""},
		"wrong at its end, not cut off":  {"gr\xc3", false, "", "Z3LD"},
		"cut off, and wrong in between":  {"\xffgr\xc3", true, "", "/2dyww=="},
		"cut off, all but a single byte": {"\xc3", true, "", ""},
		"empty":                          {"", false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := newBody(nil, []byte(c.data), c.truncated)
			if got.SizeBytes != len(c.data) || got.Truncated != c.truncated {
				t.Errorf("size %d, truncated %v", got.SizeBytes, got.Truncated)
			}
			if c.base64 != "" {
				if got.Text != nil || got.Base64 == nil || *got.Base64 != c.base64 {
					t.Errorf("got %v %v", got.Text, got.Base64)
				}
				return
			}
			if got.Base64 != nil || got.Text == nil || *got.Text != c.text {
				t.Errorf("got %v %v", got.Text, got.Base64)
			}
		})
	}
	if body := newBody(nil, []byte(strings.Repeat("é", 10_000)), true); body.Text == nil {
		t.Error("long text is not text")
	}
}
