package configure

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/vault"
)

// OpenCertificate makes a certificate ready to be presented in TLS.
func OpenCertificate(v *vault.Vault, row *ent.Certificate) (*tls.Certificate, error) {
	key, err := v.Open(row.PrivateKey, CertificateBinding(row.ID))
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	defer clear(key)
	return clientcert.Load(row.Chain, key)
}

// checkCertificate says why a certificate cannot be used. It is OpenCertificate without reading what opens, which takes long
// and whose result is known: what opens is what was sealed, and that was read.
func (s *Service) checkCertificate(row *ent.Certificate) error {
	key, err := s.Vault.Open(row.PrivateKey, CertificateBinding(row.ID))
	if err != nil {
		return fmt.Errorf("private key: %w", err)
	}
	clear(key)
	return nil
}

// CertificateStatus returns the status of a certificate at a time, and what to do about it; "" for nothing.
func (s *Service) CertificateStatus(row *ent.Certificate, now time.Time) (status clientcert.Status, message string) {
	if err := s.checkCertificate(row); err != nil {
		return clientcert.Rejected, fmt.Sprintf("It cannot be used (%v): restore the encryption key, or upload the certificate again under another key.", err)
	}
	end := row.NotAfter.UTC().Format(time.RFC3339)
	switch status = clientcert.StatusAt(now, row.CreatedAt, row.NotAfter); status {
	case clientcert.Pending:
		message = "It was uploaded just now: within a second every worker knows it."
	case clientcert.Expired:
		message = fmt.Sprintf("It expired on %s: upload the renewed one, and change the profiles over to it.", end)
	case clientcert.Expiring:
		message = fmt.Sprintf("It expires on %s: upload the renewed one, and change the profiles over to it.", end)
	}
	return status, message
}

// CertificatesIn selects the account's certificates that have one of the statuses at a time.
func (s *Service) CertificatesIn(ctx context.Context, client *ent.Client, now time.Time, statuses []clientcert.Status) (predicate.Certificate, error) {
	rejected, err := s.rejectedCertificates(ctx, client)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Microsecond)
	var either []predicate.Certificate
	for _, status := range statuses {
		if status == clientcert.Rejected {
			either = append(either, certificate.IDIn(rejected...))
			continue
		}
		either = append(either, certificate.And(certificate.IDNotIn(rejected...), certificateStatusAt(now, status)))
	}
	return certificate.Or(either...), nil
}

// certificateStatusAt is clientcert.StatusAt for the database.
func certificateStatusAt(now time.Time, status clientcert.Status) predicate.Certificate {
	known, soon := now.Add(-clientcert.PendingFor), now.Add(clientcert.ExpiringWithin)
	switch status {
	case clientcert.Expired:
		return certificate.NotAfterLTE(now)
	case clientcert.Pending:
		return certificate.And(certificate.NotAfterGT(now), certificate.CreatedAtGT(known))
	case clientcert.Expiring:
		return certificate.And(certificate.NotAfterGT(now), certificate.CreatedAtLTE(known), certificate.NotAfterLTE(soon))
	default: // active
		return certificate.And(certificate.CreatedAtLTE(known), certificate.NotAfterGT(soon))
	}
}

// rejectedCertificates returns those of the account that cannot be opened. It tries all: an account has few (maxCertificates),
// and what is tried is true, whatever has happened to the encryption keys since anybody looked.
func (s *Service) rejectedCertificates(ctx context.Context, client *ent.Client) (rejected []id.ID, err error) {
	rows, err := client.Certificate.Query().Select(certificate.FieldID, certificate.FieldPrivateKey).All(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if s.checkCertificate(row) != nil {
			rejected = append(rejected, row.ID)
		}
	}
	return rejected, nil
}

// ExpiringCertificates selects those that hold at a time, and end within so long.
func ExpiringCertificates(now time.Time, within time.Duration) predicate.Certificate {
	return certificate.And(certificate.NotAfterGT(now.UTC()), certificate.NotAfterLTE(now.UTC().Add(within)))
}
