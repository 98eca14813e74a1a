package registry

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// patience bounds how long a test waits for what should happen soon; it is long, because the machine may be busy.
const patience = time.Minute

// process is a process that configures, and tells no registry of it.
type process struct {
	configure.Service
	t       *testing.T
	account id.ID
	made    int
}

// onEach runs a test on both databases.
func onEach(t *testing.T, name string, test func(*testing.T, *process)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, func(t *testing.T, b testenv.Backend) { test(t, start(t, b.DatabaseURL)) })
	})
}

func start(t *testing.T, databaseURL string) *process {
	t.Helper()
	s, err := store.Open(t.Context(), databaseURL)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	must(t, err)
	must(t, catalogue.Sync(t.Context(), s.Ent))
	p := &process{t: t, Service: configure.Service{Store: s, Vault: key(t, "first")}}
	p.account = p.newAccount("shop")
	return p
}

func key(t *testing.T, name string) *vault.Vault {
	t.Helper()
	v, err := vault.New([]vault.Key{{ID: name}})
	must(t, err)
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *process) newAccount(key string) id.ID {
	p.t.Helper()
	made, err := p.CreateAccount(p.t.Context(), key, key)
	must(p.t, err)
	return made.ID
}

func (p *process) ctx() context.Context { return access.WithAccount(p.t.Context(), p.account) }

func (p *process) system() context.Context { return access.WithSystem(p.t.Context()) }

// registry opens a registry, as another process has it.
func (p *process) registry() *Registry {
	p.t.Helper()
	r, err := Open(p.t.Context(), p.Store.Ent, p.Vault, slog.New(slog.DiscardHandler))
	must(p.t, err)
	return r
}

// subscribe makes a subscription to SMS events with a profile of its own.
func (p *process) subscribe(change ...func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput)) *configure.CreatedEventSubscription {
	p.t.Helper()
	p.made++
	name := fmt.Sprint("s", p.made)
	profile := configure.ProfileInput(name, "https://example.com/hook?token=1")
	in := configure.CreateEventSubscriptionInput{
		Key: name, Name: name, EventTypes: []string{"sms.delivery"}, Enabled: true,
		Filter:  &configure.EventFilterInput{Users: []string{name, "ann"}},
		Profile: configure.ProfileChoice{Create: &profile},
	}
	for _, c := range change {
		c(&in, &profile)
	}
	made, err := p.CreateEventSubscription(p.ctx(), in)
	must(p.t, err)
	return made
}

func ref(row *configure.CreatedEventSubscription) configure.Ref { return configure.Ref{Key: &row.Key} }

// update changes a subscription.
func (p *process) update(row *configure.CreatedEventSubscription, in configure.UpdateEventSubscriptionInput) {
	p.t.Helper()
	_, err := p.UpdateEventSubscription(p.ctx(), ref(row), in)
	must(p.t, err)
}

// changeUnsaid changes the URL of a subscription's profile without a line in config_changes.
func (p *process) changeUnsaid(row *configure.CreatedEventSubscription, url string) {
	p.t.Helper()
	must(p.t, p.Store.Ent.NotificationProfile.UpdateOneID(row.ProfileID).SetWebhookURL(url).Exec(p.system()))
}

// say writes a line about a subscription's profile, as if a transaction had made it some time ago.
func (p *process) say(row *configure.CreatedEventSubscription, ago time.Duration) {
	p.t.Helper()
	line, first := id.New(), id.FirstAt(time.Now().Add(-ago))
	copy(line[:6], first[:6])
	must(p.t, p.Store.Ent.ConfigChange.Create().SetID(line).SetAccountID(p.account).SetKind(string(id.NotificationProfile)).
		SetObjectID(row.ProfileID).Exec(p.system()))
}

// url returns the URL that a registry knows for a subscription.
func (p *process) url(r *Registry, row *configure.CreatedEventSubscription) string {
	p.t.Helper()
	_, profile, found := r.Subscription(p.account, row.ID)
	if !found {
		p.t.Fatalf("subscription %s is not found", row.Key)
	}
	return profile.URL
}

