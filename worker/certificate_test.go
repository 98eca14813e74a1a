package worker_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// startTrusting starts a worker that trusts the receiver's certificate.
func (r *rig) startTrusting(receiver *testenv.Receiver) {
	r.t.Helper()
	r.startTrustingPool(receiver.CertPool())
}

func (r *rig) startTrustingPool(trusted *x509.CertPool) {
	r.t.Helper()
	r.startWith(egress.New(egress.Config{Policy: r.guard, RootCAs: trusted}))
}

// mutual starts a receiver that asks for certificates of the authority.
func mutual(t *testing.T, ca *testenv.Authority) *testenv.Receiver {
	return testenv.NewTLSReceiver(t, func(c *tls.Config) {
		c.ClientCAs, c.ClientAuth = ca.Pool(), tls.RequireAndVerifyClientCert
	})
}

// presenting gives a profile a new certificate.
func presenting(t *testing.T, ca *testenv.Authority, name string) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	t.Helper()
	return func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.Certificate = &configure.CertificateChoice{Upload: &configure.UploadCertificateInput{Key: name, PEM: new(ca.PEM(t, name, time.Now().Add(time.Hour)))}}
	}
}

// presented names the certificate with which a request came.
func presented(r testenv.Received) string { return r.TLS.PeerCertificates[0].Subject.CommonName }

func TestPresentCertificates(t *testing.T) {
	t.Parallel()
	onEach(t, "presents the profile's certificate, over the TLS versions of the profile", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ca := testenv.NewAuthority(t, "ca")
		receiver := mutual(t, ca)
		versions := map[string]uint16{"TLS_1_2": tls.VersionTLS12, "TLS_1_3": tls.VersionTLS13}
		for version := range versions {
			r.subscribe(version, receiver.URL()+"/"+version, presenting(t, ca, version), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
				p.TLSVersions = []string{version}
			})
		}
		r.startTrusting(receiver)
		r.publish(1)
		for _, got := range receiver.Wait(t.Context(), 2) {
			version := strings.TrimPrefix(got.Path, "/")
			if presented(got) != version || got.TLS.Version != versions[version] {
				t.Errorf("%s came with %s over %x", got.Path, presented(got), got.TLS.Version)
			}
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 2})
	})

	onEach(t, "says what to do when the endpoint does not accept the certificate, or there is none", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ca := testenv.NewAuthority(t, "ca")
		receiver := mutual(t, ca)
		none := r.subscribe("none", receiver.URL(), retries())
		foreign := r.subscribe("foreign", receiver.URL(), retries(), presenting(t, testenv.NewAuthority(t, "another"), "foreign"))
		old := r.subscribe("old", receiver.URL(), retries(), presenting(t, ca, "old"))
		profile := r.store.Ent.NotificationProfile.GetX(r.ctx(), old.ProfileID)
		expired := r.expired(ca, "expired")
		profile.Update().SetCertificateID(expired.ID).AddVersion(1).ExecX(r.ctx())
		r.reload(old.ProfileID)
		r.startTrusting(receiver)
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 3})
		for _, d := range r.deliveries() {
			hint := map[id.ID]string{none.ID: "link one that it accepts", foreign.ID: "link one that it accepts", old.ID: "client certificate has expired"}[d.SubscriptionID]
			if a := r.attempts(d.ID)[0]; a.Outcome != "TLS" || !strings.Contains(a.Hint, hint) {
				t.Errorf("attempt %+v, want the hint %q", a, hint)
			}
		}
	})

	onEach(t, "sends nothing without the certificate that the profile asks for", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ca := testenv.NewAuthority(t, "ca")
		receiver := testenv.NewTLSReceiver(t) // which would take requests without
		plain := testenv.NewReceiver(t)
		damaged := r.subscribe("damaged", receiver.URL(), retries(), presenting(t, ca, "damaged"))
		open := r.subscribe("open", receiver.URL(), retries(), presenting(t, ca, "open"))
		// What the registry has opened it keeps open: it must meet the damaged one anew.
		of := *r.store.Ent.NotificationProfile.GetX(r.ctx(), damaged.ProfileID).CertificateID
		r.store.Ent.NotificationProfile.UpdateOneID(damaged.ProfileID).ClearCertificateID().AddVersion(1).ExecX(r.ctx())
		r.reload(damaged.ProfileID)
		r.store.Ent.Certificate.UpdateOneID(of).SetPrivateKey([]byte{1, 1, 'x'}).ExecX(r.ctx())
		r.store.Ent.NotificationProfile.UpdateOneID(damaged.ProfileID).SetCertificateID(of).AddVersion(1).ExecX(r.ctx())
		r.store.Ent.NotificationProfile.UpdateOneID(open.ProfileID).SetWebhookURL(plain.URL()).AddVersion(1).ExecX(r.ctx())
		r.reload(damaged.ProfileID, open.ProfileID)
		r.startTrusting(receiver)
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 2})
		for _, d := range r.deliveries() {
			if a := r.attempts(d.ID)[0]; a.Outcome != "TLS" || !strings.Contains(a.Error, "client certificate") || a.Hint == "" || a.RequestHeaders != "" {
				t.Errorf("attempt %+v", a)
			}
		}
		if n := len(receiver.Received()) + len(plain.Received()); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
	})

	onEach(t, "changes over to another certificate at its time", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ca := testenv.NewAuthority(t, "ca")
		receiver := mutual(t, ca)
		r.subscribe("crm", receiver.URL(), presenting(t, ca, "old"))
		r.startTrusting(receiver)
		r.publish(1)
		if got := presented(receiver.Wait(t.Context(), 1)[0]); got != "old" {
			t.Errorf("presented %s first", got)
		}
		takeover := time.Now().Add(1500 * time.Millisecond)
		_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: new("crm")}, configure.UpdateNotificationProfileInput{
			CertificateChange: graphql.OmittableOf(&configure.CertificateChangeInput{
				At:          takeover,
				Certificate: configure.CertificateChoice{Upload: &configure.UploadCertificateInput{Key: "next", PEM: new(ca.PEM(t, "next", time.Now().Add(time.Hour)))}},
			}),
		})
		must(t, err)
		n := 1
		testenv.Eventually(t, patience, func() bool {
			r.publish(1)
			n++
			all := receiver.Wait(t.Context(), n)
			return presented(all[len(all)-1]) == "next"
		}, "the next certificate was never presented")
		if n < 3 {
			t.Errorf("it took over at request %d", n)
		}
		for _, got := range receiver.Received() {
			if early := got.At.Before(takeover); early && presented(got) == "next" {
				t.Errorf("it was presented %v before its time", takeover.Sub(got.At))
			}
		}
	})
}

