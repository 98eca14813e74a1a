package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
)

const auditLog = `query ($filter: AuditLogFilter) { auditLog(filter: $filter) { nodes {
	id at actor actorId action targetType targetId target { id } before after requestId } } }`

func TestAuditLog(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, alice := w.customer("alice")
		_, bob := w.customer("bob")
		before := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		sub := w.get(alice, `mutation { createEventSubscription(input: {key: "a", name: "A", eventTypes: ["sms.*"],
			profile: {create: {key: "a", webhookUrl: "https://203.0.113.7/a", headers: [{name: "X-Key", value: "canary", secret: true}]}}})
			{ eventSubscription { id } } }`, nil, "createEventSubscription.eventSubscription.id")
		w.get(alice, `mutation ($id: ID!) { deleteEventSubscription(by: {id: $id}) { deletedId } }`, map[string]any{"id": sub}, "deleteEventSubscription.deletedId")

		all := w.query(alice, auditLog, nil)
		if got := at(t, all.Data, "auditLog.nodes.0.action"); got != "DELETE" {
			t.Errorf("newest first: %s", all.Data)
		}
		if got := at(t, all.Data, "auditLog.nodes.1.targetId"); got != sub {
			t.Errorf("target %s, want %s", got, sub)
		}
		for path, want := range map[string]string{
			"1.targetType": "EventSubscription", "1.target": "null", "1.before": "null", "1.after.secret": "***", "1.after.key": "a",
			"0.before.key": "a", "0.after": "null", "2.targetType": "NotificationProfile", "2.after.headers.0.value": "***", "1.actor": "a key",
		} {
			if got := at(t, all.Data, "auditLog.nodes."+path); got != want {
				t.Errorf("%s is %s, want %s", path, got, want)
			}
		}
		if at(t, all.Data, "auditLog.nodes.2.target.id") != at(t, all.Data, "auditLog.nodes.2.targetId") || at(t, all.Data, "auditLog.nodes.0.requestId") == "null" {
			t.Errorf("got %s", all.Data)
		}
		if strings.Contains(string(all.Data), "canary") {
			t.Errorf("shows a secret: %s", all.Data)
		}

		actor := at(t, all.Data, "auditLog.nodes.0.actorId")
		for name, c := range map[string]struct {
			filter map[string]any
			want   int
		}{
			"by target":         {map[string]any{"target": sub}, 2},
			"by action":         {map[string]any{"action": "DELETE"}, 1},
			"by actor":          {map[string]any{"actor": actor}, 3},
			"by another actor":  {map[string]any{"actor": "key_01h455vb4pex5vsknk084sn02q"}, 0},
			"since":             {map[string]any{"since": before, "actor": actor}, 3},
			"until":             {map[string]any{"until": before}, 0},
			"by no id":          {map[string]any{"target": "x"}, 0},
			"by all of it":      {map[string]any{"target": sub, "action": "CREATE", "since": before}, 1},
			"by another's type": {map[string]any{"target": strings.Replace(sub, "sub_", "zzz_", 1)}, 0},
		} {
			got := w.query(alice, auditLog, map[string]any{"filter": c.filter})
			if n := strings.Count(string(got.Data), `"requestId"`); n != c.want || len(got.Errors) > 0 {
				t.Errorf("%s: %d entries, want %d: %s %v", name, n, c.want, got.Data, got.Errors)
			}
		}
		if got := w.query(bob, auditLog, map[string]any{"filter": map[string]any{"target": sub}}); string(got.Data) != `{"auditLog":{"nodes":[]}}` {
			t.Errorf("another account sees %s", got.Data)
		}
		ctx, _ := w.account("carol")
		if got := w.query(w.key(ctx, access.LogRead, access.SubscriptionsRead), auditLog, nil); got.code() != "FORBIDDEN" {
			t.Errorf("without the scope: %s %v", got.Data, got.Errors)
		}
	})
}

func TestNodes(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, alice := w.customer("alice")
		_, bob := w.customer("bob")
		profile := func(key string) string {
			return w.get(alice, `mutation ($key: Key!) { createNotificationProfile(input: {key: $key, webhookUrl: "https://203.0.113.7/a"}) { notificationProfile { id } } }`,
				map[string]any{"key": key}, "createNotificationProfile.notificationProfile.id")
		}
		a, c := profile("a"), profile("c")
		const document = `query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`
		ids := map[string]any{"ids": []string{c, "nothing", a, c}}
		if got := w.query(alice, document, ids); string(got.Data) != `{"nodes":[{"id":"`+c+`"},null,{"id":"`+a+`"},{"id":"`+c+`"}]}` {
			t.Errorf("got %s %v", got.Data, got.Errors)
		}
		if got := w.query(bob, document, ids); string(got.Data) != `{"nodes":[null,null,null,null]}` {
			t.Errorf("another account: %s %v", got.Data, got.Errors)
		}
		if got := w.query(alice, document, map[string]any{"ids": strings.Fields(strings.Repeat("x ", 101))}); got.code() != "BAD_USER_INPUT" {
			t.Errorf("101 ids: %s %v", got.Data, got.Errors)
		}
	})
}
