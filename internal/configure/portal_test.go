package configure_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// tokenOf returns the token in a portal session's link.
func tokenOf(t testing.TB, url string) string {
	t.Helper()
	begins, token, found := strings.Cut(url, "#key=")
	if begins != "https://hookline.example.com/" || !found {
		t.Fatalf("the link is %s", url)
	}
	return token
}

func TestCreatePortalSession(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.PublicURL = "https://hookline.example.com"
		bank := e.newAccount("bank")
		scopes := []access.Scope{access.SubscriptionsRead, access.LogRead, access.SubscriptionsRead}
		caller := func(scopes ...access.Scope) *access.Principal {
			return &access.Principal{AccountID: e.account, KeyName: "Back end", Scopes: scopes}
		}
		admin, plain := caller(access.AllScopes...), caller(access.KeysAdmin, access.SubscriptionsRead, access.LogRead)
		for name, c := range map[string]struct {
			by      *access.Principal
			account configure.Ref
			owner   id.ID
			name    *string
			called  string
		}{
			"an administrator, another account by key": {admin, byKey("bank"), bank, nil, "Portal session by Back end"},
			"an administrator, another account by id":  {admin, configure.Ref{ID: new(id.Format(id.Account, bank))}, bank, new("Jo 🏦"), "Jo 🏦"},
			"an administrator, the same account":       {admin, byKey("shop"), e.account, nil, "Portal session by Back end"},
			"another key, its own account":             {plain, byKey("shop"), e.account, nil, "Portal session by Back end"},
		} {
			before := time.Now()
			made, err := e.CreatePortalSession(access.WithPrincipal(e.Context(), c.by), c.account, scopes, time.Hour, c.name)
			if err != nil {
				e.Errorf("%s: %v", name, err)
				continue
			}
			if made.AccountID != c.owner || made.Name != c.called || made.Kind != "PORTAL" || !slices.Equal(made.Scopes, []string{"SUBSCRIPTIONS_READ", "LOG_READ"}) {
				e.Errorf("%s: the key is %v", name, made.APIKey)
			}
			if left := made.ExpiresAt.Sub(before); left < time.Hour-time.Millisecond || left > time.Hour+time.Minute {
				e.Errorf("%s: it lasts %v", name, left)
			}
			token := tokenOf(e, made.URL)
			p, err := apikey.NewAuthenticator(e.Store.Ent).Authenticate(e.Context(), "Bearer "+token, "")
			if err != nil || p.AccountID != c.owner || p.KeyKind != access.Portal || p.KeyName != c.called || p.ExpiresAt == nil || !p.ExpiresAt.Equal(*made.ExpiresAt) {
				e.Errorf("%s: the token gives %+v, %v", name, p, err)
			}
			if strings.Contains(e.contents(), token[strings.LastIndex(token, "_")+1:]) {
				e.Errorf("%s: the token is in the database", name)
			}
		}
	})
}

func TestCreatePortalSessionRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.newAccount("bank")
		all := e.as(access.AllScopes...)
		plain := e.as(access.KeysAdmin, access.SubscriptionsRead)
		read := []access.Scope{access.SubscriptionsRead}
		before := e.contents()

		_, err := e.CreatePortalSession(all, byKey("shop"), []access.Scope{access.KeysAdmin, access.SubscriptionsRead, access.AccountsAdmin, access.CatalogueWrite, "FLY"}, 0, new(" "))
		wants(e, "everything wrong", err, "INVALID scopes.0 KEYS_ADMIN", "INVALID scopes.2 ACCOUNTS_ADMIN", "INVALID scopes.3 CATALOGUE_WRITE",
			"INVALID scopes.4 `FLY`", "OUT_OF_RANGE ttl 0s: it must be PT1M to PT24H", "REQUIRED name ")
		_, err = e.CreatePortalSession(plain, byKey("shop"), []access.Scope{access.LogRead}, time.Hour, nil)
		wants(e, "more than the caller's own", err, "INVALID scopes.0 your own API key lacks the scope LOG_READ")
		_, err = e.CreatePortalSession(plain, byKey("shop"), nil, time.Hour, nil)
		wants(e, "no scopes", err, "REQUIRED scopes at least one")
		for _, ttl := range []time.Duration{time.Minute - 1, 24*time.Hour + 1, -time.Hour} {
			_, err = e.CreatePortalSession(plain, byKey("shop"), read, ttl, nil)
			wants(e, ttl.String(), err, "OUT_OF_RANGE ttl "+ttl.String())
		}
		_, other := e.CreatePortalSession(plain, byKey("bank"), read, time.Hour, nil)
		wants(e, "another account", other, "NOT_FOUND account.key `bank`")
		_, missing := e.CreatePortalSession(plain, byKey("nobody"), read, time.Hour, nil)
		if masked(other) != masked(missing) {
			e.Errorf("%v for another account, %v for nobody's", other, missing)
		}
		_, err = e.CreatePortalSession(all, byKey("nobody"), read, time.Hour, nil)
		wants(e, "nobody's account", err, "NOT_FOUND account.key `nobody`")
		if e.contents() != before {
			e.Error("something was created")
		}
		for _, ttl := range []time.Duration{time.Minute, 24 * time.Hour} {
			if _, err := e.CreatePortalSession(plain, byKey("shop"), read, ttl, nil); err != nil {
				e.Errorf("%v: %v", ttl, err)
			}
		}
	})
}

func TestAPortalSessionEnds(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.PublicURL = "https://hookline.example.com"
		for name, end := range map[string]func(key id.ID){
			"by revocation": func(key id.ID) {
				if _, err := e.RevokeAPIKey(e.ctx(), key); err != nil {
					e.Error(err)
				}
			},
			"by time": func(key id.ID) {
				e.Store.Ent.APIKey.UpdateOneID(key).SetExpiresAt(time.Now().Add(-time.Second)).ExecX(e.ctx())
			},
		} {
			made, err := e.CreatePortalSession(e.as(access.AllScopes...), byKey("shop"), []access.Scope{access.LogRead}, time.Hour, nil)
			if err != nil {
				e.Fatal(err)
			}
			end(made.ID)
			_, err = apikey.NewAuthenticator(e.Store.Ent).Authenticate(e.Context(), "Bearer "+tokenOf(e, made.URL), "")
			if err == nil || !strings.Contains(err.Error(), "the portal session has ended") {
				e.Errorf("%s: %v", name, err)
			}
		}
	})
}
