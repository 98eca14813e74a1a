package worker

import (
	"errors"
	"strings"
	"time"

	"github.com/hookline/hookline/internal/registry"
)

// certificateHint says what to do about a profile whose certificate cannot be presented.
const certificateHint = "Nothing is sent without the profile's client certificate: the operator must restore the encryption key, or another certificate must be given to the profile."

// errNoTLS is returned for a profile whose certificate its URL leaves no room for.
var errNoTLS = errors.New("client certificate: it is presented over https only, and the webhook URL is http")

// certificateOf returns the certificate that a request of the profile at a time goes with, the zero value for none. With an
// error nothing may be sent.
func certificateOf(p *registry.Profile, at time.Time) (registry.Certificate, error) {
	c := p.Certificate(at)
	switch {
	case c == nil:
		return registry.Certificate{}, nil
	case c.Problem != nil:
		return registry.Certificate{}, c.Problem
	case !strings.HasPrefix(strings.ToLower(p.URL), "https:"):
		return registry.Certificate{}, errNoTLS
	}
	return *c, nil
}
