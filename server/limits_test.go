package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/testenv"
)

type object = map[string]any

// inputs return, for each type of input that has limits, the input of a mutation that has one of it with these fields.
var inputs = map[string]func(fields object) (mutation string, input object){
	"CreateEventSubscriptionInput": func(fields object) (string, object) {
		return "createEventSubscription", with(object{"key": "x", "name": "x", "eventTypes": []any{"*"}, "profile": object{"existing": object{"key": "p"}}}, fields)
	},
	"AutoDisableInput":             func(fields object) (string, object) { return "updateAccount", fields },
	"UpdateEventSubscriptionInput": func(fields object) (string, object) { return "updateEventSubscription", fields },
	"EventFilterInput": func(fields object) (string, object) {
		return "updateEventSubscription", object{"filter": fields}
	},
	"AttributeFilterInput": func(fields object) (string, object) {
		return "updateEventSubscription", object{"filter": object{"attributes": []any{with(object{"key": "messageStatus", "values": []any{"a"}}, fields)}}}
	},
	"CreateNotificationProfileInput": func(fields object) (string, object) {
		return "createNotificationProfile", with(object{"key": "x", "webhookUrl": "https://203.0.113.7/"}, fields)
	},
	"UpdateNotificationProfileInput": func(fields object) (string, object) { return "updateNotificationProfile", fields },
	"HeaderInput": func(fields object) (string, object) {
		return "updateNotificationProfile", object{"headers": []any{with(object{"name": "X", "value": "x"}, fields)}}
	},
	"RetryPolicyInput": func(fields object) (string, object) {
		return "updateNotificationProfile", object{"retryPolicy": with(object{"kind": "CUSTOM"}, fields)}
	},
	"CreateAuthSettingInput": func(fields object) (string, object) {
		return "createAuthSetting", with(object{"key": "x", "credentials": object{"basic": object{"username": "u", "password": "p"}}}, fields)
	},
	"UploadCertificateInput": func(fields object) (string, object) {
		return "uploadCertificate", with(object{"key": "x", "pem": "x"}, fields)
	},
	"TestConnectionInput": func(fields object) (string, object) {
		return "testConnection", with(object{"url": "https://203.0.113.7/"}, fields)
	},
	"UpdateCertificateInput": func(fields object) (string, object) { return "updateCertificate", fields },
	"UpdateAuthSettingInput": func(fields object) (string, object) { return "updateAuthSetting", fields },
	"BasicInput": func(fields object) (string, object) {
		return "updateAuthSetting", object{"credentials": object{"basic": with(object{"username": "u", "password": "p"}, fields)}}
	},
	"HmacInput": func(fields object) (string, object) {
		return "updateAuthSetting", object{"credentials": object{"hmac": fields}}
	},
	"CategoryInput": func(fields object) (string, object) {
		return "upsertCategory", with(object{"key": "x", "name": "x"}, fields)
	},
	"EventTypeInput": func(fields object) (string, object) {
		return "upsertEventType", with(object{"name": "sms.x"}, fields)
	},
	"OAuth2Input": func(fields object) (string, object) {
		grant := object{"grantType": "CLIENT_CREDENTIALS", "clientId": "c", "clientSecret": "s"}
		switch {
		case fields["username"] != nil, fields["password"] != nil:
			grant = object{"grantType": "PASSWORD", "username": "u", "password": "p"}
		case fields["refreshToken"] != nil:
			grant = object{"grantType": "REFRESH_TOKEN"}
		}
		return "updateAuthSetting", object{"credentials": object{"oauth2": with(with(object{"tokenUrl": "https://203.0.113.7/"}, grant), fields)}}
	},
}

