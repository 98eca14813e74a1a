package worker_test

import (
	"encoding/json"
	"testing"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/testenv"
)

func TestPublishMatches(t *testing.T) {
	t.Parallel()
	onEach(t, "attributes and expressions, of disabled subscriptions too", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		want := map[string]int{ // event → matched
			`{"attributes":"c1","payload":{"price":{"amount":0.06}}}`: 4,
			`{"attributes":"c1","payload":{"price":{"amount":0.04}}}`: 1,
			`{"attributes":"c1","payload":{"price":"free"}}`:          1,
			`{"attributes":"c2","payload":{"price":{"amount":7}}}`:    2,
			`{"payload":{}}`: 0,
		}
		add := func(key string, enabled bool, attribute, expression string) {
			r.subscribe(key, "http://127.0.0.1:1", func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
				in.Enabled = enabled
				if attribute != "" {
					in.Filter = &configure.EventFilterInput{Attributes: []types.AttributeFilter{{Key: "channelId", Values: []string{"c0", attribute}}}}
				}
				if expression != "" {
					in.Expression = &expression
				}
			})
		}
		const dear = "event.payload.price.amount > 0.05"
		add("attribute", true, "c1", "")
		add("expression", true, "", dear)
		add("both", true, "c1", dear)
		add("disabled", false, "", dear)
		for text, matched := range want {
			var given struct {
				Attributes string
				Payload    json.RawMessage
			}
			must(t, json.Unmarshal([]byte(text), &given))
			event := accept.Event{Type: "sms.delivery", Payload: given.Payload}
			if given.Attributes != "" {
				event.Attributes = []types.Attribute{{Key: "channelId", Value: given.Attributes}}
			}
			results, err := r.accepter.Publish(t.Context(), r.account, []accept.Event{event})
			must(t, err)
			if results[0].Matched != matched {
				t.Errorf("%s: matched %d, want %d", text, results[0].Matched, matched)
			}
		}
	})
}
