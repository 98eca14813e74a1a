package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// wrong is the userErrors of an answer.
type wrong struct {
	Code, Message string
	Path          []string
	BlockedBy     []struct {
		Typename string `json:"__typename"`
		ID       string
	}
}

// userErrors executes a mutation, and returns the userErrors of its payload.
func (w *world) userErrors(key, document string, vars map[string]any) []wrong {
	w.t.Helper()
	a := w.query(key, document, vars)
	var payloads map[string]struct{ UserErrors []wrong }
	if err := json.Unmarshal(a.Data, &payloads); err != nil || len(a.Errors) > 0 {
		w.t.Fatalf("%+v", a)
	}
	for _, payload := range payloads {
		return payload.UserErrors
	}
	return nil
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		const create = `mutation($input: CreateEventSubscriptionInput!) {createEventSubscription(input: $input) {
			eventSubscription {id key name category {key} eventTypes filter {entities users} enabled disabledReason version
				profile {key webhookUrl payloadFormat windowSize tlsVersions headers {name value secret}
					responseStatusRegex responseBodyRegex retryPolicy {kind delays jitter totalWindow}}}
			createdSecret warnings userErrors {code message path blockedBy {__typename id}}}}`
		input := func(subscription string, change map[string]any) map[string]any {
			profile := map[string]any{"key": subscription, "webhookUrl": "https://203.0.113.7/hook"}
			in := map[string]any{"key": subscription, "name": "N " + subscription, "eventTypes": []string{"sms.*"}, "profile": map[string]any{"create": profile}}
			for name, value := range change {
				if field, ofProfile := strings.CutPrefix(name, "profile."); ofProfile {
					profile[field] = value
				} else {
					in[name] = value
				}
			}
			return map[string]any{"input": in}
		}

		t.Run("creates a subscription with its profile, and shows it", func(t *testing.T) {
			a := w.query(key, create, input("first", map[string]any{
				"category": "sms", "filter": map[string]any{"entities": []string{"berlin"}},
				"profile.headers":             []any{map[string]any{"name": "X-A", "value": "b"}, map[string]any{"name": "X-S", "value": "s3cret", "secret": true}},
				"profile.retryPolicy":         map[string]any{"kind": "CUSTOM", "delays": []string{"PT5S", "PT1M"}},
				"profile.responseStatusRegex": "^20", "profile.tlsVersions": []string{"TLS_1_3"},
			}))
			var got struct {
				CreateEventSubscription struct {
					EventSubscription map[string]any
					CreatedSecret     string
					UserErrors        []wrong
				}
			}
			if err := json.Unmarshal(a.Data, &got); err != nil || len(a.Errors) > 0 || len(got.CreateEventSubscription.UserErrors) > 0 {
				t.Fatalf("%+v %s", a.Errors, a.Data)
			}
			created := got.CreateEventSubscription
			if !strings.HasPrefix(created.CreatedSecret, "whsec_") {
				t.Errorf("secret %s", created.CreatedSecret)
			}
			delete(created.EventSubscription, "id")
			want := `{"category":{"key":"sms"},"disabledReason":null,"enabled":true,"eventTypes":["sms.*"],"filter":{"entities":["berlin"],"users":[]},` +
				`"key":"first","name":"N first","profile":{"headers":[{"name":"X-A","secret":false,"value":"b"},{"name":"X-S","secret":true,"value":null}],"key":"first",` +
				`"payloadFormat":"ENVELOPE","responseBodyRegex":null,"responseStatusRegex":"^20",` +
				`"retryPolicy":{"delays":["PT5S","PT1M"],"jitter":true,"kind":"CUSTOM","totalWindow":"PT1M5S"},"tlsVersions":["TLS_1_3"],"webhookUrl":"https://203.0.113.7/hook","windowSize":20},"version":1}`
			if shown := string(must(json.Marshal(created.EventSubscription))); shown != want {
				t.Errorf("got  %s\nwant %s", shown, want)
			}
			if strings.Contains(w.log.String(), "s3cret") || strings.Contains(w.log.String(), created.CreatedSecret) {
				t.Error("the log has a secret")
			}
		})

		t.Run("says what is wrong with an input, and where", func(t *testing.T) {
			for name, c := range map[string]struct {
				change           map[string]any
				code, path, says string
			}{
				"pattern":         {map[string]any{"eventTypes": []string{"sms.*", "sms.*.."}}, "INVALID", "input.eventTypes.1", "sms.*.."},
				"unknown type":    {map[string]any{"eventTypes": []string{"sms.nothing"}}, "NOT_FOUND", "input.eventTypes.0", "sms.nothing"},
				"blocked address": {map[string]any{"profile.webhookUrl": "https://169.254.169.254/latest"}, "BLOCKED_ADDRESS", "input.profile.create.webhookUrl", ""},
				"http":            {map[string]any{"profile.webhookUrl": "http://203.0.113.7/"}, "INVALID", "input.profile.create.webhookUrl", "https"},
				"window":          {map[string]any{"profile.windowSize": 5}, "OUT_OF_RANGE", "input.profile.create.windowSize", "20"},
				"regex":           {map[string]any{"profile.responseBodyRegex": "("}, "INVALID", "input.profile.create.responseBodyRegex", ""},
				"key":             {map[string]any{"key": "a b"}, "INVALID", "input.key", ""},
				"category":        {map[string]any{"category": "nothing"}, "NOT_FOUND", "input.category", ""},
				"other category":  {map[string]any{"category": "email"}, "INVALID", "input.eventTypes.0", ""},
			} {
				got := w.userErrors(key, create, input("wrong", c.change))
				if len(got) != 1 || got[0].Code != c.code || strings.Join(got[0].Path, ".") != c.path || !strings.Contains(got[0].Message, c.says) {
					t.Errorf("%s: %+v", name, got)
				}
			}
			if got := w.get(key, `{notificationProfiles(search: "wrong") {nodes {key}}}`, nil, "notificationProfiles.nodes"); got != "[]" {
				t.Errorf("a profile was created for a refused subscription: %s", got)
			}
		})

		t.Run("refuses a key that is taken", func(t *testing.T) {
			got := w.userErrors(key, create, input("first", map[string]any{"name": "Another", "profile.key": "another"}))
			if len(got) != 1 || got[0].Code != "TAKEN" || strings.Join(got[0].Path, ".") != "input.key" {
				t.Errorf("got %+v", got)
			}
		})

		t.Run("tells absent from null in a change", func(t *testing.T) {
			const update = `mutation($input: UpdateNotificationProfileInput!) {updateNotificationProfile(by: {key: "first"}, input: $input) {
				notificationProfile {responseStatusRegex windowSize version} userErrors {code message path}}}`
			for _, c := range []struct {
				input map[string]any
				want  string
			}{
				{map[string]any{"windowSize": 30}, `{"responseStatusRegex":"^20","version":2,"windowSize":30}`},
				{map[string]any{"responseStatusRegex": nil}, `{"responseStatusRegex":null,"version":3,"windowSize":30}`},
			} {
				if got := w.get(key, update, map[string]any{"input": c.input}, "updateNotificationProfile.notificationProfile"); got != c.want {
					t.Errorf("%v: %s, want %s", c.input, got, c.want)
				}
			}
			if got := w.userErrors(key, update, map[string]any{"input": map[string]any{"windowSize": 40, "expectedVersion": 1}}); len(got) != 1 || got[0].Code != "VERSION_CONFLICT" {
				t.Errorf("got %+v", got)
			}
		})

		t.Run("names what blocks a deletion", func(t *testing.T) {
			const remove = `mutation {deleteNotificationProfile(by: {key: "first"}) {deletedId userErrors {code message path blockedBy {__typename id}}}}`
			got := w.userErrors(key, remove, nil)
			if len(got) != 1 || got[0].Code != "IN_USE" || len(got[0].BlockedBy) != 1 || got[0].BlockedBy[0].Typename != "EventSubscription" {
				t.Errorf("got %+v", got)
			}
			// A key that may not read subscriptions does not learn which it is.
			blind := w.key(ctx, access.SubscriptionsWrite)
			if got := w.userErrors(blind, remove, nil); len(got) != 1 || got[0].Code != "IN_USE" || len(got[0].BlockedBy) != 0 {
				t.Errorf("blind: %+v", got)
			}
			const impact = `query ($id: ID!) {deletionImpact(id: $id) {blockedByCount blockedBy {__typename} deletes {__typename id}}}`
			profile := w.get(key, `{notificationProfile(by: {key: "first"}) {id}}`, nil, "notificationProfile.id")
			if got := w.get(key, impact, map[string]any{"id": profile}, "deletionImpact"); got != `{"blockedBy":[{"__typename":"EventSubscription"}],"blockedByCount":1,"deletes":[]}` {
				t.Errorf("the profile's impact is %s", got)
			}
			subscription := w.get(key, `{eventSubscription(by: {key: "first"}) {id}}`, nil, "eventSubscription.id")
			want := `{"blockedBy":[],"blockedByCount":0,"deletes":[{"__typename":"EventSubscription","id":"` + subscription + `"},{"__typename":"NotificationProfile","id":"` + profile + `"}]}`
			if got := w.get(key, impact, map[string]any{"id": subscription}, "deletionImpact"); got != want {
				t.Errorf("the impact is %s, want %s", got, want)
			}
			for _, nothing := range []string{id.Format(id.EventSubscription, id.New()), "nonsense", id.Format(id.Event, id.New())} {
				if got := w.get(key, impact, map[string]any{"id": nothing}, "deletionImpact"); got != "null" {
					t.Errorf("the impact of %s is %s", nothing, got)
				}
			}
			deleted := w.get(key, `mutation {deleteEventSubscription(by: {key: "first"}, deleteUnused: true) {deletedId deletedIds userErrors {code}}}`, nil, "deleteEventSubscription")
			if deleted != `{"deletedId":"`+subscription+`","deletedIds":["`+subscription+`","`+profile+`"],"userErrors":[]}` {
				t.Errorf("deleted %s", deleted)
			}
			if got := w.get(key, `{notificationProfile(by: {key: "first"}) {id}}`, nil, "notificationProfile"); got != "null" {
				t.Errorf("the profile is still there: %s", got)
			}
		})

		t.Run("lists by filters", func(t *testing.T) {
			w.subscribe(ctx, "Sms-100", "sms.delivery")
			w.subscribe(ctx, "email", "email.*")
			const update = `mutation {updateEventSubscription(by: {key: "email"}, input: {filter: {applications: ["a.b", "c"], entities: ["Ö\"'"]}}) {userErrors {message}}}`
			w.get(key, update, nil, "updateEventSubscription.userErrors")
			for filter, want := range map[string]string{
				`{}`:                          "email Sms-100",
				`{search: "SMS-1"}`:           "Sms-100",
				`{search: "subscription e"}`:  "email",
				`{search: "%"}`:               "",
				`{search: "_"}`:               "",
				`{profile: {key: "email"}}`:   "email",
				`{profile: {key: "nothing"}}`: "",
				`{profile: {id: "prf_"}}`:     "",
				`{enabled: true}`:             "email Sms-100",
				`{enabled: false}`:            "",
				`{category: "sms"}`:           "",
				`{eventType: "sms.delivery"}`: "Sms-100",
				`{eventType: "sms.seen"}`:     "",
				`{eventType: "email.a.b.c"}`:  "email",
				`{eventType: "email"}`:        "",
				`{application: "c"}`:          "email",
				`{application: "a.b"}`:        "email",
				`{application: "a"}`:          "",
				`{application: "C"}`:          "",
				`{entity: "Ö\"'"}`:            "email",
				`{entity: "c"}`:               "",
				`{entity: ""}`:                "",

				`{eventType: "email.x", application: "c", search: "MAIL"}`: "email",
				`{eventType: "sms.delivery", application: "c"}`:            "",
			} {
				a := w.query(key, fmt.Sprintf(`{eventSubscriptions(filter: %s) {nodes {key} totalCount}}`, filter), nil)
				var got struct {
					EventSubscriptions struct {
						Nodes      []struct{ Key string }
						TotalCount int
					}
				}
				if err := json.Unmarshal(a.Data, &got); err != nil {
					t.Fatal(err)
				}
				var keys []string
				for _, node := range got.EventSubscriptions.Nodes {
					keys = append(keys, node.Key)
				}
				if strings.Join(keys, " ") != want || got.EventSubscriptions.TotalCount != len(keys) {
					t.Errorf("%s: %v of %d, want %s", filter, keys, got.EventSubscriptions.TotalCount, want)
				}
			}
			for _, wrong := range []string{"", "sms.*", "*", "SMS", "sms.", "sms..x", "a b", strings.Repeat("x", 256)} {
				a := w.query(key, `query ($type: String) {eventSubscriptions(filter: {eventType: $type}) {totalCount}}`, map[string]any{"type": wrong})
				if a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, "filter.eventType: ") {
					t.Errorf("%.20q as an event type: %+v", wrong, a)
				}
			}
		})
	})
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, key := w.customer("acme")
		const create = `mutation($scopes: [Scope!]!) {createApiKey(name: "mine", scopes: $scopes) {apiKey {id name prefix scopes revokedAt} createdSecret userErrors {code message path}}}`
		a := w.query(key, create, map[string]any{"scopes": []string{"LOG_READ"}})
		made, secret := at(t, a.Data, "createApiKey.apiKey.id"), at(t, a.Data, "createApiKey.createdSecret")
		if !strings.HasPrefix(secret, at(t, a.Data, "createApiKey.apiKey.prefix")) || at(t, a.Data, "createApiKey.apiKey.scopes") != `["LOG_READ"]` {
			t.Errorf("got %s", a.Data)
		}
		if got := w.get(secret, `{viewer {keyName}}`, nil, "viewer.keyName"); got != "mine" {
			t.Errorf("works as %s", got)
		}
		if got := w.userErrors(key, create, map[string]any{"scopes": []string{"ACCOUNTS_ADMIN"}}); len(got) != 1 || strings.Join(got[0].Path, ".") != "scopes.0" {
			t.Errorf("a scope that the caller lacks: %+v", got)
		}
		if got := w.get(key, `{apiKeys {nodes {id name lastUsedAt}}}`, nil, "apiKeys.nodes.0.id"); got != made {
			t.Errorf("the newest key is %s", got)
		}
		if got := w.get(adminKey, `mutation {createAccount(key: "new", name: "New") {account {key} userErrors {code}}}`, nil, "createAccount"); got != `{"account":{"key":"new"},"userErrors":[]}` {
			t.Error(got)
		}
		if got := w.get(adminKey, `{accounts {nodes {key}}}`, nil, "accounts.nodes"); got != `[{"key":"new"},{"key":"acme"},{"key":"default"}]` {
			t.Error(got)
		}
		if a := w.query(key, `{accounts {nodes {key}}}`, nil); a.code() != "FORBIDDEN" {
			t.Errorf("accounts for a customer: %+v", a)
		}
		for search, want := range map[string]string{"AC": `[{"key":"acme"}]`, "account A": `[{"key":"acme"}]`, "nobody": `[]`} {
			if got := w.get(adminKey, `query ($s: String) {accounts(search: $s) {nodes {key}}}`, map[string]any{"s": search}, "accounts.nodes"); got != want {
				t.Errorf("accounts with %q: %s", search, got)
			}
		}
		renamed := w.query(adminKey, `mutation {updateAccount(by: {key: "new"}, name: "Newer") {account {id name} userErrors {code}}}`, nil)
		newID := at(t, renamed.Data, "updateAccount.account.id")
		for by, want := range map[string]string{`key: "new"`: `{"name":"Newer"}`, `id: "` + newID + `"`: `{"name":"Newer"}`, `key: "nobody"`: `null`, `id: "x"`: `null`} {
			if got := w.get(adminKey, `{account(by: {`+by+`}) {name}}`, nil, "account"); got != want {
				t.Errorf("the account by %s is %s", by, got)
			}
		}
	})
}

