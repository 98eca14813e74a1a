package apikey_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
)

// adminKey returns an administrator's key whose secret is made of c.
func adminKey(id, c string) string { return "hk_" + id + "_" + strings.Repeat(c, 32) }

func (e *env) bootstrap(adminKey string) string {
	e.Helper()
	generated, err := e.auth.Bootstrap(e.Context(), adminKey)
	if err != nil {
		e.Fatalf("Bootstrap(%q): %v", adminKey, err)
	}
	return generated
}

// works reports whether a server that has nothing in its cache lets the key in.
func (e *env) works(token string) bool {
	e.Helper()
	p, err := e.newAuthenticator().Authenticate(e.Context(), "Bearer "+token, "")
	if err != nil && !errors.Is(err, apikey.ErrUnauthenticated) {
		e.Fatal(err)
	}
	return err == nil && p.Has(access.AccountsAdmin)
}

// expect says of each key whether it should work.
func (e *env) expect(when string, keys map[string]bool) {
	e.Helper()
	for token, want := range keys {
		if got := e.works(token); got != want {
			e.Errorf("%s: %s works: %v, want %v", when, token, got, want)
		}
	}
}

func TestBootstrapGeneratesAKeyOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		token := e.bootstrap("")
		p, err := e.auth.Authenticate(e.Context(), "Bearer "+token, "")
		if err != nil {
			e.Fatal(err)
		}
		owner := e.client.Account.Query().Where(account.Key("default")).OnlyX(e.Context())
		if p.AccountID != owner.ID {
			e.Errorf("the key is of account %v, want default", p.AccountID)
		}
		for _, s := range access.AllScopes {
			if !p.Has(s) {
				e.Errorf("the key lacks %s", s)
			}
		}
		if again := e.bootstrap(""); again != "" {
			e.Error("the second start generated another key")
		}
		e.expect("after the second start", map[string]bool{token: true})
		if n := e.client.APIKey.Query().CountX(e.Context()); n != 1 {
			e.Errorf("%d keys, want 1", n)
		}
	})
}

func TestBootstrapTakesTheGivenKey(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		a, b := adminKey("a", "a"), adminKey("b", "b")
		for range 2 {
			if generated := e.bootstrap(a); generated != "" {
				e.Error("it generated one besides")
			}
			e.expect("given a", map[string]bool{a: true, b: false})
		}
		e.bootstrap(b)
		e.expect("changed to b", map[string]bool{a: false, b: true})
		if generated := e.bootstrap(""); generated != "" {
			e.Error("it generated one though there was one")
		}
		e.expect("given none", map[string]bool{a: false, b: true})
		e.bootstrap(a)
		e.expect("changed back to a", map[string]bool{a: true, b: false})
		if n := e.client.Account.Query().CountX(e.Context()); n != 1 {
			e.Errorf("%d accounts, want 1", n)
		}
	})
}

func TestBootstrapReplacesTheGeneratedKey(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		generated, given := e.bootstrap(""), adminKey("a", "a")
		e.bootstrap(given)
		e.expect("given one", map[string]bool{generated: false, given: true})
	})
}

func TestBootstrapChangesTheSecretOfAnID(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		before, after := adminKey("admin", "a"), adminKey("admin", "b")
		e.bootstrap(before)
		e.bootstrap(after)
		e.expect("with another secret", map[string]bool{before: false, after: true})
	})
}

func TestBootstrapLeavesARevokedKeyRevoked(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		a, b := adminKey("a", "a"), adminKey("a", "b")
		e.bootstrap(a)
		e.client.APIKey.Update().SetRevokedAt(time.Now()).ExecX(e.Context())
		e.bootstrap(a)
		e.expect("the same after a revocation", map[string]bool{a: false})
		e.bootstrap(b)
		e.expect("another secret", map[string]bool{a: false, b: true})
	})
}

func TestBootstrapRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		if _, err := e.auth.Bootstrap(e.Context(), "hk_admin_short"); !errors.Is(err, apikey.ErrToken) {
			e.Errorf("a malformed key: %v, want ErrToken", err)
		}
		if n := e.client.Account.Query().CountX(e.Context()); n != 0 {
			e.Error("it made the account all the same")
		}
		key, authorization := e.key(e.account("shop"))
		token := strings.TrimPrefix(authorization, "Bearer ")
		if _, err := e.auth.Bootstrap(e.Context(), token); err == nil || !strings.Contains(err.Error(), "HOOKLINE_ADMIN_KEY") {
			e.Errorf("a key of another account: %v, want an error that names the setting", err)
		}
		if got := e.client.APIKey.GetX(e.Context(), key.ID); len(got.Scopes) != 0 {
			e.Error("a key of another account became an administrator's")
		}
	})
}

func TestBootstrapByManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		tokens := make(chan string, 8)
		for range cap(tokens) {
			go func() {
				generated, err := e.newAuthenticator().Bootstrap(e.Context(), "")
				if err != nil {
					e.Error(err)
				}
				tokens <- generated
			}()
		}
		var working []string
		for range cap(tokens) {
			if token := <-tokens; token != "" {
				working = append(working, token)
			}
		}
		if len(working) != 1 || !e.works(working[0]) {
			e.Errorf("%d keys were generated, want one that works", len(working))
		}
	})
}

func TestBootstrapWithDifferentKeysAtOnceLeavesOneWorking(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		keys := []string{adminKey("a", "a"), adminKey("b", "b"), adminKey("c", "c"), adminKey("d", "d")}
		failed := make(chan error, len(keys))
		e.bootstrap("")
		for _, key := range keys {
			go func() {
				_, err := e.newAuthenticator().Bootstrap(e.Context(), key)
				failed <- err
			}()
		}
		for range keys {
			if err := <-failed; err != nil {
				e.Error(err)
			}
		}
		working := 0
		for _, key := range keys {
			if e.works(key) {
				working++
			}
		}
		if working != 1 {
			e.Errorf("%d keys work, want 1", working)
		}
	})
}
