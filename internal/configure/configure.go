// Package configure creates, changes and deletes what an account configures: event subscriptions and notification
// profiles, and accounts and API keys besides.
//
// Every method works in the account of its context (access.Confinement); an object of another account does not exist
// for it. A mistake of the caller is a usererror.List, which names all mistakes that the input has and means that
// nothing was changed; any other error is Hookline's own.
package configure

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/vault"
)

// Service does what the package says. It has no state of its own and is safe for concurrent use.
type Service struct {
	Store  *store.Store
	Vault  *vault.Vault
	Guard  addrguard.Policy
	Limits Limits
	// Changed is called after the commit of each change of an account's subscriptions and profiles; nil calls nothing.
	Changed func(ctx context.Context, account id.ID) error
}

// Limits are what the operator can set. A zero value stands for the default.
type Limits struct {
	// SameSubscriptions is how many subscriptions of an account may have the same category, event types and filter: 5 by
	// default.
	SameSubscriptions int
}

// CreatedEventSubscription is a new event subscription.
type CreatedEventSubscription struct {
	*ent.EventSubscription
	// Secret is the signing secret as `whsec_…`: this is the only time that it is shown.
	Secret string
	// Warnings say what deserves attention although nothing is wrong.
	Warnings []string
}

// SecretBinding is what the signing secret of a subscription is sealed for (see package vault): its text, `whsec_…`.
func SecretBinding(subscription id.ID) string {
	return "event_subscriptions/" + subscription.String() + "/secret"
}
