package apikey_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
)

// env is a fresh database with a clock.
type env struct {
	*testing.T
	client *ent.Client
	auth   *apikey.Authenticator

	mu  sync.Mutex
	now time.Time
}

// each runs test on every backend.
func each(t *testing.T, test func(e *env)) {
	t.Helper()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		s, err := store.Open(t.Context(), b.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		e := &env{T: t, client: s.Ent, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
		e.auth = e.newAuthenticator()
		test(e)
	})
}

// newAuthenticator returns an Authenticator with an empty cache: another server.
func (e *env) newAuthenticator() *apikey.Authenticator {
	a := apikey.NewAuthenticator(e.client)
	a.SetClock(func() time.Time {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.now
	})
	return a
}

func (e *env) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

func (e *env) account(key string) id.ID {
	return e.client.Account.Create().SetKey(key).SetName(key).SaveX(e.Context()).ID
}

// key makes an API key, and returns it with what the header Authorization has to be.
func (e *env) key(account id.ID, scopes ...access.Scope) (*ent.APIKey, string) {
	token, tokenID, hash := apikey.Generate()
	texts := []string{}
	for _, s := range scopes {
		texts = append(texts, string(s))
	}
	key := e.client.APIKey.Create().SetAccountID(account).SetTokenID(tokenID).SetSecretHash(hash).
		SetName("key of a test").SetScopes(texts).SaveX(e.Context())
	return key, "Bearer " + token
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		shop := e.account("shop")
		key, authorization := e.key(shop, access.EventsPublish, access.LogRead)
		want := &access.Principal{
			KeyID: key.ID, KeyName: "key of a test", AccountID: shop, Scopes: []access.Scope{access.EventsPublish, access.LogRead},
		}
		for _, form := range []string{
			authorization, "bearer" + authorization[6:], "BEARER  " + authorization[7:], " " + authorization + " ",
		} {
			got, err := e.auth.Authenticate(e.Context(), form, "")
			if err != nil {
				e.Errorf("Authenticate(%q): %v", form, err)
				continue
			}
			if got.KeyID != want.KeyID || got.KeyName != want.KeyName || got.AccountID != want.AccountID || !slices.Equal(got.Scopes, want.Scopes) {
				e.Errorf("Authenticate(%q) = %+v, want %+v", form, got, want)
			}
		}
	})
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		shop := e.account("shop")
		_, good := e.key(shop)
		revoked, revokedAuth := e.key(shop)
		revoked.Update().SetRevokedAt(e.now.Add(-time.Hour)).ExecX(e.Context())
		expired, expiredAuth := e.key(shop)
		expired.Update().SetExpiresAt(e.now).ExecX(e.Context())
		otherSecret := good[:len(good)-64] + strings.Repeat("0", 64)

		for name, c := range map[string]struct{ authorization, want string }{
			"nothing":                   {"", "send an API key"},
			"a scheme alone":            {"Bearer", "hk_<id>_<secret>"},
			"another scheme":            {"Basic aGs6aGs=", "send an API key"},
			"a key without its scheme":  {good[7:], "send an API key"},
			"something else":            {"Bearer eyJhbGciOiJub25lIn0.e30.", "hk_<id>_<secret>"},
			"an unknown id":             {"Bearer hk_nobody_" + strings.Repeat("0", 64), "is not valid"},
			"another secret":            {otherSecret, "is not valid"},
			"a revoked key":             {revokedAuth, "has been revoked"},
			"a revoked key's id":        {revokedAuth[:len(revokedAuth)-64] + strings.Repeat("0", 64), "is not valid"},
			"an expired key":            {expiredAuth, "has expired"},
			"an expired key's id":       {expiredAuth[:len(expiredAuth)-64] + strings.Repeat("0", 64), "is not valid"},
			"a secret that is too long": {good + "0", "is not valid"},
		} {
			for range 2 { // from the database, and from the cache
				p, err := e.auth.Authenticate(e.Context(), c.authorization, "")
				if !errors.Is(err, apikey.ErrUnauthenticated) || !strings.Contains(err.Error(), c.want) || p != nil {
					e.Errorf("%s: %v, %v, want ErrUnauthenticated with %q", name, p, err, c.want)
				}
			}
		}
		if _, err := e.auth.Authenticate(e.Context(), good, ""); err != nil {
			e.Errorf("a good key: %v", err)
		}
	})
}

