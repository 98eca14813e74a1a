package worker

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// What a worker was about to send when it was frozen is put off when it wakes up: others have its share of the window.
func TestNothingIsSentWithALapsedShare(t *testing.T) {
	t.Parallel()
	receiver := testenv.NewReceiver(t)
	streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: 1})
	ensure(t, err)
	t.Cleanup(func() { ensure(t, streams.Close()) })
	client := egress.New(egress.Config{Policy: addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
	t.Cleanup(client.Close)
	subscription := signed(t)
	w := New(Config{Streams: streams, Client: client, Log: slog.New(slog.DiscardHandler)})
	for _, c := range []struct {
		expires time.Time
		sent    int
	}{{time.Now().Add(-time.Millisecond), 0}, {time.Now().Add(time.Hour), 1}, {time.Time{}, 2}} {
		j := &job{
			entry:        &inflight{Entry: &stream.Entry{Work: stream.Work{Event: stream.Event{ID: id.New(), Type: "sms.delivery", Payload: []byte(`{}`)}}}},
			target:       stream.Target{SubscriptionID: id.New(), Attempts: 2, Failures: 1},
			subscription: subscription, profile: registry.PerMessage(id.New(), receiver.URL(), false),
		}
		l := &lane{share: share{expires: c.expires}}
		newDispatcher(nil, nil, nil).began(l, j.alone(), time.Now())
		w.attempt(t.Context(), j.alone())
		if n := len(receiver.Received()); n != c.sent {
			t.Fatalf("%d requests, want %d", n, c.sent)
		}
		if c.sent > 0 {
			if j.became.Status != stream.StatusSucceeded || j.became.Attempt == nil {
				t.Errorf("sent: %+v", j.became)
			}
		} else if r := j.became; r.Status != stream.StatusRetrying || r.Attempt != nil || r.Attempts != 2 || r.Failures != 1 || r.NextAttemptAt < time.Now().UnixMicro() {
			t.Errorf("not sent: %+v", r)
		}
	}
}

// signed returns a subscription that has a secret.
func signed(t *testing.T) *registry.Subscription {
	t.Helper()
	s, err := store.Open(t.Context(), testenv.SQLite(t))
	ensure(t, err)
	t.Cleanup(func() { ensure(t, s.Close()) })
	_, err = s.Migrate(t.Context())
	ensure(t, err)
	v, err := vault.New([]vault.Key{{ID: "test", Secret: [32]byte{1}}})
	ensure(t, err)
	r, err := registry.Open(t.Context(), s.Ent, v, slog.New(slog.DiscardHandler))
	ensure(t, err)
	c := &configure.Service{Store: s, Vault: v, Changed: r.Apply}
	account, err := c.CreateAccount(access.WithSystem(t.Context()), "acme", "Acme")
	ensure(t, err)
	ensure(t, c.EnsureAccountSecret(access.WithAccount(t.Context(), account.ID)))
	subscription, found := r.AccountSecret(account.ID)
	if !found {
		t.Fatal("the account has no secret")
	}
	return subscription
}
