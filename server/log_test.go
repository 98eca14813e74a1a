package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// logged is an account with something in its log.
type logged struct {
	key                     string
	subscription            *ent.EventSubscription
	event, delivery         string // as the API shows them
	first, second           string // its attempts
	firstResult, lastResult *stream.Result
}

// fill makes an account in whose log is an event with a delivery that succeeded at the second attempt.
func (w *world) fill(key string) logged {
	w.t.Helper()
	var l logged
	var ctx context.Context
	ctx, l.key = w.customer(key)
	l.subscription = w.subscribe(ctx, key+"-sms", "sms.*")
	l.event = w.publish(l.key, `{"type":"sms.delivery","entity":"berlin","payload":{"n":1}}`)
	event := parse(w.t, l.event)
	l.firstResult = result(l.subscription.AccountID, event, l.subscription.ID, 1, stream.StatusRetrying)
	l.lastResult = result(l.subscription.AccountID, event, l.subscription.ID, 2, stream.StatusSucceeded)
	w.archive(l.firstResult, l.lastResult)
	l.delivery = id.Format(id.Delivery, l.firstResult.DeliveryID)
	l.first, l.second = id.Format(id.Attempt, l.firstResult.Attempt.ID), id.Format(id.Attempt, l.lastResult.Attempt.ID)
	return l
}

