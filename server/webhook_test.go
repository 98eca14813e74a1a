package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

const eventWebhook = `query($id: ID!) {event(id: $id) {matched webhook {notifyUrl notify callbackData contentType intermediateReports}}}`

func TestPerMessageWebhooks(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		w.subscribe(ctx, "all", "*")
		event := func(webhook string) string {
			return w.publish(key, `{"type":"sms.delivery","payload":{},"webhook":`+webhook+`}`)
		}
		for webhook, want := range map[string]string{
			`null`: `{"matched":1,"webhook":null}`,
			`{}`:   `{"matched":1,"webhook":{"callbackData":null,"contentType":"JSON","intermediateReports":false,"notify":true,"notifyUrl":null}}`,
			`{"notifyUrl":null,"notify":null,"callbackData":"a","contentType":"XML"}`: `{"matched":1,"webhook":{"callbackData":"a","contentType":"XML","intermediateReports":false,"notify":true,"notifyUrl":null}}`,
			`{"notify":false}`: `{"matched":0,"webhook":{"callbackData":null,"contentType":"JSON","intermediateReports":false,"notify":false,"notifyUrl":null}}`,
			`{"notifyUrl":"https://203.0.113.7/?t=1","intermediateReports":true}`: `{"matched":1,"webhook":{"callbackData":null,"contentType":"JSON","intermediateReports":true,"notify":true,"notifyUrl":"https://203.0.113.7/?t=1"}}`,
		} {
			if got := w.get(key, eventWebhook, map[string]any{"id": event(webhook)}, "event"); got != want {
				t.Errorf("%s: got %s, want %s", webhook, got, want)
			}
		}
		published := w.get(key, `mutation($w: PerMessageWebhookInput) {publishEvents(events: [{type: "sms.delivery", payload: 1, webhook: $w}]) {results {id}}}`,
			map[string]any{"w": map[string]any{"notifyUrl": "https://203.0.113.7/", "callbackData": "b"}}, "publishEvents.results.0.id")
		if got, want := w.get(key, eventWebhook, map[string]any{"id": published}, "event"),
			`{"matched":1,"webhook":{"callbackData":"b","contentType":"JSON","intermediateReports":false,"notify":true,"notifyUrl":"https://203.0.113.7/"}}`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := w.query(w.key(ctx, access.LogRead), eventWebhook, map[string]any{"id": published}); got.code() != "FORBIDDEN" {
			t.Errorf("without PAYLOADS_READ: %+v", got)
		}

		account := must(accountOf(ctx))
		w.archive(result(account, parse(t, published), account, 1, stream.StatusSucceeded))
		got := w.get(key, `query($id: ID!) {event(id: $id) {deliveries {subscription {id} resourceRoute {id} attempts {request {body {text}}}}}}`,
			map[string]any{"id": published}, "event.deliveries.0")
		if !strings.Contains(got, `"resourceRoute":null,"subscription":null`) || !strings.Contains(got, `\"callbackData\":\"b\"`) {
			t.Errorf("got %s", got)
		}
	})
}

func TestPerMessageWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		_, key := w.customer("acme")
		for webhook, want := range map[string]string{
			`7`:                                     "INVALID [webhook] must be an object",
			`{"notifyUrl":7}`:                       "INVALID [webhook notifyUrl] must be a string",
			`{"notifyUrl":""}`:                      "INVALID [webhook notifyUrl] ",
			`{"notifyUrl":"https://10.0.0.1/"}`:     "BLOCKED_ADDRESS [webhook notifyUrl] ",
			`{"notifyUrl":"http://example.com"}`:    "INVALID [webhook notifyUrl] https",
			`{"notify":"no"}`:                       "INVALID [webhook notify] true or false",
			`{"intermediateReports":0}`:             "INVALID [webhook intermediateReports] true or false",
			`{"callbackData":{}}`:                   "INVALID [webhook callbackData] must be a string",
			`{"contentType":"YAML"}`:                "INVALID [webhook contentType] JSON and XML",
			`{"notifyUrl":null,"notify.Url":"x"}`:   "INVALID [webhook notify_Url] callbackData",
			`{"callbackData":"a","callbackData":1}`: "INVALID [webhook callbackData] twice",
			`{"callbackData":"` + strings.Repeat("a", 4001) + `"}`: "OUT_OF_RANGE [webhook callbackData] 4000",
		} {
			answer := w.send(request{method: "POST", path: "/v1/events", body: `{"type":"sms.delivery","payload":{},"webhook":` + webhook + `}`, header: bearer(key)})
			if answer.status != http.StatusUnprocessableEntity {
				t.Errorf("%.60s: %d %s", webhook, answer.status, answer.body)
				continue
			}
			code, rest, _ := strings.Cut(want, " ")
			path, part, _ := strings.Cut(rest, "] ")
			given := strings.Trim(at(t, []byte(answer.body), "results.0.error.path"), "[]")
			if at(t, []byte(answer.body), "results.0.error.code") != code || "["+strings.ReplaceAll(strings.ReplaceAll(given, `"`, ""), ",", " ") != path ||
				!strings.Contains(answer.body, part) {
				t.Errorf("%.60s: got %s, want %s", webhook, answer.body, want)
			}
		}
		for webhook, want := range map[string]string{
			`{notifyUrl: "https://10.0.0.1/"}`: "BLOCKED_ADDRESS [events 0 webhook notifyUrl]",
			`{notifyUrl: ""}`:                  "INVALID [events 0 webhook notifyUrl]",
		} {
			wrong := w.query(key, `mutation {publishEvents(events: [{type: "sms.delivery", payload: 1, webhook: `+webhook+`}]) {results {id userErrors {code path}}}}`, nil)
			code, path, _ := strings.Cut(want, " ")
			if at(t, wrong.Data, "publishEvents.results.0.userErrors.0.code") != code ||
				strings.ReplaceAll(strings.ReplaceAll(at(t, wrong.Data, "publishEvents.results.0.userErrors.0.path"), `"`, ""), ",", " ") != path {
				t.Errorf("%s: got %s", webhook, wrong.Data)
			}
		}
		for _, webhook := range []string{`{notifyURL: "https://example.com/"}`, `{contentType: "XML"}`, `{notify: null}`} {
			if got := w.query(key, fmt.Sprintf(`mutation {publishEvents(events: [{type: "sms.delivery", payload: 1, webhook: %s}]) {results {id}}}`, webhook), nil); len(got.Errors) == 0 {
				t.Errorf("%s: got %s", webhook, got.Data)
			}
		}
	})
}
