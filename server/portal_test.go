package server_test

import (
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// TestPortalSession: the link of a portal session lets its holder work in one account, with its scopes, under its name.
func TestPortalSession(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		w.configure.PublicURL = "https://hookline.example.com"
		_, key := w.customer("acme")
		w.customer("other")
		const create = `mutation ($account: Ref!, $scopes: [Scope!]!, $name: String) {createPortalSession(account: $account, scopes: $scopes, name: $name) {
			apiKey {id name kind scopes status expiresAt} url userErrors {code message path}}}`
		made := w.query(adminKey, create, map[string]any{
			"account": map[string]any{"key": "acme"}, "scopes": []string{"SUBSCRIPTIONS_READ", "SUBSCRIPTIONS_WRITE"}, "name": "Jo of Acme",
		})
		portal, found := strings.CutPrefix(at(t, made.Data, "createPortalSession.url"), "https://hookline.example.com/#key=")
		if !found || at(t, made.Data, "createPortalSession.apiKey.kind") != "PORTAL" || at(t, made.Data, "createPortalSession.apiKey.status") != "ACTIVE" {
			t.Fatalf("got %s %+v", made.Data, made.Errors)
		}

		viewer := w.get(portal, `{viewer {account {key} keyName keyKind scopes expiresAt}}`, nil, "viewer")
		expires := at(t, made.Data, "createPortalSession.apiKey.expiresAt")
		if want := `{"account":{"key":"acme"},"expiresAt":"` + expires + `","keyKind":"PORTAL","keyName":"Jo of Acme","scopes":["SUBSCRIPTIONS_READ","SUBSCRIPTIONS_WRITE"]}`; viewer != want {
			t.Errorf("the viewer is %s, want %s", viewer, want)
		}
		for account, status := range map[string]int{"acme": 200, "other": 403, "default": 403, "nobody": 403} {
			header := bearer(portal)
			header.Set("Hookline-Account", account)
			if got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {version}}"}`, header: header}); got.status != status {
				t.Errorf("Hookline-Account: %s: %d %s", account, got.status, got.body)
			}
		}
		for _, document := range []string{
			`{deliveries {nodes {id}}}`, `{apiKeys {nodes {id}}}`, `{accounts {nodes {id}}}`, `{auditLog {nodes {id}}}`,
			`mutation {createApiKey(name: "x", scopes: [SUBSCRIPTIONS_READ]) {apiKey {id}}}`,
			`mutation {createPortalSession(account: {key: "acme"}, scopes: [SUBSCRIPTIONS_READ]) {url}}`,
		} {
			if a := w.query(portal, document, nil); a.code() != "FORBIDDEN" {
				t.Errorf("%s: %s %+v", document, a.Data, a.Errors)
			}
		}

		w.get(portal, `mutation {createNotificationProfile(input: {key: "p", webhookUrl: "https://203.0.113.7/"}) {notificationProfile {id} userErrors {message}}}`, nil, "createNotificationProfile.notificationProfile.id")
		if got := w.get(key, `{auditLog(first: 2) {nodes {actor actorId action targetType}}}`, nil, "auditLog.nodes"); got != `[{"action":"CREATE","actor":"Jo of Acme","actorId":"`+
			at(t, made.Data, "createPortalSession.apiKey.id")+`","targetType":"NotificationProfile"},{"action":"CREATE","actor":"Administrator","actorId":"`+w.get(adminKey, `{apiKeys {nodes {id}}}`, nil, "apiKeys.nodes.0.id")+`","targetType":"ApiKey"}]` {
			t.Errorf("the audit log is %s", got)
		}
		if got := w.get(key, `{apiKeys(filter: {kind: PORTAL}) {nodes {name kind}}}`, nil, "apiKeys.nodes"); got != `[{"kind":"PORTAL","name":"Jo of Acme"}]` {
			t.Errorf("the portal sessions are %s", got)
		}
		if got := w.get(key, `{apiKeys(filter: {kind: KEY}) {nodes {kind}}}`, nil, "apiKeys.nodes"); got != `[{"kind":"KEY"}]` {
			t.Errorf("the keys are %s", got)
		}

		// A customer's own key makes links to its own account only.
		for account, want := range map[string]string{"acme": "", "other": "NOT_FOUND", "nobody": "NOT_FOUND"} {
			got := w.userErrors(key, create, map[string]any{"account": map[string]any{"key": account}, "scopes": []string{"LOG_READ"}})
			if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0].Code != want) {
				t.Errorf("for %s: %+v", account, got)
			}
		}

		s := w.socket(portal)
		w.get(key, `mutation ($id: ID!) {revokeApiKey(id: $id) {apiKey {revokedAt}}}`, map[string]any{"id": at(t, made.Data, "createPortalSession.apiKey.id")}, "revokeApiKey.apiKey.revokedAt")
		if code, reason := s.closed(); code != 4403 || !strings.Contains(reason, "the portal session has ended") {
			t.Errorf("closed with %d %s", code, reason)
		}
		if a := w.query(portal, `{viewer {version}}`, nil); a.code() != "UNAUTHENTICATED" || !strings.Contains(a.Errors[0].Message, "open a new link") {
			t.Errorf("after its end: %+v", a)
		}
		if secret := portal[strings.LastIndex(portal, "_")+1:]; strings.Contains(w.log.String(), secret) {
			t.Error("the log has the token")
		}
	})
}
