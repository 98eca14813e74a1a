package egress

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
)

// Hint tells the owner of the endpoint, in a sentence or two, what to do about the failure.
func (e *Error) Hint() string {
	switch e.Kind {
	case KindTimeout:
		return timeoutHint(e.Err)
	case KindDNS:
		return dnsHint(e.Err)
	case KindConnect:
		return connectHint(e.Err)
	case KindTLS:
		return tlsHint(e.Err)
	case KindBlocked:
		return "Hookline may not call this address. Use a public https URL, or ask the operator to allow the address " +
			"(HOOKLINE_ALLOW_CIDRS) or plain http (HOOKLINE_ALLOW_HTTP)."
	case KindCancelled:
		return "Hookline itself stopped the request, for example at a shutdown. There is nothing to do at the endpoint."
	default:
		return "The endpoint's answer was not valid HTTP, too large, or broke off. Check the server and any proxy before " +
			"it for crashes and restarts, and that the URL leads to an HTTP server."
	}
}

func timeoutHint(err error) string {
	var (
		reached *timeoutError
		op      *net.OpError
	)
	switch timed := errors.As(err, &reached); {
	case timed && reached.limit == connectLimit, errors.As(err, &op) && op.Op == "dial":
		return "The endpoint could not be reached in time. Check that it is up and that its firewall lets Hookline in, " +
			"or raise the profile's connectTimeoutMs."
	case timed && reached.limit == readLimit:
		return "The endpoint sent nothing for too long. Answer 2xx as soon as the event is stored and work on it " +
			"afterwards, or raise the profile's readTimeoutMs."
	}
	return "The endpoint's answer took too long as a whole. Answer 2xx with a short body as soon as the event is stored " +
		"and work on it afterwards."
}

func dnsHint(err error) string {
	var lookup *net.DNSError
	if errors.As(err, &lookup) && lookup.IsNotFound {
		return "The host name does not exist. Check its spelling and that its DNS records are published."
	}
	return "The host name could not be looked up. Check that its name servers answer."
}

func connectHint(err error) string {
	var (
		op   *net.OpError
		dial *dialError
	)
	if errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dial) {
		return "Nothing accepted the connection. Check that the server runs, listens on the URL's port and is let through " +
			"its firewall."
	}
	return "The connection was closed before an answer came. Check the logs of the server and of any proxy before it, " +
		"and that neither closes keep-alive connections within five seconds of their last use."
}

func tlsHint(err error) string {
	var (
		signer  x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &signer):
		return "The endpoint's certificate is not signed by an authority that Hookline trusts. Use a publicly trusted " +
			"certificate and serve its whole chain, intermediate certificates included."
	case errors.As(err, &name):
		return "The endpoint's certificate is for another host name. Install one that names the URL's host."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "The endpoint's certificate has expired or is not yet valid. Renew it, and check the server's clock."
	case errors.As(err, &record):
		return "The endpoint does not speak TLS on this port. Check the URL's port and scheme."
	case errors.As(err, &op) && op.Op == "remote error", errors.Is(err, errAsked):
		return "The endpoint refused the TLS connection. If it asks for a client certificate, link one that it accepts " +
			"to the profile; check that it speaks one of the profile's TLS versions."
	}
	return "The TLS handshake failed. Check the endpoint's certificate and that it speaks one of the profile's TLS " +
		"versions."
}
