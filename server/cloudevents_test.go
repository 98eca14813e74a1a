package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/hookline/hookline/internal/testenv"
)

// newCloudEvent returns what the SDK makes of a delivery report.
func newCloudEvent(t *testing.T, id string) cloudevents.Event {
	e := cloudevents.NewEvent()
	e.SetID(id)
	e.SetSource("https://gateway.example.com/eu")
	e.SetType("sms.delivery")
	e.SetSubject("+4915112345678")
	e.SetTime(time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC))
	e.SetDataSchema("https://example.com/schema.json")
	e.SetExtension("user", "u-1")
	e.SetExtension("entity", "berlin")
	e.SetExtension("application", "shop")
	e.SetExtension("callbackdata", "ticket 7")
	e.SetExtension("channel", "voice \"one\"")
	e.SetExtension("retries", 3)
	e.SetExtension("roaming", true)
	check(t, e.SetData(cloudevents.ApplicationJSON, json.RawMessage(`{"messageId":"m-1","n":12345678901234567890}`)))
	return e
}

// TestCloudEventsSDK: what the CloudEvents SDK sends is published, in each of its modes.
func TestCloudEventsSDK(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		w.subscribe(ctx, "all", "*")
		client := must(cloudevents.NewClientHTTP(cloudevents.WithTarget(w.url+"/v1/events"), cloudevents.WithHeader("Authorization", "Bearer "+key)))
		stored := func(id string) string {
			const document = `{events(first: 1) {nodes {type occurredAt application entity user resource attributes {key value}
				idempotencyKey matched webhook {callbackData notify} payload {contentType text}}}}`
			got := w.get(key, document, nil, "events.nodes.0")
			return strings.ReplaceAll(got, id, "<id>")
		}
		attributes := func(values ...string) (all []any) {
			for i := 0; i < len(values); i += 2 {
				all = append(all, map[string]any{"key": values[i], "value": values[i+1]})
			}
			return all
		}
		want := func(payload string) map[string]any {
			return map[string]any{
				"type": "sms.delivery", "occurredAt": "2026-03-01T12:00:00.5Z", "application": "shop", "entity": "berlin", "user": "u-1",
				"resource": "+4915112345678", "idempotencyKey": "https://gateway.example.com/eu <id>", "matched": 1,
				"webhook":    map[string]any{"callbackData": "ticket 7", "notify": true},
				"attributes": attributes("channel", `voice "one"`, "dataschema", "https://example.com/schema.json", "retries", "3", "roaming", "true", "source", "https://gateway.example.com/eu"),
				"payload":    map[string]any{"contentType": "application/json", "text": payload},
			}
		}
		const payload = `{"messageId":"m-1","n":12345678901234567890}`

		same := func(t *testing.T, id, payload string) {
			t.Helper()
			var got map[string]any
			check(t, json.Unmarshal([]byte(stored(id)), &got))
			sortByKey(got["attributes"].([]any))
			if got, want := string(must(json.Marshal(got))), string(must(json.Marshal(want(payload)))); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		t.Run("binary", func(t *testing.T) {
			if result := client.Send(cloudevents.WithEncodingBinary(ctx), newCloudEvent(t, "b-1")); !cloudevents.IsACK(result) {
				t.Fatal(result)
			}
			same(t, "b-1", payload)
		})
		t.Run("structured", func(t *testing.T) {
			if result := client.Send(cloudevents.WithEncodingStructured(ctx), newCloudEvent(t, "s-1")); !cloudevents.IsACK(result) {
				t.Fatal(result)
			}
			same(t, "s-1", payload)
		})
		t.Run("the same source and id are the same event, in any mode", func(t *testing.T) {
			count := func() string { return w.get(key, `{events(first: 10) {nodes {id}}}`, nil, "events.nodes") }
			before := count()
			_ = client.Send(cloudevents.WithEncodingStructured(ctx), newCloudEvent(t, "b-1"))
			_ = client.Send(cloudevents.WithEncodingBinary(ctx), newCloudEvent(t, "s-1"))
			if after := count(); after != before {
				t.Errorf("%s, before %s", after, before)
			}
			other := newCloudEvent(t, "b-1")
			other.SetSource("https://gateway.example.com/us")
			if result := client.Send(ctx, other); !cloudevents.IsACK(result) || count() == before {
				t.Errorf("that of another source is taken for a duplicate: %v", result)
			}
		})
		t.Run("batched", func(t *testing.T) {
			request := must(cloudevents.NewHTTPRequestFromEvents(ctx, w.url+"/v1/events", []cloudevents.Event{newCloudEvent(t, "b-1"), newCloudEvent(t, "c-1")}))
			request.Header.Set("Authorization", "Bearer "+key)
			response := must(http.DefaultClient.Do(request))
			defer response.Body.Close()
			var answer struct {
				Results []struct {
					ID        string
					Duplicate bool
				}
			}
			check(t, json.NewDecoder(response.Body).Decode(&answer))
			if response.StatusCode != 202 || len(answer.Results) != 2 || !answer.Results[0].Duplicate || answer.Results[1].Duplicate {
				t.Errorf("%d %+v", response.StatusCode, answer)
			}
			same(t, "c-1", payload)
		})
		t.Run("text", func(t *testing.T) {
			for i, mode := range []func() cloudevents.Result{
				func() cloudevents.Result {
					return client.Send(cloudevents.WithEncodingBinary(ctx), text(t, newCloudEvent(t, "t-0"), "<a b=\"c\">é</a>"))
				},
				func() cloudevents.Result {
					return client.Send(cloudevents.WithEncodingStructured(ctx), text(t, newCloudEvent(t, "t-1"), "<a b=\"c\">é</a>"))
				},
			} {
				if result := mode(); !cloudevents.IsACK(result) {
					t.Fatal(result)
				}
				got := w.get(key, `{events(first: 1) {nodes {idempotencyKey payload {text}}}}`, nil, "events.nodes.0")
				var read struct {
					IdempotencyKey string
					Payload        struct{ Text string }
				}
				check(t, json.Unmarshal([]byte(got), &read))
				var payload string
				if err := json.Unmarshal([]byte(read.Payload.Text), &payload); err != nil || payload != "<a b=\"c\">é</a>" || !strings.HasSuffix(read.IdempotencyKey, fmt.Sprint("t-", i)) {
					t.Errorf("%s, %v", got, err)
				}
			}
		})
		t.Run("a refusal is no acknowledgement", func(t *testing.T) {
			e := newCloudEvent(t, "r-1")
			e.SetType("sms.nothing")
			if result := client.Send(ctx, e); cloudevents.IsACK(result) {
				t.Error(result)
			}
		})
	})
}

