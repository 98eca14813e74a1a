package configure_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/usererror"
	"github.com/hookline/hookline/internal/vault"
)

func byCertificate(i id.ID) configure.Ref {
	return configure.Ref{ID: new(id.Format(id.Certificate, i))}
}

// inADay is when certificates of tests end that are not about their end.
func inADay() time.Time { return time.Now().Add(24 * time.Hour) }

// certificate uploads a certificate that is valid until the time.
func (e *env) certificate(notAfter time.Time) *ent.Certificate {
	e.Helper()
	key := e.next("certificate")
	made, err := e.UploadCertificate(e.ctx(), configure.UploadCertificateInput{Key: key, PEM: new(testenv.NewAuthority(e, "ca").PEM(e, key, notAfter))})
	if err != nil {
		e.Fatal(err)
	}
	return made.Certificate
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		ca := testenv.NewAuthority(e, "ca")
		end := inADay().UTC().Truncate(time.Second)
		text := ca.PEM(e, "client", end)
		made, err := e.UploadCertificate(e.ctx(), configure.UploadCertificateInput{Key: "main", Name: new("Größe"), PEM: &text})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.Certificate.GetX(e.ctx(), made.ID)
		leaf, _ := pem.Decode([]byte(text))
		parsed, err := x509.ParseCertificate(leaf.Bytes)
		if err != nil {
			e.Fatal(err)
		}
		if row.Key != "main" || row.Name != "Größe" || row.AccountID != e.account || row.Version != 1 || row.Subject != "CN=client" ||
			row.Fingerprint != clientcert.Fingerprint(parsed) || !row.NotAfter.Equal(end) || !row.NotBefore.Equal(parsed.NotBefore) || !bytes.Equal(row.Chain, leaf.Bytes) {
			e.Errorf("the row is %v", row)
		}
		if opened, err := configure.OpenCertificate(e.Vault, row); err != nil || !opened.Leaf.Equal(parsed) {
			e.Errorf("opened %v, %v", opened, err)
		}
		if moved := *row; true {
			moved.ID = id.New()
			if _, err := configure.OpenCertificate(e.Vault, &moved); err == nil {
				e.Error("the private key opens in another row")
			}
		}

		changed, err := e.UpdateCertificate(e.ctx(), byKey("main"), configure.UpdateCertificateInput{ExpectedVersion: new(1), Name: new("renamed")})
		if err != nil || changed.Version != 2 || changed.Name != "renamed" || !bytes.Equal(changed.PrivateKey, row.PrivateKey) {
			e.Errorf("changed to %v, %v", changed, err)
		}
		_, err = e.UpdateCertificate(e.ctx(), byKey("main"), configure.UpdateCertificateInput{ExpectedVersion: new(1), Name: new("")})
		wants(e, "a late change", err, "VERSION_CONFLICT input.expectedVersion version 2", "REQUIRED input.name")
		if deleted, err := e.DeleteCertificate(e.ctx(), byCertificate(made.ID)); err != nil || !slices.Equal(shown(deleted), []string{id.Format(id.Certificate, made.ID)}) {
			e.Errorf("deleted %v, %v", deleted, err)
		}
		_, err = e.DeleteCertificate(e.ctx(), byKey("main"))
		wants(e, "a second deletion", err, "NOT_FOUND by.key no certificate")
	})
}

