package registry

import (
	"crypto/sha256"
	"crypto/tls"
	"net/http"
	"net/url"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/retry"
)

// What a profile has if nothing is chosen goes for per-message webhooks, too.
const (
	perMessageWindow  = 20
	perMessageTimeout = 10 * time.Second
)

// PerMessage returns the profile of a per-message webhook. Its id is that of no row: it is one for each host that an account
// sends to, so that each has its own lane.
func PerMessage(accountID id.ID, notifyURL string, xml bool) *Profile {
	host := notifyURL
	if parsed, err := url.Parse(notifyURL); err == nil {
		host = parsed.Host
	}
	sum := sha256.Sum256(append(accountID[:], host...))
	p := &Profile{
		ID: id.ID(sum[:16]), URL: notifyURL, ShownURL: withoutQuery(notifyURL), Format: payload.Envelope, Window: perMessageWindow,
		ConnectTimeout: perMessageTimeout, ReadTimeout: perMessageTimeout, TotalTimeout: 4 * perMessageTimeout,
		MinTLS: tls.VersionTLS12, MaxTLS: tls.VersionTLS13, Headers: http.Header{}, Retry: retry.Policy{Kind: retry.Quadratic},
	}
	if xml {
		p.Format = payload.XML
	}
	return p
}