// with returns a copy of an object with other fields besides.
func with(a, b object) object {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// sized is a value for a field of which there is so much as n.
func sized(kind *ast.Type, field, of string, n int) any {
	switch {
	case of == "VALUE":
		return n
	case of == "ITEMS":
		items := make([]any, n)
		for i := range items {
			switch kind.Elem.NamedType {
			case "HeaderInput":
				items[i] = object{"name": fmt.Sprintf("X-%d", i), "value": "x"}
			case "AttributeFilterInput":
				items[i] = object{"key": "messageStatus", "values": []any{"a"}}
			case "Duration":
				items[i] = "PT1M"
			case "TlsVersion":
				items[i] = []string{"TLS_1_2", "TLS_1_3"}[i%2]
			default:
				items[i] = fmt.Sprintf("sms.%d", i)
			}
		}
		return items
	case strings.HasSuffix(field, "Url"):
		begins := "https://203.0.113.7/"
		return begins[:min(n, len(begins))] + strings.Repeat("x", max(n-len(begins), 0))
	case kind.NamedType == "JSON":
		return strings.Repeat("a", max(n-len(`""`), 0))
	case field == "expression":
		return "true" + strings.Repeat(" ", max(n-4, 0))
	case of == "CHARACTERS" && field == "name" && kind.NamedType == "String":
		return strings.Repeat("x", n)
	}
	return strings.Repeat("a", n)
}

// TestInputLimits: what viewer says of inputs is what mutations check: the limits themselves are not refused as such, and what
// lies beyond is.
func TestInputLimits(t *testing.T) {
	t.Parallel()
	schema := parseSchema(t)
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		admin := w.key(ctx, access.AllScopes...)
		w.subscribe(ctx, "p", "sms.*")
		w.get(key, `mutation {createAuthSetting(input: {key: "p", credentials: {basic: {username: "u", password: "p"}}}) {authSetting {id}}}`, nil, "createAuthSetting")
		must(w.configure.UploadCertificate(ctx, configure.UploadCertificateInput{Key: "p", PEM: new(testenv.NewAuthority(t, "ca").PEM(t, "p", time.Now().Add(time.Hour)))}))
		var limits []struct {
			Input, Field, Of string
			Min, Max         int
		}
		check(t, json.Unmarshal([]byte(w.get(key, `{viewer {limits {input field of min max}}}`, nil, "viewer.limits")), &limits))
		if len(limits) < 50 {
			t.Errorf("there are only %d limits", len(limits))
		}
		for _, limit := range limits {
			name := limit.Input + "." + limit.Field
			definition := schema.Types[limit.Input]
			if definition == nil || definition.Fields.ForName(limit.Field) == nil || inputs[limit.Input] == nil {
				t.Errorf("there is no %s, or inputs lacks it", name)
				continue
			}
			kind := definition.Fields.ForName(limit.Field).Type
			refused := func(n int) string {
				mutation, input := inputs[limit.Input](object{limit.Field: sized(kind, limit.Field, limit.Of, n)})
				by := ""
				if strings.HasPrefix(mutation, "update") {
					by = `by: {key: "p"}, `
				}
				argument, asking := schema.Mutation.Fields.ForName(mutation).Arguments.ForName("input"), key
				if mutation == "updateAccount" { // which has several, and is an administrator's
					argument, asking = schema.Mutation.Fields.ForName(mutation).Arguments.ForName("autoDisable"), admin
				}
				document := fmt.Sprintf(`mutation ($input: %s!) {%s(%s%s: $input) {userErrors {code message path}}}`, argument.Type.Name(), mutation, by, argument.Name)
				for _, e := range w.userErrors(asking, document, object{"input": input}) {
					if slices.Contains(e.Path, limit.Field) {
						return e.Code + " " + e.Message
					}
				}
				return ""
			}
			if got := refused(limit.Max + 1); !strings.HasPrefix(got, "OUT_OF_RANGE") {
				t.Errorf("%s of %d, more than the most: %q", name, limit.Max+1, got)
			}
			if limit.Min > 0 {
				if got := refused(limit.Min - 1); got == "" {
					t.Errorf("%s of %d, less than the least, is let through", name, limit.Min-1)
				}
			}
			for _, n := range []int{limit.Min, limit.Max} {
				if got := refused(n); strings.HasPrefix(got, "OUT_OF_RANGE") {
					t.Errorf("%s of %d: %q", name, n, got)
				}
			}
		}
		// What has a number has its limit.
		listed := func(input, field string) bool {
			for _, limit := range limits {
				if limit.Input == input && limit.Field == field {
					return true
				}
			}
			return false
		}
		for _, mutation := range schema.Mutation.Fields {
			input := mutation.Arguments.ForName("input")
			if input == nil {
				continue
			}
			for _, field := range schema.Types[input.Type.Name()].Fields {
				if field.Type.Name() == "Int" && field.Name != "expectedVersion" && !listed(input.Type.Name(), field.Name) {
					t.Errorf("%s.%s is a number without a limit: add it to configure.InputLimits", input.Type.Name(), field.Name)
				}
			}
		}
	})
}
