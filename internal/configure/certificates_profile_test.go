package configure_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

func existing(c *ent.Certificate) *configure.CertificateChoice {
	return &configure.CertificateChoice{Existing: new(byCertificate(c.ID))}
}

// uses has a profile use a certificate from now on; nil for none.
func uses(choice *configure.CertificateChoice) configure.UpdateNotificationProfileInput {
	return configure.UpdateNotificationProfileInput{Certificate: graphql.OmittableOf(choice)}
}

// changesOver has a profile change over to a certificate.
func changesOver(choice *configure.CertificateChoice, at time.Time) configure.UpdateNotificationProfileInput {
	return configure.UpdateNotificationProfileInput{
		CertificateChange: graphql.OmittableOf(&configure.CertificateChangeInput{Certificate: *choice, At: at}),
	}
}

// links shows which certificates a profile uses and is to use at a time.
func links(p *ent.NotificationProfile, at time.Time, named map[id.ID]string) string {
	now, next := "none", "none"
	if used := configure.CertificateAt(p, at); used != nil {
		now = named[*used]
	}
	if change := configure.CertificateChangeAt(p, at); change != nil {
		next = named[change.Certificate]
	}
	return now + ", then " + next
}

func TestCertificatesOfProfiles(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		a, b := e.certificate(inADay()), e.certificate(inADay())
		named := map[id.ID]string{a.ID: "a", b.ID: "b"}
		in := e.profileInput()
		in.Certificate = existing(a)
		made, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		profile := made.NotificationProfile
		takeover := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
		for _, step := range []struct {
			name string
			in   configure.UpdateNotificationProfileInput
			want string
		}{
			{"something else", configure.UpdateNotificationProfileInput{WindowSize: new(30)}, "a, then none"},
			{"another one at a time", changesOver(existing(b), takeover), "a, then b"},
			{"something else then", configure.UpdateNotificationProfileInput{WindowSize: new(31)}, "a, then b"},
			{"no change", configure.UpdateNotificationProfileInput{CertificateChange: graphql.OmittableOf[*configure.CertificateChangeInput](nil)}, "a, then none"},
			{"another one at once", uses(existing(b)), "b, then none"},
			{"back at a time", changesOver(existing(a), takeover), "b, then a"},
			{"none until then", uses(nil), "none, then a"},
			{"none at all", configure.UpdateNotificationProfileInput{
				Certificate: graphql.OmittableOf[*configure.CertificateChoice](nil), CertificateChange: graphql.OmittableOf[*configure.CertificateChangeInput](nil),
			}, "none, then none"},
			{"both at once", configure.UpdateNotificationProfileInput{
				Certificate: graphql.OmittableOf(existing(a)), CertificateChange: changesOver(existing(b), takeover).CertificateChange,
			}, "a, then b"},
		} {
			mark := id.New()
			changed, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), step.in)
			if err != nil {
				e.Fatalf("%s: %v", step.name, err)
			}
			if got := links(changed.NotificationProfile, time.Now(), named); got != step.want {
				e.Errorf("%s: %s, want %s", step.name, got, step.want)
			}
			if got := e.recorded(mark); len(got) != 1 {
				e.Errorf("%s: recorded %v", step.name, got)
			}
			profile = changed.NotificationProfile
		}

		// The takeover is a matter of time alone.
		for at, want := range map[time.Time]string{
			takeover.Add(-1): "a, then b", takeover: "b, then none", takeover.Add(time.Hour): "b, then none",
		} {
			if got := links(profile, at, named); got != want {
				e.Errorf("at %v: %s, want %s", at, got, want)
			}
		}
		// A change after it starts from what has taken over.
		e.Store.Ent.NotificationProfile.UpdateOneID(profile.ID).SetNextCertificateAt(time.Now().Add(-time.Second)).ExecX(e.ctx())
		changed, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), configure.UpdateNotificationProfileInput{WindowSize: new(40)})
		if err != nil {
			e.Fatal(err)
		}
		if got := links(changed.NotificationProfile, time.Now(), named); got != "b, then none" || changed.NextCertificateID != nil || *changed.CertificateID != b.ID {
			e.Errorf("after the takeover: %s", got)
		}
		if _, err := e.DeleteCertificate(e.ctx(), byCertificate(a.ID)); err != nil {
			e.Errorf("deleting the one before: %v", err)
		}
		_, err = e.DeleteCertificate(e.ctx(), byCertificate(b.ID))
		wants(e, "deleting the one in use", err, "IN_USE by notification profile(s)")
	})
}

