// Package mask hides secrets in texts that people see, such as what an endpoint answers.
package mask

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// shortestMasked is the length in bytes of the shortest secret that is looked for in responses: shorter ones would be
// found where they are none.
const shortestMasked = 6

// Shown stands for a secret.
const Shown = "***"

// New returns what replaces the secrets in a text by Shown, also as URLs, JSON, quotations of Go's, base64 and hexadecimal digits
// have them; nil without secrets. Of secrets of which one begins another the longer is replaced.
func New(secrets []string) *strings.Replacer {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < shortestMasked {
			continue
		}
		marshalled, _ := json.Marshal(secret) // a string cannot fail; it escapes <, > and &, as few others do
		quoted := strconv.Quote(secret)       // as errors of net/http quote answers, and nearly all write JSON
		quoted = quoted[1 : len(quoted)-1]
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), string(marshalled[1:len(marshalled)-1]),
			quoted, strings.ReplaceAll(quoted, "/", `\/`), // PHP's JSON
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
			hex.EncodeToString([]byte(secret)))
	}
	if len(forms) == 0 {
		return nil
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	forms = slices.Compact(forms)
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Shown)
	}
	return strings.NewReplacer(pairs...)
}

// Text is text without what the masks replace, any of which may be nil.
func Text(text string, masks ...*strings.Replacer) string {
	for _, mask := range masks {
		if mask != nil {
			text = mask.Replace(text)
		}
	}
	return text
}

// Error wraps err and reads as it does, without what the masks replace, any of which may be nil.
func Error(err error, masks ...*strings.Replacer) error {
	return &masked{Text(err.Error(), masks...), err}
}

type masked struct {
	text string
	err  error
}

func (m *masked) Error() string { return m.text }

func (m *masked) Unwrap() error { return m.err }
