package egress_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/egress"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &authority{certificate, key, pool}
}

// sign makes a certificate for name that holds from an hour ago to end, for 127.0.0.1 too unless name is another host.
func (a *authority) sign(t *testing.T, name string, end time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if !strings.HasPrefix(name, "other.") {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

func tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }

// serveTLS answers over TLS; config must hold the server's certificate.
func serveTLS(t *testing.T, config *tls.Config, http2 bool, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = config
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are what the tests are about
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// clientName answers with the common name of the client's certificate.
func clientName(w http.ResponseWriter, r *http.Request) {
	if len(r.TLS.PeerCertificates) > 0 {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}
}

func TestDoSpeaksTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for name, http2 := range map[string]bool{"http1": false, "http2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
			url := serveTLS(t, config, http2, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, r.Proto)
			})
			client := newClient(t, egress.Config{RootCAs: ca.pool})
			resp := do(t, client, url, egress.Request{})
			want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]
			if resp.Err != nil || string(resp.Body) != want || resp.TLSVersion != tls.VersionTLS13 ||
				resp.RemoteAddr != strings.TrimPrefix(url, "https://") {
				t.Fatalf("answer %q over TLS %x from %s, %v", resp.Body, resp.TLSVersion, resp.RemoteAddr, resp.Err)
			}
			if timing := resp.Timing; timing.Reused || timing.TLS <= 0 || timing.Connect <= 0 ||
				timing.FirstByte < timing.Connect+timing.TLS {
				t.Errorf("timing: %+v", timing)
			}
			resp = do(t, client, url, egress.Request{})
			if resp.Err != nil || !resp.Timing.Reused || resp.Timing.TLS != 0 {
				t.Errorf("second request: %+v, %v", resp.Timing, resp.Err)
			}
		})
	}
}

func TestDoKeepsToTLSVersions(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, test := range []struct {
		name     string
		min, max uint16 // the server's
		tls      egress.TLS
		version  uint16 // 0: fails
	}{
		{"newest", 0, 0, egress.TLS{}, tls.VersionTLS13},
		{"server_12_only", 0, tls.VersionTLS12, egress.TLS{}, tls.VersionTLS12},
		{"server_12_only_client_13_only", 0, tls.VersionTLS12, egress.TLS{MinVersion: tls.VersionTLS13}, 0},
		{"client_12_only", 0, 0, egress.TLS{MaxVersion: tls.VersionTLS12}, tls.VersionTLS12},
		{"server_13_only_client_12_only", tls.VersionTLS13, 0, egress.TLS{MaxVersion: tls.VersionTLS12}, 0},
		{"server_11_only", tls.VersionTLS10, tls.VersionTLS11, egress.TLS{MinVersion: tls.VersionTLS10}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{
				MinVersion: test.min, MaxVersion: test.max,
				Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())},
			}
			url := serveTLS(t, config, false, clientName)
			resp := do(t, newClient(t, egress.Config{RootCAs: ca.pool}), url, egress.Request{TLS: test.tls})
			if test.version == 0 {
				wantKind(t, resp, egress.KindTLS, "version")
			} else if resp.Err != nil || resp.TLSVersion != test.version {
				t.Errorf("TLS %x, %v; want %x", resp.TLSVersion, resp.Err, test.version)
			}
		})
	}
}

func TestDoVerifiesTheServersCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for _, test := range []struct {
		name        string
		certificate tls.Certificate
		trust       *x509.CertPool
		hint        string
	}{
		{"unknown_authority", ca.sign(t, "hook.example", tomorrow()), newAuthority(t).pool, "its whole chain"},
		{"expired", ca.sign(t, "hook.example", time.Now().Add(-time.Minute)), ca.pool, "Renew it"},
		{"other_name", ca.sign(t, "other.example", tomorrow()), ca.pool, "another host name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{test.certificate}}, false, clientName)
			resp := do(t, newClient(t, egress.Config{RootCAs: test.trust}), url, egress.Request{})
			wantKind(t, resp, egress.KindTLS, "certificate")
			if !strings.Contains(resp.Err.Hint(), test.hint) {
				t.Errorf("hint %q, want %q", resp.Err.Hint(), test.hint)
			}
			if resp.Timing.TLS <= 0 || resp.Timing.Connect <= 0 || resp.RemoteAddr != strings.TrimPrefix(url, "https://") {
				t.Errorf("timing %+v, remote address %q", resp.Timing, resp.RemoteAddr)
			}
		})
	}
}

func TestDoPresentsItsCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	alice, bob := ca.sign(t, "alice", tomorrow()), ca.sign(t, "bob", tomorrow())
	stranger := newAuthority(t).sign(t, "stranger", tomorrow())
	for _, test := range []struct {
		name       string
		http2      bool
		maxVersion uint16
	}{{"http1_tls12", false, tls.VersionTLS12}, {"http1_tls13", false, 0}, {"http2_tls13", true, 0}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{
				Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())},
				ClientCAs:    ca.pool, ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: test.maxVersion,
			}
			url := serveTLS(t, config, test.http2, clientName)
			client := newClient(t, egress.Config{RootCAs: ca.pool})
			for _, use := range []struct {
				tls    egress.TLS
				name   string
				reused bool
			}{
				{egress.TLS{Certificate: &alice, Identity: "a"}, "alice", false},
				{egress.TLS{Certificate: &bob, Identity: "b"}, "bob", false},
				{egress.TLS{Certificate: &alice, Identity: "a"}, "alice", true},
				{egress.TLS{Certificate: &alice}, "alice", false}, // known by its pointer
				{egress.TLS{Certificate: &bob}, "bob", false},
				{egress.TLS{Certificate: &bob}, "bob", true},
			} {
				resp := do(t, client, url, egress.Request{TLS: use.tls})
				if resp.Err != nil || string(resp.Body) != use.name || resp.Timing.Reused != use.reused {
					t.Errorf("as %s: %q, reused %v, %v", use.name, resp.Body, resp.Timing.Reused, resp.Err)
				}
			}
			for name, refused := range map[string]egress.TLS{"nobody": {}, "stranger": {Certificate: &stranger}} {
				resp := do(t, client, url, egress.Request{TLS: refused})
				wantKind(t, resp, egress.KindTLS, "")
				if !strings.Contains(resp.Err.Hint(), "client certificate") {
					t.Errorf("as %s: hint %q", name, resp.Err.Hint())
				}
			}
		})
	}
}

// With TLS 1.3 an endpoint refuses a certificate when the handshake is over for us, and often by closing alone.
func TestDoReportsAConnectionClosedAfterAskingForACertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for name, test := range map[string]struct {
		ask  tls.ClientAuthType
		kind egress.Kind
		says string
	}{
		"asked":     {tls.RequestClientCert, egress.KindTLS, "asked for a client certificate"},
		"not_asked": {tls.NoClientCert, egress.KindConnect, "closed before the answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := &tls.Config{
				Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}, ClientAuth: test.ask,
			}
			address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
				_, _ = bufio.NewReaderSize(tls.Server(conn, config), 64<<10).Peek(10) // of the request
			})
			resp := do(t, newClient(t, egress.Config{RootCAs: ca.pool}), "https://"+address, egress.Request{})
			wantKind(t, resp, test.kind, test.says)
			if asked := strings.Contains(resp.Err.Hint(), "client certificate"); asked != (test.kind == egress.KindTLS) {
				t.Errorf("hint: %s", resp.Err.Hint())
			}
		})
	}
}

func TestDoReportsAPortWithoutTLS(t *testing.T) {
	t.Parallel()
	url := serve(t, func(http.ResponseWriter, *http.Request) {})
	resp := do(t, newClient(t, egress.Config{}), strings.Replace(url, "http:", "https:", 1), egress.Request{})
	wantKind(t, resp, egress.KindTLS, "TLS handshake")
	if !strings.Contains(resp.Err.Hint(), "does not speak TLS") {
		t.Errorf("hint: %s", resp.Err.Hint())
	}
}

func TestDoReportsAHandshakeThatBreaksOff(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })
	resp := do(t, newClient(t, egress.Config{}), "https://"+address, egress.Request{})
	wantKind(t, resp, egress.KindTLS, "")
}

func TestDoTimesOutInTheHandshake(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, "127.0.0.1:0", drain)
	resp := do(t, newClient(t, egress.Config{}), "https://"+address,
		egress.Request{ConnectTimeout: 150 * time.Millisecond, ReadTimeout: 50 * time.Millisecond})
	wantKind(t, resp, egress.KindTimeout, "no TLS handshake within 150ms (connect timeout)")
	if resp.Timing.TLS < 100*time.Millisecond {
		t.Errorf("timing: %+v", resp.Timing)
	}
}
