package configure_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// connecting lets the service test connections to this machine, where it trusts these authorities.
func (e *env) connecting(trusted *x509.CertPool) {
	e.Guard = addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	client := egress.New(egress.Config{Policy: e.Guard, RootCAs: trusted})
	e.Cleanup(client.Close)
	e.Connections = configure.NewConnections(client)
}

func TestConnections(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		ca := testenv.NewAuthority(e, "ca")
		receiver := testenv.NewTLSReceiver(e, func(c *tls.Config) { c.ClientCAs, c.ClientAuth = ca.Pool(), tls.RequireAndVerifyClientCert })
		e.connecting(receiver.CertPool())
		upload := func(ca *testenv.Authority, key string) configure.Ref {
			if _, err := e.UploadCertificate(e.ctx(), configure.UploadCertificateInput{Key: key, PEM: new(ca.PEM(e, key, inADay()))}); err != nil {
				e.Fatal(err)
			}
			return byKey(key)
		}
		good, stranger := upload(ca, "good"), upload(testenv.NewAuthority(e, "another"), "stranger")
		in := e.profileInput()
		in.WebhookURL, in.TLSVersions, in.Certificate = receiver.URL(), []string{"TLS_1_2"}, &configure.CertificateChoice{Existing: &good}
		profile, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		other := testenv.NewTLSReceiver(e)
		e.authSetting(basic("u", "p"))
		auth := e.Store.Ent.AuthSetting.Query().OnlyX(e.ctx()).Key
		for name, c := range map[string]struct {
			in                       configure.TestConnectionInput
			outcome                  stream.Outcome
			version                  uint16
			requested, sent, refused bool
		}{
			"a URL": {configure.TestConnectionInput{URL: new(other.URL())}, stream.OutcomeSuccess, tls.VersionTLS13, false, false, false},
			"with a certificate": {
				configure.TestConnectionInput{URL: new(receiver.URL()), Certificate: graphql.OmittableOf(&good), Auth: new(byKey(auth))},
				stream.OutcomeSuccess, tls.VersionTLS13, true, true, false,
			},
			"without": {configure.TestConnectionInput{URL: new(receiver.URL())}, stream.OutcomeTLS, tls.VersionTLS13, true, false, true},
			"with a stranger's": {
				configure.TestConnectionInput{URL: new(receiver.URL()), Certificate: graphql.OmittableOf(&stranger)},
				stream.OutcomeTLS, tls.VersionTLS13, true, true, true,
			},
			"a profile": {configure.TestConnectionInput{Profile: new(byProfile(profile.ID))}, stream.OutcomeSuccess, tls.VersionTLS12, true, true, false},
			"a profile without its certificate": {
				configure.TestConnectionInput{Profile: new(byProfile(profile.ID)), Certificate: graphql.OmittableOf[*configure.Ref](nil)},
				stream.OutcomeTLS, tls.VersionTLS12, true, false, true,
			},
			"a profile by another version": {
				configure.TestConnectionInput{Profile: new(byProfile(profile.ID)), TLSVersions: []string{"TLS_1_3"}, ConnectTimeoutMs: new(20_000)},
				stream.OutcomeSuccess, tls.VersionTLS13, true, true, false,
			},
			"a blocked address": {configure.TestConnectionInput{URL: new("https://10.0.0.1/")}, stream.OutcomeBlocked, 0, false, false, false},
		} {
			test, err := e.TestConnection(e.ctx(), c.in)
			if err != nil {
				e.Errorf("%s: %v", name, err)
				continue
			}
			h := test.Handshake
			if test.Outcome != c.outcome || (h.Err == nil) != (c.outcome == stream.OutcomeSuccess) || h.Requested != c.requested || h.Sent != c.sent || h.Refused != c.refused {
				e.Errorf("%s: %s %+v, %v", name, test.Outcome, h, h.Err)
			}
			if c.version > 0 && (h.Version != c.version || len(h.ServerChain) != 1) {
				e.Errorf("%s: TLS %x, chain %v", name, h.Version, h.ServerChain)
			}
		}
		if n := len(receiver.Received()) + len(other.Received()); n > 0 {
			e.Errorf("%d requests were sent", n)
		}
	})
}

