package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

var (
	// ErrUnauthenticated is wrapped by the errors of Authenticate for a key that is missing or does not work. The text
	// says which, to whoever has the secret.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbiddenAccount is returned when a key may not act for the account that was asked for, or that does not exist.
	ErrForbiddenAccount = errors.New("this API key may not act for the account in Hookline-Account: leave the header out, or use a key with the scope ACCOUNTS_ADMIN")
	// ErrUnknownAccount is wrapped when an administrator asks for an account that does not exist.
	ErrUnknownAccount = errors.New("there is no account with this key")
)

// UnavailableError says that the database, which knows the keys, did not answer: nothing is known of the key, and nothing was
// done. Its text may be shown; its cause is for the log.
type UnavailableError struct{ Cause error }

func (*UnavailableError) Error() string {
	return "API keys cannot be checked at the moment, and nothing was done; try again later"
}

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

var (
	errMissing = fmt.Errorf("%w: send an API key as `Authorization: Bearer hk_…`", ErrUnauthenticated)
	errWrong   = fmt.Errorf("%w: the API key is not valid", ErrUnauthenticated)
	errRevoked = fmt.Errorf("%w: the API key has been revoked", ErrUnauthenticated)
	errExpired = fmt.Errorf("%w: the API key has expired", ErrUnauthenticated)
	errEnded   = fmt.Errorf("%w: the portal session has ended: open a new link", ErrUnauthenticated)
)

const (
	// cacheTime bounds how long a key works after it was revoked.
	cacheTime = 2 * time.Second
	// cacheSize bounds the keys, known and unknown, and the accounts that are remembered; the least recently used go.
	cacheSize = 10_000
	// loadTimeout bounds a query that several requests wait for, of which one may have gone.
	loadTimeout = 5 * time.Second
)

// Authenticator finds out who is asking. It is safe for concurrent use.
type Authenticator struct {
	client   *ent.Client
	now      func() time.Time
	keys     *lru.Cache[string, *entry] // by token id
	accounts *lru.Cache[string, id.ID]  // by key; neither changes, and accounts are not deleted
	loads    singleflight.Group
	used     *lastUsed
}

// entry is what the database has under a token id.
type entry struct {
	key      *ent.APIKey // nil if there is none
	scopes   []access.Scope
	loadedAt time.Time
	noted    atomic.Bool // its use has been noted since
}

// NewAuthenticator returns an Authenticator on a database. Run it to have the last use of keys written.
func NewAuthenticator(client *ent.Client) *Authenticator {
	keys, err := lru.New[string, *entry](cacheSize)
	if err != nil {
		panic(err) // the size is a constant
	}
	accounts, err := lru.New[string, id.ID](cacheSize)
	if err != nil {
		panic(err)
	}
	return &Authenticator{client: client, now: time.Now, keys: keys, accounts: accounts, used: newLastUsed(client)}
}

// Authenticate returns who asks. The authorization is the value of the header Authorization, `Bearer hk_…`; accountKey is
// that of Hookline-Account, empty without one. A key acts for its own account, and with the scope ACCOUNTS_ADMIN for the
// one in Hookline-Account.
//
// Errors wrap ErrUnauthenticated, ErrForbiddenAccount or ErrUnknownAccount, or are an *UnavailableError; their text may be shown.
// A revocation takes effect within 2 seconds, an expiry at once.
func (a *Authenticator) Authenticate(ctx context.Context, authorization, accountKey string) (*access.Principal, error) {
	tokenID, secret, err := parseAuthorization(authorization)
	if err != nil {
		return nil, err
	}
	found, err := a.load(ctx, tokenID)
	if err != nil {
		return nil, &UnavailableError{Cause: fmt.Errorf("load API key: %w", err)}
	}
	now := a.now()
	if err := found.verify(secret, now); err != nil {
		return nil, err
	}
	if found.noted.CompareAndSwap(false, true) {
		a.used.note(found.key, now)
	}
	p := &access.Principal{
		KeyID: found.key.ID, KeyName: found.key.Name, KeyKind: access.KeyKind(found.key.Kind),
		AccountID: found.key.AccountID, Scopes: found.scopes, ExpiresAt: found.key.ExpiresAt,
	}
	if accountKey == "" {
		return p, nil
	}
	p.AccountID, err = a.accountFor(ctx, p, accountKey)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// parseAuthorization reads a bearer token (RFC 6750) that is an API key.
func parseAuthorization(authorization string) (tokenID, secret string, err error) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(authorization), " ")
	if scheme == "" {
		return "", "", errMissing
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", "", errMissing
	}
	tokenID, secret, err = ParseToken(strings.TrimLeft(token, " "))
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrUnauthenticated, err)
	}
	return tokenID, secret, nil
}

