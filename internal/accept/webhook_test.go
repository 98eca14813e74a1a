package accept

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/usererror"
)

const notifyURL = "https://example.com/hook?token=1"

func TestWebhooksAreValidated(t *testing.T) {
	t.Parallel()
	guard := addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	for name, c := range map[string]struct {
		webhook Webhook
		want    []string
	}{
		"nothing":            {Webhook{ContentType: "JSON"}, nil},
		"everything":         {Webhook{NotifyURL: new("https://203.0.113.7/"), Notify: true, CallbackData: strings.Repeat("é", 4000), ContentType: "XML", IntermediateReports: true}, nil},
		"an empty URL":       {Webhook{NotifyURL: new(""), ContentType: "JSON"}, []string{"INVALID webhook.notifyUrl "}},
		"a plain URL":        {Webhook{NotifyURL: new("http://example.com/"), ContentType: "JSON"}, []string{"INVALID webhook.notifyUrl https"}},
		"a private address":  {Webhook{NotifyURL: new("https://10.0.0.1/secret"), ContentType: "JSON"}, []string{"BLOCKED_ADDRESS webhook.notifyUrl "}},
		"a long URL":         {Webhook{NotifyURL: new("https://example.com/" + strings.Repeat("a", 2029)), ContentType: "JSON"}, []string{"OUT_OF_RANGE webhook.notifyUrl 2048"}},
		"long callback data": {Webhook{CallbackData: strings.Repeat("é", 4001), ContentType: "JSON"}, []string{"OUT_OF_RANGE webhook.callbackData 4000"}},
		"NUL":                {Webhook{CallbackData: "a\x00", ContentType: "JSON"}, []string{"INVALID webhook.callbackData NUL"}},
		"no UTF-8":           {Webhook{CallbackData: "\xff", ContentType: "JSON"}, []string{"INVALID webhook.callbackData UTF-8"}},
		"another type":       {Webhook{ContentType: "YAML"}, []string{"INVALID webhook.contentType XML"}},
		"several things":     {Webhook{NotifyURL: new("x"), CallbackData: "\x00"}, []string{"INVALID webhook.notifyUrl ", "INVALID webhook.callbackData ", "INVALID webhook.contentType "}},
		"credentials in it":  {Webhook{NotifyURL: new("https://user:secret@example.com/"), ContentType: "JSON"}, []string{"INVALID webhook.notifyUrl "}},
	} {
		var wrong usererror.List
		c.webhook.validate(&wrong, guard)
		if len(wrong) != len(c.want) {
			t.Errorf("%s: %v, want %q", name, wrong, c.want)
			continue
		}
		for i, mistake := range wrong {
			code, rest, _ := strings.Cut(c.want[i], " ")
			path, part, _ := strings.Cut(rest, " ")
			if string(mistake.Code) != code || strings.Join(mistake.Path, ".") != path || !strings.Contains(mistake.Message, part) {
				t.Errorf("%s: %+v, want %q", name, mistake, c.want[i])
			}
			if strings.Contains(mistake.Message, "secret") {
				t.Errorf("%s: the message shows the URL: %s", name, mistake.Message)
			}
		}
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	onEach(t, "decide in place of routes and subscriptions, and are kept", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		subscription, ctx := r.subscribe("all", []string{"sms.*"}), access.WithAccount(t.Context(), r.account)
		_, err := r.configure.SetResourceRoute(ctx, "routed", configure.ToNobody, nil, "*")
		must(t, err)
		own, subscribed := string(r.account[:]), string(subscription[:])
		url := new(notifyURL)
		for name, c := range map[string]struct {
			event Event
			want  string
			kept  *types.Webhook
		}{
			"no webhook":          {Event{}, subscribed, nil},
			"callback data alone": {Event{Webhook: &Webhook{Notify: true, CallbackData: "x", ContentType: "JSON"}}, subscribed, &types.Webhook{CallbackData: "x"}},
			"a routed resource":   {Event{Webhook: &Webhook{Notify: true, ContentType: "JSON"}, Resource: "routed"}, "", &types.Webhook{}},
			"silence":             {Event{Webhook: &Webhook{ContentType: "JSON"}}, "", &types.Webhook{Silent: true}},
			"silence with a URL":  {Event{Webhook: &Webhook{NotifyURL: url, ContentType: "JSON"}}, "", &types.Webhook{Silent: true, NotifyURL: notifyURL}},
			"a URL":               {Event{Webhook: &Webhook{NotifyURL: url, Notify: true, ContentType: "XML"}}, own, &types.Webhook{NotifyURL: notifyURL, XML: true}},
			"a URL, and a routed resource": {
				Event{Webhook: &Webhook{NotifyURL: url, Notify: true, ContentType: "JSON"}, Resource: "routed"}, own, &types.Webhook{NotifyURL: notifyURL},
			},
			"an intermediate report": {
				Event{Webhook: &Webhook{NotifyURL: url, Notify: true, ContentType: "JSON"}, Intermediate: true}, "", &types.Webhook{NotifyURL: notifyURL},
			},
			"an intermediate report that is asked for": {
				Event{Webhook: &Webhook{NotifyURL: url, Notify: true, ContentType: "JSON", IntermediateReports: true}, Intermediate: true}, own,
				&types.Webhook{NotifyURL: notifyURL, IntermediateReports: true},
			},
			"an intermediate report to subscriptions": {
				Event{Webhook: &Webhook{Notify: true, ContentType: "JSON"}, Intermediate: true}, subscribed, &types.Webhook{},
			},
		} {
			c.event.Type, c.event.Payload = "sms.delivery", json.RawMessage("1")
			results, err := r.Publish(t.Context(), r.account, []Event{c.event})
			must(t, err)
			if len(results[0].Errors) > 0 || results[0].Matched != len(c.want)/16 {
				t.Errorf("%s: %+v", name, results[0])
				continue
			}
			row := r.store.Ent.Event.GetX(ctx, results[0].ID)
			if string(row.Targets) != c.want || (row.Webhook == nil) != (c.kept == nil) || c.kept != nil && *row.Webhook != *c.kept {
				t.Errorf("%s: targets %x, webhook %+v", name, row.Targets, row.Webhook)
			}
		}
	})

	onEach(t, "make the account's secret when it is first needed", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		secrets := func() int {
			return r.store.Ent.AccountSecret.Query().CountX(access.WithAccount(t.Context(), r.account))
		}
		event := Event{Type: "sms.delivery", Payload: json.RawMessage("1"), Webhook: NewWebhook()}
		_, err := r.Publish(t.Context(), r.account, []Event{event})
		must(t, err)
		event.Webhook.NotifyURL = new("http://10.0.0.1/")
		_, err = r.Publish(t.Context(), r.account, []Event{event})
		must(t, err)
		if n := secrets(); n > 0 {
			t.Errorf("%d secrets before one is needed", n)
		}
		event.Webhook.NotifyURL = new(notifyURL)
		for range 2 {
			if _, err = r.Publish(t.Context(), r.account, []Event{event}); err != nil {
				t.Fatal(err)
			}
		}
		if _, known := r.registry.AccountSecret(r.account); !known || secrets() != 1 {
			t.Errorf("%d secrets, known %v", secrets(), known)
		}
	})

	onEach(t, "are not published while the secret cannot be made", func(t *testing.T, r *rig) {
		r.makeSecret = func(context.Context) error { return errors.New("the database is away") }
		r.start(r.Accepter)
		webhook := NewWebhook()
		webhook.NotifyURL = new(notifyURL)
		_, err := r.Publish(t.Context(), r.account, []Event{{Type: "sms.delivery", Payload: json.RawMessage("1"), Webhook: webhook}})
		if !errors.Is(err, ErrUnavailable) || err.Error() != ErrUnavailable.Error() {
			t.Errorf("error %v", err)
		}
		if n := r.store.Ent.Event.Query().CountX(access.WithSystem(t.Context())); n > 0 {
			t.Errorf("%d events", n)
		}
	})
}
