// Package configure creates, changes and deletes what an account configures: event subscriptions, notification profiles,
// auth settings and certificates, and accounts and API keys besides.
//
// Every method works in the account of its context (access.Confinement); an object of another account does not exist
// for it. A mistake of the caller is a usererror.List, which names all mistakes that the input has and means that
// nothing was changed; any other error is Hookline's own.
package configure

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/usererror"
	"github.com/hookline/hookline/internal/vault"
)

// Service does what the package says. Its state is that of its parts; it is safe for concurrent use.
type Service struct {
	Store  *store.Store
	Vault  *vault.Vault
	Guard  addrguard.Policy
	Limits Limits
	// PublicURL is where browsers find the dashboard (`https://hookline.example.com`), for links to it.
	PublicURL string
	// Changed is called after the commit of each change of what every process knows, with its lines of config_changes; nil calls nothing.
	// Its error is logged: the change is made by then, and all processes find the lines.
	Changed func(ctx context.Context, lines []*ent.ConfigChange) error
	// Connections tests connections; without it that cannot be done.
	Connections *Connections
}

// Limits are what the operator can set. A zero value stands for the default.
type Limits struct {
	// SameSubscriptions is how many subscriptions of an account may have the same category, event types and filter: 5 by
	// default.
	SameSubscriptions int
	// AllowSHA1 lets auth settings sign with HMAC-SHA1.
	AllowSHA1 bool
}

// defaultSameSubscriptions is the default of Limits.SameSubscriptions.
const defaultSameSubscriptions = 5

// checkSecretsScope says that whoever asks may not set secrets. Hookline itself, for which nobody asks, may.
func checkSecretsScope(ctx context.Context, wrong *usererror.List, path string) bool {
	if p := access.PrincipalFrom(ctx); p != nil && !p.Has(access.SecretsWrite) {
		wrong.Add(usererror.Invalid, path, "setting a secret, or sending one elsewhere, needs the scope %s, which this API key does not have", access.SecretsWrite)
		return false
	}
	return true
}
