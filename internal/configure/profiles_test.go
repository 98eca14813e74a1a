package configure_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

func TestCreateNotificationProfile(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateNotificationProfile(e.ctx(), configure.CreateNotificationProfileInput{
			Key: "main", WebhookURL: "https://example.com:8443/hook?x=1", PayloadFormat: "XML",
			ResponseStatusRegex: new("^20[01]$"), ResponseHeaderRegex: new("(?i)^x-ok: yes$"), ResponseBodyRegex: new("\n\tok"),
			Name: new("Hauptprofil für Ärzte"), MaxBucketSize: 2000, RateLimit: new(1), WindowSize: 10_000, ConnectTimeoutMs: 300, ReadTimeoutMs: 90_000, TLSVersions: []string{"TLS_1_3"},
			Headers:     []configure.HeaderInput{{Name: "X-Tenant", Value: "a\tb"}, {Name: "Authorization", Value: "Bearer s3cret", Secret: true}},
			RetryPolicy: &configure.RetryPolicyInput{Kind: "CUSTOM", Delays: []time.Duration{time.Second, 24 * time.Hour}},
		})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.NotificationProfile.GetX(e.ctx(), made.ID)
		if row.Key != "main" || row.WebhookURL != "https://example.com:8443/hook?x=1" || row.PayloadFormat != "XML" ||
			row.ResponseStatusRegex != "^20[01]$" || row.ResponseHeaderRegex != "(?i)^x-ok: yes$" || row.ResponseBodyRegex != "\n\tok" ||
			row.Name != "Hauptprofil für Ärzte" || row.MaxBucketSize != 2000 || row.MaxBucketDelayMs != 0 || row.RateLimit == nil || *row.RateLimit != 1 ||
			row.WindowSize != 10_000 || row.ConnectTimeoutMs != 300 || row.ReadTimeoutMs != 90_000 ||
			!slices.Equal(row.TLSVersions, []string{"TLS_1_3"}) || row.Version != 1 || row.AccountID != e.account {
			e.Errorf("the row is %v", row)
		}
		if r := row.RetryPolicy; r.Kind != "CUSTOM" || !slices.Equal(r.Delays, []time.Duration{time.Second, 24 * time.Hour}) || !r.NoJitter {
			e.Errorf("retry policy %v", r)
		}
		if h := row.Headers; len(h) != 2 || h[0].Name != "X-Tenant" || h[0].Value != "a\tb" || h[0].Secret() ||
			h[1].Name != "Authorization" || h[1].Value != "" || !h[1].Secret() {
			e.Fatalf("headers %v", h)
		}
		opened, err := e.Vault.Open(row.Headers[1].Sealed, configure.HeaderBinding(row.ID, "AUTHORIZATION"))
		if err != nil || string(opened) != "Bearer s3cret" {
			e.Errorf("the secret header opens as %q, %v", opened, err)
		}
		if got := e.recorded(id.Nil); !slices.Equal(got, []string{id.Format(id.NotificationProfile, row.ID)}) {
			e.Errorf("recorded %v", got)
		}
		if !slices.Equal(e.changed, []string{id.Format(id.NotificationProfile, row.ID)}) {
			e.Errorf("Changed was called with %v", e.changed)
		}
		if n, err := made.QuerySubscriptions().Count(e.ctx()); err != nil || n != 0 {
			e.Errorf("the subscriptions of what was returned: %d, %v", n, err)
		}
	})
}

func TestDefaultProfile(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.Store.Ent.NotificationProfile.GetX(e.ctx(), e.profile().ID)
		if row.PayloadFormat != "ENVELOPE" || row.WindowSize != 20 || row.ConnectTimeoutMs != 10_000 || row.ReadTimeoutMs != 10_000 ||
			len(row.TLSVersions) != 2 || row.Headers == nil || len(row.Headers) != 0 || row.ResponseStatusRegex != "" ||
			row.RetryPolicy.Kind != "QUADRATIC" || row.RetryPolicy.NoJitter ||
			row.Name != row.Key || row.MaxBucketSize != 1 || row.MaxBucketDelayMs != 100 || row.RateLimit != nil {
			e.Errorf("the row is %v", row)
		}
	})
}

