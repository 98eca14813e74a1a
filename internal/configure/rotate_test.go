package configure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/signing"
)

func TestRotateEventSubscriptionSecret(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		first, err := e.CreateEventSubscription(e.ctx(), e.input())
		if err != nil {
			e.Fatal(err)
		}
		by := bySubscription(first.ID)
		before := time.Now()
		rotated, err := e.RotateEventSubscriptionSecret(e.ctx(), by, 7*24*time.Hour, nil)
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.EventSubscription.GetX(e.ctx(), first.ID)
		opened, err := e.Vault.Open(row.Secret, configure.SecretBinding(row.ID))
		if err != nil || string(opened) != rotated.Secret || rotated.Secret == first.Secret {
			e.Errorf("the secret opens as %q, %v, want the new one", opened, err)
		}
		opened, err = e.Vault.Open(row.PreviousSecret, configure.PreviousSecretBinding(row.ID))
		if err != nil || string(opened) != first.Secret {
			e.Errorf("the previous secret opens as %q, %v, want the first one", opened, err)
		}
		secret, _ := signing.ParseSecret(rotated.Secret)
		if row.SecretFingerprint != secret.Fingerprint() || row.Version != 2 || len(rotated.Warnings) != 0 {
			e.Errorf("the row is %v, warnings %q", row, rotated.Warnings)
		}
		if until := row.PreviousSecretValidUntil; until == nil || until.Before(before.Add(7*24*time.Hour-time.Second)) || until.After(time.Now().Add(7*24*time.Hour)) {
			e.Errorf("the previous secret is valid until %v", until)
		}

		weak := "whsec_" + strings.Repeat("QUJD", 8) // 24 bytes
		given, err := e.RotateEventSubscriptionSecret(e.ctx(), by, 0, &weak)
		if err != nil || given.Secret != weak || len(given.Warnings) != 1 || given.PreviousSecret != nil || given.PreviousSecretValidUntil != nil {
			e.Errorf("rotated to a given one without overlap: %+v, %v", given, err)
		}
		rotate := func(by configure.Ref, overlap time.Duration, secret *string, scopes ...access.Scope) error {
			_, err := e.RotateEventSubscriptionSecret(e.as(scopes...), by, overlap, secret)
			return err
		}
		all := []access.Scope{access.SubscriptionsWrite, access.SecretsWrite}
		wants(e, "the present secret", rotate(by, 0, &weak, all...), "INVALID secret the present one")
		wants(e, "too long an overlap", rotate(by, 7*24*time.Hour+1, nil, all...), "OUT_OF_RANGE overlap PT0S to P7D")
		wants(e, "a negative overlap", rotate(by, -1, nil, all...), "OUT_OF_RANGE overlap PT0S to P7D")
		wants(e, "a short secret", rotate(by, 0, new("whsec_QUJD"), all...), "INVALID secret ")
		wants(e, "no secret", rotate(by, 0, new(""), all...), "INVALID secret ")
		wants(e, "a secret with NUL", rotate(by, 0, new("whsec_\x00"), all...), "INVALID secret ")
		wants(e, "a megabyte", rotate(by, 0, new("whsec_"+strings.Repeat("QUJD", 1<<18)), all...), "INVALID secret ")
		wants(e, "no such subscription", rotate(byKey("none"), 0, nil, all...), "NOT_FOUND by.key `none`")
		wants(e, "without the scope", rotate(by, 0, nil, access.SubscriptionsWrite), "INVALID by SECRETS_WRITE")
		wants(e, "without the scope, a given one", rotate(by, 0, new("whsec_"+strings.Repeat("QUJE", 8)), access.SubscriptionsWrite), "INVALID secret SECRETS_WRITE")
		if v := e.Store.Ent.EventSubscription.GetX(e.ctx(), first.ID).Version; v != 3 {
			e.Errorf("version %d, want 3: refused rotations change nothing", v)
		}

		// Two at once: each is made, one after the other, and the later one keeps the earlier one's secret.
		if failed := together(2, func(int) error { return rotate(by, time.Hour, nil, all...) }); len(failed) > 0 {
			e.Errorf("two at once: %v", failed)
		}
		if v := e.Store.Ent.EventSubscription.GetX(e.ctx(), first.ID).Version; v != 5 {
			e.Errorf("version %d after two at once, want 5", v)
		}
	})
}

func TestRotationRepairsASecretThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		e.Store.Ent.EventSubscription.UpdateOneID(row.ID).SetSecret([]byte("nonsense")).ExecX(e.ctx())
		rotated, err := e.RotateEventSubscriptionSecret(e.ctx(), bySubscription(row.ID), time.Hour, nil)
		if err != nil || rotated.PreviousSecret != nil || len(rotated.Warnings) != 1 {
			e.Errorf("rotated: %+v, %v", rotated, err)
		}
	})
}
