// Package apikey makes, reads and checks API keys, `hk_<id>_<secret>`.
package apikey

import (
	"context"
	"errors"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
)

var (
	// ErrUnauthenticated is wrapped by the errors of Authenticate for a key that is missing or does not work.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbiddenAccount is returned when a key may not act for the account that was asked for.
	ErrForbiddenAccount = errors.New("the API key may not act for this account")
	// ErrUnknownAccount is returned when an administrator asks for an account that does not exist.
	ErrUnknownAccount = errors.New("there is no such account")
)

// Generate makes a new key.
func Generate() (token, tokenID string, hash []byte) { return "", "", nil }

// ParseToken splits a key.
func ParseToken(token string) (tokenID, secret string, err error) { return "", "", nil }

// ValidateAdminKey says what is wrong with a key that an operator chose.
func ValidateAdminKey(token string) error { return nil }

// Authenticator finds out who is asking.
type Authenticator struct{ client *ent.Client }

// NewAuthenticator returns an Authenticator on a database.
func NewAuthenticator(client *ent.Client) *Authenticator { return &Authenticator{client: client} }

// Run writes when keys were last used, until ctx ends.
func (a *Authenticator) Run(ctx context.Context) error { return nil }

// Authenticate returns who asks with the header Authorization, for the account of the header Hookline-Account.
func (a *Authenticator) Authenticate(ctx context.Context, authorization, accountKey string) (*access.Principal, error) {
	return nil, nil
}

// Bootstrap makes the account default and the administrator's key.
func (a *Authenticator) Bootstrap(ctx context.Context, adminKey string) (generated string, err error) {
	return "", nil
}
