package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"os"
	"time"
)

// Probe is a connection to try out: nothing is sent over it but the TLS handshake.
type Probe struct {
	URL            string
	ConnectTimeout time.Duration // for DNS, TCP and TLS together
	TLS            TLS
}

// Handshake is what came of a Probe. What was not reached is zero.
type Handshake struct {
	Timing      Timing // FirstByte is zero
	RemoteAddr  string // address and port
	Version     uint16 // of TLS; 0 for plain http
	CipherSuite uint16
	Protocol    string // negotiated for the requests to come (ALPN), such as h2; empty for none
	// ServerChain is what the server presented, its own certificate first, also when that is not trusted.
	ServerChain []*x509.Certificate
	// Requested says that the server asked for a client certificate, Sent that there was one to give it, and Refused that it
	// then ended the connection over that, or over the lack of one.
	Requested, Sent, Refused bool
	Err                      *Error // nil if the connection is ready for requests, as far as the server lets on
}

// How long a server that has asked for a client certificate in TLS 1.3 is waited for: its verdict comes when the handshake is
// over for us, a round trip later.
const (
	verdictWait    = 500 * time.Millisecond
	maxVerdictWait = 2 * time.Second
)

// Probe makes a connection of its own, through the guard, and closes it.
func (c *Client) Probe(ctx context.Context, probe Probe) Handshake {
	req := Request{ConnectTimeout: probe.ConnectTimeout}
	req.setDefaults(nil)
	req.TotalTimeout = req.ConnectTimeout + 2*maxVerdictWait
	req.ReadTimeout = req.TotalTimeout
	call := newCall(ctx, &req)
	defer call.end()

	var h Handshake
	err := c.probe(call, &probe, &h)
	h.Timing.Total = clock() - call.begun
	if err == nil {
		return h
	}
	var learned Response
	h.Err = call.fail(err, &learned)
	if h.RemoteAddr == "" {
		h.RemoteAddr = learned.RemoteAddr
		h.Timing.DNS, h.Timing.Connect, h.Timing.TLS = learned.Timing.DNS, learned.Timing.Connect, learned.Timing.TLS
	}
	if verify := (*tls.CertificateVerificationError)(nil); errors.As(err, &verify) {
		h.ServerChain = verify.UnverifiedCertificates
	}
	h.Refused = h.Requested && h.Err.Kind == KindTLS // what it asks for is given when all else is well
	return h
}

func (c *Client) probe(call *call, probe *Probe, h *Handshake) error {
	u, err := c.policy.ParseURL(probe.URL)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(call, call.connectTimeout)
	defer cancel()
	d, addr := c.transports.dialer, address(u)
	plain, err := d.connect(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer plain.Close()
	h.RemoteAddr = plain.remote
	defer func() {
		h.Timing.DNS, h.Timing.Connect, h.Timing.TLS = plain.made.dns, plain.made.connect, plain.made.tls
	}()
	if u.Scheme != "https" {
		return nil
	}
	config := c.transports.config(identityOf(probe.TLS)) // with no session to resume: it would hide what the server asks for
	config.VerifyConnection = func(state tls.ConnectionState) error {
		h.Version, h.CipherSuite, h.ServerChain = state.Version, state.CipherSuite, state.PeerCertificates
		return nil
	}
	conn, err := handshake(ctx, plain, addr, config, probe.TLS.Certificate)
	h.Requested = plain.asked
	h.Sent = plain.asked && probe.TLS.Certificate != nil
	if err != nil {
		return err
	}
	secure := conn.(*tls.Conn) //nolint:forcetypeassert // handshake returns no other
	defer secure.Close()
	h.Protocol = secure.ConnectionState().NegotiatedProtocol
	if !plain.asked || h.Version < tls.VersionTLS13 { // in TLS 1.2 the server judges before the handshake ends
		return nil
	}
	return awaitVerdict(secure, plain)
}

// address is what to dial for a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// awaitVerdict returns the error with which a server refuses a client certificate in TLS 1.3; nil if it sends anything else,
// or nothing for a while.
func awaitVerdict(secure *tls.Conn, plain *conn) error {
	wait := min(max(verdictWait, 4*plain.made.tls), maxVerdictWait)
	if err := secure.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	_, err := secure.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