func TestProfileNames(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		for name, want := range map[string]string{
			"n": "", " n ": "", "名前 🚚": "", strings.Repeat("ü", 255): "",
			"":                       "REQUIRED input.name 1–255 characters",
			" \t\u00a0":              "REQUIRED input.name ",
			strings.Repeat("ü", 256): "OUT_OF_RANGE input.name 256 characters: at most 255",
			"two\nlines":             "INVALID input.name \"two\\nlines\"",
			"nul\x00":                "INVALID input.name ",
			"not UTF-8 \xff":         "INVALID input.name ",
		} {
			in := e.profileInput()
			in.Name = &name
			made, err := e.CreateNotificationProfile(e.ctx(), in)
			changed, changeErr := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), configure.UpdateNotificationProfileInput{Name: &name})
			if want != "" {
				wants(e, "creating "+name, err, want)
				wants(e, "changing to "+name, changeErr, want)
				continue
			}
			if err != nil || changeErr != nil || made.Name != name || changed.Name != name {
				e.Errorf("name %.20q: %v, %v", name, err, changeErr)
			}
		}
		in := e.profileInput()
		in.Key = "a b"
		_, err := e.CreateNotificationProfile(e.ctx(), in)
		wants(e, "a bad key that would be the name, too", err, "INVALID input.key `a b`")
	})
}

func TestRateLimitIsRemovedByNull(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.profileInput()
		in.RateLimit = new(5000)
		made, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil || made.RateLimit == nil || *made.RateLimit != 5000 {
			e.Fatalf("created %v, %v", made, err)
		}
		for _, step := range []struct {
			in   configure.UpdateNotificationProfileInput
			want string
		}{
			{configure.UpdateNotificationProfileInput{Name: new("other")}, "5000"},
			{configure.UpdateNotificationProfileInput{RateLimit: graphql.OmittableOf[*int](nil)}, "none"},
		} {
			row, err := e.UpdateNotificationProfile(e.ctx(), byProfile(made.ID), step.in)
			if err != nil {
				e.Fatal(err)
			}
			got := "none"
			if row.RateLimit != nil {
				got = strconv.Itoa(*row.RateLimit)
			}
			if got != step.want {
				e.Errorf("rate limit %s, want %s", got, step.want)
			}
		}
	})
}

func TestWebhookURLs(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		create := func(url string) error {
			_, err := e.CreateNotificationProfile(e.ctx(), configure.ProfileInput(e.next("profile"), url))
			return err
		}
		long := "https://example.com/" + strings.Repeat("a", 2048-len("https://example.com/"))
		for _, url := range []string{"https://example.com", "https://[2606:4700::1]:8443/x", long} {
			if err := create(url); err != nil {
				e.Errorf("%.40s: %v", url, err)
			}
		}
		const at = " input.webhookUrl "
		for url, want := range map[string]string{
			"":         "REQUIRED" + at + "https://example.com/webhook",
			long + "a": "OUT_OF_RANGE" + at + "2049 bytes: at most 2048",
			"https://example.com/" + strings.Repeat("ü", 1020): "OUT_OF_RANGE" + at + "2060 bytes",
			"http://example.com/":                              "INVALID" + at + "use https",
			"ftp://example.com/":                               "INVALID" + at + "use https",
			"example.com":                                      "INVALID" + at + "no scheme",
			"https://user:s3cret@example.com":                  "INVALID" + at + "auth setting",
			"https://example.com/\x00":                         "INVALID" + at + "control character",
			"https://127.0.0.1/":                               "BLOCKED_ADDRESS" + at + "127.0.0.1",
			"https://localhost/":                               "BLOCKED_ADDRESS" + at + "HOOKLINE_ALLOW_CIDRS",
			"https://[::ffff:169.254.169.254]/?token=s3cret":   "BLOCKED_ADDRESS" + at + "169.254.169.254",
		} {
			err := create(url)
			wants(e, url, err, want)
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				e.Errorf("%s: the mistake shows the secret: %v", url, err)
			}
		}
		e.Guard = addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
		if err := create("http://127.0.0.1:9000/"); err != nil {
			e.Errorf("what the operator allows: %v", err)
		}
	})
}