func text(t *testing.T, e cloudevents.Event, data string) cloudevents.Event {
	check(t, e.SetData("application/xml", []byte(data)))
	return e
}

func sortByKey(attributes []any) {
	key := func(a any) string { return a.(map[string]any)["key"].(string) }
	for i := range attributes {
		for j := i; j > 0 && key(attributes[j]) < key(attributes[j-1]); j-- {
			attributes[j], attributes[j-1] = attributes[j-1], attributes[j]
		}
	}
}

// TestCloudEvents: what is wrong with a CloudEvent is said in its own words.
func TestCloudEvents(t *testing.T) {
	t.Parallel()
	w := start(t, embedded(t))
	_, key := w.customer("acme")
	send := func(contentType, body string, headers ...string) reply {
		header := bearer(key)
		header.Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			header.Add(headers[i], headers[i+1])
		}
		return w.send(request{method: "POST", path: "/v1/events", body: body, header: header})
	}
	const structured, batch = "application/cloudevents+json", "application/cloudevents-batch+json; charset=UTF-8"
	const required = `"specversion":"1.0","type":"sms.delivery","source":"/s","id":`

	t.Run("refuses what is no CloudEvent 1.0, each on its own", func(t *testing.T) {
		for event, want := range map[string][3]string{ // code, path, part of the message
			`{"type":"sms.delivery","source":"/s","id":"1"}`:                     {"REQUIRED", `["specversion"]`, "1.0"},
			`{"specversion":"0.3","type":"sms.delivery","source":"/s","id":"1"}`: {"INVALID", `["specversion"]`, "0.3"},
			`{"specversion":"1.0","type":"sms.delivery","id":"1"}`:               {"REQUIRED", `["source"]`, "source"},
			`{"specversion":"1.0","type":"sms.delivery","source":"/s"}`:          {"REQUIRED", `["id"]`, "id"},
			`{"specversion":"1.0","type":"sms.delivery","source":"","id":null}`:  {"REQUIRED", `["id"]`, "id"},
			`{"specversion":"1.0","source":"/s","id":"1"}`:                       {"REQUIRED", `["type"]`, "type"},
			`{"specversion":"1.0","type":"sms.nothing","source":"/s","id":"1"}`:  {"NOT_FOUND", `["type"]`, "sms.nothing"},
			`{` + required + `"1","time":"now"}`:                                 {"INVALID", `["time"]`, "RFC 3339"},
			`{` + required + `"1","time":"0001-01-01T00:00:00Z"}`:                {"OUT_OF_RANGE", `["time"]`, "1970"},
			`{` + required + `"1","time":"2026-03-01T12:00:00,5Z"}`:              {"INVALID", `["time"]`, "RFC 3339"},
			`{` + required + `"1","time":"1960-01-01T00:00:00Z"}`:                {"OUT_OF_RANGE", `["time"]`, "1970"},
			`{` + required + `5}`: {"INVALID", `["id"]`, "must be a string"},
			`{"specversion":1.0,"type":"sms.delivery","source":"/s","id":"1"}`:                          {"INVALID", `["specversion"]`, "must be a string"},
			`{` + required + `"1","user":5}`:                                                            {"INVALID", `["user"]`, "must be a string"},
			`{` + required + `"1","subject":true}`:                                                      {"INVALID", `["subject"]`, "must be a string"},
			`{` + required + `"1","data_base64":5}`:                                                     {"INVALID", `["data_base64"]`, "must be a string"},
			`{` + required + `"1","intermediate":"yes"}`:                                                {"INVALID", `["intermediate"]`, "true or false"},
			`{` + required + `"1","intermediate":1}`:                                                    {"INVALID", `["intermediate"]`, "true or false"},
			`{` + required + `"1","notify":"True"}`:                                                     {"INVALID", `["notify"]`, "true or false"},
			`{` + required + `"1","notifyurl":""}`:                                                      {"INVALID", `["notifyurl"]`, ""},
			`{` + required + `"1","notifyurl":true}`:                                                    {"INVALID", `["notifyurl"]`, "must be a string"},
			`{` + required + `"1","notifyurl":"https://192.168.0.1/"}`:                                  {"BLOCKED_ADDRESS", `["notifyurl"]`, ""},
			`{` + required + `"1","callbackdata":"` + strings.Repeat("x", 4001) + `"}`:                  {"OUT_OF_RANGE", `["callbackdata"]`, "4000"},
			`{` + required + `"1","id":"2"}`:                                                            {"INVALID", `["id"]`, "twice"},
			`{` + required + `"1","subject":"` + strings.Repeat("x", 256) + `"}`:                        {"OUT_OF_RANGE", `["subject"]`, "255"},
			`{` + required + `"1","channel":"` + strings.Repeat("x", 256) + `"}`:                        {"OUT_OF_RANGE", `["channel"]`, "255"},
			`{` + required + `"1","channel":{"a":1}}`:                                                   {"INVALID", `["channel"]`, "must be a string"},
			`{` + required + `"1","my-channel":"a"}`:                                                    {"INVALID", `["my-channel"]`, "a–z"},
			`{` + required + `"1","data":1,"data_base64":"MQ=="}`:                                       {"INVALID", `["data_base64"]`, "not both"},
			`{` + required + `"1","data_base64":"?"}`:                                                   {"INVALID", `["data_base64"]`, "base64"},
			`{` + required + `"1","data_base64":"e30x"}`:                                                {"INVALID", `["data"]`, "not JSON"},
			`{` + required + `"1","datacontenttype":"image/png","data_base64":""}`:                      {"INVALID", `["data"]`, "image/png"},
			`{` + required + `"1","datacontenttype":"text/plain; charset=latin1","data_base64":"QQ=="}`: {"INVALID", `["data"]`, "UTF-8"},
			`{` + required + `"1","data":"` + strings.Repeat("x", 256<<10) + `"}`:                       {"OUT_OF_RANGE", `["data"]`, "262144"},
			`"text"`: {"INVALID", `null`, "an object"},
		} {
			const good = `{` + required + `"good"}`
			got := send(batch, "["+good+","+event+"]")
			if got.status != 202 || at(t, []byte(got.body), "results.1.error.code") != want[0] ||
				at(t, []byte(got.body), "results.1.error.path") != want[1] || !strings.Contains(got.body, want[2]) {
				t.Errorf("%.100s: %d %.400s", event, got.status, got.body)
			}
			if strings.HasPrefix(event, "{") {
				if got := send(structured, event); got.status != 422 || at(t, []byte(got.body), "results.0.error.code") != want[0] {
					t.Errorf("%.100s alone: %d %.400s", event, got.status, got.body)
				}
			}
		}
	})

	t.Run("a body that is not JSON, and forms that there are not, publish nothing", func(t *testing.T) {
		var many []string
		for i := range 1001 {
			many = append(many, fmt.Sprintf(`{%s"%d"}`, required, i))
		}
		for _, c := range []struct {
			contentType, body, says string
			status                  int
		}{
			{structured, `{"specversion":`, "ends too early", 400},
			{structured, `[]`, "cloudevents-batch+json", 400},
			{structured, ``, "ends too early", 400},
			{batch, `{}`, "a batch is an array", 400},
			{batch, `[]`, "no event", 400},
			{batch, `[{}] []`, "after the end", 400},
			{batch, "[" + strings.Join(many, ",") + "]", "at most 1000 events", 400},
			{"application/cloudevents+avro", `{}`, "Content-Type", 415},
			{"application/cloudevents+json; charset=latin1", `{}`, "Content-Type", 415},
		} {
			if got := send(c.contentType, c.body); got.status != c.status || at(t, []byte(got.body), "error.code") != "BAD_USER_INPUT" || !strings.Contains(got.body, c.says) {
				t.Errorf("%s %.60s: %d %.300s", c.contentType, c.body, got.status, got.body)
			}
		}
	})

	t.Run("say what becomes of them", func(t *testing.T) {
		stored := func() string {
			return w.get(key, `{events(first: 1) {nodes {idempotencyKey intermediate attributes {key} webhook {notifyUrl notify callbackData}}}}`, nil, "events.nodes.0")
		}
		for name, c := range map[string]struct {
			got  func() reply
			want string
		}{
			"structured": {func() reply {
				return send(structured, `{`+required+`"w1","intermediate":true,"notifyurl":"https://203.0.113.7/hooks","notify":"true","data_base64":null}`)
			}, `{"attributes":[{"key":"source"}],"idempotencyKey":"/s w1","intermediate":true,"webhook":{"callbackData":null,"notify":true,"notifyUrl":"https://203.0.113.7/hooks"}}`},
			"silent": {func() reply {
				return send(structured, `{`+required+`"w2","intermediate":"false","notify":false,"callbackdata":"c"}`)
			}, `{"attributes":[{"key":"source"}],"idempotencyKey":"/s w2","intermediate":false,"webhook":{"callbackData":"c","notify":false,"notifyUrl":null}}`},
			"binary": {func() reply {
				return send("", "", "Ce-Specversion", "1.0", "Ce-Type", "sms.delivery", "Ce-Source", "/s", "Ce-Id", "w3",
					"Ce-Intermediate", "true", "Ce-Notifyurl", "https://203.0.113.7/hooks", "Ce-Notify", "false")
			}, `{"attributes":[{"key":"source"}],"idempotencyKey":"/s w3","intermediate":true,"webhook":{"callbackData":null,"notify":false,"notifyUrl":"https://203.0.113.7/hooks"}}`},
		} {
			if got := c.got(); got.status != 202 || stored() != c.want {
				t.Errorf("%s: %d %s\ngot  %s\nwant %s", name, got.status, got.body, stored(), c.want)
			}
		}
	})

	t.Run("in headers", func(t *testing.T) {
		headers := []string{"Ce-Specversion", "1.0", "ce-type", "sms.delivery", "CE-Source", "/s"}
		stored := func() string {
			return w.get(key, `{events(first: 1) {nodes {idempotencyKey user entity payload {text}}}}`, nil, "events.nodes.0")
		}
		published := append(headers, "ce-id", "Euro%20%E2%82%AC%2x", "ce-user", `"a \"b\" %41"`, "ce-entity", "")
		if got := send("application/vnd.report+json", " {\"a\": 1}\n", published...); got.status != 202 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		if got, want := stored(), `{"entity":null,"idempotencyKey":"/s Euro €%2x","payload":{"text":"{\"a\": 1}"},"user":"a \"b\" A"}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := send("", "", append(headers, "ce-id", "empty")...); got.status != 202 || !strings.Contains(stored(), `{"text":"null"}`) {
			t.Errorf("no data: %d %s %s", got.status, got.body, stored())
		}
		long := strings.Repeat("x", 255)
		if got := send("", "", append(headers, "ce-id", long)...); got.status != 202 || !strings.Contains(stored(), `"cloudevent sha256 `) {
			t.Errorf("a long id: %d %s %s", got.status, got.body, stored())
		}
		for name, c := range map[string]struct {
			contentType, body string
			headers           []string
			path              string
		}{
			"not JSON":           {"application/json", `{`, []string{"ce-id", "1"}, `["data"]`},
			"no type":            {"", `{`, []string{"ce-id", "1"}, `["data"]`},
			"bytes":              {"application/octet-stream", `1`, []string{"ce-id", "1"}, `["data"]`},
			"text, not UTF-8":    {"text/plain", "\xff", []string{"ce-id", "1"}, `["data"]`},
			"twice":              {"application/json", `1`, []string{"ce-id", "1", "ce-id", "2"}, `["id"]`},
			"a type of its own":  {"application/json", `1`, []string{"ce-id", "1", "ce-datacontenttype", "text/plain"}, `["datacontenttype"]`},
			"nothing to tell":    {"", ``, []string{"ce-id", "1", "ce-notifyurl", ""}, `["notifyurl"]`},
			"not a boolean":      {"", ``, []string{"ce-id", "1", "ce-intermediate", "1"}, `["intermediate"]`},
			"a name with a dash": {"application/json", `1`, []string{"ce-id", "1", "ce-my-channel", "2"}, `["my-channel"]`},
		} {
			if got := send(c.contentType, c.body, append(headers, c.headers...)...); got.status != 422 || at(t, []byte(got.body), "results.0.error.path") != c.path {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
	})
}