func TestMistakesInConnections(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.connecting(nil)
		if _, err := (&configure.Service{Store: e.Store}).TestConnection(e.ctx(), configure.TestConnectionInput{}); err == nil {
			e.Error("a service that cannot tests")
		}
		foreign := e.in(e.newAccount("bank"))
		profile, certificate := e.profile(), e.certificate(inADay())
		rejected := e.certificate(inADay()).Update().SetPrivateKey([]byte{1, 1, 'x'}).SaveX(e.ctx())
		profile.Update().SetCertificateID(rejected.ID).AddVersion(1).ExecX(e.ctx())
		url := new("https://127.0.0.1:1/")
		for name, c := range map[string]struct {
			in   configure.TestConnectionInput
			want []string
		}{
			"nothing":                 {configure.TestConnectionInput{}, []string{"REQUIRED input.url url"}},
			"no URL":                  {configure.TestConnectionInput{URL: new("")}, []string{"REQUIRED input.url"}},
			"a long URL":              {configure.TestConnectionInput{URL: new("https://" + strings.Repeat("x", 2048))}, []string{"OUT_OF_RANGE input.url 2048"}},
			"another scheme":          {configure.TestConnectionInput{URL: new("ftp://127.0.0.1/")}, []string{"INVALID input.url use https"}},
			"no profile":              {configure.TestConnectionInput{Profile: new(byKey("nobodys"))}, []string{"NOT_FOUND input.profile.key"}},
			"no certificate":          {configure.TestConnectionInput{URL: url, Certificate: graphql.OmittableOf(new(byKey("nobodys")))}, []string{"NOT_FOUND input.certificate.key"}},
			"a rejected certificate":  {configure.TestConnectionInput{URL: url, Certificate: graphql.OmittableOf(new(byCertificate(rejected.ID)))}, []string{"INVALID input.certificate REJECTED"}},
			"a rejected one, profile": {configure.TestConnectionInput{Profile: new(byProfile(profile.ID))}, []string{"INVALID input.profile REJECTED"}},
			"no auth setting":         {configure.TestConnectionInput{URL: url, Auth: new(byKey("nobodys"))}, []string{"NOT_FOUND input.auth.key"}},
			"a short time":            {configure.TestConnectionInput{URL: url, ConnectTimeoutMs: new(299)}, []string{"OUT_OF_RANGE input.connectTimeoutMs 300 to 20000"}},
			"a long time":             {configure.TestConnectionInput{URL: url, ConnectTimeoutMs: new(20_001)}, []string{"OUT_OF_RANGE input.connectTimeoutMs 20001"}},
			"no TLS versions":         {configure.TestConnectionInput{URL: url, TLSVersions: []string{}}, []string{"REQUIRED input.tlsVersions"}},
		} {
			_, err := e.TestConnection(e.ctx(), c.in)
			wants(e, name, err, c.want...)
		}
		_, err := e.TestConnection(foreign, configure.TestConnectionInput{URL: url, Certificate: graphql.OmittableOf(new(byCertificate(certificate.ID)))})
		wants(e, "another account's certificate", err, "NOT_FOUND input.certificate.id")
		_, err = e.TestConnection(foreign, configure.TestConnectionInput{Profile: new(byProfile(profile.ID))})
		wants(e, "another account's profile", err, "NOT_FOUND input.profile.id")
	})
}

func TestConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	e := open(t, "sqlite://"+t.TempDir()+"/hookline.db")
	e.connecting(nil)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	in := configure.TestConnectionInput{URL: new("https://" + listener.Addr().String())}
	ctx, cancel := context.WithCancel(e.ctx())
	ended := make(chan error, 5)
	for range 5 {
		go func() {
			test, err := e.TestConnection(ctx, in)
			if err == nil && test.Outcome != stream.OutcomeInterrupted {
				t.Errorf("the outcome is %s", test.Outcome)
			}
			ended <- err
		}()
	}
	for range 5 { // all are under way: nobody says anything to them
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	_, err = e.TestConnection(e.ctx(), in)
	wants(t, "the sixth", err, "LIMIT_REACHED  5 connection tests")
	other := e.in(e.newAccount("bank"))
	short := configure.TestConnectionInput{URL: in.URL, ConnectTimeoutMs: new(300)}
	begun := time.Now()
	if test, err := e.TestConnection(other, short); err != nil || test.Outcome != stream.OutcomeTimeout || time.Since(begun) < 300*time.Millisecond {
		t.Errorf("in another account: %+v, %v", test, err)
	}
	cancel()
	for range 5 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if _, err := e.TestConnection(e.ctx(), short); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