func TestUploadsOfCertificates(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		ca := testenv.NewAuthority(e, "ca")
		good, other := ca.PEM(e, "good", inADay()), ca.PEM(e, "other", inADay())
		certificateOf := func(text string) string { return text[:strings.Index(text, "-----BEGIN PRIVATE")] }
		keyOf := func(text string) string { return text[strings.Index(text, "-----BEGIN PRIVATE"):] }
		issued := ca.Issue(e, "p12", inADay())
		raw, err := pkcs12.Modern.Encode(issued.PrivateKey, issued.Leaf, nil, "sesame")
		if err != nil {
			e.Fatal(err)
		}
		p12 := base64.StdEncoding.EncodeToString(raw)
		e.certificate(inADay())
		taken := e.Store.Ent.Certificate.Query().FirstX(e.ctx()).Key
		for name, c := range map[string]struct {
			in   configure.UploadCertificateInput
			want []string
		}{
			"PEM":                     {configure.UploadCertificateInput{PEM: &good}, nil},
			"PKCS #12":                {configure.UploadCertificateInput{PKCS12: &p12, Passphrase: new("sesame")}, nil},
			"PKCS #12 in lines":       {configure.UploadCertificateInput{PKCS12: new(p12[:76] + "\r\n" + p12[76:] + "\n"), Passphrase: new("sesame")}, nil},
			"neither":                 {configure.UploadCertificateInput{}, []string{"REQUIRED input either in `pem` or in `pkcs12`"}},
			"both":                    {configure.UploadCertificateInput{PEM: &good, PKCS12: &p12}, []string{"REQUIRED input either"}},
			"a key that is taken":     {configure.UploadCertificateInput{Key: taken, PEM: &good}, []string{"TAKEN input.key"}},
			"all wrong":               {configure.UploadCertificateInput{Key: "a b", Name: new(""), PEM: new("x")}, []string{"INVALID input.key", "REQUIRED input.name", "INVALID input.pem pem: it is not PEM"}},
			"no text":                 {configure.UploadCertificateInput{PEM: new("")}, []string{"REQUIRED input.pem empty"}},
			"no private key":          {configure.UploadCertificateInput{PEM: new(certificateOf(good))}, []string{"REQUIRED input.pem no private key"}},
			"another's private key":   {configure.UploadCertificateInput{PEM: new(certificateOf(good) + keyOf(other))}, []string{"INVALID input.pem does not match the certificate CN=good"}},
			"expired":                 {configure.UploadCertificateInput{PEM: new(ca.PEM(e, "old", time.Now().Add(-time.Minute)))}, []string{"INVALID input.pem CN=old expired on"}},
			"too much PEM":            {configure.UploadCertificateInput{PEM: new(strings.Repeat("x", 64<<10+1))}, []string{"OUT_OF_RANGE input.pem 65536"}},
			"too much PKCS #12":       {configure.UploadCertificateInput{PKCS12: new(strings.Repeat("x", 90_000))}, []string{"OUT_OF_RANGE input.pkcs12 64 KiB"}},
			"a bit too much PKCS #12": {configure.UploadCertificateInput{PKCS12: new(base64.StdEncoding.EncodeToString(make([]byte, 64<<10+1)))}, []string{"OUT_OF_RANGE input.pkcs12 65536"}},
			"no base64":               {configure.UploadCertificateInput{PKCS12: new("-----BEGIN")}, []string{"INVALID input.pkcs12 not base64"}},
			"a missing passphrase":    {configure.UploadCertificateInput{PKCS12: &p12}, []string{"REQUIRED input.passphrase pkcs12: it is encrypted"}},
			"a wrong passphrase":      {configure.UploadCertificateInput{PKCS12: &p12, Passphrase: new("Sesame")}, []string{"INVALID input.passphrase does not decrypt"}},
			"a long passphrase":       {configure.UploadCertificateInput{PEM: &good, Passphrase: new(strings.Repeat("x", 1025))}, []string{"OUT_OF_RANGE input.passphrase 1024"}},
		} {
			if c.in.Key == "" {
				c.in.Key = e.next("upload")
			}
			_, err := e.UploadCertificate(e.ctx(), c.in)
			if c.want == nil {
				if err != nil {
					e.Errorf("%s: %v", name, err)
				}
				continue
			}
			wants(e, name, err, c.want...)
			if strings.Contains(fmt.Sprint(err), "esame") {
				e.Errorf("%s: the message shows the passphrase: %v", name, err)
			}
		}
		_, err = e.UploadCertificate(e.as(access.SubscriptionsWrite), configure.UploadCertificateInput{Key: "x", PEM: &good})
		wants(e, "without the scope for secrets", err, "INVALID input SECRETS_WRITE")
		if _, err = e.UploadCertificate(e.as(access.SubscriptionsWrite, access.SecretsWrite), configure.UploadCertificateInput{Key: "x", PEM: &good}); err != nil {
			e.Errorf("with it: %v", err)
		}
	})
}

