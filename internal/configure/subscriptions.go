package configure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/usererror"
)

// CreatedEventSubscription is a new event subscription.
type CreatedEventSubscription struct {
	*ent.EventSubscription
	// Secret is the signing secret as `whsec_…`: this is the only time that it is shown.
	Secret string
	// AuthSecret is that of CreatedNotificationProfile, if a profile was created together with the subscription.
	AuthSecret string
	// Warnings say what deserves attention although nothing is wrong.
	Warnings []string
}

// SecretBinding is what the signing secret of a subscription is sealed for (see package vault): its text, `whsec_…`.
func SecretBinding(subscription id.ID) string {
	return "event_subscriptions/" + subscription.String() + "/secret"
}

// PreviousSecretBinding is what the secret before the last rotation is sealed for.
func PreviousSecretBinding(subscription id.ID) string {
	return "event_subscriptions/" + subscription.String() + "/previous_secret"
}

// manual is the reason of a subscription that somebody disabled.
const manual = "MANUAL"

// CreateEventSubscription creates a subscription, and its profile if the input has one to create: both or neither.
func (s *Service) CreateEventSubscription(ctx context.Context, in CreateEventSubscriptionInput) (*CreatedEventSubscription, error) {
	made := &CreatedEventSubscription{Warnings: []string{}}
	var certificates certificateChanges
	if in.Profile.Create != nil {
		certificates = in.Profile.Create.certificateChanges(ctx, "input.profile.create")
	}
	err := s.change(ctx, func(c *change) error {
		draft, err := s.draftSubscription(ctx, c, in)
		if err != nil {
			return err
		}
		secret := readSecret(ctx, &c.wrong, "input.secret", in.Secret)
		profile, err := s.chooseProfile(ctx, c, in.Profile, certificates)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		subscription, _ := draft.Mutation().ID()
		made.Secret, made.AuthSecret, made.Warnings = secret.Reveal(), profile.AuthSecret, warnings(secret, profile.NotificationProfile)
		made.Warnings = append(append(made.Warnings, deprecatedWarnings(c.deprecated)...), profile.Warnings...)
		made.EventSubscription, err = draft.SetProfileID(profile.ID).SetSecretFingerprint(secret.Fingerprint()).
			SetSecret(s.Vault.Seal([]byte(made.Secret), SecretBinding(subscription))).Save(ctx)
		if err != nil {
			return err
		}
		return c.record(ctx, id.EventSubscription, subscription)
	})
	if err != nil {
		return nil, err
	}
	made.EventSubscription = made.EventSubscription.Unwrap()
	return made, nil
}

// draftSubscription returns a subscription that is not yet saved and lacks profile and secret. It may be saved only if
// nothing is wrong.
func (s *Service) draftSubscription(ctx context.Context, c *change, in CreateEventSubscriptionInput) (*ent.EventSubscriptionCreate, error) {
	if checkKey(&c.wrong, "input.key", in.Key) {
		if err := c.checkFree(ctx, "input.key", "key", in.Key, eventsubscription.Key(in.Key)); err != nil {
			return nil, err
		}
	}
	if err := c.checkSubscriptionName(ctx, in.Name, id.Nil); err != nil {
		return nil, err
	}
	r, err := s.newRule(ctx, c, in)
	if err != nil {
		return nil, err
	}
	whileDisabled := in.WhileDisabled
	if whileDisabled == "" {
		whileDisabled = Skip
	}
	checkOneOf(&c.wrong, "input.whileDisabled", "whileDisabled", whileDisabled, []string{Skip, Park})
	draft := c.EventSubscription.Create().SetID(id.New()).SetAccountID(c.account).SetKey(in.Key).SetName(in.Name).
		SetCategory(r.category).SetEventTypes(r.eventTypes).SetFilter(r.filter).SetExpression(r.expression).SetRuleDigest(r.digest()).
		SetEnabled(in.Enabled).SetWhileDisabled(whileDisabled)
	if !in.Enabled {
		draft.SetDisabledReason(manual)
	}
	return draft, nil
}

// checkSubscriptionName says what is wrong with the name of a subscription, which except has already.
func (c *change) checkSubscriptionName(ctx context.Context, name string, except id.ID) error {
	if !checkName(&c.wrong, "input.name", name) {
		return nil
	}
	return c.checkFree(ctx, "input.name", "name", name, eventsubscription.Name(name), eventsubscription.IDNEQ(except))
}

// checkFree says that another subscription has the same key or name.
func (c *change) checkFree(ctx context.Context, path, field, value string, taken ...predicate.EventSubscription) error {
	found, err := c.EventSubscription.Query().Where(taken...).Exist(ctx)
	if found {
		c.wrong.Add(usererror.Taken, path, "another event subscription of the account has the %s %s: choose another one", field, quote(value))
	}
	return err
}

// readSecret reads the signing secret that is given, or makes one.
func readSecret(ctx context.Context, wrong *usererror.List, path string, given *string) signing.Secret {
	if given == nil {
		return signing.NewSecret()
	}
	if !checkSecretsScope(ctx, wrong, path) {
		return signing.Secret{}
	}
	secret, err := signing.ParseSecret(*given)
	if err != nil {
		wrong.Add(usererror.Invalid, path, "%v", err) // which does not show the secret
	}
	return secret
}