func TestProfileFields(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		update := func(in configure.UpdateNotificationProfileInput) error {
			_, err := e.UpdateNotificationProfile(e.ctx(), byProfile(profile.ID), in)
			return err
		}
		for _, f := range []struct {
			name        string
			least, most int
			set         func(in *configure.UpdateNotificationProfileInput, n *int)
		}{
			{"maxBucketSize", 1, 2000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.MaxBucketSize = n }},
			{"maxBucketDelayMs", 0, 60_000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.MaxBucketDelayMs = n }},
			{"rateLimit", 1, 5000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.RateLimit = graphql.OmittableOf(n) }},
			{"windowSize", 20, 10_000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.WindowSize = n }},
			{"connectTimeoutMs", 300, 30_000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.ConnectTimeoutMs = n }},
			{"readTimeoutMs", 1000, 90_000, func(in *configure.UpdateNotificationProfileInput, n *int) { in.ReadTimeoutMs = n }},
		} {
			for n, good := range map[int]bool{
				-1 << 31: false, f.least - 1: false, f.least: true, f.most: true, f.most + 1: false, 1<<31 - 1: false,
			} {
				var in configure.UpdateNotificationProfileInput
				f.set(&in, &n)
				if err := update(in); !good {
					wants(e, f.name, err, fmt.Sprintf("OUT_OF_RANGE input.%s %s is %d: it must be %d to %d", f.name, f.name, n, f.least, f.most))
				} else if err != nil {
					e.Errorf("%s %d: %v", f.name, n, err)
				}
			}
		}
		regex := func(text string) configure.UpdateNotificationProfileInput {
			return configure.UpdateNotificationProfileInput{ResponseBodyRegex: graphql.OmittableOf(&text)}
		}
		delays := func(kind string, delays ...time.Duration) configure.UpdateNotificationProfileInput {
			return configure.UpdateNotificationProfileInput{RetryPolicy: &configure.RetryPolicyInput{Kind: kind, Delays: delays}}
		}
		tls := func(versions ...string) configure.UpdateNotificationProfileInput {
			return configure.UpdateNotificationProfileInput{TLSVersions: versions}
		}
		for name, c := range map[string]struct {
			in   configure.UpdateNotificationProfileInput
			want string // empty: good
		}{
			"a long regex":               {regex(strings.Repeat("ü", 1000)), ""},
			"a regex too long":           {regex(strings.Repeat("ü", 1001)), "OUT_OF_RANGE input.responseBodyRegex 1001 characters: at most 1000"},
			"an empty regex":             {regex(""), "INVALID input.responseBodyRegex give null"},
			"a look-ahead":               {regex("(?=a)"), "INVALID input.responseBodyRegex not a regular expression of RE2"},
			"a regex that explodes":      {regex("((a{1000}){1000}){1000}"), "INVALID input.responseBodyRegex RE2"},
			"a regex as large as can be": {regex("x{0,997}"), ""},
			"a regex that takes minutes": {regex(strings.Repeat(".{0,1000}", 100)), "OUT_OF_RANGE input.responseBodyRegex {0,1000}"},
			"a regex with NUL":           {regex("a\x00"), "INVALID input.responseBodyRegex NUL"},
			"a regex that is not UTF-8":  {regex("a\xff"), "INVALID input.responseBodyRegex UTF-8"},
			"one TLS version":            {tls("TLS_1_2"), ""},
			"no TLS version":             {configure.UpdateNotificationProfileInput{TLSVersions: []string{}}, "REQUIRED input.tlsVersions at least one"},
			"an old TLS version":         {tls("TLS_1_2", "TLS_1_1"), "INVALID input.tlsVersions.1 `TLS_1_1`: it must be one of TLS_1_2, TLS_1_3"},
			"a TLS version twice":        {tls("TLS_1_2", "TLS_1_2"), "INVALID input.tlsVersions.1 twice"},
			"10,000 TLS versions":        {tls(numbered(10_000)...), "OUT_OF_RANGE input.tlsVersions 10000 entries"},
			"a format of its own":        {configure.UpdateNotificationProfileInput{PayloadFormat: new("yaml\n")}, "INVALID input.payloadFormat \"yaml\\n\""},
			"every schedule":             {delays("STANDARD"), ""},
			"a schedule with delays":     {delays("STANDARD", time.Second), "INVALID input.retryPolicy.delays none"},
			"an unknown schedule":        {delays("DAILY"), "INVALID input.retryPolicy.kind DAILY"},
			"50 delays":                  {delays("CUSTOM", slices.Repeat([]time.Duration{time.Second}, 50)...), ""},
			"51 delays":                  {delays("CUSTOM", slices.Repeat([]time.Duration{time.Second}, 51)...), "OUT_OF_RANGE input.retryPolicy.delays 51"},
			"no delays":                  {delays("CUSTOM"), "OUT_OF_RANGE input.retryPolicy.delays 1 to 50"},
			"a short delay":              {delays("CUSTOM", time.Second, time.Second-1), "OUT_OF_RANGE input.retryPolicy.delays delays[1]"},
			"a long delay":               {delays("CUSTOM", 24*time.Hour+1), "OUT_OF_RANGE input.retryPolicy.delays delays[0]"},
		} {
			if err := update(c.in); c.want != "" {
				wants(e, name, err, c.want)
			} else if err != nil {
				e.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		create := func(ctx context.Context, headers ...configure.HeaderInput) error {
			in := e.profileInput()
			in.Headers = headers
			_, err := e.CreateNotificationProfile(ctx, in)
			return err
		}
		many := make([]configure.HeaderInput, 10_000)
		for i := range many {
			many[i] = configure.HeaderInput{Name: "X-" + strconv.Itoa(i), Value: "v"}
		}
		long := strings.Repeat("v", 4096)
		for name, headers := range map[string][]configure.HeaderInput{
			"50 headers":       many[:50],
			"a long value":     {{Name: "X-Long", Value: long}},
			"an empty value":   {{Name: "X-Empty"}},
			"an empty secret":  {{Name: "X-Empty", Secret: true}},
			"odd names":        {{Name: "x!#$%&'*+-.^_`|~9", Value: " ~\t"}, {Name: "Cookie", Value: "a=b"}, {Name: "Hosts", Value: "a"}, {Name: "Webhook", Value: "a"}},
			"a long name":      {{Name: strings.Repeat("n", 255)}},
			"an Authorization": {{Name: "Authorization", Value: "Basic x", Secret: true}},
		} {
			if err := create(e.ctx(), headers...); err != nil {
				e.Errorf("%s: %v", name, err)
			}
		}
		var reserved []configure.HeaderInput
		var refused []string
		for i, name := range []string{
			"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "Expect", "Upgrade", "TE", "Trailer", "Proxy-Authorization",
			"Proxy-Connection", "proxy-", "Idempotency-Key", "X-Idempotency-Key", "webhook-id", "Webhook-Signature", "WEBHOOK-X", "Content-Type", "User-Agent",
			"webhook_signature", "Content_Length", "Proxy_X", // as CGI and its kin show them to a program, they are the same
		} {
			reserved = append(reserved, configure.HeaderInput{Name: name, Value: "v"})
			refused = append(refused, fmt.Sprintf("INVALID input.headers.%d.name `%s` is reserved", i, name))
		}
		wants(e, "reserved headers", create(e.ctx(), reserved...), refused...)
		wants(e, "51 headers", create(e.ctx(), many[:51]...), "OUT_OF_RANGE input.headers 51 headers: at most 50")
		wants(e, "10,000 headers", create(e.ctx(), many...), "OUT_OF_RANGE input.headers 10000 headers: at most 50")
		wants(e, "malformed ones", create(e.ctx(),
			configure.HeaderInput{Name: "X-A", Value: long + "s3cret"},
			configure.HeaderInput{Name: "x-a", Value: "s3cret\r\nEvil: 1"},
			configure.HeaderInput{Name: "", Value: "s3cret\x00", Secret: true},
			configure.HeaderInput{Name: "X A", Value: "s3crét"},
			configure.HeaderInput{Name: "X-Ä", Value: "\x7f"},
			configure.HeaderInput{Name: strings.Repeat("n", 256), Value: "\xff"},
		),
			"OUT_OF_RANGE input.headers.0.value 4102 bytes: at most 4096",
			"INVALID input.headers.1.name `x-a` is given twice",
			"INVALID input.headers.1.value visible ASCII",
			"REQUIRED input.headers.2.name ",
			"INVALID input.headers.2.value ",
			"INVALID input.headers.3.name `X A`",
			"INVALID input.headers.3.value ",
			"INVALID input.headers.4.name `X-Ä`",
			"INVALID input.headers.4.value ",
			"OUT_OF_RANGE input.headers.5.name 256 characters: at most 255",
			"INVALID input.headers.5.value ",
		)
		writer := e.as(access.SubscriptionsWrite)
		wants(e, "without the scope", create(writer, configure.HeaderInput{Name: "X-A", Value: "s3cret", Secret: true}), "INVALID input.headers.0.secret SECRETS_WRITE")
		if err := create(writer, configure.HeaderInput{Name: "X-A", Value: "v"}); err != nil {
			e.Errorf("a plain header without the scope: %v", err)
		}
		if err := create(e.as(access.SecretsWrite), configure.HeaderInput{Name: "X-A", Value: "v", Secret: true}); err != nil {
			e.Errorf("with the scope: %v", err)
		}
	})
}