// matches returns the subscriptions of the account that an event of ann's matches.
func (p *process) matches(r *Registry, eventType string) []id.ID {
	var all []id.ID
	for _, m := range matchedBy(r, p.account, match.Event{Type: eventType, User: "ann"}) {
		all = append(all, id.ID(m))
	}
	slices.SortFunc(all, func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
	return all
}

// matchedBy returns the enabled subscriptions of an account that an event matches.
func matchedBy(r *Registry, account id.ID, event match.Event) []match.ID {
	matched, _ := r.Match(account, &Event{Event: event}, nil)
	return matched
}

// expect checks which subscriptions match.
func (p *process) expect(r *Registry, eventType string, want ...*configure.CreatedEventSubscription) {
	p.t.Helper()
	var ids []id.ID
	for _, row := range want {
		ids = append(ids, row.ID)
	}
	if got := p.matches(r, eventType); !slices.Equal(got, ids) {
		p.t.Errorf("%s matches %v, want %v", eventType, got, ids)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	onEach(t, "knows all that is configured", func(t *testing.T, p *process) {
		row := p.subscribe(func(_ *configure.CreateEventSubscriptionInput, in *configure.CreateNotificationProfileInput) {
			in.PayloadFormat, in.WindowSize, in.ConnectTimeoutMs, in.ReadTimeoutMs = "XML", 70, 1500, 2500
			in.TLSVersions = []string{"TLS_1_3"}
			in.ResponseStatusRegex, in.ResponseHeaderRegex, in.ResponseBodyRegex = new("2.."), new("X-Ok"), new("^ok$")
			in.Headers = []configure.HeaderInput{
				{Name: "x-plain", Value: "v"}, {Name: "X-Secret", Value: "s", Secret: true}, {Name: "authorization", Value: "Basic x"},
			}
			in.RetryPolicy = &configure.RetryPolicyInput{Kind: "CUSTOM", Delays: []time.Duration{time.Second, time.Minute}}
		})
		r := p.registry()
		s, profile, found := r.Subscription(p.account, row.ID)
		if !found || s.Problem != nil || profile.Problem != nil {
			t.Fatalf("found %v with %v and %v", found, s, profile)
		}
		if s.ID != row.ID || s.ProfileID != row.ProfileID || !s.Enabled || s.Secrets(time.Now())[0].Reveal() != row.Secret {
			t.Errorf("subscription %+v, secret %q, want %q", s, s.Secrets(time.Now())[0].Reveal(), row.Secret)
		}
		if profile.ID != row.ProfileID || profile.URL != "https://example.com/hook?token=1" || profile.ShownURL != "https://example.com/hook" ||
			profile.Format != payload.Format("XML") || profile.Window != 70 || profile.ConnectTimeout != 1500*time.Millisecond ||
			profile.ReadTimeout != 2500*time.Millisecond || profile.TotalTimeout != 9*time.Second {
			t.Errorf("profile %+v", profile)
		}
		if profile.MinTLS != tls.VersionTLS13 || profile.MaxTLS != tls.VersionTLS13 {
			t.Errorf("TLS %x to %x", profile.MinTLS, profile.MaxTLS)
		}
		if want := (http.Header{"X-Plain": {"v"}, "X-Secret": {"s"}, "Authorization": {"Basic x"}}); fmt.Sprint(profile.Headers) != fmt.Sprint(want) {
			t.Errorf("headers %v", profile.Headers)
		}
		if want := "X-Plain: v\nX-Secret: ***\nAuthorization: ***\n"; profile.HeaderLines != want {
			t.Errorf("header lines %q, want %q", profile.HeaderLines, want)
		}
		if profile.StatusRegex.String() != "2.." || profile.HeaderRegex.String() != "X-Ok" || profile.BodyRegex.String() != "^ok$" {
			t.Errorf("regular expressions %v, %v, %v", profile.StatusRegex, profile.HeaderRegex, profile.BodyRegex)
		}
		if got := profile.Retry; got.Kind != retry.Custom || !slices.Equal(got.Delays, []time.Duration{time.Second, time.Minute}) || !got.NoJitter {
			t.Errorf("retry policy %+v", got)
		}
	})

	onEach(t, "knows what is left open", func(t *testing.T, p *process) {
		row := p.subscribe()
		_, profile, _ := p.registry().Subscription(p.account, row.ID)
		if profile.MinTLS != tls.VersionTLS12 || profile.MaxTLS != tls.VersionTLS13 {
			t.Errorf("TLS %x to %x", profile.MinTLS, profile.MaxTLS)
		}
		if profile.StatusRegex != nil || profile.HeaderRegex != nil || profile.BodyRegex != nil || len(profile.Headers) > 0 || profile.HeaderLines != "" {
			t.Errorf("profile %+v", profile)
		}
	})

	onEach(t, "matches by types and filter, and a category's types when none are named", func(t *testing.T, p *process) {
		delivery := p.subscribe()
		category := p.subscribe(func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.EventTypes, in.Category, in.Filter = nil, new("sms"), nil
		})
		p.subscribe(func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.Filter.Users = []string{"bob"}
		})
		r := p.registry()
		p.expect(r, "sms.delivery", delivery, category)
		p.expect(r, "sms.click", category)
		p.expect(r, "email.delivery")
	})

	onEach(t, "filters by each thing that a filter can ask for", func(t *testing.T, p *process) {
		row := p.subscribe(func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.EventTypes, in.Filter = []string{"*"}, &configure.EventFilterInput{
				Users: []string{"ann"}, Entities: []string{"shop"}, Applications: []string{"otp"}, Resources: []string{"4477"},
			}
		})
		all := types.EventFilter{
			Users: []string{"ann"}, Entities: []string{"shop"}, Applications: []string{"otp"}, Resources: []string{"4477"},
			Attributes: []types.AttributeFilter{{Key: "channel", Values: []string{"c1", "c2"}}},
		}
		must(t, p.Store.Ent.EventSubscription.UpdateOneID(row.ID).SetFilter(all).Exec(p.system()))
		r := p.registry()
		event := match.Event{
			Type: "sms.delivery", User: "ann", Entity: "shop", Application: "otp", Resource: "4477", Attributes: []match.KV{{Key: "channel", Value: "c2"}},
		}
		if matched := matchedBy(r, p.account, event); len(matched) != 1 {
			t.Errorf("an event that has all matches %v", matched)
		}
		for name, change := range map[string]func(*match.Event){
			"user": func(e *match.Event) { e.User = "" }, "entity": func(e *match.Event) { e.Entity = "" },
			"application": func(e *match.Event) { e.Application = "" }, "resource": func(e *match.Event) { e.Resource = "" },
			"attribute": func(e *match.Event) { e.Attributes = []match.KV{{Key: "channel", Value: "c3"}} },
		} {
			other := event
			change(&other)
			if matched := matchedBy(r, p.account, other); len(matched) > 0 {
				t.Errorf("an event of another %s matches %v", name, matched)
			}
		}
	})

	onEach(t, "knows the catalogue", func(t *testing.T, p *process) {
		r := p.registry()
		for name, want := range map[string]bool{"sms.delivery": true, "SMS.delivery": false, "sms": false, "sms.*": false, "": false, "no.such": false} {
			if got := r.EventTypeKnown(name); got != want {
				t.Errorf("%q is known: %v", name, got)
			}
		}
	})

	onEach(t, "reads any number of rows", func(t *testing.T, p *process) {
		const rows = pageSize + 5
		profile := p.subscribe().ProfileID
		var made []id.ID
		// changed writes a line for each row.
		changed := func() {
			for of := range slices.Chunk(made, 250) {
				var lines []*ent.ConfigChangeCreate
				for _, row := range of {
					lines = append(lines, p.Store.Ent.ConfigChange.Create().SetAccountID(p.account).SetKind(string(id.EventSubscription)).SetObjectID(row))
				}
				must(t, p.Store.Ent.ConfigChange.CreateBulk(lines...).Exec(p.system()))
			}
		}
		for from := 0; from < rows; from += 250 {
			var builders []*ent.EventSubscriptionCreate
			for i := range min(250, rows-from) {
				row, name := id.New(), fmt.Sprint("many", from+i)
				made = append(made, row)
				builders = append(builders, p.Store.Ent.EventSubscription.Create().SetID(row).SetAccountID(p.account).SetKey(name).SetName(name).
					SetEventTypes([]string{"voice.*"}).SetFilter(types.EventFilter{Users: []string{"ann"}}).SetProfileID(profile).SetEnabled(true).
					SetSecret(p.Vault.Seal([]byte("whsec_"+strings.Repeat("A", 32)), configure.SecretBinding(row))).SetSecretFingerprint("x"))
			}
			must(t, p.Store.Ent.EventSubscription.CreateBulk(builders...).Exec(p.system()))
		}
		changed()
		r := p.registry()
		if n := len(p.matches(r, "voice.hangup")); n != rows {
			t.Errorf("%d subscriptions match, want %d", n, rows)
		}
		must(t, p.Store.Ent.EventSubscription.Update().SetEnabled(false).Exec(p.system()))
		changed()
		must(t, r.Refresh(t.Context()))
		if n := len(p.matches(r, "voice.hangup")); n != 0 {
			t.Errorf("%d subscriptions match after all were disabled", n)
		}
	})

	onEach(t, "keeps accounts apart", func(t *testing.T, p *process) {
		row := p.subscribe()
		other := p.newAccount("other")
		r := p.registry()
		if matched := matchedBy(r, other, match.Event{Type: "sms.delivery", User: "ann"}); len(matched) > 0 {
			t.Errorf("another account's event matches %v", matched)
		}
		if _, _, found := r.Subscription(other, row.ID); found {
			t.Error("another account has the subscription")
		}
		if _, _, found := r.Subscription(p.account, id.New()); found {
			t.Error("a subscription that nobody has is found")
		}
	})
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	onEach(t, "subscriptions match nothing, and are found", func(t *testing.T, p *process) {
		row := p.subscribe(func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.Enabled = false
		})
		loaded, following := p.registry(), p.registry()
		check := func(r *Registry, enabled bool) {
			t.Helper()
			s, _, found := r.Subscription(p.account, row.ID)
			if !found || s.Enabled != enabled || (len(p.matches(r, "sms.delivery")) == 1) != enabled {
				t.Errorf("found %v: %+v; matches %v", found, s, p.matches(r, "sms.delivery"))
			}
		}
		check(loaded, false)
		for _, enabled := range []bool{true, false} {
			p.update(row, configure.UpdateEventSubscriptionInput{Enabled: &enabled})
			must(t, following.Refresh(t.Context()))
			check(following, enabled)
			check(p.registry(), enabled)
		}
	})
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	onEach(t, "knows at once what has been written", func(t *testing.T, p *process) {
		r := p.registry()
		row := p.subscribe()
		p.expect(r, "sms.delivery")
		must(t, r.Refresh(t.Context()))
		p.expect(r, "sms.delivery", row)

		p.update(row, configure.UpdateEventSubscriptionInput{EventTypes: []string{"sms.click"}})
		must(t, r.Refresh(t.Context()))
		p.expect(r, "sms.delivery")
		p.expect(r, "sms.click", row)

		_, err := p.UpdateNotificationProfile(p.ctx(), configure.Ref{Key: &row.Key}, configure.UpdateNotificationProfileInput{
			WebhookURL: new("https://example.com/other"), ResponseBodyRegex: graphql.OmittableOf(new("ok")),
		})
		must(t, err)
		must(t, r.Refresh(t.Context()))
		if _, profile, _ := r.Subscription(p.account, row.ID); profile.URL != "https://example.com/other" || profile.BodyRegex == nil {
			t.Errorf("profile %+v", profile)
		}
	})

	onEach(t, "forgets what is deleted", func(t *testing.T, p *process) {
		gone, stays := p.subscribe(), p.subscribe()
		r := p.registry()
		_, err := p.DeleteEventSubscription(p.ctx(), ref(gone), true)
		must(t, err)
		must(t, r.Refresh(t.Context()))
		p.expect(r, "sms.delivery", stays)
		if _, _, found := r.Subscription(p.account, gone.ID); found {
			t.Error("the deleted subscription is found")
		}
		if a := r.accounts[p.account]; len(a.subscriptions) != 1 || len(a.profiles) != 1 || len(r.owners) != 2 {
			t.Errorf("left are %v, %v and %v", a.subscriptions, a.profiles, r.owners)
		}
	})

	// A line gets its id when it is written, and is seen when its transaction is committed: by then, later lines may have been read.
	onEach(t, "finds what became visible late", func(t *testing.T, p *process) {
		row := p.subscribe()
		r := p.registry()
		p.subscribe()
		must(t, r.Refresh(t.Context()))
		p.changeUnsaid(row, "https://example.com/soon")
		p.say(row, overlapEach-time.Second)
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got != "https://example.com/soon" {
			t.Errorf("the URL is %s", got)
		}
		p.changeUnsaid(row, "https://example.com/late")
		p.say(row, overlap-5*time.Second)
		r.fullAt = r.fullAt.Add(-overlapFull - time.Second) // some reads later
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got != "https://example.com/late" {
			t.Errorf("the URL is %s", got)
		}
	})

	onEach(t, "finds what was written since it last looked", func(t *testing.T, p *process) {
		row := p.subscribe()
		r := p.registry()
		must(t, r.Refresh(t.Context()))
		r.readAt = r.readAt.Add(-4 * time.Second)
		p.changeUnsaid(row, "https://example.com/between")
		p.say(row, overlapEach+3*time.Second)
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got != "https://example.com/between" {
			t.Errorf("the URL is %s", got)
		}
	})

	onEach(t, "reads only what has changed", func(t *testing.T, p *process) {
		row := p.subscribe()
		r := p.registry()
		must(t, r.Refresh(t.Context())) // once more what was loaded
		p.changeUnsaid(row, "https://example.com/unsaid")
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got == "https://example.com/unsaid" {
			t.Error("it read what had not changed")
		}
		p.say(row, 0)
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got != "https://example.com/unsaid" {
			t.Errorf("the URL is %s", got)
		}
	})

	onEach(t, "reads everything after it has been away", func(t *testing.T, p *process) {
		row, gone := p.subscribe(), p.subscribe()
		r := p.registry()
		p.changeUnsaid(row, "https://example.com/meanwhile")
		must(t, p.Store.Ent.EventSubscription.DeleteOneID(gone.ID).Exec(p.system()))
		must(t, p.Store.Ent.EventType.Create().SetName("sms.new").SetCategoryID(p.Store.Ent.Category.Query().FirstIDX(p.system())).Exec(p.system()))
		must(t, r.Refresh(t.Context()))
		r.fullAt = r.fullAt.Add(-overlap/2 - time.Second)
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got != "https://example.com/meanwhile" {
			t.Errorf("the URL is %s", got)
		}
		p.expect(r, "sms.delivery", row)
		if !r.EventTypeKnown("sms.new") {
			t.Error("the new event type is not known")
		}
		// And it has not been away since.
		must(t, r.Refresh(t.Context())) // once more what was loaded
		p.changeUnsaid(row, "https://example.com/unsaid")
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got == "https://example.com/unsaid" {
			t.Error("it read everything again")
		}
	})

	onEach(t, "keeps what it knows while the database is away", func(t *testing.T, p *process) {
		row := p.subscribe()
		broken := start(t, testenv.SQLite(t))
		r := p.registry()
		for _, away := range []time.Duration{0, overlap} {
			r.client, r.fullAt = broken.Store.Ent, time.Now().Add(-away)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if err := r.Refresh(ended); err == nil {
				t.Error("refreshed without a database")
			}
			p.expect(r, "sms.delivery", row)
		}
		r.client = p.Store.Ent
		later := p.subscribe()
		must(t, r.Refresh(t.Context()))
		p.expect(r, "sms.delivery", row, later)
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	onEach(t, "follows what other processes change", func(t *testing.T, p *process) {
		r := p.registry()
		ctx, stop := context.WithCancel(t.Context())
		var running errgroup.Group
		running.Go(func() error { return r.Run(ctx) })
		defer func() {
			stop()
			must(t, running.Wait())
		}()
		row := p.subscribe()
		testenv.Eventually(t, patience, func() bool { return len(p.matches(r, "sms.delivery")) == 1 }, "the new subscription matches")
		p.update(row, configure.UpdateEventSubscriptionInput{Enabled: new(false)})
		testenv.Eventually(t, patience, func() bool { return len(p.matches(r, "sms.delivery")) == 0 }, "the disabled one does not")
		_, err := p.DeleteEventSubscription(p.ctx(), ref(row), true)
		must(t, err)
		testenv.Eventually(t, patience, func() bool { _, _, found := r.Subscription(p.account, row.ID); return !found }, "the deleted one is gone")
	})

	onEach(t, "can be used meanwhile", func(t *testing.T, p *process) {
		r := p.registry()
		row := p.subscribe()
		done := make(chan struct{})
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						p.matches(r, "sms.delivery")
						r.Subscription(p.account, row.ID)
						r.EventTypeKnown("sms.delivery")
					}
				}
			})
		}
		for i := range 10 {
			p.update(row, configure.UpdateEventSubscriptionInput{Enabled: new(i%2 == 0)})
			must(t, r.Refresh(t.Context()))
		}
		close(done)
		users.Wait()
	})
}