func TestNoMoreCertificatesThanTheLimit(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		rows := make([]*ent.CertificateCreate, 1000)
		for i := range rows {
			rows[i] = e.Store.Ent.Certificate.Create().SetAccountID(e.account).SetKey(fmt.Sprint("c", i)).SetName("x").SetChain([]byte{1}).
				SetPrivateKey([]byte{1}).SetFingerprint("x").SetNotBefore(time.Now()).SetNotAfter(time.Now())
		}
		for chunk := range slices.Chunk(rows, 100) {
			e.Store.Ent.Certificate.CreateBulk(chunk...).ExecX(e.ctx())
		}
		in := configure.UploadCertificateInput{Key: "more", PEM: new(testenv.NewAuthority(e, "ca").PEM(e, "x", inADay()))}
		_, err := e.UploadCertificate(e.ctx(), in)
		wants(e, "the 1001st", err, "LIMIT_REACHED input 1000")
		e.Store.Ent.Certificate.Delete().Where(certificate.Key("c0")).ExecX(e.ctx())
		if _, err := e.UploadCertificate(e.ctx(), in); err != nil {
			e.Error(err)
		}
	})
}

func TestACertificateInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		old, next := e.certificate(inADay()), e.certificate(inADay())
		profile, free := e.profile(), e.profile()
		profile = profile.Update().SetCertificateID(old.ID).SaveX(e.ctx())
		deletion := func(c *ent.Certificate, blockedBy ...id.ID) {
			e.Helper()
			_, err := e.DeleteCertificate(e.ctx(), byCertificate(c.ID))
			wants(e, "the deletion of "+c.Key, err, "IN_USE by notification profile(s) use the certificate")
			for i, ref := range mistakes(e, "", err)[0].BlockedBy {
				if ref != (usererror.Ref{Prefix: id.NotificationProfile, ID: blockedBy[i]}) {
					e.Errorf("%s: blocked by %v", c.Key, ref)
				}
			}
		}
		deletion(old, profile.ID)
		profile = profile.Update().SetNextCertificateID(next.ID).SetNextCertificateAt(time.Now().Add(time.Hour)).SaveX(e.ctx())
		deletion(old, profile.ID)
		deletion(next, profile.ID)

		// When the next one has taken over, the old one can go.
		profile = profile.Update().SetNextCertificateAt(time.Now().Add(-time.Second)).SaveX(e.ctx())
		deletion(next, profile.ID)
		if _, err := e.DeleteCertificate(e.ctx(), byCertificate(old.ID)); err != nil {
			e.Fatal(err)
		}
		after := e.Store.Ent.NotificationProfile.GetX(e.ctx(), profile.ID)
		if after.CertificateID == nil || *after.CertificateID != next.ID || after.NextCertificateID != nil || after.NextCertificateAt != nil ||
			after.Version != profile.Version || !after.UpdatedAt.Equal(profile.UpdatedAt) {
			e.Errorf("the profile is %v", after)
		}
		deletion(next, profile.ID)
		if free.CertificateID != nil {
			e.Error("another profile has one")
		}
	})
}

