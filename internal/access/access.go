// Package access says who is asking and what they may do: the principal of a request, its scopes and its account. It
// travels in the context, and the database layer (ent/schema/mixin.go) confines every query to the account found here.
package access

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hookline/hookline/internal/id"
)

// Scope is a thing that an API key may do. Its text is the GraphQL enum value.
type Scope string

// All scopes.
const (
	EventsPublish      Scope = "EVENTS_PUBLISH"
	SubscriptionsRead  Scope = "SUBSCRIPTIONS_READ"
	SubscriptionsWrite Scope = "SUBSCRIPTIONS_WRITE"
	SecretsWrite       Scope = "SECRETS_WRITE"
	LogRead            Scope = "LOG_READ"
	PayloadsRead       Scope = "PAYLOADS_READ"
	DeliveriesReplay   Scope = "DELIVERIES_REPLAY"
	CatalogueWrite     Scope = "CATALOGUE_WRITE"
	AccountsAdmin      Scope = "ACCOUNTS_ADMIN"
	KeysAdmin          Scope = "KEYS_ADMIN"
)

// AllScopes lists every scope: what the bootstrap administrator key may do.
var AllScopes = []Scope{
	EventsPublish, SubscriptionsRead, SubscriptionsWrite, SecretsWrite, LogRead, PayloadsRead,
	DeliveriesReplay, CatalogueWrite, AccountsAdmin, KeysAdmin,
}

// KeyKind is what an API key is for. Its text is the GraphQL enum value.
type KeyKind string

// All kinds of keys.
const (
	Key    KeyKind = "KEY"    // a program or person keeps it
	Portal KeyKind = "PORTAL" // in the link of a portal session
)

// Principal is who is asking: an API key, and the account that the request works in.
type Principal struct {
	KeyID     id.ID
	KeyName   string
	KeyKind   KeyKind
	AccountID id.ID
	Scopes    []Scope
	ExpiresAt *time.Time // nil: never
}

// Has reports whether the principal has at least one of the scopes; an empty list asks for none.
func (p *Principal) Has(anyOf ...Scope) bool {
	if len(anyOf) == 0 {
		return true
	}
	return slices.ContainsFunc(anyOf, func(s Scope) bool { return slices.Contains(p.Scopes, s) })
}

type contextKey int

const (
	principalKey contextKey = iota
	accountKey
	systemKey
	requestIDKey
)

// WithPrincipal returns a context in which p asks, confined to p's account.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey, p)
}

// PrincipalFrom returns who is asking, or nil if nobody has been identified.
func PrincipalFrom(ctx context.Context) *Principal {
	p, _ := ctx.Value(principalKey).(*Principal)
	return p
}

// WithAccount returns a context confined to an account, for work that no principal asked for.
func WithAccount(ctx context.Context, account id.ID) context.Context {
	return context.WithValue(ctx, accountKey, account)
}

// WithSystem returns a context that sees every account: for Hookline's own services, never for a request.
func WithSystem(ctx context.Context) context.Context {
	return context.WithValue(ctx, systemKey, true)
}

// ErrNoAccount is returned when account data is asked for in a context that names neither account nor system.
var ErrNoAccount = errors.New("no account in the context")

// Confinement returns the account to which data access is confined in this context; all is true for the system itself.
func Confinement(ctx context.Context) (account id.ID, all bool, err error) {
	if system, _ := ctx.Value(systemKey).(bool); system {
		return id.Nil, true, nil
	}
	if account, ok := ctx.Value(accountKey).(id.ID); ok {
		return account, false, nil
	}
	if p := PrincipalFrom(ctx); p != nil {
		return p.AccountID, false, nil
	}
	return id.Nil, false, ErrNoAccount
}

// WithRequestID returns a context of the request with this id.
func WithRequestID(ctx context.Context, requestID string) context.Context {
	return context.WithValue(ctx, requestIDKey, requestID)
}

// RequestID returns the id of the request, empty if none asked for the work.
func RequestID(ctx context.Context) string {
	requestID, _ := ctx.Value(requestIDKey).(string)
	return requestID
}
