package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/internal/testenv"
)

func TestAuthSettings(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		const create = `mutation($input: CreateAuthSettingInput!) {createAuthSetting(input: $input) {
			authSetting {key name type lastError version credentials {__typename
				... on BasicCredentials {username}
				... on HmacCredentials {algorithm headerName encoding signedContent preset}
				... on OAuth2Credentials {tokenUrl grantType clientId scope headers {name value secret} tokenExpiresAt}}}
			createdSecret userErrors {code path}}}`
		for name, c := range map[string]struct {
			credentials map[string]any
			want        string
		}{
			"basic": {
				map[string]any{"basic": map[string]any{"username": "u", "password": "canary-p"}},
				`{"createAuthSetting":{"authSetting":{"key":"basic","name":"basic","type":"BASIC","lastError":null,"version":1,"credentials":{"__typename":"BasicCredentials","username":"u"}},"createdSecret":null,"userErrors":[]}}`,
			},
			"hmac": {
				map[string]any{"hmac": map[string]any{"secret": "canary-0123456789", "preset": "GITHUB"}},
				`{"createAuthSetting":{"authSetting":{"key":"hmac","name":"hmac","type":"HMAC","lastError":null,"version":1,"credentials":{"__typename":"HmacCredentials","algorithm":"SHA256","headerName":"X-Hub-Signature-256","encoding":"HEX","signedContent":"BODY","preset":"GITHUB"}},"createdSecret":null,"userErrors":[]}}`,
			},
			"oauth2": {
				map[string]any{"oauth2": map[string]any{
					"tokenUrl": "https://203.0.113.7/token", "grantType": "CLIENT_CREDENTIALS", "clientId": "me", "clientSecret": "canary-s",
					"headers": []any{map[string]any{"name": "X-A", "value": "canary-h", "secret": true}, map[string]any{"name": "X-B", "value": "b"}},
				}},
				`{"createAuthSetting":{"authSetting":{"key":"oauth2","name":"oauth2","type":"OAUTH2","lastError":null,"version":1,"credentials":{"__typename":"OAuth2Credentials","tokenUrl":"https://203.0.113.7/token","grantType":"CLIENT_CREDENTIALS","clientId":"me","scope":null,"headers":[{"name":"X-A","value":null,"secret":true},{"name":"X-B","value":"b","secret":false}],"tokenExpiresAt":null}},"createdSecret":null,"userErrors":[]}}`,
			},
		} {
			a := w.query(key, create, map[string]any{"input": map[string]any{"key": name, "credentials": c.credentials}})
			if got := string(a.Data); got != c.want || len(a.Errors) > 0 {
				t.Errorf("%s: %+v\ngot  %s\nwant %s", name, a.Errors, got, c.want)
			}
		}
		if strings.Contains(w.log.String(), "canary") {
			t.Error("the log has a secret")
		}
		two := map[string]any{"input": map[string]any{"key": "two", "credentials": map[string]any{
			"basic": map[string]any{"username": "u", "password": "p"}, "hmac": map[string]any{"preset": "GITHUB"},
		}}}
		if a := w.query(key, create, two); len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, "exactly one field") {
			t.Errorf("two types at once: %+v %s", a.Errors, a.Data)
		}

		setting := w.store.Ent.AuthSetting.Query().Where(authsetting.Key("oauth2")).OnlyX(ctx)
		must(0, w.store.NoteToken(ctx, setting.ID, "", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		a := w.query(key, `{authSetting(by: {key: "oauth2"}) {version credentials {... on OAuth2Credentials {tokenExpiresAt}}}}`, nil)
		if got := string(a.Data); got != `{"authSetting":{"version":1,"credentials":{"tokenExpiresAt":"2026-01-02T03:04:05Z"}}}` {
			t.Errorf("with a token: %+v %s", a.Errors, got)
		}

		const made = `mutation($input: CreateNotificationProfileInput!) {createNotificationProfile(input: $input) {
			notificationProfile {key auth {key type}} createdAuthSecret userErrors {code path}}}`
		a = w.query(key, made, map[string]any{"input": map[string]any{"key": "p", "webhookUrl": "https://203.0.113.7/", "auth": map[string]any{
			"create": map[string]any{"key": "inline", "credentials": map[string]any{"hmac": map[string]any{"headerName": "X-Sig"}}},
		}}})
		if got := string(a.Data); !strings.Contains(got, `"notificationProfile":{"key":"p","auth":{"key":"inline","type":"HMAC"}},"createdAuthSecret":"`) {
			t.Errorf("%+v %s", a.Errors, got)
		}
		for document, want := range map[string]string{
			`{authSettings(first: 2) {nodes {key} totalCount pageInfo {hasNextPage}}}`:       ``,
			`{authSettings(search: "INL", type: HMAC) {nodes {key profiles {nodes {key}}}}}`: `{"authSettings":{"nodes":[{"key":"inline","profiles":{"nodes":[{"key":"p"}]}}]}}`,
			`{authSettings(search: "inl", type: BASIC) {nodes {key}}}`:                       `{"authSettings":{"nodes":[]}}`,
			`{authSetting(by: {key: "inline"}) {name}}`:                                      `{"authSetting":{"name":"inline"}}`,
			`{authSetting(by: {key: "nobodys"}) {name}}`:                                     `{"authSetting":null}`,
		} {
			a := w.query(key, document, nil)
			if got := string(a.Data); len(a.Errors) > 0 || want != "" && got != want || want == "" && !strings.Contains(got, `"totalCount":4,"pageInfo":{"hasNextPage":true}`) {
				t.Errorf("%s: %+v %s", document, a.Errors, got)
			}
		}
		const remove = `mutation {deleteAuthSetting(by: {key: "inline"}) {deletedId userErrors {code path message blockedBy {__typename id}}}}`
		if got := w.userErrors(key, remove, nil); len(got) != 1 || got[0].Code != "IN_USE" || len(got[0].BlockedBy) != 1 || got[0].BlockedBy[0].Typename != "NotificationProfile" {
			t.Errorf("deleting one in use: %+v", got)
		}
		const update = `mutation {updateNotificationProfile(by: {key: "p"}, input: {auth: null}) {notificationProfile {auth {key}} userErrors {code path message}}}`
		if got := w.get(key, update, nil, "updateNotificationProfile.notificationProfile.auth"); got != "null" {
			t.Errorf("the auth setting is %s", got)
		}
		if got := w.get(key, remove, nil, "deleteAuthSetting.deletedId"); !strings.HasPrefix(got, "ath_") {
			t.Errorf("deleted %s", got)
		}
	})
}