func TestStatusesOfCertificates(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		const day = 24 * time.Hour
		now := time.Now()
		for key, c := range map[string]struct {
			notAfter time.Time
			age      time.Duration // since its upload
			status   clientcert.Status
			says     string
		}{
			"new":          {now.Add(90 * day), 0, clientcert.Pending, "within a second"},
			"active":       {now.Add(90 * day), time.Minute, clientcert.Active, ""},
			"expiring":     {now.Add(29 * day), time.Minute, clientcert.Expiring, "It expires on " + now.Add(29*day).UTC().Format(time.DateOnly)},
			"expired":      {now.Add(time.Minute), time.Minute, clientcert.Expired, "It expired on "},
			"rejected":     {now.Add(90 * day), time.Minute, clientcert.Rejected, "cannot be used"},
			"rejected-old": {now.Add(time.Minute), time.Minute, clientcert.Rejected, "cannot be used"},
		} {
			row := e.certificate(c.notAfter)
			sealed := row.PrivateKey
			if c.status == clientcert.Rejected {
				sealed = []byte{1, 1, 'x'}
			}
			at := now
			if c.status == clientcert.Expired {
				at = c.notAfter
			}
			aged := *row
			aged.CreatedAt, aged.PrivateKey = at.Add(-c.age), sealed
			status, message := e.CertificateStatus(&aged, at)
			if status != c.status || !strings.Contains(message, c.says) || (c.says == "") != (message == "") {
				e.Errorf("%s: %s %q", key, status, message)
			}
			// The same by the database: the list finds it by its status, and by no other.
			e.Store.Ent.Certificate.Delete().Where(certificate.ID(row.ID)).ExecX(e.ctx())
			e.Store.Ent.Certificate.Create().SetID(row.ID).SetAccountID(e.account).SetKey(key).SetName(key).SetChain(row.Chain).SetPrivateKey(sealed).
				SetFingerprint("x").SetNotBefore(row.NotBefore).SetNotAfter(row.NotAfter).SetCreatedAt(aged.CreatedAt).ExecX(e.ctx())
			for _, asked := range []clientcert.Status{clientcert.Rejected, clientcert.Expired, clientcert.Pending, clientcert.Expiring, clientcert.Active} {
				where, err := e.CertificatesIn(e.ctx(), e.Store.Ent, at, []clientcert.Status{asked})
				if err != nil {
					e.Fatal(err)
				}
				found := e.Store.Ent.Certificate.Query().Where(where, certificate.ID(row.ID)).ExistX(e.ctx())
				if found != (asked == c.status) {
					e.Errorf("%s by %s: found %v", key, asked, found)
				}
			}
			where, err := e.CertificatesIn(e.ctx(), e.Store.Ent, at, []clientcert.Status{clientcert.Active, c.status})
			if err != nil || !e.Store.Ent.Certificate.Query().Where(where, certificate.ID(row.ID)).ExistX(e.ctx()) {
				e.Errorf("%s by two: not found, %v", key, err)
			}
		}
		expiring := func(within time.Duration) (keys []string) {
			return e.Store.Ent.Certificate.Query().Where(configure.ExpiringCertificates(now.Add(2*time.Minute), within)).Order(ent.Asc(certificate.FieldKey)).
				Select(certificate.FieldKey).StringsX(e.ctx())
		}
		if got := expiring(30 * day); !slices.Equal(got, []string{"expiring"}) {
			e.Errorf("within 30 days: %q", got)
		}
		if got := expiring(365 * day); !slices.Equal(got, []string{"active", "expiring", "new", "rejected"}) {
			e.Errorf("within a year: %q", got)
		}
	})
}

