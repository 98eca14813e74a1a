package accept

import (
	"encoding/json"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	onEach(t, "decide in place of the subscriptions, for their resource and account alone", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		subscription := r.subscribe("all", []string{"sms.*"})
		row := r.store.Ent.EventSubscription.GetX(access.WithSystem(t.Context()), subscription)
		ctx := access.WithAccount(t.Context(), r.account)
		forward, err := r.configure.SetResourceRoute(ctx, "+491", configure.Forward, &configure.Ref{ID: new(id.Format(id.NotificationProfile, row.ProfileID))}, "sms.*")
		must(t, err)
		_, err = r.configure.SetResourceRoute(ctx, "+492", configure.ToNobody, nil, "sms.click", "sms.delivery")
		must(t, err)
		_, err = r.configure.SetResourceRoute(access.WithAccount(t.Context(), r.newAccount("bank")), "+493", configure.ToNobody, nil, "*")
		must(t, err)
		for resource, want := range map[string]string{
			"+491": string(forward.Route.ID[:]), "+492": "", "+493": string(subscription[:]), "+49": string(subscription[:]), "": string(subscription[:]),
		} {
			results, err := r.Publish(t.Context(), r.account, []Event{{Type: "sms.delivery", Payload: json.RawMessage("1"), Resource: resource}})
			must(t, err)
			if results[0].Matched != len(want)/len(id.Nil) {
				t.Errorf("%q: matched %d", resource, results[0].Matched)
			}
			if got := r.store.Ent.Event.GetX(ctx, results[0].ID); string(got.Targets) != want {
				t.Errorf("%q: targets %x, want %x", resource, got.Targets, want)
			}
		}
	})

	onEach(t, "are for inbound events, unless they say otherwise", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		r.subscribe("all", []string{"*"})
		ctx := access.WithAccount(t.Context(), r.account)
		_, err := r.configure.SetResourceRoute(ctx, "+491", configure.ToNobody, nil)
		must(t, err)
		_, err = r.configure.SetResourceRoute(ctx, "+492", configure.ToNobody, nil, "sms.*")
		must(t, err)
		for eventType, want := range map[string][2]int{ // of both resources
			"channels.inbound": {0, 1}, "voice_video.call_received": {0, 1}, "sms.delivery": {1, 0}, "voice_video.call_finished": {1, 1},
		} {
			results, err := r.Publish(t.Context(), r.account, []Event{
				{Type: eventType, Payload: json.RawMessage("1"), Resource: "+491"}, {Type: eventType, Payload: json.RawMessage("1"), Resource: "+492"},
			})
			must(t, err)
			if got := [2]int{results[0].Matched, results[1].Matched}; got != want {
				t.Errorf("%s: matched %v, want %v", eventType, got, want)
			}
		}
	})

	onEach(t, "do not keep from anybody what Hookline itself has to tell", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		r.subscribe("own", []string{"hookline.*"})
		ctx := access.WithAccount(t.Context(), r.account)
		_, err := r.configure.SetResourceRoute(ctx, "crm", configure.ToNobody, nil, "*")
		must(t, err)
		told := []Event{{Type: "hookline.subscription.disabled", Payload: json.RawMessage("{}"), Resource: "crm"}}
		if heard := r.Heard(r.account, told); len(heard) != 1 {
			t.Errorf("heard by %d", len(heard))
		}
		must(t, r.Announce(t.Context(), r.account, told))
		if got := r.store.Ent.Event.Query().OnlyX(ctx); len(got.Targets) != len(id.Nil) {
			t.Errorf("targets %x, want the subscription", got.Targets)
		}
	})
}