func TestUnknownIDsAndWrongSecretsReadAlike(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, good := e.key(e.account("shop"))
		_, wrong := e.auth.Authenticate(e.Context(), good[:len(good)-1]+"_", "")
		_, unknown := e.auth.Authenticate(e.Context(), "Bearer hk_nobody_"+strings.Repeat("0", 64), "")
		if wrong == nil || unknown == nil || wrong.Error() != unknown.Error() {
			e.Errorf("%v differs from %v", wrong, unknown)
		}
	})
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		shop, bank := e.account("shop"), e.account("bank")
		_, plain := e.key(shop, access.EventsPublish)
		_, admin := e.key(shop, access.AccountsAdmin)
		for name, c := range map[string]struct {
			authorization, account string
			want                   id.ID
			err                    error
		}{
			"a key in its own account":            {plain, "", shop, nil},
			"a key that names its own account":    {plain, "shop", shop, nil},
			"a key that names another account":    {plain, "bank", id.Nil, apikey.ErrForbiddenAccount},
			"a key that names no account there":   {plain, "nobody", id.Nil, apikey.ErrForbiddenAccount},
			"an administrator without the header": {admin, "", shop, nil},
			"an administrator in another account": {admin, "bank", bank, nil},
			"an administrator in none":            {admin, "nobody", id.Nil, apikey.ErrUnknownAccount},
			"an administrator with another case":  {admin, "Bank", id.Nil, apikey.ErrUnknownAccount},
			"text that no database holds":         {admin, "ba\x00nk", id.Nil, apikey.ErrUnknownAccount},
			"text that is not UTF-8":              {admin, "bank\xff", id.Nil, apikey.ErrUnknownAccount},
		} {
			for range 2 {
				p, err := e.auth.Authenticate(e.Context(), c.authorization, c.account)
				if !errors.Is(err, c.err) {
					e.Errorf("%s: %v, want %v", name, err, c.err)
				} else if err == nil && p.AccountID != c.want {
					e.Errorf("%s: account %v, want %v", name, p.AccountID, c.want)
				}
			}
		}
		_, other := e.auth.Authenticate(e.Context(), plain, "bank")
		_, none := e.auth.Authenticate(e.Context(), plain, "nobody")
		if other.Error() != none.Error() {
			e.Errorf("%v tells that the account exists, unlike %v", other, none)
		}
		// A new account can be used at once, though it was asked for before.
		nobody := e.account("nobody")
		if p, err := e.auth.Authenticate(e.Context(), admin, "nobody"); err != nil || p.AccountID != nobody {
			e.Errorf("a new account: %v, %v", p, err)
		}
	})
}

func TestRevocationWorksWithinSeconds(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"))
		if _, err := e.auth.Authenticate(e.Context(), authorization, ""); err != nil {
			e.Fatal(err)
		}
		key.Update().SetRevokedAt(e.now).ExecX(e.Context())
		e.advance(2 * time.Second)
		if _, err := e.auth.Authenticate(e.Context(), authorization, ""); !errors.Is(err, apikey.ErrUnauthenticated) {
			e.Errorf("2 seconds later: %v, want ErrUnauthenticated", err)
		}
	})
}

func TestExpiryWorksAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, authorization := e.key(e.account("shop"))
		key.Update().SetExpiresAt(e.now.Add(time.Second)).ExecX(e.Context())
		if _, err := e.auth.Authenticate(e.Context(), authorization, ""); err != nil {
			e.Fatal(err)
		}
		e.advance(time.Second)
		if _, err := e.auth.Authenticate(e.Context(), authorization, ""); !errors.Is(err, apikey.ErrUnauthenticated) {
			e.Errorf("at the time of expiry: %v, want ErrUnauthenticated", err)
		}
	})
}

func TestKeysAreCached(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, authorization := e.key(e.account("shop"))
		unknown := "Bearer hk_nobody_" + strings.Repeat("0", 64)
		queries := 0
		e.client.APIKey.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				queries++
				return next.Query(ctx, q)
			})
		}))
		for range 10 {
			if _, err := e.auth.Authenticate(e.Context(), authorization, ""); err != nil {
				e.Fatal(err)
			}
			if _, err := e.auth.Authenticate(e.Context(), unknown, ""); err == nil {
				e.Fatal("an unknown key works")
			}
		}
		if queries != 2 {
			e.Errorf("%d queries for 10 requests with each of two keys, want 2", queries)
		}
	})
}

func TestAuthenticateSaysWhenTheDatabaseIsGone(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		_, authorization := e.key(e.account("shop"))
		if err := e.client.Close(); err != nil {
			e.Fatal(err)
		}
		_, err := e.auth.Authenticate(e.Context(), authorization, "")
		if err == nil || errors.Is(err, apikey.ErrUnauthenticated) {
			e.Errorf("%v, want an error of Hookline's own", err)
		}
	})
}
