package registry

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// Certificate is a client certificate as it is presented to endpoints. All profiles that use it share it.
type Certificate struct {
	// TLS is ready to be presented; nil if there is a problem.
	TLS *tls.Certificate
	ID  id.ID
	// Identity names it, for connections: no other certificate has the same.
	Identity string
	NotAfter time.Time
	// Problem is why it cannot be presented: nothing may be sent then.
	Problem error
}

// Certificate returns the client certificate that the profile's requests go with at a time; nil for none.
func (p *Profile) Certificate(at time.Time) *Certificate {
	if p.nextCertificate != nil && !at.Before(p.nextCertificateAt) {
		return p.nextCertificate
	}
	return p.certificate
}

// certificates are those that profiles use, opened once. Only profiles in the registry count: when the last one that uses a
// certificate is gone, so is the private key in memory.
type certificates struct {
	open     map[id.ID]*openCertificate
	released []string // identities of those that no profile uses any more, which nobody has been told yet
}

type openCertificate struct {
	*Certificate
	users int
}

// OnRelease has f called with the identity of each certificate that no profile uses any more.
func (r *Registry) OnRelease(f func(identity string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onRelease = append(r.onRelease, f)
}

// tellReleased calls those who want to know of the certificates that were released. r.following is held.
func (r *Registry) tellReleased() {
	r.mu.Lock()
	released, tell := r.certificates.released, r.onRelease
	r.certificates.released = nil
	r.mu.Unlock()
	for _, identity := range released {
		for _, f := range tell {
			f(identity)
		}
	}
}

// setCertificates sets the profile's certificates.
func (r *Registry) setCertificates(row *ent.NotificationProfile, p *Profile) {
	p.certificate = r.certificate(row.CertificateID, row.Edges.Certificate)
	p.nextCertificate = r.certificate(row.NextCertificateID, row.Edges.NextCertificate)
	if row.NextCertificateAt != nil {
		p.nextCertificateAt = *row.NextCertificateAt
	}
}

// certificate returns the certificate with this id, of which row is what the database has, for one more user.
func (r *Registry) certificate(which *id.ID, row *ent.Certificate) *Certificate {
	if which == nil {
		return nil
	}
	if row == nil {
		return &Certificate{Problem: errors.New("client certificate: it is missing")} // deleted just now; the profile's own change follows
	}
	if known := r.certificates.open[*which]; known != nil { // its row says the same: all but its name is for ever
		known.users++
		return known.Certificate
	}
	opened, err := configure.OpenCertificate(r.vault, row)
	if err != nil {
		return &Certificate{Problem: fmt.Errorf("client certificate %s: %w", row.Key, err)}
	}
	made := &Certificate{TLS: opened, ID: *which, Identity: which.String(), NotAfter: row.NotAfter}
	r.certificates.open[*which] = &openCertificate{made, 1}
	return made
}

// releaseCertificates takes back what setCertificates has given to a profile that is replaced or removed.
func (r *Registry) releaseCertificates(p *Profile) {
	if p == nil {
		return
	}
	for _, c := range []*Certificate{p.certificate, p.nextCertificate} {
		if c == nil || c.TLS == nil {
			continue
		}
		known := r.certificates.open[c.ID]
		if known.users--; known.users == 0 {
			delete(r.certificates.open, c.ID)
			r.certificates.released = append(r.certificates.released, c.Identity)
		}
	}
}

// notIn returns the identities of the certificates that others lacks.
func (c certificates) notIn(others certificates) (identities []string) {
	for which, known := range c.open {
		if others.open[which] == nil {
			identities = append(identities, known.Identity)
		}
	}
	return identities
}