// furnish makes an account that has an object of every type: each has name as its key, its name and whatever else it can be
// found by.
func (w *world) furnish(name string) logged {
	w.t.Helper()
	var l logged
	var ctx context.Context
	ctx, l.key = w.customer(name)
	profile := configure.ProfileInput(name, "https://203.0.113.7/"+name)
	profile.Name = &name
	profile.Auth = &configure.AuthChoice{Create: &configure.CreateAuthSettingInput{
		Key: name, Credentials: configure.CredentialsInput{Basic: &configure.BasicInput{Username: name, Password: "p"}},
	}}
	made, err := w.configure.CreateEventSubscription(ctx, configure.CreateEventSubscriptionInput{
		Key: name, Name: name, EventTypes: []string{"sms.*"}, Enabled: true, Profile: configure.ProfileChoice{Create: &profile},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	l.subscription = made.EventSubscription
	must(w.configure.UploadCertificate(ctx, configure.UploadCertificateInput{
		Key: name, Name: &name, PEM: new(testenv.NewAuthority(w.t, name).PEM(w.t, name, time.Now().Add(time.Hour))),
	}))
	l.event = w.publish(l.key, `{"type":"sms.delivery","entity":"`+name+`","resource":"`+name+`","idempotencyKey":"`+name+`","payload":"`+name+`"}`)
	event := parse(w.t, l.event)
	w.archive(
		result(l.subscription.AccountID, event, l.subscription.ID, 1, stream.StatusRetrying),
		result(l.subscription.AccountID, event, l.subscription.ID, 2, stream.StatusSucceeded),
	)
	must(w.configure.SetResourceRoute(ctx, name, configure.Forward, &configure.Ref{Key: &name}))
	return l
}

func TestLog(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		l := w.fill("acme")
		stranger := w.fill("stranger")

		t.Run("shows an attempt whole", func(t *testing.T) {
			w := w.in(t)
			const document = `query($id: ID!) {deliveryAttempt(id: $id) {
				delivery {id status attemptCount event {id}} eventId eventType subscription {key} number trigger outcome statusCode batchSize
				timing {queuedMs dnsMs connectMs tlsMs firstByteMs totalMs connectionReused} url
				request {headers {name value secret} body {contentType text}} response {headers {name value} body {contentType text sizeBytes truncated}}
				remoteAddress tlsVersion error hint}}`
			var got struct {
				DeliveryAttempt map[string]any
			}
			a := w.query(l.key, document, map[string]any{"id": l.first})
			if err := json.Unmarshal(a.Data, &got); err != nil || len(a.Errors) > 0 {
				t.Fatalf("%+v", a)
			}
			request := got.DeliveryAttempt["request"].(map[string]any)
			body := request["body"].(map[string]any)
			if text := body["text"].(string); !strings.HasPrefix(text, `{"id":"`+l.event+`","type":"sms.delivery"`) || !strings.HasSuffix(text, `"data":{"n":1}}`) {
				t.Errorf("request: %s", text)
			}
			delete(body, "text")
			want := fmt.Sprintf(`{"batchSize":1,"delivery":{"attemptCount":2,"event":{"id":%[1]q},"id":%[2]q,"status":"SUCCEEDED"},`+
				`"error":"answered with status 503","eventId":%[1]q,"eventType":"sms.delivery","hint":"The endpoint is down.","number":1,"outcome":"HTTP_ERROR",`+
				`"remoteAddress":"203.0.113.7:443",`+
				`"request":{"body":{"contentType":"application/json"},"headers":[{"name":"Content-Type","secret":false,"value":"application/json"},{"name":"X-Secret","secret":true,"value":null}]},`+
				`"response":{"body":{"contentType":"text/plain","sizeBytes":4,"text":"down","truncated":false},"headers":[{"name":"Content-Type","value":"text/plain"}]},`+
				`"statusCode":503,"subscription":{"key":"acme-sms"},`+
				`"timing":{"connectMs":2,"connectionReused":false,"dnsMs":null,"firstByteMs":3.25,"queuedMs":1.5,"tlsMs":null,"totalMs":4},`+
				`"tlsVersion":"TLS_1_3","trigger":"FIRST","url":"https://203.0.113.7/hook"}`, l.event, l.delivery)
			if shown := string(must(json.Marshal(got.DeliveryAttempt))); shown != want {
				t.Errorf("got  %s\nwant %s", shown, want)
			}
		})

		t.Run("leads from an event to its deliveries and attempts", func(t *testing.T) {
			w := w.in(t)
			const document = `query($id: ID!) {event(id: $id) {matched acceptedAt deliveries {id completedAt nextAttemptAt attempts {id number trigger}}}}`
			a := w.query(l.key, document, map[string]any{"id": l.event})
			if got := at(t, a.Data, "event.deliveries.0.id"); got != l.delivery {
				t.Errorf("delivery %s", got)
			}
			if got, want := at(t, a.Data, "event.deliveries.0.attempts"), fmt.Sprintf(
				`[{"id":%q,"number":1,"trigger":"FIRST"},{"id":%q,"number":2,"trigger":"RETRY"}]`, l.first, l.second); got != want {
				t.Errorf("attempts %s", got)
			}
			if at(t, a.Data, "event.deliveries.0.completedAt") == "null" || at(t, a.Data, "event.deliveries.0.nextAttemptAt") != "null" {
				t.Errorf("got %s", a.Data)
			}
			if accepted := must(time.Parse(time.RFC3339Nano, at(t, a.Data, "event.acceptedAt"))); time.Since(accepted) > time.Minute {
				t.Errorf("accepted at %s", accepted)
			}
		})

		t.Run("an event that is gone leaves its attempts, without the request's body", func(t *testing.T) {
			w := w.in(t)
			ctx, key := w.customer("gone")
			account := must(accountOf(ctx))
			r := result(account, id.New(), id.New(), 1, stream.StatusExhausted)
			w.archive(r)
			const document = `query($id: ID!) {deliveryAttempt(id: $id) {request {headers {name} body {text}} subscription {id} delivery {event {id} subscription {id} status}}}`
			if got := w.get(key, document, map[string]any{"id": id.Format(id.Attempt, r.Attempt.ID)}, "deliveryAttempt"); got != `{"delivery":{"event":null,"status":"EXHAUSTED","subscription":null},"request":{"body":null,"headers":[{"name":"Content-Type"},{"name":"X-Secret"}]},"subscription":null}` {
				t.Error(got)
			}
		})

		t.Run("of a bucket, the request has the event as it was in it", func(t *testing.T) {
			w := w.in(t)
			ctx, key := w.customer("bucket")
			event := w.publish(key, `{"type":"sms.delivery","payload":{"n":7}}`)
			for format, want := range map[string]string{
				"ENVELOPE": `{"results":[{"id":"` + event + `"`, "RAW": `{"ids":["` + event + `"],"results":[{"n":7}]}`, "CLOUDEVENTS": `[{"specversion":"1.0","id":"` + event + `"`,
			} {
				r := result(must(accountOf(ctx)), parse(t, event), id.New(), 1, stream.StatusSucceeded)
				r.Attempt.BucketSize, r.Attempt.PayloadFormat = 37, format
				w.archive(r)
				got := w.get(key, `query($id: ID!) {deliveryAttempt(id: $id) {batchSize request {body {text}}}}`, map[string]any{"id": id.Format(id.Attempt, r.Attempt.ID)}, "deliveryAttempt")
				var attempt struct {
					BatchSize int
					Request   struct{ Body struct{ Text string } }
				}
				if err := json.Unmarshal([]byte(got), &attempt); err != nil || attempt.BatchSize != 37 || !strings.HasPrefix(attempt.Request.Body.Text, want) {
					t.Errorf("%s: %s, want a bucket of 37 that begins with %s", format, got, want)
				}
			}
		})

		t.Run("without a response there is none", func(t *testing.T) {
			w := w.in(t)
			ctx, key := w.customer("silent")
			r := result(must(accountOf(ctx)), id.New(), id.New(), 1, stream.StatusExhausted)
			r.Attempt.StatusCode, r.Attempt.Outcome, r.Attempt.RemoteAddress, r.Attempt.TLSVersion = 0, stream.OutcomeDNS, "", ""
			w.archive(r)
			if got := w.get(key, `{deliveryAttempts(first: 100) {nodes {statusCode response {body {text}} remoteAddress tlsVersion outcome}}}`, nil, "deliveryAttempts.nodes"); got != `[{"outcome":"DNS","remoteAddress":null,"response":null,"statusCode":null,"tlsVersion":null}]` {
				t.Error(got)
			}
		})

		t.Run("filters", func(t *testing.T) {
			w := w.in(t)
			subscription := id.Format(id.EventSubscription, l.subscription.ID)
			past, future := time.Now().Add(-time.Hour).Format(time.RFC3339Nano), time.Now().Add(time.Hour).Format(time.RFC3339Nano)
			for _, c := range []struct {
				list, kind string
				filter     map[string]any
				want       int
			}{
				{"events", "EventLogFilter", map[string]any{}, 1},
				{"events", "EventLogFilter", map[string]any{"since": past, "until": future, "types": []string{"sms.delivery"}, "entity": "berlin", "matched": true}, 1},
				{"events", "EventLogFilter", map[string]any{"types": []string{}}, 1},
				{"events", "EventLogFilter", map[string]any{"since": future}, 0},
				{"events", "EventLogFilter", map[string]any{"until": past}, 0},
				{"events", "EventLogFilter", map[string]any{"types": []string{"email.open"}}, 0},
				{"events", "EventLogFilter", map[string]any{"entity": "paris"}, 0},
				{"events", "EventLogFilter", map[string]any{"matched": false}, 0},
				{"deliveries", "DeliveryFilter", map[string]any{"statuses": []string{"SUCCEEDED", "QUEUED"}, "subscriptions": []string{subscription}, "eventId": l.event, "eventTypes": []string{"sms.delivery"}}, 1},
				{"deliveries", "DeliveryFilter", map[string]any{"since": past, "until": future}, 1},
				{"deliveries", "DeliveryFilter", map[string]any{"statuses": []string{"RETRYING"}}, 0},
				{"deliveries", "DeliveryFilter", map[string]any{"subscriptions": []string{"nonsense"}}, 0},
				{"deliveries", "DeliveryFilter", map[string]any{"eventId": stranger.event}, 0},
				{"deliveries", "DeliveryFilter", map[string]any{"eventId": l.delivery}, 0},
				{"deliveries", "DeliveryFilter", map[string]any{"since": future}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"eventId": l.event, "deliveryId": l.delivery, "subscriptions": []string{subscription}}, 2},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"outcomes": []string{"SUCCESS"}}, 1},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"triggers": []string{"RETRY", "REPLAY"}}, 1},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"statusCodes": []int{503, 404}}, 1},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"slowerThanMs": 4}, 2},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"slowerThanMs": 4.001}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"since": past, "until": future}, 2},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"since": future}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"eventTypes": []string{"email.open"}}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"eventId": stranger.event}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"eventId": "evt_"}, 0},
				{"deliveryAttempts", "AttemptFilter", map[string]any{"deliveryId": l.event}, 0},
			} {
				got := w.get(l.key, fmt.Sprintf(`query($f: %s) {%s(filter: $f) {nodes {id}}}`, c.kind, c.list), map[string]any{"f": c.filter}, c.list+".nodes")
				if n := strings.Count(got, `"id"`); n != c.want {
					t.Errorf("%s %v: %d, want %d", c.list, c.filter, n, c.want)
				}
			}
			many := slices.Repeat([]string{"x"}, 101)
			a := w.query(l.key, `query($f: AttemptFilter) {deliveryAttempts(filter: $f) {nodes {id}}}`, map[string]any{"f": map[string]any{"subscriptions": many}})
			if a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, "filter.subscriptions: 101 values are too many, the limit is 100") {
				t.Errorf("got %+v", a)
			}
		})

		t.Run("pages forwards and backwards without gap", func(t *testing.T) {
			w := w.in(t)
			_, key := w.customer("pages")
			all := make([]string, 7)
			for i := range all {
				all[len(all)-1-i] = w.publish(key, `{"type":"email.open","payload":1}`)
			}
			const document = `query($first: Int, $after: Cursor, $last: Int, $before: Cursor) {
				events(first: $first, after: $after, last: $last, before: $before) {nodes {id} pageInfo {hasNextPage hasPreviousPage startCursor endCursor}}}`
			type page struct {
				Events struct {
					Nodes    []struct{ ID string }
					PageInfo struct {
						HasNextPage, HasPreviousPage bool
						StartCursor, EndCursor       string
					}
				}
			}
			var seen []string
			vars := map[string]any{"first": 3}
			for more := true; more; {
				var p page
				if err := json.Unmarshal(w.query(key, document, vars).Data, &p); err != nil {
					t.Fatal(err)
				}
				if p.Events.PageInfo.HasPreviousPage != (len(seen) > 0) {
					t.Errorf("hasPreviousPage is %v after %d", p.Events.PageInfo.HasPreviousPage, len(seen))
				}
				for _, node := range p.Events.Nodes {
					seen = append(seen, node.ID)
				}
				more = p.Events.PageInfo.HasNextPage
				vars["after"] = p.Events.PageInfo.EndCursor
			}
			if !slices.Equal(seen, all) {
				t.Errorf("forwards: %v, want %v", seen, all)
			}
			seen = nil
			vars = map[string]any{"last": 2}
			for more := true; more; {
				var p page
				if err := json.Unmarshal(w.query(key, document, vars).Data, &p); err != nil {
					t.Fatal(err)
				}
				var nodes []string
				for _, node := range p.Events.Nodes {
					nodes = append(nodes, node.ID)
				}
				seen = append(nodes, seen...)
				more = p.Events.PageInfo.HasPreviousPage
				vars["before"] = p.Events.PageInfo.StartCursor
			}
			if !slices.Equal(seen, all) {
				t.Errorf("backwards: %v, want %v", seen, all)
			}
		})
	})
}
