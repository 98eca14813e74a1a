package configure

import (
	"context"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/clientcert"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// CertificateChoice is an existing certificate or a new one, not both.
type CertificateChoice struct {
	Existing *Ref
	Upload   *UploadCertificateInput
}

// CertificateChangeInput is a certificate to which a profile changes over at a time.
type CertificateChangeInput struct {
	Certificate CertificateChoice
	At          time.Time
}

// certificateChanges is what an input says of a profile's certificates: the one that it uses, and the one to which it is to
// change over; nil is none. The uploads among them have been read.
type certificateChanges struct {
	now      graphql.Omittable[*CertificateChoice]
	next     graphql.Omittable[*CertificateChangeInput]
	nowRead  *uploadRead
	nextRead *uploadRead
}

// readCertificateChanges reads the uploads of an input; see readCertificate for why that is done so early.
func readCertificateChanges(
	ctx context.Context, path string, now graphql.Omittable[*CertificateChoice], next graphql.Omittable[*CertificateChangeInput],
) certificateChanges {
	changes := certificateChanges{now: now, next: next}
	if choice := now.Value(); choice != nil && choice.Upload != nil {
		changes.nowRead = readCertificate(ctx, path+".certificate.upload", *choice.Upload)
	}
	if change := next.Value(); change != nil && change.Certificate.Upload != nil {
		changes.nextRead = readCertificate(ctx, path+".certificateChange.certificate.upload", *change.Certificate.Upload)
	}
	return changes
}

// certificateChanges reads the upload of a profile that is to be created.
func (in CreateNotificationProfileInput) certificateChanges(ctx context.Context, path string) certificateChanges {
	if in.Certificate == nil {
		return certificateChanges{}
	}
	return readCertificateChanges(ctx, path, graphql.OmittableOf(in.Certificate), graphql.Omittable[*CertificateChangeInput]{})
}

// warnings are those of the uploads.
func (changes certificateChanges) warnings() []string {
	return append(changes.nowRead.warnings(), changes.nextRead.warnings()...)
}

// linked is a certificate that a profile is to use.
type linked struct {
	id       id.ID
	notAfter time.Time
}

// setCertificates sets the certificates of a profile, of which before is what it was; nil if it is new. It returns those that
// are to be saved before it.
func (s *Service) setCertificates(
	ctx context.Context, c *change, path string, m *ent.NotificationProfileMutation, before *ent.NotificationProfile, changes certificateChanges,
) (uploads []*ent.CertificateCreate, err error) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	var now, next *id.ID
	var takeover time.Time
	if before != nil {
		now = CertificateAt(before, at)
		if change := CertificateChangeAt(before, at); change != nil {
			next, takeover = &change.Certificate, change.At
		}
	}
	choose := func(path string, choice CertificateChoice, read *uploadRead) (*linked, error) {
		chosen, draft, err := s.chooseCertificate(ctx, c, path, choice, read, uploads)
		if draft != nil {
			uploads = append(uploads, draft)
		}
		return chosen, err
	}
	if choice, given := changes.now.ValueOK(); given {
		now = nil
		if choice != nil {
			chosen, err := choose(path+".certificate", *choice, changes.nowRead)
			if err != nil || chosen == nil {
				return nil, err
			}
			now = &chosen.id
		}
	}
	if change, given := changes.next.ValueOK(); given {
		next = nil
		if change != nil {
			chosen, err := choose(path+".certificateChange.certificate", change.Certificate, changes.nextRead)
			if err != nil || chosen == nil {
				return nil, err
			}
			next, takeover = &chosen.id, change.At.UTC().Truncate(time.Microsecond)
			checkTakeover(&c.wrong, path+".certificateChange.at", takeover, at, chosen.notAfter)
		}
	}
	if now != nil && next != nil && *now == *next {
		at := path + ".certificate"
		if changes.next.IsSet() {
			at = path + ".certificateChange.certificate"
		}
		c.wrong.Add(usererror.Invalid, at, "the profile would change over to the certificate that it uses: give another one, or null for `certificateChange`")
	}
	if now != nil || next != nil {
		checkPresentable(&c.wrong, path, m, before)
	}
	setCertificateColumns(m, now, next, takeover)
	return uploads, nil
}

