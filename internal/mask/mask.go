// Package mask hides secrets in texts that people see, such as what an endpoint answers.
package mask

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// shortestMasked is the length in bytes of the shortest secret that is looked for in responses: shorter ones would be
// found where they are none.
const shortestMasked = 6

// Shown stands for a secret.
const Shown = "***"

// New returns what replaces the secrets in a text by Shown, also as URLs, JSON, base64 and hexadecimal digits have
// them; nil without secrets. Of secrets of which one begins another the longer is replaced.
func New(secrets []string) *strings.Replacer {
	var forms []string
	for _, secret := range secrets {
		if len(secret) < shortestMasked {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string cannot fail
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1:len(quoted)-1]),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
			hex.EncodeToString([]byte(secret)))
	}
	if len(forms) == 0 {
		return nil
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Shown)
	}
	return strings.NewReplacer(pairs...)
}
