package configure

import (
	"context"
	"slices"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// CreatedNotificationProfile is a new notification profile.
type CreatedNotificationProfile struct {
	*ent.NotificationProfile
	// AuthSecret is the secret that was made for the auth setting that was created together with it, if one was: this is
	// the only time that it is shown.
	AuthSecret string
	// Warnings are those of the certificate that was uploaded together with it, and that it has no authentication.
	Warnings []string
}

// ChangedNotificationProfile is a notification profile as it is after a change.
type ChangedNotificationProfile struct {
	*ent.NotificationProfile
	// Warnings are those of the certificates that were uploaded together with the change, and that it has no authentication any more.
	Warnings []string
}

// CreateNotificationProfile creates a profile, and its auth setting and its certificate if the input has them: all or none.
func (s *Service) CreateNotificationProfile(ctx context.Context, in CreateNotificationProfileInput) (*CreatedNotificationProfile, error) {
	var made *CreatedNotificationProfile
	certificates := in.certificateChanges(ctx, "input")
	err := s.change(ctx, func(c *change) error {
		draft, err := s.draftProfile(ctx, c, "input", in, certificates)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		made, err = c.saveProfile(ctx, draft)
		if err != nil {
			return err
		}
		made.Warnings = append(made.Warnings, withoutAuthentication(made.NotificationProfile)...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	made.NotificationProfile = made.NotificationProfile.Unwrap()
	return made, nil
}

// profileDraft is a profile that is not yet saved, with the auth setting and the certificate that are to be saved before it,
// if any.
type profileDraft struct {
	profile  *ent.NotificationProfileCreate
	auth     *authDraft
	uploads  []*ent.CertificateCreate
	warnings []string
}

// draftProfile returns a profile that is not yet saved. It may be saved only if nothing is wrong.
func (s *Service) draftProfile(
	ctx context.Context, c *change, path string, in CreateNotificationProfileInput, certificates certificateChanges,
) (*profileDraft, error) {
	if checkKey(&c.wrong, path+".key", in.Key) {
		taken, err := c.NotificationProfile.Query().Where(notificationprofile.Key(in.Key)).Exist(ctx)
		if err != nil {
			return nil, err
		}
		if taken {
			c.wrong.Add(usererror.Taken, path+".key", "another notification profile of the account has the key %s: choose another one", quote(in.Key))
		}
	}
	profile := id.New()
	draft := c.NotificationProfile.Create().SetID(profile).SetAccountID(c.account).SetKey(in.Key)
	s.setProfileFields(ctx, &c.wrong, path, draft.Mutation(), profile, in.asChange())
	auth, err := s.chooseAuth(ctx, c, path+".auth", draft, in.Auth)
	if err != nil {
		return nil, err
	}
	uploads, err := s.setCertificates(ctx, c, path, draft.Mutation(), nil, certificates)
	return &profileDraft{draft, auth, uploads, certificates.warnings()}, err
}

// saveProfile saves a draft.
func (c *change) saveProfile(ctx context.Context, draft *profileDraft) (*CreatedNotificationProfile, error) {
	made := &CreatedNotificationProfile{Warnings: draft.warnings}
	if err := saveCertificates(ctx, draft.uploads); err != nil {
		return nil, err
	}
	if draft.auth != nil {
		if _, err := draft.auth.row.Save(ctx); err != nil {
			return nil, err
		}
		made.AuthSecret = draft.auth.generated
	}
	var err error
	if made.NotificationProfile, err = draft.profile.Save(ctx); err != nil {
		return nil, err
	}
	return made, c.record(ctx, id.NotificationProfile, made.ID)
}

// UpdateNotificationProfile changes the fields of a profile that are given.
func (s *Service) UpdateNotificationProfile(ctx context.Context, by Ref, in UpdateNotificationProfileInput) (*ChangedNotificationProfile, error) {
	certificates := readCertificateChanges(ctx, "input", in.Certificate, in.CertificateChange)
	changed := &ChangedNotificationProfile{Warnings: certificates.warnings()}
	err := s.change(ctx, func(c *change) error {
		found, err := c.findProfile(ctx, "by", by)
		if err != nil || found == nil {
			return err
		}
		c.checkVersion(in.ExpectedVersion, found.Version)
		update := found.Update().Where(notificationprofile.Version(found.Version)).AddVersion(1)
		s.setProfileFields(ctx, &c.wrong, "input", update.Mutation(), found.ID, in)
		checkRedirection(ctx, &c.wrong, found, in)
		if err := c.setAuth(ctx, update.Mutation(), in); err != nil {
			return err
		}
		uploads, err := s.setCertificates(ctx, c, "input", update.Mutation(), found, certificates)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		if err := saveCertificates(ctx, uploads); err != nil {
			return err
		}
		if changed.NotificationProfile, err = update.Save(ctx); ent.IsNotFound(err) {
			return overtaken(found.Version)
		}
		if err != nil {
			return err
		}
		if authenticated(found) {
			changed.Warnings = append(changed.Warnings, withoutAuthentication(changed.NotificationProfile)...)
		}
		return c.record(ctx, id.NotificationProfile, changed.ID)
	})
	if err != nil {
		return nil, err
	}
	changed.NotificationProfile = changed.NotificationProfile.Unwrap()
	return changed, nil
}

// checkRedirection says that whoever asks may not have the profile's secret headers or credentials sent to another URL:
// that would read them.
func checkRedirection(ctx context.Context, wrong *usererror.List, found *ent.NotificationProfile, in UpdateNotificationProfileInput) {
	if in.WebhookURL == nil || *in.WebhookURL == found.WebhookURL {
		return
	}
	if found.AuthSettingID != nil && !in.Auth.IsSet() || in.Headers == nil && slices.ContainsFunc(found.Headers, types.Header.Secret) {
		checkSecretsScope(ctx, wrong, "input.webhookUrl")
	}
}

// DeleteNotificationProfile deletes a profile that nothing uses, and with deleteUnused also what it uses, as far as
// nothing else does. It returns all that was deleted, the profile first.
func (s *Service) DeleteNotificationProfile(ctx context.Context, by Ref, deleteUnused bool) (deleted []Object, err error) {
	err = s.change(ctx, func(c *change) error {
		row, err := c.findProfile(ctx, "by", by)
		if err != nil || row == nil {
			return err
		}
		deleted, err = c.delete(ctx, Object{Prefix: id.NotificationProfile, ID: row.ID}, row.Key, deleteUnused)
		return err
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}
