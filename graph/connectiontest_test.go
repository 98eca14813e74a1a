package graph

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/stream"
)

func TestShownTest(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint16]string{tls.VersionTLS12: "TLS_1_2", tls.VersionTLS13: "TLS_1_3"} {
		shown := shownTest(&configure.TestedConnection{Outcome: stream.OutcomeSuccess, Handshake: egress.Handshake{
			Timing:     egress.Timing{DNS: time.Millisecond, Connect: 1500 * time.Microsecond, TLS: 2 * time.Millisecond, Total: 5 * time.Millisecond},
			RemoteAddr: "192.0.2.1:443", Version: version, CipherSuite: tls.TLS_AES_128_GCM_SHA256, Protocol: "h2", Requested: true, Sent: true,
		}}, time.Now())
		if !shown.Ok || shown.Outcome != stream.OutcomeSuccess || *shown.TLSVersion != want || *shown.CipherSuite != "TLS_AES_128_GCM_SHA256" || *shown.Alpn != "h2" ||
			*shown.RemoteAddress != "192.0.2.1:443" || !shown.ClientCertificateRequested || !shown.ClientCertificateSent || shown.ClientCertificateRefused ||
			shown.Error != nil || shown.Hint != nil {
			t.Errorf("%+v", shown)
		}
		if timing := shown.Timing; *timing.DNSMs != 1 || *timing.ConnectMs != 1.5 || *timing.TLSMs != 2 || timing.TotalMs != 5 {
			t.Errorf("%+v", timing)
		}
	}
}
