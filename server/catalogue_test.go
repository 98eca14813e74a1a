package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
)

const upsertEventType = `mutation($input: EventTypeInput!) {upsertEventType(input: $input) {
	eventType {id name category {key} description jsonSchema validation example deprecatedAt} userErrors {code message path}}}`

// upsert changes the catalogue.
func (w *world) upsert(key string, input map[string]any) {
	w.t.Helper()
	if wrong := w.userErrors(key, upsertEventType, map[string]any{"input": input}); len(wrong) > 0 {
		w.t.Fatalf("%v: %+v", input, wrong)
	}
}

func TestTheCatalogueIsExtended(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		const category = `mutation($input: CategoryInput!) {upsertCategory(input: $input) {
			category {key name group filters attributes} userErrors {code message path}}}`
		got := w.get(key, category, map[string]any{"input": map[string]any{"key": "orders", "name": "Orders", "attributes": []string{"shop"}}}, "upsertCategory.category")
		if want := `{"attributes":["shop"],"filters":["users","entities","applications","resources"],"group":"Custom","key":"orders","name":"Orders"}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		got = w.get(key, upsertEventType, map[string]any{"input": map[string]any{
			"name": "orders.paid.v1", "description": "Paid.", "validation": "WARN",
			"jsonSchema": map[string]any{"type": "object", "required": []string{"price"}}, "example": map[string]any{"price": 1.50},
		}}, "upsertEventType.eventType.jsonSchema.required")
		if got != `["price"]` {
			t.Errorf("got %s", got)
		}
		w.upsert(key, map[string]any{"name": "orders.old", "deprecated": true})
		for document, want := range map[string]string{
			`{eventTypes(search: "ORDERS.") {name}}`:                                                          `[{"name":"orders.old"},{"name":"orders.paid.v1"}]`,
			`{eventTypes(category: "orders", includeDeprecated: false) {name validation example jsonSchema}}`: `[{"example":{"price":1.5},"jsonSchema":{"required":["price"],"type":"object"},"name":"orders.paid.v1","validation":"WARN"}]`,
			`{eventTypes(category: "mms") {name jsonSchema validation example}}`:                              `[{"example":null,"jsonSchema":null,"name":"mms.click","validation":"OFF"},{"example":null,"jsonSchema":null,"name":"mms.delivery","validation":"OFF"}]`,
		} {
			if got := w.get(key, document, nil, "eventTypes"); got != want {
				t.Errorf("%s: got %s, want %s", document, got, want)
			}
		}
		if got := w.get(key, `{categories(group: "Custom") {key}}`, nil, "categories"); got != `[{"key":"orders"}]` {
			t.Errorf("got %s", got)
		}
		wrong := w.userErrors(key, upsertEventType, map[string]any{"input": map[string]any{"name": "orders.paid.v1", "jsonSchema": nil}})
		if len(wrong) != 1 || wrong[0].Code != "REQUIRED" || strings.Join(wrong[0].Path, ".") != "input.jsonSchema" {
			t.Errorf("got %+v", wrong)
		}
		publisher := w.key(ctx, access.EventsPublish, access.SubscriptionsWrite)
		if got := w.query(publisher, upsertEventType, map[string]any{"input": map[string]any{"name": "orders.x"}}); got.code() != "FORBIDDEN" {
			t.Errorf("without the scope: %+v", got)
		}
	})
}

func TestPayloadsAreValidated(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		w.subscribe(ctx, "all", "*")
		schema := map[string]any{"type": "object", "properties": map[string]any{"price": map[string]any{"type": "number"}}}
		const bad = `{"type":"sms.delivery","payload":{"price":"secret"}}`
		const good = `{"type":"sms.delivery","payload":{"price":7}}`
		schemaError := func(event string) string {
			return w.get(key, `query($id: ID!) {event(id: $id) {schemaError}}`, map[string]any{"id": event}, "event.schemaError")
		}

		w.upsert(key, map[string]any{"name": "sms.delivery", "jsonSchema": schema})
		if got := schemaError(w.publish(key, bad)); got != "null" {
			t.Errorf("off: got %s", got)
		}
		w.upsert(key, map[string]any{"name": "sms.delivery", "validation": "WARN"})
		marked := w.publish(key, bad)
		if got := schemaError(marked); got != "/price: got string, want number" {
			t.Errorf("warn: got %s", got)
		}
		if got := w.get(key, `query($id: ID!) {event(id: $id) {matched}}`, map[string]any{"id": marked}, "event.matched"); got != "1" {
			t.Errorf("a marked event matched %s", got)
		}
		if got := schemaError(w.publish(key, good)); got != "null" {
			t.Errorf("warn, and a good payload: got %s", got)
		}
		reader := w.key(ctx, access.LogRead)
		if got := w.query(reader, `query($id: ID!) {event(id: $id) {schemaError}}`, map[string]any{"id": marked}); got.code() != "FORBIDDEN" {
			t.Errorf("without PAYLOADS_READ: %+v", got)
		}

		const twice = `{"type":"sms.delivery","payload":{"price":"secret","price":7}}`
		if got := schemaError(w.publish(key, twice)); got != "/price: the name is given twice in its object" {
			t.Errorf("warn, and a name given twice: got %s", got)
		}

		w.upsert(key, map[string]any{"name": "sms.delivery", "validation": "REJECT"})
		answer := w.send(request{method: "POST", path: "/v1/events", body: bad, header: bearer(key)})
		if answer.status != http.StatusUnprocessableEntity || at(t, []byte(answer.body), "results.0.error.code") != "INVALID" ||
			at(t, []byte(answer.body), "results.0.error.path") != `["payload"]` ||
			!strings.Contains(answer.body, "JSON Schema of `sms.delivery`: /price: got string, want number") {
			t.Errorf("reject: %d %s", answer.status, answer.body)
		}
		if got := w.send(request{method: "POST", path: "/v1/events", body: twice, header: bearer(key)}); got.status != http.StatusUnprocessableEntity ||
			at(t, []byte(got.body), "results.0.error.path") != `["payload"]` || !strings.Contains(got.body, "/price: the name is given twice") {
			t.Errorf("reject a name given twice: %d %s", got.status, got.body)
		}
		if got := w.get(key, `mutation {publishEvents(events: [{type: "sms.delivery", payload: {price: "x"}}]) {results {id userErrors {code path}}}}`, nil,
			"publishEvents.results.0"); got != `{"id":null,"userErrors":[{"code":"INVALID","path":["events","0","payload"]}]}` {
			t.Errorf("reject: got %s", got)
		}
		w.publish(key, good)
	})
}

func TestNewEventTypesCanBePublishedAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, key := w.customer("acme")
		const event = `{"type":"sms.mine","payload":{}}`
		if got := w.send(request{method: "POST", path: "/v1/events", body: event, header: bearer(key)}); got.status != http.StatusUnprocessableEntity {
			t.Fatalf("before it is known: %d %s", got.status, got.body)
		}
		w.upsert(key, map[string]any{"name": "sms.mine"})
		w.publish(key, event)
	})
}
