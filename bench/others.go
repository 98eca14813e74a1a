package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/vault"
)

// subscribeOthers makes subscriptions of SMS reports whose filter matches no event of the load. It writes them to the database while
// Hookline is stopped: 100,000 by the API would take minutes.
func (b *bench) subscribeOthers(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	b.stop()
	started := time.Now()
	if err := b.writeOthers(ctx, n); err != nil {
		return fmt.Errorf("write subscriptions: %w", err)
	}
	written := time.Now()
	if err := b.launch(ctx); err != nil {
		return err
	}
	u, err := b.measure(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("  %d subscriptions written in %.1f s; started again, Hookline is ready after %.1f s, of which it computes for %.1f s; resident %.0f MiB\n",
		n, written.Sub(started).Seconds(), time.Since(written).Seconds(), u.cpu.Seconds(), u.residents)
	return nil
}

func (b *bench) writeOthers(ctx context.Context, n int) error {
	keys, err := b.settings.Keys()
	if err != nil {
		return err
	}
	seal, err := vault.New(keys)
	if err != nil {
		return err
	}
	profile, err := b.store.Ent.NotificationProfile.Query().Where(notificationprofile.Key("s0")).Only(access.WithSystem(ctx))
	if err != nil {
		return err
	}
	ctx = access.WithAccount(ctx, profile.AccountID)
	const atOnce = 1000
	for from := 0; from < n; from += atOnce {
		tx, err := b.store.Ent.Tx(ctx)
		if err != nil {
			return err
		}
		rows := make([]*ent.EventSubscriptionCreate, min(atOnce, n-from))
		for i := range rows {
			row, key, secret := id.New(), fmt.Sprintf("o%d", from+i), signing.NewSecret()
			rows[i] = tx.EventSubscription.Create().SetID(row).SetAccountID(profile.AccountID).SetProfileID(profile.ID).SetKey(key).SetName(key).
				SetEventTypes([]string{"sms.delivery"}).SetFilter(types.EventFilter{Entities: []string{"other" + key}}).
				SetSecret(seal.Seal([]byte(secret.Reveal()), configure.SecretBinding(row))).SetSecretFingerprint(secret.Fingerprint())
		}
		if err := tx.EventSubscription.CreateBulk(rows...).Exec(ctx); err != nil {
			_ = tx.Rollback()
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// timeCreating makes subscriptions one after the other, as many as are asked for.
func (b *bench) timeCreating(ctx context.Context, n int) (*times, error) {
	taken := &times{}
	for i := range n {
		started := time.Now()
		if err := b.subscribeOne(ctx, fmt.Sprintf("more%d", i), fmt.Sprintf(`eventTypes: ["sms.delivery"] filter: {entities: ["more%d"]}`, i), `existing: {key: "s0"}`); err != nil {
			return nil, err
		}
		taken.add(time.Since(started))
	}
	return taken, nil
}