func TestSecretHeadersAreNotSentElsewhereWithoutTheScope(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.profileInput()
		in.Headers = []configure.HeaderInput{{Name: "X-A", Value: "s3cret", Secret: true}}
		made, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		redirect := func(ctx context.Context, url string) error {
			_, err := e.UpdateNotificationProfile(ctx, byKey(made.Key), configure.UpdateNotificationProfileInput{WebhookURL: &url})
			return err
		}
		wants(e, "without the scope", redirect(e.as(access.SubscriptionsWrite), "https://example.org/mine"), "INVALID input.webhookUrl SECRETS_WRITE")
		if err := redirect(e.as(access.SubscriptionsWrite), made.WebhookURL); err != nil {
			e.Errorf("the same URL: %v", err)
		}
		if err := redirect(e.as(access.SubscriptionsWrite, access.SecretsWrite), "https://example.org/ours"); err != nil {
			e.Errorf("with the scope: %v", err)
		}
	})
}

func TestUpdateNotificationProfile(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.profileInput()
		in.ResponseStatusRegex, in.ResponseBodyRegex = new("200"), new("ok")
		in.Headers = []configure.HeaderInput{{Name: "X-A", Value: "a", Secret: true}}
		before, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		mark := id.New()
		got, err := e.UpdateNotificationProfile(e.ctx(), byKey(before.Key), configure.UpdateNotificationProfileInput{
			ExpectedVersion: new(1), WebhookURL: new("https://example.org/"), PayloadFormat: new("RAW"),
			ResponseStatusRegex: graphql.OmittableOf[*string](nil), ResponseHeaderRegex: graphql.OmittableOf(new("x")),
		})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.NotificationProfile.GetX(e.ctx(), before.ID)
		if row.WebhookURL != "https://example.org/" || row.PayloadFormat != "RAW" || row.ResponseStatusRegex != "" || row.ResponseHeaderRegex != "x" {
			e.Errorf("the row is %v", row)
		}
		if row.ResponseBodyRegex != "ok" || row.WindowSize != 20 || len(row.Headers) != 1 || len(row.TLSVersions) != 2 || row.RetryPolicy.Kind != "QUADRATIC" {
			e.Errorf("what was not given changed: %v", row)
		}
		if row.Version != 2 || got.Version != 2 || !row.UpdatedAt.After(before.UpdatedAt) {
			e.Errorf("version %d, updated at %v after %v", row.Version, row.UpdatedAt, before.UpdatedAt)
		}
		if lines := e.recorded(mark); !slices.Equal(lines, []string{id.Format(id.NotificationProfile, row.ID)}) {
			e.Errorf("recorded %v", lines)
		}
		if got, err = e.UpdateNotificationProfile(e.ctx(), byProfile(before.ID), configure.UpdateNotificationProfileInput{
			Headers: []configure.HeaderInput{}, RetryPolicy: &configure.RetryPolicyInput{Kind: "NONE", Jitter: true},
		}); err != nil || len(got.Headers) != 0 || got.RetryPolicy.Kind != "NONE" || got.Version != 3 {
			e.Errorf("%v, %v", got, err)
		}
		_, err = e.UpdateNotificationProfile(e.ctx(), byProfile(before.ID), configure.UpdateNotificationProfileInput{ExpectedVersion: new(2), WindowSize: new(1)})
		wants(e, "an old version", err, "VERSION_CONFLICT input.expectedVersion for version 2, but this is version 3", "OUT_OF_RANGE input.windowSize ")
	})
}

