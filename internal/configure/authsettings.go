package configure

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// ChangedAuthSetting is an auth setting as it is after a change.
type ChangedAuthSetting struct {
	*ent.AuthSetting
	// Secret is the secret that was made, if one was: this is the only time that it is shown.
	Secret string
}

// CreateAuthSetting creates an auth setting.
func (s *Service) CreateAuthSetting(ctx context.Context, in CreateAuthSettingInput) (*ChangedAuthSetting, error) {
	made := new(ChangedAuthSetting)
	err := s.change(ctx, func(c *change) error {
		draft, err := s.draftAuth(ctx, c, "input", in)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		made.Secret = draft.generated
		made.AuthSetting, err = draft.row.Save(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	made.AuthSetting = made.AuthSetting.Unwrap()
	return made, nil
}

// authDraft is an auth setting that is not yet saved.
type authDraft struct {
	row       *ent.AuthSettingCreate
	generated string // the secret that was made for it, if one was
}

// draftAuth returns an auth setting that may be saved only if nothing is wrong.
func (s *Service) draftAuth(ctx context.Context, c *change, path string, in CreateAuthSettingInput) (*authDraft, error) {
	if checkKey(&c.wrong, path+".key", in.Key) {
		taken, err := c.AuthSetting.Query().Where(authsetting.Key(in.Key)).Exist(ctx)
		if err != nil {
			return nil, err
		}
		if taken {
			c.wrong.Add(usererror.Taken, path+".key", "another auth setting of the account has the key %s: choose another one", quote(in.Key))
		}
	}
	name := in.Key
	if in.Name != nil {
		name = *in.Name
		checkName(&c.wrong, path+".name", name)
	}
	read, generated := s.readCredentials(ctx, &c.wrong, path+".credentials", in.Credentials)
	setting := id.New()
	sealed, err := credentials.Seal(s.Vault, setting, read)
	if err != nil {
		return nil, err
	}
	row := c.AuthSetting.Create().SetID(setting).SetAccountID(c.account).SetKey(in.Key).SetName(name).
		SetType(read.Type()).SetCredentials(sealed)
	return &authDraft{row, generated}, nil
}

// chooseAuth gives a new profile an auth setting: one that exists, or a new one, which it returns and which is to be saved
// before the profile.
func (s *Service) chooseAuth(
	ctx context.Context, c *change, path string, profile *ent.NotificationProfileCreate, choice *AuthChoice,
) (*authDraft, error) {
	switch {
	case choice == nil:
		return nil, nil
	case (choice.Existing == nil) == (choice.Create == nil):
		c.wrong.Add(usererror.Required, path, "give an auth setting: either `existing` or `create`")
		return nil, nil
	case choice.Existing != nil:
		found, err := c.useAuthSetting(ctx, path+".existing", *choice.Existing)
		if found != nil {
			profile.SetAuthSettingID(found.ID)
		}
		return nil, err
	}
	draft, err := s.draftAuth(ctx, c, path+".create", *choice.Create)
	if err != nil {
		return nil, err
	}
	setting, _ := draft.row.Mutation().ID()
	profile.SetAuthSettingID(setting)
	return draft, nil
}

// setAuth sets or clears the auth setting of a profile, if the change says so.
func (c *change) setAuth(ctx context.Context, m *ent.NotificationProfileMutation, in UpdateNotificationProfileInput) error {
	ref, given := in.Auth.ValueOK()
	if !given {
		return nil
	}
	if ref == nil {
		m.ClearAuthSettingID()
		return nil
	}
	found, err := c.useAuthSetting(ctx, "input.auth", *ref)
	if found != nil {
		m.SetAuthSettingID(found.ID)
	}
	return err
}

// useAuthSetting finds an auth setting that a profile is to use. Whoever lets a URL of their choice have its credentials
// could read them: they need the scope to set secrets.
func (c *change) useAuthSetting(ctx context.Context, path string, ref Ref) (*ent.AuthSetting, error) {
	found, err := c.findAuthSetting(ctx, path, ref)
	if found != nil {
		checkSecretsScope(ctx, &c.wrong, path)
	}
	return found, err
}

// UpdateAuthSetting changes the fields of an auth setting that are given. Credentials are replaced as a whole.
func (s *Service) UpdateAuthSetting(ctx context.Context, by Ref, in UpdateAuthSettingInput) (*ChangedAuthSetting, error) {
	changed := new(ChangedAuthSetting)
	err := s.change(ctx, func(c *change) error {
		found, err := c.findAuthSetting(ctx, "by", by)
		if err != nil || found == nil {
			return err
		}
		c.checkVersion(in.ExpectedVersion, found.Version)
		update := found.Update().Where(authsetting.Version(found.Version)).AddVersion(1)
		if in.Name != nil {
			checkName(&c.wrong, "input.name", *in.Name)
			update.SetName(*in.Name)
		}
		if in.Credentials != nil {
			read, generated := s.readCredentials(ctx, &c.wrong, "input.credentials", *in.Credentials)
			sealed, err := credentials.Seal(s.Vault, found.ID, read)
			if err != nil {
				return err
			}
			changed.Secret = generated
			update.SetType(read.Type()).SetCredentials(sealed).SetLastError("").ClearTokenExpiresAt().ClearClaimedUntil()
		}
		if len(c.wrong) > 0 {
			return nil
		}
		if changed.AuthSetting, err = update.Save(ctx); ent.IsNotFound(err) {
			return overtaken(found.Version)
		}
		if err != nil {
			return err
		}
		return c.recordProfiles(ctx, notificationprofile.AuthSettingID(found.ID))
	})
	if err != nil {
		return nil, err
	}
	changed.AuthSetting = changed.AuthSetting.Unwrap()
	return changed, nil
}

// DeleteAuthSetting deletes an auth setting that no profile uses. It returns what was deleted.
func (s *Service) DeleteAuthSetting(ctx context.Context, by Ref) (deleted []Object, err error) {
	err = s.change(ctx, func(c *change) error {
		row, err := c.findAuthSetting(ctx, "by", by)
		if err != nil || row == nil {
			return err
		}
		deleted, err = c.delete(ctx, Object{Prefix: id.AuthSetting, ID: row.ID}, row.Key, false)
		return err
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}
