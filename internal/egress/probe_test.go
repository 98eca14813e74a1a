package egress_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
)

// unasked fails a test whose server gets a request.
func unasked(t *testing.T) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("a request came: %s %s", r.Method, r.URL) }
}

func TestProbeTellsOfClientCertificates(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	good, stranger := ca.sign(t, "client", tomorrow()), newAuthority(t).sign(t, "stranger", tomorrow())
	for name, versions := range map[string]uint16{"tls12": tls.VersionTLS12, "tls13": tls.VersionTLS13} {
		for _, test := range []struct {
			name                     string
			ask                      tls.ClientAuthType
			give                     *tls.Certificate
			requested, sent, refused bool
		}{
			{"not asked, none", tls.NoClientCert, nil, false, false, false},
			{"not asked, one", tls.NoClientCert, &good, false, false, false},
			{"asked, none", tls.RequestClientCert, nil, true, false, false},
			{"asked, one", tls.VerifyClientCertIfGiven, &good, true, true, false},
			{"demanded, none", tls.RequireAndVerifyClientCert, nil, true, false, true},
			{"demanded, one", tls.RequireAndVerifyClientCert, &good, true, true, false},
			{"demanded, a stranger's", tls.RequireAndVerifyClientCert, &stranger, true, true, true},
		} {
			t.Run(name+" "+test.name, func(t *testing.T) {
				t.Parallel()
				config := &tls.Config{
					Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}, ClientCAs: ca.pool, ClientAuth: test.ask,
					MinVersion: versions, MaxVersion: versions,
				}
				url := serveTLS(t, config, true, unasked(t))
				client := newClient(t, egress.Config{RootCAs: ca.pool})
				h := client.Probe(t.Context(), egress.Probe{URL: url, TLS: egress.TLS{Certificate: test.give}})
				if h.Requested != test.requested || h.Sent != test.sent || h.Refused != test.refused || (h.Err != nil) != test.refused {
					t.Fatalf("%+v, %v", h, h.Err)
				}
				if h.Err != nil && (h.Err.Kind != egress.KindTLS || !strings.Contains(h.Err.Hint(), "client certificate")) {
					t.Errorf("%v: %s", h.Err, h.Err.Hint())
				}
				if h.Version != versions || h.CipherSuite == 0 || len(h.ServerChain) != 1 || h.ServerChain[0].Subject.CommonName != "hook.example" {
					t.Errorf("%+v", h)
				}
				if h.RemoteAddr != strings.TrimPrefix(url, "https://") || h.Timing.TLS <= 0 || h.Timing.Total < h.Timing.TLS+h.Timing.Connect {
					t.Errorf("%+v", h)
				}
				if !test.refused && h.Protocol != "h2" {
					t.Errorf("protocol %q", h.Protocol)
				}
			})
		}
	}
}

// With TLS 1.3 a server may close the connection with no word about the certificate.
func TestProbeReportsAConnectionClosedAfterAskingForACertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}, ClientAuth: tls.RequestClientCert}
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) { _ = tls.Server(conn, config).Handshake() })
	h := newClient(t, egress.Config{RootCAs: ca.pool}).Probe(t.Context(), egress.Probe{URL: "https://" + address})
	if !h.Refused || h.Err == nil || h.Err.Kind != egress.KindTLS || !strings.Contains(h.Err.Error(), "asked for a client certificate") {
		t.Errorf("%+v, %v", h, h.Err)
	}
}

func TestProbeSendsNothingButTheHandshake(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	got := make(chan []byte, 1)
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		sent, _ := io.ReadAll(tls.Server(conn, config))
		got <- sent
	})
	h := newClient(t, egress.Config{RootCAs: ca.pool}).Probe(t.Context(), egress.Probe{URL: "https://" + address})
	if sent := <-got; h.Err != nil || len(sent) > 0 {
		t.Errorf("sent %q, %v", sent, h.Err)
	}
	plain, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		sent, _ := io.ReadAll(conn)
		got <- sent
	})
	h = newClient(t, egress.Config{}).Probe(t.Context(), egress.Probe{URL: "http://" + plain})
	if sent := <-got; h.Err != nil || len(sent) > 0 || h.Version != 0 || h.RemoteAddr != plain {
		t.Errorf("http: sent %q, %+v", sent, h)
	}
}

func TestProbeExplainsFailures(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	serve := func(c tls.Certificate) string {
		return serveTLS(t, &tls.Config{Certificates: []tls.Certificate{c}}, false, unasked(t))
	}
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
	silent, _ := listen(t, "127.0.0.1:0", drain)
	newest := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}, MinVersion: tls.VersionTLS13}
	for name, test := range map[string]struct {
		url   string
		tls   egress.TLS
		kind  egress.Kind
		says  string
		chain bool
	}{
		"an unknown authority":   {serve(newAuthority(t).sign(t, "hook.example", tomorrow())), egress.TLS{}, egress.KindTLS, "certificate", true},
		"an expired certificate": {serve(ca.sign(t, "hook.example", time.Now().Add(-time.Minute))), egress.TLS{}, egress.KindTLS, "expired", true},
		"another name":           {serve(ca.sign(t, "other.example", tomorrow())), egress.TLS{}, egress.KindTLS, "certificate", true},
		"another TLS version":    {serveTLS(t, newest, false, unasked(t)), egress.TLS{MaxVersion: tls.VersionTLS12}, egress.KindTLS, "version", false},
		"nobody there":           {"https://" + free.Addr().String(), egress.TLS{}, egress.KindConnect, "refused", false},
		"silence":                {"https://" + silent, egress.TLS{}, egress.KindTimeout, "no TLS handshake within 150ms", false},
		"a blocked address":      {"https://10.0.0.1/", egress.TLS{}, egress.KindBlocked, "", false},
		"no URL":                 {"x", egress.TLS{}, egress.KindBlocked, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, egress.Config{RootCAs: ca.pool})
			h := client.Probe(t.Context(), egress.Probe{URL: test.url, TLS: test.tls, ConnectTimeout: map[bool]time.Duration{true: 150 * time.Millisecond}[name == "silence"]})
			if h.Err == nil || h.Err.Kind != test.kind || !strings.Contains(h.Err.Error(), test.says) || h.Err.Hint() == "" {
				t.Fatalf("%v", h.Err)
			}
			if (len(h.ServerChain) > 0) != test.chain || h.Refused {
				t.Errorf("%+v", h)
			}
		})
	}
}

func TestProbePassesTheGuard(t *testing.T) {
	t.Parallel()
	address, accepted := listen(t, "127.0.0.1:0", drain)
	client := egress.New(egress.Config{Policy: addrguard.Policy{AllowHTTP: true}})
	t.Cleanup(client.Close)
	h := client.Probe(t.Context(), egress.Probe{URL: "http://localhost:" + address[strings.LastIndexByte(address, ':')+1:]})
	if h.Err == nil || h.Err.Kind != egress.KindBlocked || accepted.total() > 0 {
		t.Errorf("%+v, %v; %d connections", h, h.Err, accepted.total())
	}
}