// verify compares in a time that does not depend on the secret, nor on whether there is a key.
func (e *entry) verify(secret string, now time.Time) error {
	given := hashSecret(secret)
	want := make([]byte, sha256.Size)
	if e.key != nil {
		want = e.key.SecretHash
	}
	switch equal := subtle.ConstantTimeCompare(given, want) == 1; {
	case !equal || e.key == nil:
		return errWrong
	case e.key.Kind == string(access.Portal) && (e.key.RevokedAt != nil || e.expired(now)):
		return errEnded
	case e.key.RevokedAt != nil:
		return errRevoked
	case e.expired(now):
		return errExpired
	}
	return nil
}

// expired reports whether the time of the key, which is there, is over.
func (e *entry) expired(now time.Time) bool {
	return e.key.ExpiresAt != nil && !now.Before(*e.key.ExpiresAt)
}

// load returns what the database has under a token id, as of cacheTime ago at most. Many who miss the same one make one
// query.
func (a *Authenticator) load(ctx context.Context, tokenID string) (*entry, error) {
	if e, ok := a.keys.Get(tokenID); ok && a.now().Sub(e.loadedAt) < cacheTime {
		return e, nil
	}
	loaded, err, _ := a.loads.Do(tokenID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		e := &entry{loadedAt: a.now()}
		key, err := a.client.APIKey.Query().Where(apikey.TokenID(tokenID)).Only(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return nil, err
		}
		if err == nil {
			e.key = key
			for _, s := range key.Scopes {
				e.scopes = append(e.scopes, access.Scope(s))
			}
		}
		a.keys.Add(tokenID, e)
		return e, nil
	})
	if err != nil {
		return nil, err
	}
	return loaded.(*entry), nil
}

// accountFor returns the account with this key, if p may act for it.
func (a *Authenticator) accountFor(ctx context.Context, p *access.Principal, key string) (id.ID, error) {
	found, err := a.account(ctx, key)
	switch {
	case err == nil && (found == p.AccountID || p.Has(access.AccountsAdmin)):
		return found, nil
	case err != nil && !errors.Is(err, ErrUnknownAccount):
		return id.Nil, &UnavailableError{Cause: fmt.Errorf("load account: %w", err)}
	case p.Has(access.AccountsAdmin):
		return id.Nil, err
	default:
		return id.Nil, ErrForbiddenAccount
	}
}

// Account returns the account with this key. The errors wrap ErrUnknownAccount, or are an *UnavailableError.
func (a *Authenticator) Account(ctx context.Context, key string) (id.ID, error) {
	found, err := a.account(ctx, key)
	if err != nil && !errors.Is(err, ErrUnknownAccount) {
		return id.Nil, &UnavailableError{Cause: fmt.Errorf("load account: %w", err)}
	}
	return found, err
}

// account returns the account with this key.
func (a *Authenticator) account(ctx context.Context, key string) (id.ID, error) {
	if found, ok := a.accounts.Get(key); ok {
		return found, nil
	}
	unknown := fmt.Errorf("%w: %.64q", ErrUnknownAccount, key)
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return id.Nil, unknown // and text that PostgreSQL would refuse
	}
	found, err := a.client.Account.Query().Where(account.Key(key)).OnlyID(ctx)
	switch {
	case ent.IsNotFound(err):
		return id.Nil, unknown
	case err != nil:
		return id.Nil, err
	}
	a.accounts.Add(key, found)
	return found, nil
}
