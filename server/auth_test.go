package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, acme := w.customer("acme")
		revoked, revokedToken, err := w.configure.CreateAPIKey(ctx, "revoked", []access.Scope{access.LogRead}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.configure.RevokeAPIKey(ctx, revoked.ID); err != nil {
			t.Fatal(err)
		}
		_, expired, err := w.configure.CreateAPIKey(ctx, "expired", []access.Scope{access.LogRead}, nil)
		if err != nil {
			t.Fatal(err)
		}
		tokenID := strings.Split(expired, "_")[1]
		past := time.Now().Add(-time.Hour).UTC()
		for _, key := range must(w.store.Ent.APIKey.Query().All(ctx)) {
			if key.TokenID == tokenID {
				must(key.Update().SetExpiresAt(past).Save(ctx))
			}
		}

		for name, c := range map[string]struct {
			authorization, account string
			status                 int
			code, says             string
		}{
			"no key":            {"", "", 401, "UNAUTHENTICATED", "send an API key"},
			"another scheme":    {"Basic YTpi", "", 401, "UNAUTHENTICATED", "send an API key"},
			"not a key":         {"Bearer nonsense", "", 401, "UNAUTHENTICATED", ""},
			"wrong secret":      {"Bearer hk_admin_" + strings.Repeat("x", 36), "", 401, "UNAUTHENTICATED", "not valid"},
			"unknown id":        {"Bearer hk_nobody_" + strings.Repeat("x", 36), "", 401, "UNAUTHENTICATED", "not valid"},
			"revoked":           {"Bearer " + revokedToken, "", 401, "UNAUTHENTICATED", "revoked"},
			"expired":           {"Bearer " + expired, "", 401, "UNAUTHENTICATED", "expired"},
			"unknown account":   {"Bearer " + adminKey, "nobody", 404, "NOT_FOUND", "nobody"},
			"another's account": {"Bearer " + acme, "default", 403, "FORBIDDEN", "Hookline-Account"},
			"an unknown account, not an administrator": {"Bearer " + acme, "nobody", 403, "FORBIDDEN", "Hookline-Account"},
		} {
			header := http.Header{"Content-Type": {"application/json"}}
			if c.authorization != "" {
				header.Set("Authorization", c.authorization)
			}
			if c.account != "" {
				header.Set("Hookline-Account", c.account)
			}
			got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {version}}"}`, header: header})
			if got.status != c.status || at(t, []byte(got.body), "errors.0.extensions.code") != c.code || !strings.Contains(got.body, c.says) {
				t.Errorf("%s: /graphql: %d %s", name, got.status, got.body)
			}
			if (got.header.Get("WWW-Authenticate") != "") != (c.status == 401) {
				t.Errorf("%s: WWW-Authenticate: %q", name, got.header.Get("WWW-Authenticate"))
			}
			got = w.send(request{method: "POST", path: "/v1/events", body: `{}`, header: header})
			if got.status != c.status || at(t, []byte(got.body), "error.code") != c.code || !strings.Contains(got.body, c.says) {
				t.Errorf("%s: /v1/events: %d %s", name, got.status, got.body)
			}
			s, _, err := w.dial(nil)
			if err != nil {
				t.Fatal(err)
			}
			s.write(map[string]any{"type": "connection_init", "payload": map[string]any{"authorization": c.authorization, "account": c.account}})
			if code, reason := s.closed(); code != 4403 || !strings.Contains(reason, c.says) {
				t.Errorf("%s: websocket: closed with %d %s", name, code, reason)
			}
		}

		t.Run("an administrator works in the account of the header", func(t *testing.T) {
			header := bearer(adminKey)
			for account, want := range map[string]string{"": "default", "acme": "acme", "default": "default"} {
				header.Set("Hookline-Account", account)
				got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {account {key}}}"}`, header: header})
				if key := at(t, []byte(got.body), "data.viewer.account.key"); key != want {
					t.Errorf("%q: works in %s", account, key)
				}
			}
		})

		t.Run("the viewer is who asks", func(t *testing.T) {
			key := w.key(ctx, access.LogRead, access.PayloadsRead)
			const document = `{viewer {account {key name} keyName scopes version}}`
			if got := w.get(key, document, nil, "viewer"); got != `{"account":{"key":"acme","name":"Account acme"},"keyName":"a key","scopes":["LOG_READ","PAYLOADS_READ"],"version":"1.2.3"}` {
				t.Error(got)
			}
		})

		t.Run("no key or secret is in the log", func(t *testing.T) {
			log := w.log.String()
			for _, secret := range []string{adminKey, acme, revokedToken, expired, strings.Repeat("x", 36)} {
				if secret := secret[strings.LastIndex(secret, "_")+1:]; strings.Contains(log, secret) {
					t.Errorf("the log has %s", secret)
				}
			}
		})
	})
}

