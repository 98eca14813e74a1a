package configure

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/usererror"
)

// maxOverlap is for how long two secrets can sign.
const maxOverlap = 7 * 24 * time.Hour

// RotateEventSubscriptionSecret gives a subscription another signing secret: the one given, or else one that is made. For overlap, 0 to
// 7 days, the present one signs too. Of two rotations the first one's secret goes, even if its time is not over. Setting a secret asks
// for the scope SECRETS_WRITE, also if it is made here.
func (s *Service) RotateEventSubscriptionSecret(ctx context.Context, by Ref, overlap time.Duration, given *string) (*CreatedEventSubscription, error) {
	made := &CreatedEventSubscription{Warnings: []string{}}
	err := s.change(ctx, func(c *change) error {
		found, err := c.findSubscription(ctx, "by", by)
		if err != nil {
			return err
		}
		checkOverlap(&c.wrong, overlap)
		secret := readRotated(ctx, &c.wrong, given)
		if found == nil || len(c.wrong) > 0 {
			return nil
		}
		if secret.Fingerprint() == found.SecretFingerprint {
			c.wrong.Add(usererror.Invalid, "secret", "the secret is the present one: give another one, or none to have one made")
			return nil
		}
		made.Secret = secret.Reveal()
		if secret.Weak() {
			made.Warnings = append(made.Warnings, weakSecret())
		}
		update := found.Update().Where(eventsubscription.Version(found.Version)).AddVersion(1).
			SetSecret(s.Vault.Seal([]byte(made.Secret), SecretBinding(found.ID))).SetSecretFingerprint(secret.Fingerprint())
		if !s.keepPrevious(update, found, overlap) {
			made.Warnings = append(made.Warnings, "the present secret cannot be opened: only the new one signs from now on")
		}
		if made.EventSubscription, err = update.Save(ctx); ent.IsNotFound(err) {
			return overtaken(found.Version)
		}
		if err != nil {
			return err
		}
		return c.record(ctx, id.EventSubscription, found.ID)
	})
	if err != nil {
		return nil, err
	}
	made.EventSubscription = made.EventSubscription.Unwrap()
	return made, nil
}

func checkOverlap(wrong *usererror.List, overlap time.Duration) {
	if overlap < 0 || overlap > maxOverlap {
		wrong.Add(usererror.OutOfRange, "overlap", "overlap is %v: it must be PT0S to P7D", overlap)
	}
}

// readRotated reads the new secret that is given, or makes one.
func readRotated(ctx context.Context, wrong *usererror.List, given *string) signing.Secret {
	if given == nil && !checkSecretsScope(ctx, wrong, "by") {
		return signing.Secret{}
	}
	return readSecret(ctx, wrong, "secret", given)
}

// keepPrevious lets the present secret sign for overlap. It reports false if there should be one, but it cannot be opened.
func (s *Service) keepPrevious(update *ent.EventSubscriptionUpdateOne, found *ent.EventSubscription, overlap time.Duration) bool {
	if overlap == 0 {
		update.ClearPreviousSecret().ClearPreviousSecretValidUntil()
		return true
	}
	present, err := s.Vault.Open(found.Secret, SecretBinding(found.ID))
	if err != nil {
		update.ClearPreviousSecret().ClearPreviousSecretValidUntil()
		return false
	}
	update.SetPreviousSecret(s.Vault.Seal(present, PreviousSecretBinding(found.ID))).
		SetPreviousSecretValidUntil(time.Now().UTC().Truncate(time.Microsecond).Add(overlap))
	return true
}

func weakSecret() string {
	return fmt.Sprintf("the signing secret has fewer than %d bytes: a longer one is safer", signing.GoodLength)
}
