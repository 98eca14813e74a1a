package configure

import (
	"context"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of a profile's headers.
const (
	maxHeaders     = 50
	maxHeaderName  = 255     // characters
	maxHeaderValue = 4 << 10 // bytes
)

// HeaderBinding is what the value of a profile's secret header is sealed for (see package vault). The case of the name
// does not matter.
func HeaderBinding(profile id.ID, name string) string {
	return "notification_profiles/" + profile.String() + "/headers/" + strings.ToLower(name)
}

// reservedHeaders are those that Hookline sets itself, that belong to a connection (RFC 9110, 7.6.1), or that would make
// an HTTP client send a request again by itself.
var reservedHeaders = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "keep-alive": true,
	"expect": true, "upgrade": true, "te": true, "trailer": true, "content-type": true, "user-agent": true,
	"idempotency-key": true, "x-idempotency-key": true,
}

// reservedHeader reports whether a profile may not set the header of this name, in lower case. Many servers show _ and - in a name as
// the same to programs (CGI, RFC 3875, 4.1.18), so neither may be set.
func reservedHeader(name string) bool {
	name = strings.ReplaceAll(name, "_", "-")
	return reservedHeaders[name] || strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "webhook-")
}

// headers says what is wrong with a profile's headers, and returns them with the secret ones sealed.
func (s *Service) headers(ctx context.Context, wrong *usererror.List, path string, profile id.ID, given []HeaderInput) []types.Header {
	out := make([]types.Header, 0, min(len(given), maxHeaders))
	if len(given) > maxHeaders {
		wrong.Add(usererror.OutOfRange, path, "there are %d headers: at most %d are allowed", len(given), maxHeaders)
		return out
	}
	seen := make(map[string]bool, len(given))
	for i, h := range given {
		at := path + "." + strconv.Itoa(i)
		checkHeaderName(wrong, at+".name", h.Name, seen)
		checkHeaderValue(wrong, at+".value", h)
		if !h.Secret {
			out = append(out, types.Header{Name: h.Name, Value: h.Value})
			continue
		}
		checkSecretsScope(ctx, wrong, at+".secret")
		out = append(out, types.Header{Name: h.Name, Sealed: s.Vault.Seal([]byte(h.Value), HeaderBinding(profile, h.Name))})
	}
	return out
}

// checkHeaderName adds the name to those that were seen.
func checkHeaderName(wrong *usererror.List, path, name string, seen map[string]bool) {
	lower := strings.ToLower(name)
	switch {
	case name == "":
		wrong.Add(usererror.Required, path, "the header needs a name, such as `X-Tenant`")
	case len(name) > maxHeaderName:
		wrong.Add(usererror.OutOfRange, path, "the header's name has %d characters: at most %d are allowed", len(name), maxHeaderName)
	case !httpguts.ValidHeaderFieldName(name):
		wrong.Add(usererror.Invalid, path, "%s is not a header's name: it may have letters, digits and !#$%%&'*+-.^_`|~ only", quote(name))
	case reservedHeader(lower):
		wrong.Add(usererror.Invalid, path, "the header %s is reserved, because Hookline or the connection sets it: remove it", quote(name))
	case seen[lower]:
		wrong.Add(usererror.Invalid, path, "the header %s is given twice: remove one of them", quote(name))
	}
	seen[lower] = true
}

// checkHeaderValue never shows the value, which may be secret.
func checkHeaderValue(wrong *usererror.List, path string, h HeaderInput) {
	if len(h.Value) > maxHeaderValue {
		wrong.Add(usererror.OutOfRange, path, "the header's value has %d bytes: at most %d are allowed", len(h.Value), maxHeaderValue)
		return
	}
	if strings.ContainsFunc(h.Value, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
		wrong.Add(usererror.Invalid, path, "the header's value may have visible ASCII characters, spaces and tabs only")
	}
}