func TestPrivateKeysOfCertificatesAreSealed(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		start := id.New()
		text := testenv.NewAuthority(e, "ca").PEM(e, "client", inADay())
		made, err := e.UploadCertificate(e.ctx(), configure.UploadCertificateInput{Key: "main", PEM: &text})
		if err != nil {
			e.Fatal(err)
		}
		_, rest := pem.Decode([]byte(text))
		key, _ := pem.Decode(rest)
		contents := e.contents()
		for form, secret := range map[string]string{
			"as bytes": string(key.Bytes), "in base64": base64.StdEncoding.EncodeToString(key.Bytes), "in PEM": string(rest[30:90]), "in part": string(key.Bytes[40:64]),
		} {
			if strings.Contains(contents, secret) {
				e.Errorf("the private key is in the database, %s", form)
			}
		}
		if _, err := e.UpdateCertificate(e.ctx(), byKey("main"), configure.UpdateCertificateInput{Name: new("renamed")}); err != nil {
			e.Fatal(err)
		}
		if _, err := e.DeleteCertificate(e.ctx(), byKey("main")); err != nil {
			e.Fatal(err)
		}
		lines := e.audit(start)
		if got, want := summary(lines), []string{"hookline CREATE Certificate", "hookline UPDATE Certificate", "hookline DELETE Certificate"}; !slices.Equal(got, want) {
			e.Fatalf("audited %q", got)
		}
		if got := member(e.T, lines[0].After, "privateKey"); got != "***" {
			e.Errorf("the private key is shown as %v", got)
		}
		if got := member(e.T, lines[0].After, "fingerprint"); got != made.Fingerprint {
			e.Errorf("the fingerprint is shown as %v", got)
		}
		if lines[1].Before != `{"name":"main"}` || lines[1].After != `{"name":"renamed"}` {
			e.Errorf("renaming: %s, %s", lines[1].Before, lines[1].After)
		}
		if lines[0].Before != "" || lines[2].After != "" || strings.Contains(lines[0].After, "chain") {
			e.Errorf("%v, %v", lines[0], lines[2])
		}
	})
}

func TestPrivateKeysOfCertificatesAreResealed(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.certificate(inADay())
		next := vault.Key{ID: "next", Secret: [32]byte{1}}
		counts, err := e.Store.Reseal(e.Context(), newVault(e, next, vault.Key{ID: "test"}))
		if got := byPlace(e, "certificates.private_key", counts, err); got.Resealed != 1 || len(got.Failed) > 0 {
			e.Errorf("resealed %v", got)
		}
		after := e.Store.Ent.Certificate.GetX(e.ctx(), row.ID)
		if _, err := configure.OpenCertificate(newVault(e, next), after); err != nil || after.Version != row.Version {
			e.Errorf("%v, %v", after, err)
		}
	})
}

func TestCertificatesOfOtherAccountsDoNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.certificate(inADay())
		bank := e.in(e.newAccount("bank"))
		for name, try := range map[string]func(there bool) error{
			"change by id": func(there bool) error {
				_, err := e.UpdateCertificate(bank, byCertificate(pick(there, row.ID)), configure.UpdateCertificateInput{Name: new("x")})
				return err
			},
			"delete by id": func(there bool) error {
				_, err := e.DeleteCertificate(bank, byCertificate(pick(there, row.ID)))
				return err
			},
			"delete by key": func(there bool) error {
				_, err := e.DeleteCertificate(bank, byKey(pickKey(there, row.Key)))
				return err
			},
		} {
			other, missing := try(true), try(false)
			if other == nil || missing == nil || masked(other) != masked(missing) || !strings.Contains(other.Error(), "the account has no ") {
				e.Errorf("%s: %v for another account's, %v for nobody's", name, other, missing)
			}
		}
		where, err := e.CertificatesIn(bank, e.Store.Ent, time.Now(), []clientcert.Status{clientcert.Active, clientcert.Pending, clientcert.Expiring})
		if err != nil || e.Store.Ent.Certificate.Query().Where(where).ExistX(bank) {
			e.Errorf("another account's is listed, %v", err)
		}
		if _, err := e.UploadCertificate(bank, configure.UploadCertificateInput{Key: row.Key, PEM: new(testenv.NewAuthority(e, "ca").PEM(e, "x", inADay()))}); err != nil {
			e.Errorf("the same key in another account: %v", err)
		}
	})
}
