package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
)

// dialer makes guarded connections.
type dialer struct {
	control  func(network, address string, _ syscall.RawConn) error // the guard's, see net.Dialer
	resolver *net.Resolver                                          // nil means the system's
	pacer    *pacer
}

// dialError is the failure to make a connection.
type dialError struct {
	stage  stage // dialling or handshaking
	made   phases
	remote string // empty if it was not reached
	err    error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dial connects within the connect timeout of the call that ctx carries. net/http has cut ctx off from the request's
// own end: the dial goes on, within its timeout, for the benefit of later requests.
func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	done, err := d.await(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, callOf(ctx).connectTimeout)
	defer cancel()
	made, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	callOf(ctx).hasDialled(made)
	return made, nil
}

// dialTLS is dial with a TLS handshake, also within the connect timeout. The client certificate may be nil.
func (d *dialer) dialTLS(
	ctx context.Context, network, addr string, config *tls.Config, certificate *tls.Certificate,
) (net.Conn, error) {
	done, err := d.await(ctx, addr)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, callOf(ctx).connectTimeout)
	defer cancel()
	plain, err := d.connect(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return handshake(ctx, plain, addr, config, certificate)
}

// await waits for the turn of a dial. The first connection of a request is all that it needs if it cannot be sent again.
func (d *dialer) await(ctx context.Context, addr string) (done func(), err error) {
	c := callOf(ctx)
	if !c.once {
		return func() {}, nil
	}
	return d.pacer.await(c, addr)
}

// connect looks the host up and connects to the first of its addresses that is allowed and answers.
func (d *dialer) connect(ctx context.Context, network, addr string) (*conn, error) {
	var (
		begun   = clock()
		made    phases
		allowed atomic.Bool // some address of the host passed the guard
	)
	guarded := net.Dialer{
		Resolver: d.resolver,
		Control: func(network, address string, raw syscall.RawConn) error {
			err := d.control(network, address, raw)
			if err == nil {
				allowed.Store(true)
			}
			return err
		},
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(httptrace.DNSDoneInfo) { made.dns = clock() - begun },
	})
	raw, err := guarded.DialContext(traced, network, addr)
	made.connect = clock() - begun - made.dns
	if err != nil {
		return nil, &dialError{stage: dialling, made: made, err: connectError(ctx, err, allowed.Load())}
	}
	return &conn{Conn: raw, remote: raw.RemoteAddr().String(), made: made, begun: begun}, nil
}

// connectError explains why none of a host's addresses could be connected to.
func connectError(ctx context.Context, err error, allowed bool) error {
	var notFound *net.DNSError
	var blocked *addrguard.BlockedError
	switch {
	case errors.As(err, &notFound):
		return err
	case expired(ctx):
		return &timeoutError{limit: connectLimit, missing: "no TCP connection", after: callOf(ctx).connectTimeout}
	case allowed && errors.As(err, &blocked):
		// net.Dialer reports the first failure only. The host has addresses that may be called: it is not blocked.
		return fmt.Errorf("no allowed address of the host could be connected to (%v)", blocked) //nolint:errorlint // not wrapped: it must not count as blocked
	}
	return err
}

// expired reports whether the deadline of ctx has come. A socket's own deadline can be a moment ahead of ctx.Err.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

func handshake(
	ctx context.Context, plain *conn, addr string, config *tls.Config, certificate *tls.Certificate,
) (net.Conn, error) {
	begun := clock()
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr) // net/http has put the address together
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		plain.asked = true
		if certificate == nil {
			return new(tls.Certificate), nil // none
		}
		// Sent whatever authorities the endpoint names: it then says itself what it does not like.
		return certificate, nil
	}
	secure := tls.Client(plain, config)
	err := secure.HandshakeContext(ctx)
	plain.made.tls = clock() - begun
	if err != nil {
		_ = plain.Close()
		if expired(ctx) {
			err = &timeoutError{limit: connectLimit, missing: "no TLS handshake", after: callOf(ctx).connectTimeout}
		}
		return nil, &dialError{stage: handshaking, made: plain.made, remote: plain.remote, err: err}
	}
	state := secure.ConnectionState()
	plain.tlsVersion = state.Version
	plain.shared = state.NegotiatedProtocol == "h2"
	callOf(ctx).hasDialled(plain)
	return secure, nil
}