func TestOneOfManyUpdatesOfAProfilesVersionWins(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.profile()
		failed := together(6, func(i int) error {
			_, err := e.UpdateNotificationProfile(e.ctx(), byProfile(row.ID), configure.UpdateNotificationProfileInput{ExpectedVersion: new(1), WindowSize: new(100 + i)})
			return err
		})
		if len(failed) != 5 {
			e.Errorf("%d of 6 were refused, want all but one", len(failed))
		}
		for _, err := range failed {
			wants(e, "another one", err, "VERSION_CONFLICT input.expectedVersion ")
		}
	})
}

func TestAProfileChangedByHooklineItselfIsNotOverwritten(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.profile()
		overtaking := false
		e.Store.Ent.NotificationProfile.Use(func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				if !overtaking {
					overtaking = true
					m.(*ent.NotificationProfileMutation).Client().NotificationProfile.UpdateOneID(row.ID).AddVersion(1).ExecX(ctx)
				}
				return next.Mutate(ctx, m)
			})
		})
		_, err := e.UpdateNotificationProfile(e.ctx(), byProfile(row.ID), configure.UpdateNotificationProfileInput{WindowSize: new(30)})
		wants(e, "overtaken", err, "VERSION_CONFLICT input.expectedVersion read it again")
	})
}

