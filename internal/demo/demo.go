// Package demo fills an account with subscriptions and publishes sample events to it, for people who try Hookline out. They are delivered
// to the built-in test receiver.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/hookline/hookline/ent"
	entaccount "github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/usererror"
)

const (
	accountKey = "demo"
	keyName    = "demo dashboard"
	keyLife    = 7 * 24 * time.Hour
	// publishEvery is the mean time between sample events.
	publishEvery = 400 * time.Millisecond
)

// Demo is the demo account and its traffic.
type Demo struct {
	Ent       *ent.Client
	Configure *configure.Service
	Accepter  *accept.Accepter
	Receiver  string // the base URL under which the test receiver is reached
	Log       *slog.Logger

	account id.ID
}

// ReceiverAddr returns the address under which a server that listens on addr reaches itself.
func ReceiverAddr(addr net.Addr) netip.AddrPort {
	own := addr.(*net.TCPAddr).AddrPort() //nolint:forcetypeassert // a TCP listener's
	ip := own.Addr().Unmap()
	if ip.IsUnspecified() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(ip, own.Port())
}

// subscription is one of the demo account's.
type subscription struct {
	key, name string
	types     []string
	filter    *configure.EventFilterInput
	receiver  string // path and query of the test receiver
	retry     *configure.RetryPolicyInput
}

var subscriptions = []subscription{
	{key: "sms-reports", name: "SMS delivery reports", types: []string{"sms.*"}, receiver: "/receiver/sms"},
	{key: "whatsapp-all", name: "WhatsApp", types: []string{"whatsapp.*"}, receiver: "/receiver/whatsapp?delayMs=120"},
	{key: "voice-calls", name: "Calls and recordings", types: []string{"voice_video.*"}, receiver: "/receiver/voice"},
	{
		key: "berlin-crm", name: "CRM of the Berlin office (down)", types: []string{"*"},
		filter: &configure.EventFilterInput{Entities: []string{"berlin"}}, receiver: "/receiver/crm?status=503",
		retry: &configure.RetryPolicyInput{Kind: "CUSTOM", Delays: []time.Duration{5 * time.Second, 20 * time.Second, time.Minute}, Jitter: true},
	},
}

// Prepare makes what is missing of the demo account, and an API key with which its dashboard can be seen.
func (d *Demo) Prepare(ctx context.Context) (key string, err error) {
	system := access.WithSystem(ctx)
	account, err := d.Ent.Account.Query().Where(entaccount.Key(accountKey)).Only(system)
	if ent.IsNotFound(err) {
		account, err = d.Configure.CreateAccount(system, accountKey, "Demo")
	}
	if err != nil {
		return "", fmt.Errorf("demo account: %w", err)
	}
	d.account = account.ID
	ctx = access.WithAccount(ctx, account.ID)
	for _, s := range subscriptions {
		if err := d.subscribe(ctx, s); err != nil {
			return "", fmt.Errorf("demo subscription %s: %w", s.key, err)
		}
	}
	// The key of the last start is not known any more.
	_, err = d.Ent.APIKey.Update().Where(apikey.AccountID(account.ID), apikey.Name(keyName), apikey.RevokedAtIsNil()).
		SetRevokedAt(time.Now().UTC()).Save(system)
	if err != nil {
		return "", fmt.Errorf("demo key: %w", err)
	}
	scopes := slices.DeleteFunc(slices.Clone(access.AllScopes), func(s access.Scope) bool {
		return s == access.AccountsAdmin || s == access.CatalogueWrite
	})
	expires := time.Now().Add(keyLife)
	_, key, err = d.Configure.CreateAPIKey(ctx, keyName, scopes, &expires)
	if err != nil {
		return "", fmt.Errorf("demo key: %w", err)
	}
	return key, nil
}

// subscribe makes a subscription with its profile, or if it is there already sends it to where the receiver is now.
func (d *Demo) subscribe(ctx context.Context, s subscription) error {
	url := d.Receiver + s.receiver
	profile := configure.ProfileInput(s.key, url)
	profile.RetryPolicy = s.retry
	_, err := d.Configure.CreateEventSubscription(ctx, configure.CreateEventSubscriptionInput{
		Key: s.key, Name: s.name, EventTypes: s.types, Filter: s.filter, Enabled: true, Profile: configure.ProfileChoice{Create: &profile},
	})
	var wrong usererror.List
	if errors.As(err, &wrong) && slices.ContainsFunc(wrong, func(e *usererror.Error) bool { return e.Code == usererror.Taken }) {
		_, err = d.Configure.UpdateNotificationProfile(ctx, configure.Ref{Key: &s.key}, configure.UpdateNotificationProfileInput{WebhookURL: &url})
	}
	return err
}

// Run publishes sample events until ctx ends.
func (d *Demo) Run(ctx context.Context) error {
	for {
		wait := time.Duration(rand.ExpFloat64() * float64(publishEvery)) //nolint:gosec // sample traffic
		if !pause.For(ctx, min(wait, 4*publishEvery)) {
			return nil
		}
		if _, err := d.Accepter.Publish(ctx, d.account, []accept.Event{sample()}); err != nil && ctx.Err() == nil {
			d.Log.Warn("demo: event not published", "error", err)
		}
	}
}
