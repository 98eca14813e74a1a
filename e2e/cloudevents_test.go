package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/hookline/hookline/internal/testenv"
)

// The extensions with which a CloudEvent is published come out where it is delivered as one, alone and in a batch.
func TestCloudEventsThrough(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		server, _ := in.startAll(1)
		api := server.api()
		alone, batched := testenv.NewReceiver(t), testenv.NewReceiver(t)
		api.subscribe("alone", alone.URL(), nil, fields{"payloadFormat": "CLOUDEVENTS"})
		api.subscribe("batched", batched.URL(), nil, fields{"payloadFormat": "CLOUDEVENTS", "maxBucketSize": 2, "maxBucketDelayMs": 60_000})
		client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(server.url+"/v1/events"), cloudevents.WithHeader("Authorization", "Bearer "+adminKey))
		if err != nil {
			t.Fatal(err)
		}
		sent := map[string]cloudevents.Event{} // by their payload
		for _, encoding := range []func(context.Context) context.Context{cloudevents.WithEncodingBinary, cloudevents.WithEncodingStructured} {
			e := cloudevents.NewEvent()
			e.SetID(string(rune('a' + len(sent))))
			e.SetSource("https://gateway.example.com/eu")
			e.SetType("sms.delivery")
			e.SetSubject("+4915112345678")
			e.SetDataSchema("https://example.com/schema.json")
			for name, value := range map[string]any{
				"user": "u-1", "entity": "berlin", "application": "shop", "callbackdata": "ticket 7", "channel": `voice "größe"`, "retries": 3, "roaming": true,
				"partitionkey": "p 1", "anamethatislongerthantwentycharacters": "long",
			} {
				e.SetExtension(name, value)
			}
			payload := `{"n":` + string(rune('0'+len(sent))) + `}`
			if err := e.SetData(cloudevents.ApplicationJSON, json.RawMessage(payload)); err != nil {
				t.Fatal(err)
			}
			if result := client.Send(encoding(soon(t)), e); !cloudevents.IsACK(result) {
				t.Fatal(result)
			}
			sent[payload] = e
		}

		want := map[string]any{
			"user": "u-1", "entity": "berlin", "application": "shop", "callbackdata": "ticket 7", "channel": `voice "größe"`, "retries": "3", "roaming": "true",
			"partitionkey": "p 1", "anamethatislongerthantwentycharacters": "long",
		}
		for name, came := range map[string][]testenv.Received{"alone": alone.Wait(soon(t), 2), "batched": batched.Wait(soon(t), 1)} {
			var events []cloudevents.Event
			for _, r := range came {
				events = append(events, readCloudEvents(t, r)...)
			}
			if len(events) != 2 {
				t.Fatalf("%s: %d events, want 2", name, len(events))
			}
			for _, e := range events {
				before, found := sent[string(e.Data())]
				if err := e.Validate(); err != nil || !found || !maps.Equal(e.Extensions(), want) || e.Subject() != before.Subject() || e.DataSchema() != "" ||
					e.Source() != "/hookline/applications/shop" {
					t.Errorf("%s: %s, %v; was %s", name, e, err, before)
				}
			}
		}
	})
}

// readCloudEvents reads what an endpoint got: one, or a batch.
func readCloudEvents(t *testing.T, r testenv.Received) []cloudevents.Event {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = r.Header
	if r.Header.Get("Content-Type") == cloudevents.ApplicationCloudEventsBatchJSON {
		events, err := cloudevents.NewEventsFromHTTPRequest(request)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	e, err := cloudevents.NewEventFromHTTPRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return []cloudevents.Event{*e}
}