func TestCertificatesUploadedWithProfiles(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		ca := testenv.NewAuthority(e, "ca")
		upload := func(key string) *configure.CertificateChoice {
			return &configure.CertificateChoice{Upload: &configure.UploadCertificateInput{Key: key, PEM: new(ca.PEM(e, key, inADay()))}}
		}
		in := e.input()
		in.Profile.Create.Certificate = upload("inline")
		// A certificate of the chain that does not belong there is a warning.
		stranger := testenv.NewAuthority(e, "stranger").PEM(e, "stranger", inADay())
		*in.Profile.Create.Certificate.Upload.PEM += stranger[:strings.Index(stranger, "-----BEGIN PRIVATE")]
		made, err := e.CreateEventSubscription(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		certificate := e.Store.Ent.NotificationProfile.GetX(e.ctx(), made.ProfileID).QueryCertificate().OnlyX(e.ctx())
		if certificate.Key != "inline" || len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "CN=stranger") {
			e.Errorf("certificate %v, warnings %q", certificate, made.Warnings)
		}
		if opened, err := configure.OpenCertificate(e.Vault, certificate); err != nil || opened.Leaf.Subject.CommonName != "inline" {
			e.Errorf("opened %v, %v", opened, err)
		}
		change := changesOver(upload("next"), time.Now().Add(time.Hour))
		change.Certificate = graphql.OmittableOf(upload("now"))
		changed, err := e.UpdateNotificationProfile(e.ctx(), byProfile(made.ProfileID), change)
		if err != nil || changed.QueryCertificate().OnlyX(e.ctx()).Key != "now" || changed.QueryNextCertificate().OnlyX(e.ctx()).Key != "next" {
			e.Errorf("changed to %v, %v", changed, err)
		}

		before := e.contents()
		bad := e.input()
		bad.Profile.Create.WebhookURL = "x"
		bad.Profile.Create.Certificate = upload("unwanted")
		_, err = e.CreateEventSubscription(e.ctx(), bad)
		wants(e, "with another mistake", err, "INVALID input.profile.create.webhookUrl")
		bad = e.input()
		bad.Profile.Create.Certificate = &configure.CertificateChoice{Upload: &configure.UploadCertificateInput{Key: "inline", PEM: new("x")}}
		_, err = e.CreateEventSubscription(e.ctx(), bad)
		wants(e, "with mistakes in the upload", err, "TAKEN input.profile.create.certificate.upload.key", "INVALID input.profile.create.certificate.upload.pem not PEM")
		twice := changesOver(upload("twice"), time.Now().Add(time.Hour))
		twice.Certificate = graphql.OmittableOf(upload("twice"))
		_, err = e.UpdateNotificationProfile(e.ctx(), byProfile(made.ProfileID), twice)
		wants(e, "two of one key", err, "TAKEN input.certificateChange.certificate.upload.key")
		_, err = e.UpdateNotificationProfile(e.as(access.SubscriptionsWrite), byProfile(made.ProfileID), uses(upload("secret")))
		wants(e, "without the scope for secrets", err, "INVALID input.certificate.upload SECRETS_WRITE")
		if e.contents() != before {
			e.Error("something was changed")
		}
		if _, err = e.UpdateNotificationProfile(e.as(access.SubscriptionsWrite), byProfile(made.ProfileID), uses(existing(certificate))); err != nil {
			e.Errorf("one that exists, without it: %v", err)
		}
	})
}

