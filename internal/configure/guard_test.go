package configure_test

import (
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// TestGuardAtSave: every URL that customers choose passes the guard when it is saved, whichever way it comes.
func TestGuardAtSave(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		client := egress.New(egress.Config{})
		e.Cleanup(client.Close)
		e.Connections = configure.NewConnections(client)
		profile := e.profile()
		setting := e.authSetting(oauth2With(func(*configure.OAuth2Input) {}))
		ways := map[string]func(raw string) error{
			"input.webhookUrl": func(raw string) error {
				in := e.profileInput()
				in.WebhookURL = raw
				_, err := e.CreateNotificationProfile(e.ctx(), in)
				return err
			},
			"input.webhookUrl ": func(raw string) error {
				_, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), configure.UpdateNotificationProfileInput{WebhookURL: &raw})
				return err
			},
			"input.profile.create.webhookUrl": func(raw string) error {
				in := e.input()
				in.Profile.Create.WebhookURL = raw
				_, err := e.CreateEventSubscription(e.ctx(), in)
				return err
			},
			"input.credentials.oauth2.tokenUrl": func(raw string) error {
				_, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{
					Key: e.next("auth"), Credentials: oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = raw }),
				})
				return err
			},
			"input.credentials.oauth2.tokenUrl ": func(raw string) error {
				_, err := e.UpdateAuthSetting(e.ctx(), byAuth(setting.ID), configure.UpdateAuthSettingInput{
					Credentials: new(oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = raw })),
				})
				return err
			},
		}
		for raw, code := range map[string]string{
			"https://127.0.0.1/": "BLOCKED_ADDRESS", "https://10.0.0.1:8443/x": "BLOCKED_ADDRESS", "https://169.254.169.254/latest/meta-data/": "BLOCKED_ADDRESS",
			"https://[::1]/": "BLOCKED_ADDRESS", "https://[::ffff:127.0.0.1]/": "BLOCKED_ADDRESS", "https://[::ffff:7f00:1]/": "BLOCKED_ADDRESS",
			"https://[64:ff9b::7f00:1]/": "BLOCKED_ADDRESS", "https://[2002:7f00:1::1]/": "BLOCKED_ADDRESS", "https://[2001::1]/": "BLOCKED_ADDRESS",
			"https://[fe80::1%25lo]/": "BLOCKED_ADDRESS", "https://[::]/": "BLOCKED_ADDRESS", "https://localhost:9/": "BLOCKED_ADDRESS", "https://a.localhost./": "BLOCKED_ADDRESS",
			"https://0x7f.1/": "INVALID", "https://0177.0.0.1/": "INVALID", "https://2130706433/": "INVALID", "https://127.1/": "INVALID", "https://127.0.0.1./": "INVALID",
			"https://127\u30020.0.1/": "INVALID", "https://bücher.example/": "INVALID", "https://u:p@example.com/": "INVALID", "https://example.com:0/": "INVALID",
			"https://example.com/\x00": "INVALID", `https://example.com\@10.0.0.1/`: "INVALID", "http://example.com/": "INVALID", "gopher://example.com/": "INVALID",
		} {
			for at, save := range ways {
				wants(e, raw, save(raw), code+" "+at)
			}
			// A test may be asked for: that the address is blocked is what comes of it.
			tested, err := e.TestConnection(e.ctx(), configure.TestConnectionInput{URL: &raw})
			if code == "INVALID" {
				wants(e, raw, err, "INVALID input.url")
			} else if err != nil || tested.Outcome != stream.OutcomeBlocked || tested.Handshake.RemoteAddr != "" {
				e.Errorf("testing %q: %+v, %v", raw, tested, err)
			}
		}
		for at, save := range ways {
			if err := save("https://hook.example/x"); err != nil { // a name may stand for anything
				e.Errorf("%s: %v", at, err)
			}
		}
	})
}

// TestGuardOfConnectionTests: what a name stands for is judged each time that it is dialled.
func TestGuardOfConnectionTests(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		names := testenv.NewNameServer(e)
		e.Guard = addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
		client := egress.New(egress.Config{Policy: e.Guard, Resolver: names.Resolver()})
		e.Cleanup(client.Close)
		e.Connections = configure.NewConnections(client)
		receiver, err := url.Parse(testenv.NewReceiver(e).URL())
		if err != nil {
			e.Fatal(err)
		}
		in := e.profileInput()
		in.WebhookURL = "http://hook.test:" + receiver.Port()
		names.Set("hook.test", "127.0.0.1")
		names.Set("alias.test", "inside.test")
		names.Set("inside.test", "127.0.0.2")
		profile, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		for _, c := range []struct {
			standsFor []string
			want      stream.Outcome
		}{
			{[]string{"127.0.0.1"}, stream.OutcomeSuccess},
			{[]string{"127.0.0.2"}, stream.OutcomeBlocked},
			{[]string{"alias.test"}, stream.OutcomeBlocked},
			{[]string{"::1", "::ffff:127.0.0.2", "64:ff9b::7f00:1", "2002:7f00:1::1", "169.254.169.254"}, stream.OutcomeBlocked},
			{[]string{"127.0.0.2", "127.0.0.1"}, stream.OutcomeSuccess},
		} {
			names.Set("hook.test", c.standsFor...)
			for _, test := range []configure.TestConnectionInput{{URL: &in.WebhookURL}, {Profile: new(byProfile(profile.ID))}} {
				test.ConnectTimeoutMs = new(int(10 * time.Second / time.Millisecond))
				got, err := e.TestConnection(e.ctx(), test)
				if err != nil || got.Outcome != c.want || (c.want == stream.OutcomeSuccess) != (got.Handshake.RemoteAddr == receiver.Host) {
					e.Errorf("of %q: %+v, %v", c.standsFor, got, err)
				}
			}
		}
	})
}
