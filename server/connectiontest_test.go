package server_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
)

func TestConnectionTests(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		w.configure.Guard.Allow = append(w.configure.Guard.Allow, loopback)
		ctx, key := w.customer("acme")
		ca := testenv.NewAuthority(t, "ca")
		// Its own certificate is not trusted, which is a failure that shows what the endpoint presents.
		receiver := testenv.NewTLSReceiver(t, func(c *tls.Config) { c.ClientCAs, c.ClientAuth = ca.Pool(), tls.RequireAndVerifyClientCert })
		const document = `mutation($input: TestConnectionInput!) {testConnection(input: $input) {connectionTest {
			ok outcome timing {dnsMs connectMs tlsMs totalMs} remoteAddress tlsVersion cipherSuite alpn serverChain {subject issuer notAfter daysLeft fingerprint}
			clientCertificateRequested clientCertificateSent clientCertificateRefused error hint} userErrors {code message path}}}`
		a := w.query(key, document, map[string]any{"input": map[string]any{"url": receiver.URL()}})
		if len(a.Errors) > 0 {
			t.Fatalf("%+v", a.Errors)
		}
		for path, want := range map[string]string{
			"ok": "false", "outcome": "TLS", "remoteAddress": strings.TrimPrefix(receiver.URL(), "https://"), "alpn": "null", "tlsVersion": "null",
			"serverChain.0.subject": "O=Acme Co", "serverChain.0.issuer": "O=Acme Co", "serverChain.0.notAfter": "2084-01-29T16:00:00Z",
			"clientCertificateRequested": "false", "clientCertificateSent": "false", "clientCertificateRefused": "false", "timing.dnsMs": "null",
		} {
			if got := at(t, a.Data, "testConnection.connectionTest."+path); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
		}
		days := at(t, a.Data, "testConnection.connectionTest.serverChain.0.daysLeft")
		if want := int(time.Until(time.Date(2084, 1, 29, 16, 0, 0, 0, time.UTC)) / (24 * time.Hour)); days != fmt.Sprint(want) {
			t.Errorf("%s days left, want %d", days, want)
		}
		for path, part := range map[string]string{"error": "unknown authority", "hint": "not signed by an authority", "timing.tlsMs": ".", "timing.totalMs": "."} {
			if got := at(t, a.Data, "testConnection.connectionTest."+path); !strings.Contains(got, part) {
				t.Errorf("%s is %s", path, got)
			}
		}
		a = w.query(key, document, map[string]any{"input": map[string]any{"url": "https://203.0.113.7/"}})
		if got := at(t, a.Data, "testConnection.connectionTest.outcome"); got != "BLOCKED" {
			t.Errorf("a blocked address: %s", a.Data)
		}
		plain := testenv.NewReceiver(t)
		w.configure.Guard.AllowHTTP = true
		a = w.query(key, document, map[string]any{"input": map[string]any{"url": plain.URL()}})
		for path, want := range map[string]string{"ok": "true", "outcome": "SUCCESS", "tlsVersion": "null", "cipherSuite": "null", "serverChain": "[]", "error": "null", "hint": "null"} {
			if got := at(t, a.Data, "testConnection.connectionTest."+path); got != want {
				t.Errorf("plain http: %s is %s, want %s", path, got, want)
			}
		}
		if n := len(plain.Received()) + len(receiver.Received()); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
		if got := w.userErrors(key, document, map[string]any{"input": map[string]any{"profile": map[string]any{"key": "nobodys"}}}); len(got) != 1 || got[0].Code != "NOT_FOUND" {
			t.Errorf("no profile: %+v", got)
		}
		if a := w.query(w.key(ctx, access.SubscriptionsRead), document, map[string]any{"input": map[string]any{"url": plain.URL()}}); a.code() != "FORBIDDEN" {
			t.Errorf("with a key that may only read: %+v", a)
		}
	})
}
