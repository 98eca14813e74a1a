package worker_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
	"github.com/hookline/hookline/worker"
)

// patience bounds how long a test waits for what should happen soon; it is long, because the machine may be busy.
const patience = time.Minute

// onEach runs a test on both backends.
func onEach(t *testing.T, name string, test func(*testing.T, testenv.Backend)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, test)
	})
}

// rig is everything between publishing and a webhook, with an account.
type rig struct {
	t         *testing.T
	store     *store.Store
	streams   *stream.Streams
	registry  *registry.Registry
	vault     *vault.Vault
	accepter  *accept.Accepter
	configure *configure.Service
	account   id.ID
	guard     addrguard.Policy
	resolver  *net.Resolver // nil means the system's
	grace     time.Duration // of workers
}

func newRig(t *testing.T, b testenv.Backend, partitions int) *rig {
	t.Helper()
	r := &rig{t: t, grace: time.Second, guard: addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	ctx := t.Context()
	var err error
	r.store, err = store.Open(ctx, b.DatabaseURL)
	must(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	_, err = r.store.Migrate(ctx)
	must(t, err)
	must(t, catalogue.Sync(access.WithSystem(ctx), r.store.Ent))
	r.streams, err = stream.Open(stream.Config{URL: b.RedisURL, Prefix: b.RedisPrefix, Partitions: partitions})
	must(t, err)
	t.Cleanup(func() { _ = r.streams.Close() })
	must(t, r.streams.SettleClaims(ctx))
	r.vault, err = vault.New([]vault.Key{{ID: "test", Secret: [32]byte{1}}})
	must(t, err)
	r.registry, err = registry.Open(ctx, r.store.Ent, r.vault, quiet(t))
	must(t, err)
	r.configure = &configure.Service{
		Store: r.store, Vault: r.vault, Guard: r.guard,
		Changed: r.registry.Apply,
	}
	r.accepter = accept.New(accept.Config{
		Store: r.store, Streams: r.streams, Registry: r.registry, Log: quiet(t), Guard: r.guard, MakeSecret: r.configure.EnsureAccountSecret,
	})
	r.run(r.registry.Run)
	r.run(r.accepter.Run)
	account, err := r.configure.CreateAccount(access.WithSystem(ctx), "acme", "Acme")
	must(t, err)
	r.account = account.ID
	return r
}

// quiet logs what is worth a look to the test's log.
func quiet(t *testing.T) *slog.Logger {
	t.Helper()
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// run runs a service until the test ends, or until the returned function is called, which waits for its end.
func (r *rig) run(service func(context.Context) error) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	var group errgroup.Group
	group.Go(func() error { return service(ctx) })
	stop = func() {
		cancel()
		if err := group.Wait(); err != nil {
			r.t.Errorf("service ended: %v", err)
		}
	}
	r.t.Cleanup(stop)
	return stop
}

// startWorker starts a worker; the returned function stops it.
func (r *rig) startWorker() (stop func()) {
	r.t.Helper()
	return r.startWith(egress.New(egress.Config{Policy: r.guard, Resolver: r.resolver}))
}

// startWith starts a worker that sends with a client, which is closed in the end.
func (r *rig) startWith(client *egress.Client) (stop func()) {
	r.t.Helper()
	r.t.Cleanup(client.Close)
	w := worker.New(worker.Config{
		Store: r.store, Streams: r.streams, Registry: r.registry, Vault: r.vault, Client: client, Configure: r.configure, Accepter: r.accepter, Log: quiet(r.t), Version: "test", Grace: r.grace,
	})
	return r.run(w.Run)
}

func (r *rig) ctx() context.Context { return access.WithAccount(r.t.Context(), r.account) }

// subscribe makes a subscription that sends to url.
func (r *rig) subscribe(key, url string, change ...func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput)) *configure.CreatedEventSubscription {
	r.t.Helper()
	profile := configure.ProfileInput(key, url)
	in := configure.CreateEventSubscriptionInput{
		Key: key, Name: key, EventTypes: []string{"sms.*"}, Enabled: true, Profile: configure.ProfileChoice{Create: &profile},
	}
	for _, c := range change {
		c(&in, &profile)
	}
	made, err := r.configure.CreateEventSubscription(r.ctx(), in)
	must(r.t, err)
	return made
}

// retries sets a profile's retry policy to delays without jitter.
func retries(delays ...time.Duration) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	return func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.RetryPolicy = &configure.RetryPolicyInput{Kind: "CUSTOM", Delays: delays}
		if len(delays) == 0 {
			p.RetryPolicy = &configure.RetryPolicyInput{Kind: "NONE"}
		}
	}
}

// publish publishes n SMS delivery reports and returns their ids.
func (r *rig) publish(n int) []id.ID {
	r.t.Helper()
	var ids []id.ID
	for from := 0; from < n; from += 100 {
		events := make([]accept.Event, min(100, n-from))
		for i := range events {
			events[i] = accept.Event{Type: "sms.delivery", Payload: json.RawMessage(`{"n":` + strconv.Itoa(from+i) + `}`), Entity: "berlin"}
		}
		results, err := r.accepter.Publish(r.t.Context(), r.account, events)
		must(r.t, err)
		for _, result := range results {
			if len(result.Errors) > 0 {
				r.t.Fatalf("event refused: %v", result.Errors)
			}
			ids = append(ids, result.ID)
		}
	}
	return ids
}

// deliveries returns the rows of the account's deliveries.
func (r *rig) deliveries() []*ent.Delivery {
	r.t.Helper()
	rows, err := r.store.Ent.Delivery.Query().Order(ent.Asc(delivery.FieldID)).All(r.ctx())
	must(r.t, err)
	return rows
}

// attempts returns the rows of a delivery's attempts, the first one first.
func (r *rig) attempts(of id.ID) []*ent.Attempt {
	r.t.Helper()
	rows, err := r.store.Ent.Attempt.Query().Where(attempt.DeliveryID(of)).Order(ent.Asc(attempt.FieldID)).All(r.ctx())
	must(r.t, err)
	return rows
}

// awaitStatuses waits until the account's deliveries have exactly these statuses.
func (r *rig) awaitStatuses(want map[stream.Status]int) {
	r.t.Helper()
	var got map[stream.Status]int
	testenv.Eventually(r.t, patience, func() bool {
		got = make(map[stream.Status]int)
		for _, d := range r.deliveries() {
			got[stream.Status(d.Status)]++
		}
		if len(got) != len(want) {
			return false
		}
		for status, n := range want {
			if got[status] != n {
				return false
			}
		}
		return true
	}, "deliveries: want %v", want)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// publishOne publishes an SMS delivery report with this payload.
func (r *rig) publishOne(payload string) id.ID {
	r.t.Helper()
	results, err := r.accepter.Publish(r.t.Context(), r.account, []accept.Event{{Type: "sms.delivery", Payload: json.RawMessage(payload)}})
	must(r.t, err)
	return results[0].ID
}