func TestProblems(t *testing.T) {
	t.Parallel()
	onEach(t, "of secrets that cannot be opened are said, and keep nothing from matching", func(t *testing.T, p *process) {
		broken := p.subscribe(func(_ *configure.CreateEventSubscriptionInput, in *configure.CreateNotificationProfileInput) {
			in.Headers = []configure.HeaderInput{{Name: "X-Secret", Value: "s", Secret: true}}
		})
		p.Vault = key(t, "second") // the first key is lost
		good := p.subscribe()
		r := p.registry()
		p.expect(r, "sms.delivery", broken, good)
		s, profile, found := r.Subscription(p.account, broken.ID)
		if !found || s.Problem == nil || profile.Problem == nil || !strings.Contains(profile.Problem.Error(), "X-Secret") {
			t.Errorf("found %v, with the problems %v and %v", found, s.Problem, profile.Problem)
		}
		for _, problem := range []error{s.Problem, profile.Problem} {
			if strings.Contains(problem.Error(), broken.Secret) {
				t.Errorf("problem %v tells the secret", problem)
			}
		}
		if s, profile, _ := r.Subscription(p.account, good.ID); s.Problem != nil || profile.Problem != nil {
			t.Errorf("problems of another: %v and %v", s.Problem, profile.Problem)
		}
	})

	onEach(t, "of secrets of another place are said", func(t *testing.T, p *process) {
		one, two := p.subscribe(), p.subscribe()
		must(t, p.Store.Ent.EventSubscription.UpdateOneID(one.ID).SetSecret(two.EventSubscription.Secret).Exec(p.system()))
		if s, _, _ := p.registry().Subscription(p.account, one.ID); s.Problem == nil {
			t.Error("a secret that was moved to another row is used")
		}
	})
}