// TestAPIKeyList: keys are found by name and by whether they work, which status says of each.
func TestAPIKeyList(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		for name, set := range map[string]func(*ent.APIKeyUpdateOne) *ent.APIKeyUpdateOne{
			"Active": nil,
			"Future": func(u *ent.APIKeyUpdateOne) *ent.APIKeyUpdateOne {
				return u.SetExpiresAt(time.Now().Add(time.Hour).UTC())
			},
			"Past": func(u *ent.APIKeyUpdateOne) *ent.APIKeyUpdateOne {
				return u.SetExpiresAt(time.Now().Add(-time.Hour).UTC())
			},
			"Gone": func(u *ent.APIKeyUpdateOne) *ent.APIKeyUpdateOne { return u.SetRevokedAt(time.Now().UTC()) },
			"Both": func(u *ent.APIKeyUpdateOne) *ent.APIKeyUpdateOne {
				return u.SetRevokedAt(time.Now().UTC()).SetExpiresAt(time.Now().Add(-time.Hour).UTC())
			},
		} {
			made, _, err := w.configure.CreateAPIKey(ctx, "Key "+name, []access.Scope{access.LogRead}, nil)
			check(t, err)
			if set != nil {
				must(set(made.Update()).Save(ctx))
			}
		}
		for filter, want := range map[string]string{
			`{search: "KEY "}`:                               `Active ACTIVE, Both REVOKED, Future ACTIVE, Gone REVOKED, Past EXPIRED`,
			`{search: "key ", statuses: [ACTIVE]}`:           `Active ACTIVE, Future ACTIVE`,
			`{search: "key ", statuses: [EXPIRED]}`:          `Past EXPIRED`,
			`{search: "key ", statuses: [REVOKED]}`:          `Both REVOKED, Gone REVOKED`,
			`{search: "key ", statuses: [EXPIRED, REVOKED]}`: `Both REVOKED, Gone REVOKED, Past EXPIRED`,
			`{search: "key ", statuses: []}`:                 `Active ACTIVE, Both REVOKED, Future ACTIVE, Gone REVOKED, Past EXPIRED`,
			`{search: "past"}`:                               `Past EXPIRED`,
			`{search: "past", statuses: [ACTIVE]}`:           ``,
		} {
			var list struct {
				Nodes      []struct{ Name, Status string }
				TotalCount int
			}
			document := `{apiKeys(filter: ` + filter + `, order: {field: NAME, direction: ASC}) {nodes {name status} totalCount}}`
			check(t, json.Unmarshal([]byte(w.get(key, document, nil, "apiKeys")), &list))
			var got []string
			for _, node := range list.Nodes {
				got = append(got, strings.TrimPrefix(node.Name, "Key ")+" "+node.Status)
			}
			if strings.Join(got, ", ") != want || list.TotalCount != len(got) {
				t.Errorf("%s: %s, want %s", filter, got, want)
			}
		}
		if a := w.query(key, `query ($s: String) {apiKeys(filter: {search: $s}) {totalCount}}`, map[string]any{"s": strings.Repeat("x", 256)}); a.code() != "BAD_USER_INPUT" {
			t.Errorf("a long text: %+v", a)
		}
	})
}

