package configure

import (
	"context"
	"encoding/base64"
	"strings"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// UploadCertificateInput is a new client certificate: in PEM or as PKCS #12, not both. Without a name its key is its name.
type UploadCertificateInput struct {
	Key        string
	Name       *string
	PEM        *string
	PKCS12     *string // base64
	Passphrase *string
}

// UpdateCertificateInput is a change of a certificate; what is nil stays as it is.
type UpdateCertificateInput struct {
	ExpectedVersion *int
	Name            *string
}

// UploadedCertificate is a new certificate.
type UploadedCertificate struct {
	*ent.Certificate
	// Warnings say what endpoints may not like, and what was left out or put in order.
	Warnings []string
}

// maxCertificates is how many certificates an account may have.
const maxCertificates = 1000

// UploadCertificate creates a certificate.
func (s *Service) UploadCertificate(ctx context.Context, in UploadCertificateInput) (*UploadedCertificate, error) {
	read := readCertificate(ctx, "input", in)
	made := &UploadedCertificate{Warnings: read.warnings()}
	err := s.change(ctx, func(c *change) error {
		draft, err := s.draftCertificate(ctx, c, "input", in, read)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		made.Certificate, err = draft.Save(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	made.Certificate = made.Certificate.Unwrap()
	return made, nil
}

// uploadRead is an upload that was read, or what is wrong with it.
type uploadRead struct {
	bundle *clientcert.Bundle // nil if anything is wrong
	wrong  usererror.List
}

func (r *uploadRead) warnings() []string {
	if r == nil || r.bundle == nil {
		return nil
	}
	return r.bundle.Warnings
}

// readCertificate reads an upload. Deriving keys from a passphrase takes its time: it is done before the transaction, so
// that nobody waits for it.
func readCertificate(ctx context.Context, path string, in UploadCertificateInput) *uploadRead {
	read := new(uploadRead)
	if !checkSecretsScope(ctx, &read.wrong, path) {
		return read
	}
	passphrase := ""
	if in.Passphrase != nil {
		passphrase = *in.Passphrase
	}
	if len(passphrase) > clientcert.MaxPassphrase {
		read.wrong.Add(usererror.OutOfRange, path+".passphrase", "the passphrase has %d bytes: at most %d are allowed", len(passphrase), clientcert.MaxPassphrase)
		return read
	}
	var field string
	var err error
	switch {
	case (in.PEM == nil) == (in.PKCS12 == nil):
		read.wrong.Add(usererror.Required, path, "give the certificate with its private key: either in `pem` or in `pkcs12`")
		return read
	case in.PEM != nil:
		field = "pem"
		read.bundle, err = clientcert.FromPEM(*in.PEM, passphrase, time.Now())
	default:
		field = "pkcs12"
		read.bundle, err = readPKCS12(*in.PKCS12, passphrase)
	}
	if err != nil {
		read.wrong = append(read.wrong, uploadMistake(path, field, err))
	}
	return read
}

func readPKCS12(text, passphrase string) (*clientcert.Bundle, error) {
	text = strings.Join(strings.Fields(text), "") // line breaks
	if most := base64.StdEncoding.EncodedLen(clientcert.MaxSize); len(text) > most {
		return nil, &clientcert.Error{Code: clientcert.TooLarge, Message: "it is longer than " + base64Limit + " in base64"}
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, &clientcert.Error{Code: clientcert.Malformed, Message: "it is not base64: encode the file with `base64 -w0 file.p12`"}
	}
	return clientcert.FromPKCS12(der, passphrase, time.Now())
}

// base64Limit is clientcert.MaxSize in base64, in words.
const base64Limit = "87,384 characters (64 KiB)"

// uploadMistake says what is wrong with an upload where it was given.
func uploadMistake(path, field string, err error) *usererror.Error {
	code := clientcert.Malformed
	if wrong, ok := err.(*clientcert.Error); ok { //nolint:errorlint // clientcert returns them as they are
		code = wrong.Code
	}
	switch code {
	case clientcert.PassphraseMissing:
		return usererror.New(usererror.Required, path+".passphrase", "%s: %v", field, err)
	case clientcert.PassphraseWrong:
		return usererror.New(usererror.Invalid, path+".passphrase", "%s: %v", field, err)
	case clientcert.TooLarge:
		return usererror.New(usererror.OutOfRange, path+"."+field, "%s: %v", field, err)
	case clientcert.Incomplete:
		return usererror.New(usererror.Required, path+"."+field, "%s: %v", field, err)
	}
	return usererror.New(usererror.Invalid, path+"."+field, "%s: %v", field, err)
}

// CertificateBinding is what a certificate's private key is sealed for (see package vault).
func CertificateBinding(certificate id.ID) string {
	return "certificates/" + certificate.String() + "/private_key"
}

// draftCertificate returns a certificate that may be saved, besides others, only if nothing is wrong.
func (s *Service) draftCertificate(
	ctx context.Context, c *change, path string, in UploadCertificateInput, read *uploadRead, others ...*ent.CertificateCreate,
) (*ent.CertificateCreate, error) {
	if checkKey(&c.wrong, path+".key", in.Key) {
		taken, err := c.Certificate.Query().Where(certificate.Key(in.Key)).Exist(ctx)
		if err != nil {
			return nil, err
		}
		for _, other := range others {
			key, _ := other.Mutation().Key()
			taken = taken || key == in.Key
		}
		if taken {
			c.wrong.Add(usererror.Taken, path+".key", "another certificate of the account has the key %s: choose another one", quote(in.Key))
		}
	}
	name := in.Key
	if in.Name != nil {
		name = *in.Name
		checkName(&c.wrong, path+".name", name)
	}
	n, err := c.Certificate.Query().Count(ctx)
	if err != nil {
		return nil, err
	}
	if n += len(others); n >= maxCertificates {
		c.wrong.Add(usererror.LimitReached, path, "the account has %d certificates, which is the limit: delete those that are not used any more", n)
	}
	c.wrong = append(c.wrong, read.wrong...)
	if read.bundle == nil {
		return nil, nil
	}
	key, err := read.bundle.KeyDER()
	if err != nil {
		return nil, err
	}
	defer clear(key)
	made, own := id.New(), read.bundle.Chain[0]
	return c.Certificate.Create().SetID(made).SetAccountID(c.account).SetKey(in.Key).SetName(name).
		SetChain(read.bundle.ChainDER()).SetPrivateKey(s.Vault.Seal(key, CertificateBinding(made))).
		SetSubject(clientcert.Subject(own)).SetFingerprint(clientcert.Fingerprint(own)).
		SetNotBefore(own.NotBefore.UTC()).SetNotAfter(own.NotAfter.UTC()), nil
}

// UpdateCertificate changes the fields of a certificate that are given. The certificate itself stays as it is: another one
// is uploaded, and profiles change over to it.
func (s *Service) UpdateCertificate(ctx context.Context, by Ref, in UpdateCertificateInput) (*ent.Certificate, error) {
	var row *ent.Certificate
	err := s.change(ctx, func(c *change) error {
		found, err := c.findCertificate(ctx, "by", by)
		if err != nil || found == nil {
			return err
		}
		c.checkVersion(in.ExpectedVersion, found.Version)
		update := found.Update().Where(certificate.Version(found.Version)).AddVersion(1)
		if in.Name != nil {
			checkName(&c.wrong, "input.name", *in.Name)
			update.SetName(*in.Name)
		}
		if len(c.wrong) > 0 {
			return nil
		}
		if row, err = update.Save(ctx); ent.IsNotFound(err) {
			return overtaken(found.Version)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return row.Unwrap(), nil
}

// DeleteCertificate deletes a certificate that no profile uses or is to change over to. It returns what was deleted.
func (s *Service) DeleteCertificate(ctx context.Context, by Ref) (deleted []Object, err error) {
	err = s.change(ctx, func(c *change) error {
		row, err := c.findCertificate(ctx, "by", by)
		if err != nil || row == nil {
			return err
		}
		deleted, err = c.delete(ctx, Object{Prefix: id.Certificate, ID: row.ID}, row.Key, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}

// usesCertificate selects the profiles that use a certificate at a time, or are to change over to it.
func usesCertificate(now time.Time, used id.ID) predicate.NotificationProfile {
	return notificationprofile.Or(
		notificationprofile.NextCertificateID(used),
		notificationprofile.And(
			notificationprofile.CertificateID(used),
			notificationprofile.Or(notificationprofile.NextCertificateAtIsNil(), notificationprofile.NextCertificateAtGT(now.UTC())),
		),
	)
}

// certificatesOf returns what a profile uses now and is to change over to.
func certificatesOf(ctx context.Context, db *ent.Client, profile id.ID) ([]id.ID, error) {
	row, err := db.NotificationProfile.Get(ctx, profile)
	if err != nil {
		return nil, err
	}
	now, next := CertificateAt(row, time.Now()), row.NextCertificateID
	var used []id.ID
	if now != nil {
		used = append(used, *now)
	}
	if next != nil && (now == nil || *next != *now) {
		used = append(used, *next)
	}
	return used, nil
}

// settleSuccessors writes down in profiles that a certificate's successor has taken over, which so far followed from the
// time alone: the certificate is about to go. That is no change of the profiles.
func settleSuccessors(ctx context.Context, db *ent.Client, now time.Time, predecessor id.ID) error {
	profiles, err := db.NotificationProfile.Query().
		Where(notificationprofile.CertificateID(predecessor), notificationprofile.NextCertificateAtLTE(now.UTC())).All(ctx)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		err := p.Update().SetCertificateID(*p.NextCertificateID).ClearNextCertificateID().ClearNextCertificateAt().
			SetUpdatedAt(p.UpdatedAt).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}