func TestDeleteNotificationProfile(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		var users []id.ID
		for range 12 {
			in := e.input()
			in.Profile = configure.ProfileChoice{Existing: new(byProfile(profile.ID))}
			users = append(users, e.create(in).ID)
		}
		_, err := e.DeleteNotificationProfile(e.ctx(), byKey(profile.Key), false)
		wants(e, "in use", err, "IN_USE by 12 event subscription(s) use the notification profile `"+profile.Key+"`")
		var blocked []id.ID
		for _, ref := range mistakes(e, "in use", err)[0].BlockedBy {
			if ref.Prefix != id.EventSubscription {
				e.Errorf("blocked by a %s", ref.Prefix)
			}
			blocked = append(blocked, ref.ID)
		}
		if !slices.Equal(blocked, users[:10]) {
			e.Errorf("blocked by %v, want the first 10 of %v", blocked, users)
		}
		for _, user := range users {
			if _, err := e.DeleteEventSubscription(e.ctx(), bySubscription(user), false); err != nil {
				e.Fatal(err)
			}
		}
		mark := id.New()
		deleted, err := e.DeleteNotificationProfile(e.ctx(), byKey(profile.Key), false)
		if err != nil || !slices.Equal(deleted, []configure.Object{{Prefix: id.NotificationProfile, ID: profile.ID}}) {
			e.Errorf("%v, %v", deleted, err)
		}
		if got := e.recorded(mark); !slices.Equal(got, []string{id.Format(id.NotificationProfile, profile.ID)}) {
			e.Errorf("recorded %v", got)
		}
		_, err = e.DeleteNotificationProfile(e.ctx(), byKey(profile.Key), false)
		wants(e, "once more", err, "NOT_FOUND by.key "+profile.Key)
	})
}

func TestAProfileIsNotDeletedWhileASubscriptionTakesIt(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		for range 5 {
			profile := e.profile()
			in := e.input()
			in.Profile = configure.ProfileChoice{Existing: new(byProfile(profile.ID))}
			failed := together(2, func(i int) error {
				if i == 0 {
					_, err := e.DeleteNotificationProfile(e.ctx(), byProfile(profile.ID), false)
					return err
				}
				_, err := e.CreateEventSubscription(e.ctx(), in)
				return err
			})
			if len(failed) != 1 {
				e.Fatalf("%v, want one of the two to be refused", failed)
			}
			code := mistakes(e, "one of the two", failed[0])[0].Code
			if code != usererror.InUse && code != usererror.NotFound {
				e.Errorf("refused with %s", code)
			}
		}
	})
}