func TestPublishEvents(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		w.subscribe(ctx, "sms", "sms.*")
		const publish = `mutation($events: [PublishEventInput!]!) {publishEvents(events: $events) {
			results {id duplicate matched userErrors {code message path}} userErrors {code message path}}}`
		event := func(fields map[string]any) map[string]any {
			e := map[string]any{"type": "sms.delivery", "payload": map[string]any{"n": 1}}
			maps.Copy(e, fields)
			return e
		}

		t.Run("accepts or refuses each event on its own", func(t *testing.T) {
			a := w.query(key, publish, map[string]any{"events": []any{event(nil), event(map[string]any{"type": "sms.nothing"}), event(map[string]any{"payload": strings.Repeat("x", 256<<10)})}})
			if got := at(t, a.Data, "publishEvents.results.0.matched"); got != "1" {
				t.Errorf("got %s", a.Data)
			}
			for i, path := range map[int]string{1: `["events","1","type"]`, 2: `["events","2","payload"]`} {
				if got := at(t, a.Data, fmt.Sprintf("publishEvents.results.%d.userErrors.0.path", i)); got != path {
					t.Errorf("event %d: %s", i, got)
				}
				if got := at(t, a.Data, fmt.Sprintf("publishEvents.results.%d.id", i)); got != "null" {
					t.Errorf("event %d: %s", i, got)
				}
			}
			if !strings.Contains(string(a.Data), "262144") {
				t.Errorf("the limit is not named: %s", a.Data)
			}
		})

		t.Run("keeps all digits of numbers", func(t *testing.T) {
			payload := json.RawMessage(`{"big":123456789012345678901234567890,"small":0.10}`)
			published := w.get(key, publish, map[string]any{"events": []any{event(map[string]any{"payload": payload})}}, "publishEvents.results.0.id")
			if got := w.get(key, `query($id: ID!) {event(id: $id) {payload {text}}}`, map[string]any{"id": published}, "event.payload.text"); got != string(payload) {
				t.Error(got)
			}
			a := w.query(key, `mutation {publishEvents(events: [{type: "sms.delivery", payload: {n: 123456789012345678901}}]) {results {id}}}`, nil)
			if a.code() != "GRAPHQL_VALIDATION_FAILED" || !strings.Contains(a.Errors[0].Message, "give it in a variable") {
				t.Errorf("got %+v", a)
			}
			inline := w.get(key, `mutation {publishEvents(events: [{type: "sms.delivery", payload: {n: 12, f: 0.5, l: [true, null, "x"]}}]) {results {id}}}`, nil, "publishEvents.results.0.id")
			if got := w.get(key, `query($id: ID!) {event(id: $id) {payload {text}}}`, map[string]any{"id": inline}, "event.payload.text"); got != `{"f":0.5,"l":[true,null,"x"],"n":12}` {
				t.Error(got)
			}
		})

		t.Run("takes 1 to 1,000 events", func(t *testing.T) {
			for _, n := range []int{0, 1001} {
				events := make([]any, n)
				for i := range events {
					events[i] = event(nil)
				}
				if got := w.userErrors(key, publish, map[string]any{"events": events}); len(got) != 1 || got[0].Code != "OUT_OF_RANGE" || !strings.Contains(got[0].Message, "1 and 1000") {
					t.Errorf("%d: %+v", n, got)
				}
			}
		})
	})
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, key := w.customer("acme")
		if got := w.get(key, `{eventType(name: "sms.delivery") {name description category {key group}}}`, nil, "eventType"); got != `{"category":{"group":"Channels","key":"sms"},"description":null,"name":"sms.delivery"}` {
			t.Error(got)
		}
		if got := w.get(key, `{eventType(name: "sms.nothing") {name}}`, nil, "eventType"); got != "null" {
			t.Error(got)
		}
		if got := w.get(key, `{eventTypes(search: "SMS.deliv") {name}}`, nil, "eventTypes"); got != `[{"name":"sms.delivery"}]` {
			t.Error(got)
		}
		category := w.get(key, `{categories {id key eventTypes {name}}}`, nil, "categories.0.id")
		if got := w.get(key, `query($id: ID!) {node(id: $id) {__typename ... on Category {id}}}`, map[string]any{"id": category}, "node"); got != fmt.Sprintf(`{"__typename":"Category","id":%q}`, category) {
			t.Error(got)
		}
	})
}
