package accept

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// patience bounds how long a test waits for what should happen soon; it is long, because the machine may be busy.
const patience = time.Minute

// rig is an Accepter that does not run yet, with a database, streams and an account.
type rig struct {
	*Accepter
	t         *testing.T
	backend   testenv.Backend
	store     *store.Store
	streams   *stream.Streams
	registry  *registry.Registry
	configure *configure.Service
	account   id.ID
	counts    *prometheus.Registry
}

// onEach runs a test on both backends.
func onEach(t *testing.T, name string, test func(*testing.T, *rig)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, func(t *testing.T, b testenv.Backend) { test(t, newRig(t, b)) })
	})
}

func newRig(t *testing.T, b testenv.Backend) *rig {
	t.Helper()
	r := &rig{t: t, backend: b}
	var err error
	r.store, err = store.Open(t.Context(), b.DatabaseURL)
	must(t, err)
	t.Cleanup(func() { must(t, r.store.Close()) })
	_, err = r.store.Migrate(t.Context())
	must(t, err)
	must(t, catalogue.Sync(t.Context(), r.store.Ent))
	r.streams, err = stream.Open(stream.Config{URL: b.RedisURL, Prefix: b.RedisPrefix, Partitions: 1})
	must(t, err)
	t.Cleanup(func() { must(t, r.streams.Close()) })
	_, err = r.streams.Prepare(t.Context(), 0)
	must(t, err)
	secrets, err := vault.New([]vault.Key{{ID: "test"}})
	must(t, err)
	r.registry, err = registry.Open(t.Context(), r.store.Ent, secrets, quiet())
	must(t, err)
	r.configure = &configure.Service{
		Store: r.store, Vault: secrets,
		Changed: r.registry.Apply,
	}
	r.account = r.newAccount("shop")
	r.Accepter, r.counts = r.another()
	return r
}

// another returns another Accepter, as another process has.
func (r *rig) another() (*Accepter, *prometheus.Registry) {
	counts := prometheus.NewRegistry()
	return New(Config{
		Store: r.store, Streams: r.streams, Registry: r.registry, Log: quiet(), Metrics: counts, MakeSecret: r.configure.EnsureAccountSecret,
	}), counts
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) newAccount(key string) id.ID {
	r.t.Helper()
	made, err := r.configure.CreateAccount(r.t.Context(), key, key)
	must(r.t, err)
	return made.ID
}

// subscribe makes a subscription of the account to event types, for some entities if any are given.
func (r *rig) subscribe(key string, eventTypes []string, entities ...string) id.ID {
	r.t.Helper()
	in := configure.CreateEventSubscriptionInput{
		Key: key, Name: key, EventTypes: eventTypes, Enabled: true,
		Profile: configure.ProfileChoice{Create: new(configure.ProfileInput(key, "https://example.com/hook"))},
	}
	if len(entities) > 0 {
		in.Filter = &configure.EventFilterInput{Entities: entities}
	}
	made, err := r.configure.CreateEventSubscription(access.WithAccount(r.t.Context(), r.account), in)
	must(r.t, err)
	return made.ID
}