// expired makes a certificate that is not valid any more, which nobody could upload.
func (r *rig) expired(ca *testenv.Authority, name string) *ent.Certificate {
	r.t.Helper()
	made, err := r.configure.UploadCertificate(r.ctx(), configure.UploadCertificateInput{Key: name, PEM: new(ca.PEM(r.t, name, time.Now().Add(time.Second)))})
	must(r.t, err)
	testenv.Eventually(r.t, patience, func() bool { return time.Now().After(made.NotAfter) }, "the certificate does not expire")
	return made.Certificate
}

// reload has the registry read profiles again.
func (r *rig) reload(profiles ...id.ID) {
	r.t.Helper()
	for _, p := range profiles {
		r.store.Ent.ConfigChange.Create().SetAccountID(r.account).SetKind(string(id.NotificationProfile)).SetObjectID(p).ExecX(r.ctx())
	}
	must(r.t, r.registry.Refresh(r.t.Context()))
}

// TestConnectionsEndWithTheirCertificate: idle connections are closed after some seconds anyway, so that only one that is
// closed much earlier shows that it was the certificate's going.
func TestConnectionsEndWithTheirCertificate(t *testing.T) {
	t.Parallel()
	onEach(t, "when no profile uses it any more", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		ca := testenv.NewAuthority(t, "ca")
		var mu sync.Mutex
		idle, closed := make(map[net.Conn]time.Time), make(chan time.Duration, 100)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		server.TLS = &tls.Config{ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
		server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			switch state {
			case http.StateIdle:
				idle[conn] = time.Now()
			case http.StateClosed:
				if since, known := idle[conn]; known {
					closed <- time.Since(since)
				}
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		r.subscribe("crm", server.URL, presenting(t, ca, "0"))
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		r.startTrustingPool(trusted)
		for try := 1; try <= 5; try++ { // a machine may be slow
			r.publish(1)
			r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: try})
			name := strconv.Itoa(try)
			_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: new("crm")}, configure.UpdateNotificationProfileInput{
				Certificate: graphql.OmittableOf(&configure.CertificateChoice{
					Upload: &configure.UploadCertificateInput{Key: name, PEM: new(ca.PEM(t, name, time.Now().Add(time.Hour)))},
				}),
			})
			must(t, err)
			if after := <-closed; after < 3*time.Second {
				return
			}
		}
		t.Error("the connections stay open")
	})
}
