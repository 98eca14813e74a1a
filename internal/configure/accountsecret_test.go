package configure_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/vault"
)

func TestRotateAccountSecret(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		for range 2 {
			if err := e.EnsureAccountSecret(e.ctx()); err != nil {
				e.Fatal(err)
			}
		}
		first := e.Store.Ent.AccountSecret.Query().OnlyX(e.ctx())
		firstSecret, err := e.Vault.Open(first.Secret, configure.AccountSecretBinding(first.ID))
		if err != nil {
			e.Fatal(err)
		}
		start := id.New()
		second, err := e.RotateAccountSecret(e.as(access.AllScopes...), time.Hour, nil)
		if err != nil {
			e.Fatal(err)
		}
		if second.ID != first.ID || second.Version != first.Version+1 || second.Secret == string(firstSecret) || len(second.Warnings) > 0 ||
			second.SecretFingerprint == first.SecretFingerprint {
			e.Errorf("rotated to %+v", second)
		}
		stored, err := e.Vault.Open(second.AccountSecret.Secret, configure.AccountSecretBinding(first.ID))
		if err != nil || string(stored) != second.Secret {
			e.Errorf("stored is %q, %v", stored, err)
		}
		previous, err := e.Vault.Open(second.PreviousSecret, configure.PreviousAccountSecretBinding(first.ID))
		if until := time.Until(*second.PreviousSecretValidUntil); err != nil || string(previous) != string(firstSecret) || until < 50*time.Minute || until > time.Hour {
			e.Errorf("the previous one is %q until %v, %v", previous, until, err)
		}
		if got := summary(e.audit(start)); !slices.Equal(got, []string{" ROTATE AccountSecret"}) {
			e.Errorf("audited %q", got)
		}
		weak := "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
		third, err := e.RotateAccountSecret(e.as(access.AllScopes...), 0, &weak)
		if err != nil {
			e.Fatal(err)
		}
		if third.Secret != weak || third.PreviousSecret != nil || third.PreviousSecretValidUntil != nil || len(third.Warnings) != 1 {
			e.Errorf("rotated at once to %+v", third)
		}
		if got := e.recordedOf(id.AccountSecret); len(got) != 3 {
			e.Errorf("recorded %v", got)
		}
		_, err = e.RotateAccountSecret(e.as(access.AllScopes...), 0, &weak)
		wants(e, "the present one", err, "INVALID secret present one")
	})
}

func TestRotateAccountSecretMakesTheFirstOne(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.RotateAccountSecret(e.as(access.AllScopes...), time.Hour, nil)
		if err != nil || made.Version != 1 || made.PreviousSecret != nil {
			e.Fatalf("%v, %v", made, err)
		}
		if other := e.Store.Ent.AccountSecret.Query().CountX(access.WithAccount(e.Context(), e.newAccount("bank"))); other > 0 {
			e.Errorf("another account has %d", other)
		}
	})
}

func TestRotateAccountSecretRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, err := e.RotateAccountSecret(e.as(access.SubscriptionsWrite), time.Hour, nil)
		wants(e, "without the scope", err, "INVALID secret SECRETS_WRITE")
		_, err = e.RotateAccountSecret(e.as(access.AllScopes...), 169*time.Hour, new("whsec_AA=="))
		wants(e, "wrong arguments", err, "OUT_OF_RANGE overlap P7D", "INVALID secret ")
		if n := e.Store.Ent.AccountSecret.Query().CountX(e.ctx()); n > 0 {
			e.Errorf("%d secrets", n)
		}
	})
}

func TestRotateAccountSecretThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		if err := e.EnsureAccountSecret(e.ctx()); err != nil {
			e.Fatal(err)
		}
		other, err := vault.New([]vault.Key{{ID: "other", Secret: [32]byte{1}}})
		if err != nil {
			e.Fatal(err)
		}
		e.Vault = other
		rotated, err := e.RotateAccountSecret(e.as(access.AllScopes...), time.Hour, nil)
		if err != nil || len(rotated.Warnings) != 1 || rotated.PreviousSecret != nil {
			e.Errorf("%+v, %v", rotated, err)
		}
	})
}