// start runs an Accepter until the test ends, or until the returned function is called, which waits for its end.
func (r *rig) start(a *Accepter) (stop func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	var running errgroup.Group
	running.Go(func() error { return a.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		if err := running.Wait(); err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// publish publishes events of the account, which must not fail.
func (r *rig) publish(events ...Event) []Result {
	r.t.Helper()
	results, err := r.Publish(r.t.Context(), r.account, events)
	must(r.t, err)
	if len(results) != len(events) {
		r.t.Fatalf("%d results of %d events", len(results), len(events))
	}
	return results
}

// hand hands events over without waiting for their commit.
func (r *rig) hand(events ...Event) error {
	ended, cancel := context.WithCancel(r.t.Context())
	cancel()
	_, err := r.Publish(ended, r.account, events)
	return err
}

// sms is an event without mistakes.
func sms() Event {
	return Event{Type: "sms.delivery", Payload: json.RawMessage(`{"status":"DELIVERED"}`)}
}

// keyed is an event with an idempotency key.
func keyed(key string) Event {
	e := sms()
	e.IdempotencyKey = key
	return e
}

// rows returns all committed events, the first one first.
func (r *rig) rows() []*ent.Event {
	r.t.Helper()
	rows, err := r.store.Ent.Event.Query().Order(ent.Asc(event.FieldID)).All(access.WithSystem(r.t.Context()))
	must(r.t, err)
	return rows
}

// works returns n works from the stream, and checks that there are no more.
func (r *rig) works(n int) []stream.Work {
	r.t.Helper()
	var works []stream.Work
	reject := func(_ string, err error) { r.t.Error(err) }
	testenv.Eventually(r.t, patience, func() bool {
		entries, err := r.streams.ReadWork(r.t.Context(), "test", 0, 1000, time.Millisecond, reject)
		must(r.t, err)
		for _, entry := range entries {
			works = append(works, entry.Work)
		}
		return len(works) >= n
	}, "%d works are queued", n)
	if len(works) > n {
		r.t.Errorf("%d works are queued, want %d", len(works), n)
	}
	return works
}

// noWork checks that nothing is queued once the Accepter has stopped.
func (r *rig) noWork() {
	r.t.Helper()
	if progress, err := r.streams.Progress(r.t.Context(), 0); err != nil || progress.OldestWork != 0 {
		r.t.Errorf("work is queued: %+v, %v", progress, err)
	}
}

// count returns a counter's value, or how often a histogram has observed.
func (r *rig) count(name string) int {
	r.t.Helper()
	families, err := r.counts.Gather()
	must(r.t, err)
	found := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if found < 0 {
		r.t.Fatalf("no metric %s", name)
	}
	metric := families[found].GetMetric()[0]
	if histogram := metric.GetHistogram(); histogram != nil {
		return int(histogram.GetSampleCount())
	}
	return int(metric.GetCounter().GetValue())
}

func TestPublish(t *testing.T) {
	t.Parallel()
	onEach(t, "commits an event with what it matches, and queues it", func(t *testing.T, r *rig) {
		all, berlin := r.subscribe("all", []string{"sms.*"}), r.subscribe("berlin", []string{"*"}, "berlin")
		r.subscribe("lima", []string{"sms.delivery"}, "lima")
		r.start(r.Accepter)
		e := Event{
			Type: "sms.delivery", Payload: json.RawMessage(`{"n": 1.0}`), OccurredAt: time.Date(2020, 2, 3, 4, 5, 6, 789_012_000, time.FixedZone("", 3600)),
			User: "ann", Entity: "berlin", Application: "otp", Resource: "4477", Intermediate: true,
			Attributes: []types.Attribute{{Key: "channel", Value: "c1"}, {Key: "ü", Value: ""}},
		}
		result := r.publish(e)[0]
		if result.ID == id.Nil || result.Matched != 2 || result.Duplicate || len(result.Errors) > 0 {
			t.Fatalf("result %+v", result)
		}
		row := r.rows()[0]
		if row.ID != result.ID || row.AccountID != r.account || row.Type != e.Type || row.Payload != string(e.Payload) ||
			!row.OccurredAt.Equal(e.OccurredAt) || row.User != e.User || row.Entity != e.Entity || row.Application != e.Application ||
			row.Resource != e.Resource || !row.Intermediate || !slices.Equal(row.Attributes, e.Attributes) || len(row.Targets) != 32 {
			t.Errorf("row %+v", row)
		}
		due := id.Time(row.ID).UnixMicro()
		want := stream.Work{Event: stream.Event{
			ID: row.ID, AccountID: r.account, Type: e.Type, OccurredAt: e.OccurredAt.UnixMicro(), Application: "otp", Entity: "berlin",
			User: "ann", Resource: "4477", Attributes: []stream.Attribute{{Key: "channel", Value: "c1"}, {Key: "ü"}}, Payload: e.Payload,
		}}
		for targets := row.Targets; len(targets) > 0; targets = targets[16:] {
			want.Targets = append(want.Targets, stream.Target{SubscriptionID: id.ID(targets[:16]), Trigger: stream.TriggerFirst, DueAt: due})
		}
		if !slices.ContainsFunc(want.Targets, func(t stream.Target) bool { return t.SubscriptionID == all }) ||
			!slices.ContainsFunc(want.Targets, func(t stream.Target) bool { return t.SubscriptionID == berlin }) {
			t.Errorf("the row's targets are %v, want %v and %v", want.Targets, all, berlin)
		}
		got := r.works(1)[0]
		if want.Until = got.Until; !reflect.DeepEqual(got, want) {
			t.Errorf("queued %+v\nwant   %+v", got, want)
		}
	})

	onEach(t, "keeps what matches nothing, and queues nothing", func(t *testing.T, r *rig) {
		r.subscribe("email", []string{"email.*"})
		stop := r.start(r.Accepter)
		if result := r.publish(sms())[0]; result.ID == id.Nil || result.Matched != 0 {
			t.Errorf("result %+v", result)
		}
		stop()
		if n := len(r.rows()); n != 1 {
			t.Errorf("%d events are kept", n)
		}
		r.noWork()
	})

	onEach(t, "leaves large payloads in the database", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		r.start(r.Accepter)
		for _, size := range []int{stream.InlinePayload, stream.InlinePayload + 1} {
			e := sms()
			e.Payload = json.RawMessage(`"` + strings.Repeat("a", size-2) + `"`)
			r.publish(e)
			if carried := len(r.works(1)[0].Event.Payload); (carried == size) != (size <= stream.InlinePayload) || (carried != size && carried != 0) {
				t.Errorf("the work carries %d of %d bytes", carried, size)
			}
		}
	})

	onEach(t, "answers in the events' order when some are refused", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"}, "berlin")
		r.start(r.Accepter)
		wrong, berlin := Event{Type: "sms.delivery"}, sms()
		berlin.Entity = "berlin"
		results := r.publish(wrong, sms(), wrong, berlin, keyed("a"), keyed("a"), wrong)
		for i, want := range []struct {
			refused, duplicate bool
			matched            int
		}{{refused: true}, {}, {refused: true}, {matched: 1}, {}, {duplicate: true}, {refused: true}} {
			got := results[i]
			if (len(got.Errors) > 0) != want.refused || (got.ID == id.Nil) != want.refused || got.Duplicate != want.duplicate || got.Matched != want.matched {
				t.Errorf("result %d: %+v, want %+v", i, got, want)
			}
		}
		if n := len(r.rows()); n != 3 {
			t.Errorf("%d events are kept, want 3", n)
		}
		if refused, accepted := r.count("hookline_events_refused_total"), r.count("hookline_events_accepted_total"); refused != 3 || accepted != 3 {
			t.Errorf("counted %d refused and %d accepted, want 3 and 3", refused, accepted)
		}
	})

	onEach(t, "needs no commit when all are refused, or there are none", func(t *testing.T, r *rig) {
		if results := r.publish(Event{}, Event{}); len(results[0].Errors) == 0 || len(results[1].Errors) == 0 {
			t.Errorf("results %+v", results)
		}
		r.publish()
	})

	onEach(t, "keeps accounts apart", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		other := r.newAccount("other")
		r.start(r.Accepter)
		results, err := r.Publish(t.Context(), other, []Event{sms()})
		must(t, err)
		if results[0].Matched != 0 || r.rows()[0].AccountID != other {
			t.Errorf("result %+v, row %+v", results[0], r.rows()[0])
		}
	})

	onEach(t, "sets the time of an event that has none", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		before := time.Now().Add(-time.Millisecond)
		r.publish(sms())
		if at := r.rows()[0].OccurredAt; at.Before(before) || at.After(time.Now()) {
			t.Errorf("occurred at %v", at)
		}
	})

	onEach(t, "says that nothing is certain when the database fails", func(t *testing.T, r *rig) {
		broken, err := store.Open(t.Context(), r.backend.DatabaseURL)
		must(t, err)
		must(t, broken.Close())
		a := New(Config{Store: broken, Streams: r.streams, Registry: r.registry, Log: quiet()})
		r.start(a)
		if results, err := a.Publish(t.Context(), r.account, []Event{sms()}); !errors.Is(err, ErrUncertain) || results != nil {
			t.Errorf("results %v, %v", results, err)
		}
	})

	onEach(t, "says that nothing is certain when its context ends first", func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the publisher is gone")
		cancel(gone)
		if _, err := r.Publish(ctx, r.account, []Event{sms()}); !errors.Is(err, ErrUncertain) || !errors.Is(err, gone) {
			t.Errorf("error %v", err)
		}
	})
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	onEach(t, "accept one event of a call", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		r.start(r.Accepter)
		results := r.publish(keyed("a"), keyed("b"), keyed("a"), sms(), keyed("a"), sms())
		for _, i := range []int{2, 4} {
			if results[i].ID != results[0].ID || !results[i].Duplicate || results[i].Matched != 1 {
				t.Errorf("result %d: %+v, the first is %+v", i, results[i], results[0])
			}
		}
		if results[0].Duplicate || results[1].Duplicate || results[3].ID == results[5].ID {
			t.Errorf("results %+v", results)
		}
		if n := len(r.rows()); n != 4 {
			t.Errorf("%d events are kept, want 4", n)
		}
		r.works(4)
	})

	onEach(t, "accept one event of several calls", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		stop := r.start(r.Accepter)
		first := r.publish(keyed("a"))[0]
		r.subscribe("more", []string{"*"}) // what the first event matched, counts
		second := r.publish(sms(), keyed("a"), sms())[1]
		if second.ID != first.ID || !second.Duplicate || second.Matched != 1 {
			t.Errorf("second result %+v, the first is %+v", second, first)
		}
		stop()
		r.works(3)
		if n := r.count("hookline_events_duplicate_total"); n != 1 {
			t.Errorf("counted %d duplicates", n)
		}
	})

	onEach(t, "are those of an account", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		first := r.publish(keyed("a"))[0]
		results, err := r.Publish(t.Context(), r.newAccount("other"), []Event{keyed("a")})
		must(t, err)
		if results[0].Duplicate || results[0].ID == first.ID {
			t.Errorf("result %+v", results[0])
		}
	})

	onEach(t, "of refused events are free", func(t *testing.T, r *rig) {
		r.start(r.Accepter)
		refused := keyed("a")
		refused.Payload = nil
		results := r.publish(refused, keyed("a"))
		if len(results[0].Errors) == 0 || results[1].Duplicate || results[1].ID == id.Nil {
			t.Errorf("results %+v", results)
		}
	})

	onEach(t, "accept one event of calls at once, in one process and in two", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		other, _ := r.another()
		stops := []func(){r.start(r.Accepter), r.start(other)}
		const calls, keys = 40, 5
		results := make([][]Result, calls)
		var publishers sync.WaitGroup
		for i := range calls {
			publishers.Go(func() {
				var events []Event
				for key := range keys {
					// In different orders, so that calls would wait for each other if they could.
					events = append(events, keyed(fmt.Sprint((key+i)%keys)))
				}
				var err error
				if results[i], err = []*Accepter{r.Accepter, other}[i%2].Publish(t.Context(), r.account, events); err != nil {
					t.Error(err)
				}
			})
		}
		publishers.Wait()
		for _, stop := range stops {
			stop()
		}
		if n := len(r.rows()); n != keys {
			t.Fatalf("%d events of %d keys", n, keys)
		}
		first := make(map[int]id.ID)
		fresh := 0
		for i := range calls {
			for key, result := range results[i] {
				place := (key + i) % keys
				if first[place] == id.Nil {
					first[place] = result.ID
				}
				if result.ID != first[place] || result.Matched != 1 {
					t.Errorf("result %+v of key %d, another has %v", result, place, first[place])
				}
				if !result.Duplicate {
					fresh++
				}
			}
		}
		if fresh != keys {
			t.Errorf("%d results say that they are the first, want %d", fresh, keys)
		}
		r.works(keys)
	})
}

