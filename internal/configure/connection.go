package configure

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/outcome"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/usererror"
)

// TestConnectionInput is a connection to test. What is nil or omitted is as in the profile, if there is one.
type TestConnectionInput struct {
	Profile          *Ref
	URL              *string
	Certificate      graphql.Omittable[*Ref] // nil: none
	Auth             *Ref
	ConnectTimeoutMs *int
	TLSVersions      []string
}

// TestedConnection is what came of a test. What was not reached is zero.
type TestedConnection struct {
	Outcome   stream.Outcome // as of an attempt
	Handshake egress.Handshake
}

// connectionTimeoutBounds are those of a test: whoever asks for it waits.
var connectionTimeoutBounds = bounds{300, 20_000}

// maxConnectionTests is how many tests an account may have under way at once, in a process.
const maxConnectionTests = 5

// Connections tests connections.
type Connections struct {
	client *egress.Client

	mu      sync.Mutex
	running map[id.ID]int // by account
}

// NewConnections returns a Connections that connects by a client, which it does not close.
func NewConnections(client *egress.Client) *Connections {
	return &Connections{client: client, running: make(map[id.ID]int)}
}

// begin takes a place among the tests of an account, and reports whether there is one. end gives it back.
func (c *Connections) begin(account id.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[account] >= maxConnectionTests {
		return false
	}
	c.running[account]++
	return true
}

func (c *Connections) end(account id.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[account]--; c.running[account] == 0 {
		delete(c.running, account)
	}
}

// errNoConnections is returned by a service that has no Connections.
var errNoConnections = errors.New("connections cannot be tested here")

// TestConnection connects as a delivery would, as far as the TLS handshake, and says what came of it. It sends no request.
func (s *Service) TestConnection(ctx context.Context, in TestConnectionInput) (*TestedConnection, error) {
	if s.Connections == nil {
		return nil, errNoConnections
	}
	account, err := oneAccount(ctx)
	if err != nil {
		return nil, err
	}
	if !s.Connections.begin(account) {
		return nil, usererror.List{usererror.New(usererror.LimitReached, "",
			"%d connection tests of the account are under way, which is the limit: repeat this one when they are done", maxConnectionTests)}
	}
	defer s.Connections.end(account)
	var probe *egress.Probe
	err = s.inTx(ctx, func(tx *ent.Tx) (err error) {
		probe, err = s.readConnection(ctx, &change{Tx: tx, account: account}, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	test := &TestedConnection{Outcome: stream.OutcomeSuccess, Handshake: s.Connections.client.Probe(ctx, *probe)}
	if failed := test.Handshake.Err; failed != nil {
		test.Outcome = outcome.Of(failed.Kind)
	}
	return test, nil
}

// readConnection reads what to connect to and how.
func (s *Service) readConnection(ctx context.Context, c *change, in TestConnectionInput) (probe *egress.Probe, err error) {
	probe = &egress.Probe{}
	timeout, versions := 10_000, tlsVersions
	var certificate *id.ID
	if in.Profile != nil {
		profile, err := c.findProfile(ctx, "input.profile", *in.Profile)
		if err != nil {
			return nil, err
		}
		if profile != nil {
			probe.URL, versions = profile.WebhookURL, profile.TLSVersions
			timeout = min(profile.ConnectTimeoutMs, connectionTimeoutBounds.most)
			certificate = CertificateAt(profile, time.Now())
		}
	}
	if in.URL != nil {
		probe.URL = *in.URL
		checkProbeURL(&c.wrong, "input.url", s.Guard, probe.URL)
	} else if in.Profile == nil {
		c.wrong.Add(usererror.Required, "input.url", "give the url to connect to, or a profile that has one")
	}
	setNumber(&c.wrong, "input", "connectTimeoutMs", in.ConnectTimeoutMs, connectionTimeoutBounds, func(given int) { timeout = given })
	probe.ConnectTimeout = time.Duration(timeout) * time.Millisecond
	if in.TLSVersions != nil {
		checkTLSVersions(&c.wrong, "input.tlsVersions", in.TLSVersions)
		versions = in.TLSVersions
	}
	probe.TLS.MinVersion, probe.TLS.MaxVersion = TLSRange(versions)
	if in.Auth != nil {
		if _, err := c.findAuthSetting(ctx, "input.auth", *in.Auth); err != nil {
			return nil, err
		}
	}
	if probe.TLS.Certificate, err = s.certificateToTest(ctx, c, certificate, in); err != nil {
		return nil, err
	}
	return probe, c.wrong.Err()
}

// certificateToTest returns the certificate of the input, if it names one, and else that of its profile; nil for none.
func (s *Service) certificateToTest(ctx context.Context, c *change, ofProfile *id.ID, in TestConnectionInput) (*tls.Certificate, error) {
	ref, given := in.Certificate.ValueOK()
	path := "input.certificate"
	switch {
	case given && ref == nil, !given && ofProfile == nil:
		return nil, nil
	case !given:
		ref, path = &Ref{ID: new(id.Format(id.Certificate, *ofProfile))}, "input.profile"
	}
	row, err := c.findCertificate(ctx, path, *ref)
	if err != nil || row == nil {
		return nil, err
	}
	opened, err := OpenCertificate(s.Vault, row)
	if err != nil {
		c.wrong.Add(usererror.Invalid, path, "the certificate %s has the status REJECTED: it cannot be used (%v)", quote(row.Key), err)
		return nil, nil
	}
	return opened, nil
}

// checkProbeURL says what is wrong with a URL, but for an address that the guard blocks: that is an outcome.
func checkProbeURL(wrong *usererror.List, path string, guard addrguard.Policy, raw string) {
	if !checkURLText(wrong, path, "url", "https://example.com/webhook", raw) {
		return
	}
	if refused, ok := errors.AsType[*addrguard.URLError](guard.CheckURL(raw)); ok && refused.Code != addrguard.Blocked {
		wrong.Add(usererror.Invalid, path, "%v", refused)
	}
}
