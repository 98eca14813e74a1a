package graph

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// ownOf returns what a certificate says of itself.
func ownOf(c *ent.Certificate) (*x509.Certificate, error) {
	chain, err := clientcert.ParseChain(c.Chain)
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// shownChain shows a certificate with those of its issuers.
func shownChain(c *ent.Certificate) ([]*ChainCertificate, error) {
	chain, err := clientcert.ParseChain(c.Chain)
	shown := make([]*ChainCertificate, len(chain))
	for i, c := range chain {
		shown[i] = &ChainCertificate{
			Subject: clientcert.Subject(c), Issuer: clientcert.Issuer(c), NotAfter: c.NotAfter, Fingerprint: clientcert.Fingerprint(c),
		}
	}
	return shown, err
}

// certificatePayload answers an upload or a change.
func certificatePayload(row *ent.Certificate, warnings []string, err error) (*CertificatePayload, error) {
	wrong, err := mistakes(err)
	return &CertificatePayload{Certificate: row, Warnings: warnings, UserErrors: wrong}, err
}

// certificatesWhere reads the filters of the list of certificates.
func (r *Resolver) certificatesWhere(
	ctx context.Context, search *string, statuses []clientcert.Status, within *time.Duration,
) (where []predicate.Certificate, err error) {
	if search != nil {
		found, err := containing("search", *search, certificate.FieldKey, certificate.FieldName, certificate.FieldSubject)
		if err != nil {
			return nil, err
		}
		where = append(where, found)
	}
	now := time.Now()
	if within != nil {
		if *within < 0 {
			return nil, inputErrorf("expiringWithin: it is negative, and what has expired is found by its status: give a Duration of PT0S or more")
		}
		where = append(where, configure.ExpiringCertificates(now, *within))
	}
	if len(statuses) > 0 {
		if len(statuses) > maxListed {
			return nil, inputErrorf("statuses: %d values are too many, the limit is %d", len(statuses), maxListed)
		}
		in, err := r.Configure.CertificatesIn(ctx, r.Ent, now, statuses)
		if err != nil {
			return nil, err
		}
		where = append(where, in)
	}
	return where, nil
}

func (r reads) certificates(ctx context.Context, ids []id.ID) (map[id.ID]*ent.Certificate, error) {
	rows, err := r.client.Certificate.Query().Where(certificate.IDIn(ids...)).All(ctx)
	return byKey(rows, err, func(c *ent.Certificate) id.ID { return c.ID })
}

// use is a way in which a profile uses a certificate. Each has its index, on certificate_id and next_certificate_id.
type use struct {
	column      string
	certificate func(*ent.NotificationProfile) *id.ID
	// current selects the profiles of which it holds at a time.
	current func(now time.Time) func(*sql.Selector)
}

var uses = []use{
	{
		notificationprofile.FieldCertificateID, func(p *ent.NotificationProfile) *id.ID { return p.CertificateID },
		func(now time.Time) func(*sql.Selector) {
			return func(s *sql.Selector) { // until another one has taken over
				takeover := s.C(notificationprofile.FieldNextCertificateAt)
				s.Where(sql.Or(sql.IsNull(takeover), sql.GT(takeover, now)))
			}
		},
	},
	{
		notificationprofile.FieldNextCertificateID, func(p *ent.NotificationProfile) *id.ID { return p.NextCertificateID },
		func(time.Time) func(*sql.Selector) { return func(*sql.Selector) {} }, // before and after it takes over
	},
}

// certificateUsers reads pages of the profiles that use certificates or are to change over to them.
func (r reads) certificateUsers(ctx context.Context, keys []pageKey) (map[pageKey][]*ent.NotificationProfile, error) {
	found, now := make(map[pageKey][]*ent.NotificationProfile), time.Now().UTC()
	for _, use := range uses {
		of := func(p *ent.NotificationProfile) id.ID { return *use.certificate(p) } // it is what was asked for
		rows, err := pagesOf(ctx, r.client.NotificationProfile.Query(), use.column, of, keys, use.current(now))
		if err != nil {
			return nil, err
		}
		for key, page := range rows {
			found[key] = append(found[key], page...)
		}
	}
	for key, rows := range found { // no profile is in both: it does not change over to what it uses
		slices.SortFunc(rows, func(a, b *ent.NotificationProfile) int {
			if key.page.backward {
				return bytes.Compare(a.ID[:], b.ID[:])
			}
			return bytes.Compare(b.ID[:], a.ID[:])
		})
		found[key] = rows[:min(len(rows), key.page.size+1)]
	}
	return found, nil
}

func (r reads) certificateUsersCount(ctx context.Context, certificates []id.ID) (map[id.ID]int, error) {
	found, now := make(map[id.ID]int, len(certificates)), time.Now().UTC()
	for _, use := range uses {
		var rows []struct {
			CertificateID     id.ID `json:"certificate_id"`
			NextCertificateID id.ID `json:"next_certificate_id"`
			Count             int   `json:"count"`
		}
		err := r.client.NotificationProfile.Query().Where(use.current(now), func(s *sql.Selector) {
			s.Where(sql.In(s.C(use.column), anys(certificates)...))
		}).GroupBy(use.column).Aggregate(ent.Count()).Scan(ctx, &rows)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			of := row.CertificateID
			if use.column == notificationprofile.FieldNextCertificateID {
				of = row.NextCertificateID
			}
			found[of] += row.Count
		}
	}
	return found, nil
}