func TestGroupCommit(t *testing.T) {
	t.Parallel()
	onEach(t, "shares commits between those who publish at once", func(t *testing.T, r *rig) {
		const calls = 500
		var publishers sync.WaitGroup
		for range calls {
			publishers.Go(func() {
				if results, err := r.Publish(t.Context(), r.account, []Event{sms(), sms()}); err != nil || results[1].ID == id.Nil {
					t.Error(results, err)
				}
			})
		}
		testenv.Eventually(t, patience, func() bool { return len(r.submissions) == calls }, "all publishers wait")
		r.start(r.Accepter)
		publishers.Wait()
		if n := len(r.rows()); n != 2*calls {
			t.Errorf("%d events, want %d", n, 2*calls)
		}
		if n := r.count("hookline_commit_seconds"); n > 10 {
			t.Errorf("%d commits for %d calls", n, calls)
		}
	})

	onEach(t, "has limits", func(t *testing.T, r *rig) {
		// One committer at a time, as on SQLite: how several share is chance.
		for range 25 {
			_ = r.hand(slices.Repeat([]Event{sms()}, 100)...)
		}
		sizes := []int{}
		for len(r.submissions) > 0 {
			batch, _, _ := r.collect(nil)
			sizes = append(sizes, len(batch))
		}
		if !slices.Equal(sizes, []int{10, 10, 5}) {
			t.Errorf("batches of %v calls with 100 events each", sizes)
		}
	})

	t.Run("does not take two with one idempotency key together", func(t *testing.T) {
		t.Parallel()
		a := &Accepter{submissions: make(chan *submission, 10)}
		submit := func(keys ...byte) *submission {
			s := &submission{}
			for _, key := range keys {
				s.events = append(s.events, &store.NewEvent{KeyID: id.ID{key}})
			}
			a.submissions <- s
			return s
		}
		first, second, third, without := submit(1, 2), submit(3, 2), submit(3), submit(0, 0)
		alone := submit(1)
		close(a.submissions)
		batch, held, open := a.collect(nil)
		if !slices.Equal(batch, []*submission{first, third, without}) || !slices.Equal(held, []*submission{second, alone}) || open {
			t.Errorf("batch %v, held %v, open %v", batch, held, open)
		}
		batch, held, open = a.collect(held)
		if !slices.Equal(batch, []*submission{second, alone}) || len(held) > 0 || open {
			t.Errorf("then batch %v, held %v, open %v", batch, held, open)
		}
		if batch, _, open = a.collect(nil); len(batch) > 0 || open {
			t.Errorf("at the end batch %v, open %v", batch, open)
		}
	})

	onEach(t, "refuses what has waited for too long", func(t *testing.T, r *rig) {
		for range 3 {
			_ = r.hand(sms())
		}
		batch, _, _ := r.collect(nil)
		batch[1].at = batch[1].at.Add(-maxWait - time.Second)
		r.commit(t.Context(), batch)
		for i, want := range []error{nil, ErrOverloaded, nil} {
			if err := <-batch[i].done; !errors.Is(err, want) {
				t.Errorf("answer %d: %v, want %v", i, err, want)
			}
		}
		if n := len(r.rows()); n != 2 {
			t.Errorf("%d events are committed, want 2", n)
		}
	})
}

