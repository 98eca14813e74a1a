package configure_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/id"
)

func TestCreateAPIKey(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		expiry := time.Now().Add(time.Hour)
		ctx := e.as(access.KeysAdmin, access.EventsPublish, access.LogRead)
		key, token, err := e.CreateAPIKey(ctx, "Shop's back end 🛒", []access.Scope{access.EventsPublish, access.LogRead, access.EventsPublish}, &expiry)
		if err != nil {
			e.Fatal(err)
		}
		if key.Name != "Shop's back end 🛒" || key.AccountID != e.account || !slices.Equal(key.Scopes, []string{"EVENTS_PUBLISH", "LOG_READ"}) ||
			key.RevokedAt != nil || key.LastUsedAt != nil || key.ExpiresAt.Sub(expiry).Abs() > time.Microsecond {
			e.Errorf("the key is %v", key)
		}
		if !strings.HasPrefix(token, apikey.TokenPrefix(key.TokenID)) {
			e.Errorf("the token %s is not that of %s", token, key.TokenID)
		}
		p, err := apikey.NewAuthenticator(e.Store.Ent).Authenticate(e.Context(), "Bearer "+token, "")
		if err != nil || p.KeyID != key.ID || p.AccountID != e.account {
			e.Errorf("the token gives %v, %v", p, err)
		}
		forever, _, err := e.CreateAPIKey(e.ctx(), "x", access.AllScopes, nil)
		if err != nil || forever.ExpiresAt != nil || len(forever.Scopes) != len(access.AllScopes) {
			e.Errorf("by Hookline itself, for ever: %v, %v", forever, err)
		}
	})
}

func TestCreateAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		over := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		_, _, err := e.CreateAPIKey(e.as(access.KeysAdmin), " ", []access.Scope{access.KeysAdmin, access.AccountsAdmin, "FLY"}, &over)
		wants(e, "everything wrong", err,
			"REQUIRED name ", "INVALID scopes.1 lacks the scope ACCOUNTS_ADMIN", "INVALID scopes.2 `FLY`", "OUT_OF_RANGE expiresAt 2020-01-01T00:00:00Z")
		_, _, err = e.CreateAPIKey(e.ctx(), strings.Repeat("n", 256), nil, nil)
		wants(e, "no scopes", err, "OUT_OF_RANGE name 256", "REQUIRED scopes at least one")
		if n := e.Store.Ent.APIKey.Query().CountX(e.Context()); n != 0 {
			e.Errorf("%d keys were made", n)
		}
	})
}

func TestRevokeAPIKey(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key, token, err := e.CreateAPIKey(e.ctx(), "x", access.AllScopes, nil)
		if err != nil {
			e.Fatal(err)
		}
		itself := access.WithPrincipal(e.Context(), &access.Principal{KeyID: key.ID, AccountID: e.account, Scopes: access.AllScopes})
		first, err := e.RevokeAPIKey(itself, key.ID)
		if err != nil || first.RevokedAt == nil {
			e.Fatalf("by itself: %v, %v", first, err)
		}
		if again, err := e.RevokeAPIKey(e.ctx(), key.ID); err != nil || !again.RevokedAt.Equal(*first.RevokedAt) {
			e.Errorf("once more: %v, %v, want the time of the first", again, err)
		}
		if _, err := apikey.NewAuthenticator(e.Store.Ent).Authenticate(e.Context(), "Bearer "+token, ""); err == nil {
			e.Error("it still works")
		}
		_, err = e.RevokeAPIKey(e.ctx(), id.New())
		wants(e, "an unknown key", err, "NOT_FOUND id key_")
	})
}