// chooseProfile returns the profile that a new subscription sends through: one that exists, or a new one, which is saved
// if nothing is wrong. It returns nil if there is none.
func (s *Service) chooseProfile(
	ctx context.Context, c *change, choice ProfileChoice, certificates certificateChanges,
) (*CreatedNotificationProfile, error) {
	switch {
	case (choice.Existing == nil) == (choice.Create == nil):
		c.wrong.Add(usererror.Required, "input.profile", "give a notification profile: either `existing` or `create`")
		return nil, nil
	case choice.Existing != nil:
		found, err := c.findProfile(ctx, "input.profile.existing", *choice.Existing)
		return &CreatedNotificationProfile{NotificationProfile: found}, err
	}
	draft, err := s.draftProfile(ctx, c, "input.profile.create", *choice.Create, certificates)
	if err != nil || len(c.wrong) > 0 {
		return nil, err
	}
	return c.saveProfile(ctx, draft)
}

// warnings say what deserves attention about a new subscription.
func warnings(secret signing.Secret, profile *ent.NotificationProfile) []string {
	found := []string{}
	if secret.Weak() {
		found = append(found, weakSecret())
	}
	return append(found, withoutAuthentication(profile)...)
}

// withoutAuthentication warns of a profile whose requests do not show who sends them.
func withoutAuthentication(profile *ent.NotificationProfile) []string {
	if authenticated(profile) {
		return nil
	}
	return []string{fmt.Sprintf("the notification profile %s has no authentication: let the receiver check the header "+
		"webhook-signature, or give the profile an auth setting", quote(profile.Key))}
}

// authenticated reports whether requests show who sends them, beside their signature.
func authenticated(profile *ent.NotificationProfile) bool {
	return profile.AuthSettingID != nil || profile.CertificateID != nil ||
		slices.ContainsFunc(profile.Headers, func(h types.Header) bool { return strings.EqualFold(h.Name, "Authorization") })
}

// UpdateEventSubscription changes the fields of a subscription that are given.
func (s *Service) UpdateEventSubscription(ctx context.Context, by Ref, in UpdateEventSubscriptionInput) (*ent.EventSubscription, error) {
	var row *ent.EventSubscription
	err := s.change(ctx, func(c *change) error {
		found, err := c.findSubscription(ctx, "by", by)
		if err != nil || found == nil {
			return err
		}
		c.checkVersion(in.ExpectedVersion, found.Version)
		update := found.Update().Where(eventsubscription.Version(found.Version)).AddVersion(1)
		if err := s.setSubscriptionFields(ctx, c, update, found, in); err != nil || len(c.wrong) > 0 {
			return err
		}
		if row, err = update.Save(ctx); ent.IsNotFound(err) {
			return overtaken(found.Version)
		}
		if err != nil {
			return err
		}
		if row.Enabled && !found.Enabled {
			if err := c.resetHealth(ctx, row.ID); err != nil {
				return err
			}
		}
		return c.record(ctx, id.EventSubscription, row.ID)
	})
	if err != nil {
		return nil, err
	}
	return row.Unwrap(), nil
}

// setSubscriptionFields sets the fields that are given, and says what is wrong with them.
func (s *Service) setSubscriptionFields(
	ctx context.Context, c *change, update *ent.EventSubscriptionUpdateOne, found *ent.EventSubscription, in UpdateEventSubscriptionInput,
) error {
	if in.Name != nil {
		if err := c.checkSubscriptionName(ctx, *in.Name, found.ID); err != nil {
			return err
		}
		update.SetName(*in.Name)
	}
	if in.EventTypes != nil || in.Filter != nil || in.Expression.IsSet() {
		r, err := s.changedRule(ctx, c, found, in)
		if err != nil {
			return err
		}
		update.SetEventTypes(r.eventTypes).SetFilter(r.filter).SetExpression(r.expression).SetRuleDigest(r.digest())
	}
	if in.Profile != nil {
		profile, err := c.findProfile(ctx, "input.profile", *in.Profile)
		if err != nil {
			return err
		}
		if profile != nil {
			update.SetProfileID(profile.ID)
		}
	}
	if in.WhileDisabled != nil {
		checkOneOf(&c.wrong, "input.whileDisabled", "whileDisabled", *in.WhileDisabled, []string{Skip, Park})
		update.SetWhileDisabled(*in.WhileDisabled)
	}
	if in.Enabled != nil {
		setEnabled(update, found, *in.Enabled)
	}
	return nil
}

// setEnabled keeps the reason of a subscription that is disabled already.
func setEnabled(update *ent.EventSubscriptionUpdateOne, found *ent.EventSubscription, enabled bool) {
	switch {
	case enabled:
		update.SetEnabled(true).SetDisabledReason("").ClearUntoldSince()
	case found.Enabled:
		update.SetEnabled(false).SetDisabledReason(manual)
	}
}

// DeleteEventSubscription deletes a subscription, and with deleteUnused also its profile, and what that uses, as far as
// nothing else uses them. It returns all that was deleted, the subscription first.
func (s *Service) DeleteEventSubscription(ctx context.Context, by Ref, deleteUnused bool) (deleted []Object, err error) {
	err = s.change(ctx, func(c *change) error {
		row, err := c.findSubscription(ctx, "by", by)
		if err != nil || row == nil {
			return err
		}
		deleted, err = c.delete(ctx, Object{Prefix: id.EventSubscription, ID: row.ID}, row.Key, deleteUnused)
		return err
	})
	if err != nil {
		return nil, err
	}
	return deleted, nil
}