func TestOverload(t *testing.T) {
	t.Parallel()
	onEach(t, "is said at once, and what was taken is finished", func(t *testing.T, r *rig) {
		for range maxWaiting {
			if err := r.hand(sms()); !errors.Is(err, ErrUncertain) {
				t.Fatal(err)
			}
		}
		if err := r.hand(sms()); !errors.Is(err, ErrOverloaded) {
			t.Errorf("one too many: %v", err)
		}
		if n := r.count("hookline_publish_overloaded_total"); n != 1 {
			t.Errorf("counted %d", n)
		}
		r.start(r.Accepter)()
		if n := len(r.rows()); n != maxWaiting {
			t.Errorf("%d events are committed, want %d", n, maxWaiting)
		}
	})

	onEach(t, "is also a matter of bytes, unless there is nothing else", func(t *testing.T, r *rig) {
		r.maxBytes = 100
		large := Event{Type: "sms.delivery", Payload: json.RawMessage(`"` + strings.Repeat("x", 200) + `"`)}
		if err := r.hand(large); !errors.Is(err, ErrUncertain) {
			t.Errorf("a large one alone: %v", err)
		}
		if err := r.hand(sms()); !errors.Is(err, ErrOverloaded) {
			t.Errorf("another one: %v", err)
		}
		r.start(r.Accepter)
		testenv.Eventually(t, patience, func() bool { return r.waiting.Load() == 0 }, "the first one makes no room")
		r.publish(large)
		r.publish(sms())
		if n := len(r.rows()); n != 3 {
			t.Errorf("%d events are committed, want 3", n)
		}
	})

	onEach(t, "is what a stop looks like", func(t *testing.T, r *rig) {
		r.start(r.Accepter)()
		if _, err := r.Publish(t.Context(), r.account, []Event{sms()}); !errors.Is(err, ErrOverloaded) {
			t.Errorf("published to a stopped Accepter: %v", err)
		}
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	onEach(t, "finishes all that was handed over, and queues it", func(t *testing.T, r *rig) {
		r.subscribe("all", []string{"*"})
		const publishers = 20
		var accepted []id.ID
		var mu sync.Mutex
		var publishing, begun sync.WaitGroup
		begun.Add(publishers)
		stop := r.start(r.Accepter)
		for range publishers {
			publishing.Go(func() {
				first := sync.OnceFunc(begun.Done)
				for {
					results, err := r.Publish(t.Context(), r.account, []Event{sms()})
					if errors.Is(err, ErrOverloaded) {
						return // stopped
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					accepted = append(accepted, results[0].ID)
					mu.Unlock()
					first()
				}
			})
		}
		begun.Wait()
		stop()
		publishing.Wait()
		rows := r.rows()
		if len(rows) != len(accepted) {
			t.Errorf("%d events are committed, %d publishers were told so", len(rows), len(accepted))
		}
		r.works(len(rows))
	})
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	t.Run("does not keep events from being accepted, and they are queued when it is back", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: server.URL() + "?max_retries=-1"})
		r.subscribe("all", []string{"*"})
		r.start(r.Accepter)
		server.Kill()
		for range 3 {
			if result := r.publish(sms())[0]; result.ID == id.Nil || result.Matched != 1 {
				t.Errorf("result %+v", result)
			}
		}
		server.Restart()
		_, err := r.streams.Prepare(t.Context(), 0)
		must(t, err)
		r.works(3)
	})

	t.Run("brings no event twice when it did not say whether it has it, and puts no more at stake while it is silent", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: server.URL()})
		r.subscribe("all", []string{"*"})
		r.start(r.Accepter)
		r.publish(sms())
		r.works(1)
		left := func() int { return r.count("hookline_events_left_to_sweeper_total") }
		server.Pause()
		r.publish(sms())
		testenv.Eventually(t, time.Minute, func() bool { return left() == 1 }, "the first is left to the sweeper")
		r.publish(sms(), sms())
		server.Continue()
		r.works(3) // the first, which Redis has read when it goes on, and those that waited
		if n := left(); n != 1 {
			t.Errorf("%d events are left to the sweeper", n)
		}
	})

	onEach(t, "leaves to the sweeper what has waited for too long", func(t *testing.T, r *rig) {
		waited := id.New()
		since := id.FirstAt(time.Now().Add(-stream.EnqueueWithin))
		copy(waited[:6], since[:6])
		works := make([]stream.Work, 2)
		for i := range works {
			works[i] = stream.Work{Event: stream.Event{ID: waited}, Targets: make([]stream.Target, 1)}
		}
		if err := r.enqueueBatch(t.Context(), works, false); !errors.Is(err, errLate) {
			t.Errorf("queued late: %v", err)
		}
		r.noWork()
		if n := r.count("hookline_events_left_to_sweeper_total"); n != 2 {
			t.Errorf("counted %d, want 2", n)
		}
	})

	t.Run("leaves to the sweeper what would fill the memory", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: stream.Embedded})
		for range maxUnqueued + 2 {
			r.enqueue(stream.Work{})
		}
		if n := r.count("hookline_events_left_to_sweeper_total"); n != 2 {
			t.Errorf("counted %d, want 2", n)
		}
	})
}

// TestDatabaseAway: what is not committed is not accepted, and publishers are told to come again.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	database := testenv.StartPostgres(t)
	r := newRig(t, testenv.Backend{DatabaseURL: database.URL(), RedisURL: stream.Embedded})
	r.start(r.Accepter)
	r.publish(sms())
	database.StopImmediate()
	testenv.Eventually(t, patience, func() bool {
		_, err := r.Publish(t.Context(), r.account, []Event{sms()})
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUncertain) { // on a connection that was cut nothing is certain
			t.Errorf("error %v", err)
		}
		return errors.Is(err, ErrUnavailable)
	}, "the database is not said to be away")
	database.Start()
	testenv.Eventually(t, patience, func() bool {
		_, err := r.Publish(t.Context(), r.account, []Event{sms()})
		return err == nil
	}, "not published when the database is back")
	if n := len(r.rows()); n != 2 {
		t.Errorf("%d events are committed, want 2", n)
	}
}
