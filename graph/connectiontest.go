package graph

import (
	"crypto/tls"
	"time"

	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/configure"
)

// shownTest shows what came of a connection test.
func shownTest(test *configure.TestedConnection, now time.Time) *ConnectionTest {
	h := &test.Handshake
	shown := &ConnectionTest{
		Ok: h.Err == nil, Outcome: test.Outcome,
		Timing: &ConnectionTiming{
			DNSMs: orNull(ms(h.Timing.DNS.Microseconds())), ConnectMs: orNull(ms(h.Timing.Connect.Microseconds())), TLSMs: orNull(ms(h.Timing.TLS.Microseconds())),
			TotalMs: ms(h.Timing.Total.Microseconds()),
		},
		RemoteAddress: orNull(h.RemoteAddr), Alpn: orNull(h.Protocol), ServerChain: []*ServerCertificate{},
		ClientCertificateRequested: h.Requested, ClientCertificateSent: h.Sent, ClientCertificateRefused: h.Refused,
	}
	switch h.Version {
	case tls.VersionTLS12:
		shown.TLSVersion = new("TLS_1_2")
	case tls.VersionTLS13:
		shown.TLSVersion = new("TLS_1_3")
	}
	if h.CipherSuite != 0 {
		shown.CipherSuite = new(tls.CipherSuiteName(h.CipherSuite))
	}
	for _, c := range h.ServerChain {
		shown.ServerChain = append(shown.ServerChain, &ServerCertificate{
			Subject: clientcert.Subject(c), Issuer: clientcert.Issuer(c), NotAfter: c.NotAfter, Fingerprint: clientcert.Fingerprint(c),
			DaysLeft: clientcert.DaysLeft(c, now),
		})
	}
	if h.Err != nil {
		shown.Error, shown.Hint = new(h.Err.Error()), new(h.Err.Hint())
	}
	return shown
}
