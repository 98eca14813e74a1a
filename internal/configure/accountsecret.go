package configure

import (
	"context"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/accountsecret"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/usererror"
)

// ChangedAccountSecret is an account's signing secret after a change.
type ChangedAccountSecret struct {
	*ent.AccountSecret
	// Secret is the secret as `whsec_…`: this is the only time that it is shown.
	Secret string
	// Warnings say what deserves attention although nothing is wrong.
	Warnings []string
}

// AccountSecretBinding is what an account's signing secret is sealed for (see package vault): its text, `whsec_…`.
func AccountSecretBinding(secret id.ID) string {
	return "account_secrets/" + secret.String() + "/secret"
}

// PreviousAccountSecretBinding is what the secret before the last rotation is sealed for.
func PreviousAccountSecretBinding(secret id.ID) string {
	return "account_secrets/" + secret.String() + "/previous_secret"
}

// EnsureAccountSecret makes the account's signing secret if it has none. Nobody is shown that one: a rotation shows the next.
func (s *Service) EnsureAccountSecret(ctx context.Context) error {
	return s.change(ctx, func(c *change) error {
		_, err := s.ensureAccountSecret(ctx, c)
		return err
	})
}

// ensureAccountSecret returns the secret that it makes, as text; empty if there is one already.
func (s *Service) ensureAccountSecret(ctx context.Context, c *change) (string, error) {
	found, err := c.AccountSecret.Query().Exist(ctx)
	if found || err != nil {
		return "", err
	}
	secret := signing.NewSecret()
	_, err = s.createAccountSecret(ctx, c, secret)
	return secret.Reveal(), err
}

func (s *Service) createAccountSecret(ctx context.Context, c *change, secret signing.Secret) (*ent.AccountSecret, error) {
	row := id.New()
	made, err := c.AccountSecret.Create().SetID(row).SetAccountID(c.account).SetSecretFingerprint(secret.Fingerprint()).
		SetSecret(s.Vault.Seal([]byte(secret.Reveal()), AccountSecretBinding(row))).Save(ctx)
	if err != nil {
		return nil, err
	}
	return made, c.record(ctx, id.AccountSecret, row)
}

// RotateAccountSecret gives the account another signing secret, or a first one: the one given, or else one that is made. For
// overlap, 0 to 7 days, the present one signs too. It asks for the scope SECRETS_WRITE, as RotateEventSubscriptionSecret does.
func (s *Service) RotateAccountSecret(ctx context.Context, overlap time.Duration, given *string) (*ChangedAccountSecret, error) {
	changed := &ChangedAccountSecret{Warnings: []string{}}
	err := s.change(ctx, func(c *change) error {
		checkOverlap(&c.wrong, overlap)
		if !checkSecretsScope(ctx, &c.wrong, "secret") {
			return nil
		}
		secret := readSecret(ctx, &c.wrong, "secret", given)
		if len(c.wrong) > 0 {
			return nil
		}
		changed.Secret = secret.Reveal()
		if secret.Weak() {
			changed.Warnings = append(changed.Warnings, weakSecret())
		}
		found, err := c.AccountSecret.Query().Only(ctx)
		switch {
		case ent.IsNotFound(err):
			changed.AccountSecret, err = s.createAccountSecret(ctx, c, secret)
			return err
		case err != nil:
			return err
		case secret.Fingerprint() == found.SecretFingerprint:
			c.wrong.Add(usererror.Invalid, "secret", "the secret is the present one: give another one, or none to have one made")
			return nil
		}
		changed.AccountSecret, err = s.replaceAccountSecret(ctx, c, found, secret, overlap, &changed.Warnings)
		return err
	})
	if err != nil {
		return nil, err
	}
	changed.AccountSecret = changed.AccountSecret.Unwrap()
	return changed, nil
}

func (s *Service) replaceAccountSecret(
	ctx context.Context, c *change, found *ent.AccountSecret, secret signing.Secret, overlap time.Duration, warnings *[]string,
) (*ent.AccountSecret, error) {
	update := found.Update().Where(accountsecret.Version(found.Version)).AddVersion(1).SetSecretFingerprint(secret.Fingerprint()).
		SetSecret(s.Vault.Seal([]byte(secret.Reveal()), AccountSecretBinding(found.ID)))
	present, err := s.Vault.Open(found.Secret, AccountSecretBinding(found.ID))
	if err != nil && overlap > 0 {
		*warnings = append(*warnings, "the present secret cannot be opened: only the new one signs from now on")
	}
	if err != nil || overlap == 0 {
		update.ClearPreviousSecret().ClearPreviousSecretValidUntil()
	} else {
		update.SetPreviousSecret(s.Vault.Seal(present, PreviousAccountSecretBinding(found.ID))).
			SetPreviousSecretValidUntil(time.Now().UTC().Truncate(time.Microsecond).Add(overlap))
	}
	row, err := update.Save(ctx)
	if ent.IsNotFound(err) {
		return nil, overtaken(found.Version)
	}
	if err != nil {
		return nil, err
	}
	return row, c.record(ctx, id.AccountSecret, row.ID)
}