func TestCertificatesThatProfilesCannotUse(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Guard = addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		a, b := e.certificate(inADay()), e.certificate(time.Now().Add(2*time.Hour))
		expired, rejected := e.certificate(inADay()), e.certificate(inADay())
		rejected = rejected.Update().SetPrivateKey([]byte{1, 1, 'x'}).SaveX(e.ctx())
		e.Store.Ent.Certificate.DeleteOne(expired).ExecX(e.ctx())
		expired = e.Store.Ent.Certificate.Create().SetAccountID(e.account).SetKey("expired").SetName("x").SetChain(a.Chain).SetFingerprint("x").
			SetPrivateKey(a.PrivateKey).SetNotBefore(a.NotBefore).SetNotAfter(time.Now().Add(-time.Minute)).SetID(expired.ID).SaveX(e.ctx())
		expired.Update().SetPrivateKey(e.resealed(a, expired.ID)).ExecX(e.ctx())
		profile := e.profile()
		profile = profile.Update().SetCertificateID(a.ID).AddVersion(1).SaveX(e.ctx())
		stranger := e.in(e.newAccount("bank"))
		foreign, err := e.UploadCertificate(stranger, configure.UploadCertificateInput{Key: "foreign", PEM: new(testenv.NewAuthority(e, "ca").PEM(e, "x", inADay()))})
		if err != nil {
			e.Fatal(err)
		}
		soon := time.Now().Add(time.Hour)
		both := configure.CertificateChoice{Existing: existing(b).Existing, Upload: &configure.UploadCertificateInput{Key: "x", PEM: new("x")}}
		for name, c := range map[string]struct {
			in   configure.UpdateNotificationProfileInput
			want []string
		}{
			"expired":               {uses(existing(expired)), []string{"INVALID input.certificate.existing `expired` has the status EXPIRED"}},
			"expired, later":        {changesOver(existing(expired), soon), []string{"INVALID input.certificateChange.certificate.existing EXPIRED", "OUT_OF_RANGE input.certificateChange.at"}},
			"rejected":              {uses(existing(rejected)), []string{"INVALID input.certificate.existing has the status REJECTED"}},
			"another account's":     {uses(existing(foreign.Certificate)), []string{"NOT_FOUND input.certificate.existing.id no certificate"}},
			"neither":               {uses(&configure.CertificateChoice{}), []string{"REQUIRED input.certificate either `existing` or `upload`"}},
			"both":                  {uses(&both), []string{"REQUIRED input.certificate either"}},
			"in the past":           {changesOver(existing(b), time.Now().Add(-time.Second)), []string{"OUT_OF_RANGE input.certificateChange.at is past"}},
			"when it has expired":   {changesOver(existing(b), time.Now().Add(2*time.Hour)), []string{"OUT_OF_RANGE input.certificateChange.at expires on"}},
			"the same":              {changesOver(existing(a), soon), []string{"INVALID input.certificateChange.certificate certificate that it uses"}},
			"over http":             {configure.UpdateNotificationProfileInput{WebhookURL: new("http://203.0.113.7/")}, []string{"INVALID input.webhookUrl https only"}},
			"late, of what is gone": {configure.UpdateNotificationProfileInput{ExpectedVersion: new(1), Certificate: uses(existing(b)).Certificate}, []string{"VERSION_CONFLICT input.expectedVersion version 2"}},
		} {
			_, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), c.in)
			wants(e, name, err, c.want...)
		}
		plain := e.profileInput()
		plain.WebhookURL, plain.Certificate = "http://203.0.113.7/", existing(a)
		_, err = e.CreateNotificationProfile(e.ctx(), plain)
		wants(e, "a new one over http", err, "INVALID input.webhookUrl https only")
		if _, err = e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), changesOver(existing(b), soon)); err != nil {
			e.Fatal(err)
		}
		_, err = e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), uses(existing(b)))
		wants(e, "the one to come at once, too", err, "INVALID input.certificate certificate that it uses")
		none := configure.UpdateNotificationProfileInput{
			Certificate: uses(nil).Certificate, CertificateChange: graphql.OmittableOf[*configure.CertificateChangeInput](nil), WebhookURL: new("http://203.0.113.7/"),
		}
		if _, err = e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), none); err != nil {
			e.Errorf("none, over http: %v", err)
		}
		_, err = e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), uses(existing(b)))
		wants(e, "one over http", err, "INVALID input.certificate https only")
	})
}

// resealed returns the private key of a certificate sealed for another row.
func (e *env) resealed(c *ent.Certificate, row id.ID) []byte {
	e.Helper()
	key, err := e.Vault.Open(c.PrivateKey, configure.CertificateBinding(c.ID))
	if err != nil {
		e.Fatal(err)
	}
	return e.Vault.Seal(key, configure.CertificateBinding(row))
}

func TestAuditOfCertificatesOfProfiles(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		a, b := e.certificate(inADay()), e.certificate(inADay())
		profile := e.profile()
		start := id.New()
		in := changesOver(existing(b), time.Now().Add(time.Hour))
		in.Certificate = graphql.OmittableOf(existing(a))
		if _, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), in); err != nil {
			e.Fatal(err)
		}
		lines := e.audit(start)
		for name, want := range map[string]string{"certificateId": id.Format(id.Certificate, a.ID), "nextCertificateId": id.Format(id.Certificate, b.ID)} {
			if got := fmt.Sprint(member(e.T, lines[0].After, name)); got != want {
				e.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	})
}