func setCertificateColumns(m *ent.NotificationProfileMutation, now, next *id.ID, takeover time.Time) {
	if now == nil {
		m.ClearCertificateID()
	} else {
		m.SetCertificateID(*now)
	}
	if next == nil {
		m.ClearNextCertificateID()
		m.ClearNextCertificateAt()
	} else {
		m.SetNextCertificateID(*next)
		m.SetNextCertificateAt(takeover)
	}
}

// checkTakeover says that a certificate cannot take over at a time.
func checkTakeover(wrong *usererror.List, path string, takeover, now, notAfter time.Time) {
	switch {
	case !takeover.After(now):
		wrong.Add(usererror.OutOfRange, path, "the time %s is past: give one to come, or use `certificate` to change over at once", takeover.Format(time.RFC3339))
	case !takeover.Before(notAfter):
		wrong.Add(usererror.OutOfRange, path, "the certificate expires on %s, before it would take over on %s: let it take over earlier",
			notAfter.UTC().Format(time.RFC3339), takeover.Format(time.RFC3339))
	}
}

// checkPresentable says that a profile's URL leaves no room for a certificate.
func checkPresentable(wrong *usererror.List, path string, m *ent.NotificationProfileMutation, before *ent.NotificationProfile) {
	url, given := m.WebhookURL()
	if !given && before != nil {
		url = before.WebhookURL
	}
	if !strings.HasPrefix(strings.ToLower(url), "http://") {
		return
	}
	field := ".certificate"
	if given {
		field = ".webhookUrl"
	}
	wrong.Add(usererror.Invalid, path+field, "a certificate is presented over https only, and the webhookUrl is http: change it, or give the profile no certificate")
}

// chooseCertificate returns a certificate that a profile is to use, and if it is a new one what is to be saved before. others
// are those that are saved besides. It returns nil, having said why, if there is none.
func (s *Service) chooseCertificate(
	ctx context.Context, c *change, path string, choice CertificateChoice, read *uploadRead, others []*ent.CertificateCreate,
) (*linked, *ent.CertificateCreate, error) {
	switch {
	case (choice.Existing == nil) == (choice.Upload == nil):
		c.wrong.Add(usererror.Required, path, "give a certificate: either `existing` or `upload`")
		return nil, nil, nil
	case choice.Existing != nil:
		found, err := c.findCertificate(ctx, path+".existing", *choice.Existing)
		if err != nil || found == nil {
			return nil, nil, err
		}
		status, message := s.CertificateStatus(found, time.Now())
		if status == clientcert.Rejected || status == clientcert.Expired {
			c.wrong.Add(usererror.Invalid, path+".existing", "the certificate %s has the status %s. %s", quote(found.Key), status, message)
		}
		return &linked{found.ID, found.NotAfter}, nil, nil
	}
	draft, err := s.draftCertificate(ctx, c, path+".upload", *choice.Upload, read, others...)
	if err != nil || draft == nil {
		return nil, nil, err
	}
	made, _ := draft.Mutation().ID()
	notAfter, _ := draft.Mutation().NotAfter()
	return &linked{made, notAfter}, draft, nil
}

// saveCertificates saves the certificates that are uploaded together with a profile.
func saveCertificates(ctx context.Context, uploads []*ent.CertificateCreate) error {
	for _, upload := range uploads {
		if _, err := upload.Save(ctx); err != nil {
			return err
		}
	}
	return nil
}

// CertificateAt returns the certificate that a profile uses at a time; nil for none.
func CertificateAt(p *ent.NotificationProfile, at time.Time) *id.ID {
	if p.NextCertificateAt != nil && !at.Before(*p.NextCertificateAt) {
		return p.NextCertificateID
	}
	return p.CertificateID
}

// CertificateChange is a certificate to which a profile is to change over.
type CertificateChange struct {
	Certificate id.ID
	At          time.Time
}

// CertificateChangeAt returns the change to come of a profile at a time; nil for none.
func CertificateChangeAt(p *ent.NotificationProfile, at time.Time) *CertificateChange {
	if p.NextCertificateID == nil || p.NextCertificateAt == nil || !at.Before(*p.NextCertificateAt) {
		return nil
	}
	return &CertificateChange{*p.NextCertificateID, *p.NextCertificateAt}
}