func TestWebsocket(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) {
		c.AllowedOrigins = []string{"https://app.example.com"}
	})
	ctx, key := w.customer("acme")

	t.Run("executes queries", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		s := w.socket(key)
		s.subscribe("1", `{viewer {account {key}}}`, nil)
		if got := s.read(); got.Type != "next" || string(got.Payload) != `{"data":{"viewer":{"account":{"key":"acme"}}}}` {
			t.Errorf("got %s %s", got.Type, got.Payload)
		}
		if got := s.read(); got.Type != "complete" {
			t.Errorf("got %s", got.Type)
		}
	})

	t.Run("refuses an operation without its scope", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		s := w.socket(w.key(ctx, access.EventsPublish))
		s.subscribe("1", `subscription {deliveryAttempts {cursor}}`, nil)
		if got := s.read(); got.Type != "error" || !strings.Contains(string(got.Payload), "FORBIDDEN") {
			t.Errorf("got %s %s", got.Type, got.Payload)
		}
	})

	t.Run("closes without connection_init", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		s, _, err := w.dial(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.subscribe("1", `{viewer {version}}`, nil)
		if code, _ := s.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
	})

	t.Run("admits only its own origin and those that are allowed", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for origin, admitted := range map[string]bool{
			"": true, w.url: true, "https://app.example.com": true, "https://evil.example.com": false, "null": false,
		} {
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			_, resp, err := w.dial(header)
			if (err == nil) != admitted || (!admitted && (resp == nil || resp.StatusCode != 403)) {
				t.Errorf("%s: %v", origin, err)
			}
		}
	})

	t.Run("is closed when its key is revoked", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		short, token, err := w.configure.CreateAPIKey(ctx, "short", []access.Scope{access.LogRead}, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.settle(result(must(accountOf(ctx)), id.New(), id.New(), 1, stream.StatusSucceeded))
		s := w.socket(token)
		s.subscribe("1", `subscription {deliveryAttempts {cursor}}`, nil)
		s.read()
		if got := w.get(key, `mutation($id: ID!) {revokeApiKey(id: $id) {apiKey {revokedAt} userErrors {code}}}`,
			map[string]any{"id": id.Format(id.APIKey, short.ID)}, "revokeApiKey.userErrors"); got != "[]" {
			t.Fatal(got)
		}
		if code, reason := s.closed(); code != 4403 || !strings.Contains(reason, "revoked") {
			t.Errorf("closed with %d %s", code, reason)
		}
	})
}

// TestKeysEndOnOpenConnections: what was opened with a key does not outlive it by more than 5 seconds, and nothing else can be
// done with it.
func TestKeysEndOnOpenConnections(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"})
	ctx, key := w.customer("acme")
	for how, says := range map[string]string{"revoked": "revoked", "expired": "expired"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := w.in(t)
			var expiry *time.Time
			if how == "expired" {
				expiry = new(time.Now().Add(2 * time.Second))
			}
			made, token, err := w.configure.CreateAPIKey(ctx, how, []access.Scope{access.LogRead}, expiry)
			check(t, err)
			s := w.socket(token)
			s.subscribe("1", `subscription {deliveryAttempts {cursor}}`, nil)
			ends := time.Now()
			if expiry != nil {
				ends = *expiry
			} else {
				w.get(key, `mutation($id: ID!) {revokeApiKey(id: $id) {apiKey {id}}}`, map[string]any{"id": id.Format(id.APIKey, made.ID)}, "revokeApiKey.apiKey.id")
			}
			if code, reason := s.closed(); code != 4403 || !strings.Contains(reason, says) {
				t.Errorf("closed with %d %s", code, reason)
			}
			if late := time.Since(ends); late > 5*time.Second {
				t.Errorf("closed after %v", late)
			}
			if a := w.query(token, `{viewer {version}}`, nil); a.code() != "UNAUTHENTICATED" || !strings.Contains(a.Errors[0].Message, says) {
				t.Errorf("over HTTP: %+v", a)
			}
		})
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) {
		c.AllowedOrigins = []string{"https://app.example.com"}
	})
	for _, path := range []string{"/graphql", "/v1/events"} {
		ask := func(method, origin string) reply {
			header := bearer(adminKey)
			header.Set("Origin", origin)
			header.Set("Access-Control-Request-Method", "POST")
			return w.send(request{method: method, path: path, body: `{"query":"{viewer {version}}"}`, header: header})
		}
		got := ask("OPTIONS", "https://app.example.com")
		if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
			!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Hookline-Account, Idempotency-Key") {
			t.Errorf("%s: asked before, allowed: %d %v", path, got.status, got.header)
		}
		if got := ask("POST", "https://app.example.com"); got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
			t.Errorf("%s: allowed: %v", path, got.header)
		}
		if got := ask("OPTIONS", "https://evil.example.com"); got.status != 403 || got.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: asked before, not allowed: %d %v", path, got.status, got.header)
		}
		if got := ask("POST", "https://evil.example.com"); got.header.Get("Access-Control-Allow-Origin") != "" ||
			!slices.Contains(got.header.Values("Vary"), "Origin") {
			t.Errorf("%s: not allowed: %v", path, got.header)
		}
	}
}
