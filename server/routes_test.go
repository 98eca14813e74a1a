package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

const setResourceRoute = `mutation($resource: String!, $action: ResourceAction!, $profile: Ref, $eventTypes: [String!]! = ["*"]) {
	setResourceRoute(resource: $resource, action: $action, profile: $profile, eventTypes: $eventTypes) {
		resourceRoute {id resource action profile {key}} createdSecret userErrors {code message path}}}`

func TestResourceRoutes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		account := must(accountOf(ctx))
		w.subscribe(ctx, "crm", "sms.*")
		if got := w.get(key, `{accountSecret {id}}`, nil, "accountSecret"); got != "null" {
			t.Errorf("before it is needed, the secret is %s", got)
		}
		forward := map[string]any{"resource": "+491", "action": "FORWARD", "profile": map[string]any{"key": "crm"}}
		set := w.query(key, setResourceRoute, forward)
		route := at(t, set.Data, "setResourceRoute.resourceRoute.id")
		if secret := at(t, set.Data, "setResourceRoute.createdSecret"); !strings.HasPrefix(secret, "whsec_") {
			t.Errorf("the secret is %s", secret)
		}
		if got, want := at(t, set.Data, "setResourceRoute.resourceRoute"),
			`{"action":"FORWARD","id":"`+route+`","profile":{"key":"crm"},"resource":"+491"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		w.query(key, setResourceRoute, map[string]any{"resource": "+492", "action": "NONE"})

		for document, want := range map[string]string{
			`{resourceRoutes {nodes {resource}}}`:                                                     `{"nodes":[{"resource":"+492"},{"resource":"+491"}]}`,
			`{resourceRoutes(action: NONE) {nodes {resource profile {id}} totalCount}}`:               `{"nodes":[{"profile":null,"resource":"+492"}],"totalCount":1}`,
			`{resourceRoutes(profile: {key: "crm"}) {nodes {resource}}}`:                              `{"nodes":[{"resource":"+491"}]}`,
			`{resourceRoutes(profile: {key: "other"}) {totalCount}}`:                                  `{"totalCount":0}`,
			`{resourceRoutes(order: {field: RESOURCE, direction: ASC}, first: 1) {nodes {resource}}}`: `{"nodes":[{"resource":"+491"}]}`,
		} {
			if got := w.get(key, document, nil, "resourceRoutes"); got != want {
				t.Errorf("%s: got %s, want %s", document, got, want)
			}
		}
		for document, want := range map[string]string{
			`query($id: ID!) {node(id: $id) {... on ResourceRoute {resource}}}`: `{"node":{"resource":"+491"}}`,
			`{resourceRoute(resource: "+492") {action}}`:                        `{"resourceRoute":{"action":"NONE"}}`,
			`{resourceRoute(resource: "+493") {action}}`:                        `{"resourceRoute":null}`,
		} {
			if got := string(w.query(key, document, map[string]any{"id": route}).Data); got != want {
				t.Errorf("%s: got %s, want %s", document, got, want)
			}
		}
		_, stranger := w.customer("bank")
		if got := string(w.query(stranger, `query($id: ID!) {node(id: $id) {id} resourceRoute(resource: "+491") {id} resourceRoutes {totalCount} accountSecret {id}}`,
			map[string]any{"id": route}).Data); got != `{"node":null,"resourceRoute":null,"resourceRoutes":{"totalCount":0},"accountSecret":null}` {
			t.Errorf("another account sees %s", got)
		}

		event := w.publish(key, `{"type":"sms.delivery","payload":{},"resource":"+491"}`)
		w.archive(result(account, parse(t, event), parse(t, route), 1, stream.StatusSucceeded))
		if got, want := w.get(key, `query($id: ID!) {event(id: $id) {matched deliveries {subscription {id} resourceRoute {id}}}}`, map[string]any{"id": event}, "event"),
			`{"deliveries":[{"resourceRoute":{"id":"`+route+`"},"subscription":null}],"matched":1}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		event = w.publish(key, `{"type":"sms.delivery","payload":{},"resource":"+492"}`)
		if got := w.get(key, `query($id: ID!) {event(id: $id) {matched}}`, map[string]any{"id": event}, "event.matched"); got != "0" {
			t.Errorf("to nobody, it matched %s", got)
		}

		blocked := w.query(key, `mutation {deleteNotificationProfile(by: {key: "crm"}) {userErrors {code blockedBy {... on ResourceRoute {id}}}}}`, nil)
		if got := string(blocked.Data); !strings.Contains(got, route) || strings.Count(got, "IN_USE") != 2 {
			t.Errorf("got %s", got)
		}
		wrong := w.userErrors(key, setResourceRoute, map[string]any{"resource": "+491", "action": "FORWARD"})
		if len(wrong) != 1 || wrong[0].Code != "REQUIRED" || fmt.Sprint(wrong[0].Path) != "[profile]" {
			t.Errorf("got %+v", wrong)
		}
		for given, want := range map[string]string{`eventTypes: ["sms.*"]`: `["sms.*"]`, "": `["*.inbound","voice_video.call_received"]`} {
			if got := w.get(key, `mutation {setResourceRoute(resource: "+492", action: NONE, `+given+`) {resourceRoute {eventTypes}}}`, nil, "setResourceRoute.resourceRoute.eventTypes"); got != want {
				t.Errorf("%s: got %s, want %s", given, got, want)
			}
		}
		w.query(key, setResourceRoute, map[string]any{"resource": "+491", "action": "FOLLOW_SUBSCRIPTIONS"})
		if got := w.get(key, `{resourceRoute(resource: "+491") {id}}`, nil, "resourceRoute"); got != "null" {
			t.Errorf("it still has the route %s", got)
		}
	})
}

func TestRotateAccountSecret(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		const rotate = `mutation {rotateAccountSecret(overlap: "PT1H") {accountSecret {id secretFingerprint previousSecretValidUntil version} createdSecret warnings userErrors {code}}}`
		first, second := w.query(key, rotate, nil), w.query(key, rotate, nil)
		if at(t, first.Data, "rotateAccountSecret.accountSecret.version") != "1" || at(t, first.Data, "rotateAccountSecret.accountSecret.previousSecretValidUntil") != "null" ||
			at(t, second.Data, "rotateAccountSecret.accountSecret.version") != "2" || at(t, second.Data, "rotateAccountSecret.accountSecret.previousSecretValidUntil") == "null" {
			t.Errorf("got %s, then %s", first.Data, second.Data)
		}
		secret := at(t, second.Data, "rotateAccountSecret.createdSecret")
		if !strings.HasPrefix(secret, "whsec_") || secret == at(t, first.Data, "rotateAccountSecret.createdSecret") {
			t.Errorf("the second secret is %s", secret)
		}
		shown := w.query(key, `query($id: ID!) {accountSecret {secretFingerprint} node(id: $id) {... on AccountSecret {version}}}`,
			map[string]any{"id": at(t, second.Data, "rotateAccountSecret.accountSecret.id")})
		if at(t, shown.Data, "accountSecret.secretFingerprint") != at(t, second.Data, "rotateAccountSecret.accountSecret.secretFingerprint") ||
			at(t, shown.Data, "node.version") != "2" {
			t.Errorf("got %s", shown.Data)
		}
		if got := w.query(w.key(ctx, access.SubscriptionsWrite, access.SubscriptionsRead), rotate, nil); got.code() != "FORBIDDEN" {
			t.Errorf("without SECRETS_WRITE: %+v", got)
		}
	})
}
