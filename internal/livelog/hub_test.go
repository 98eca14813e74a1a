package livelog_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds how long a test waits for what should happen soon; it is long, because the machine may be busy.
const patience = time.Minute

const partitions = 2

// rig is a database and streams, an archiver, and as many hubs as a test starts.
type rig struct {
	t       *testing.T
	store   *store.Store
	streams *stream.Streams
	account id.ID
	hubs    errgroup.Group
	running context.Context //nolint:containedctx // the hubs'
	failed  chan struct{}   // gets a signal for each error that a hub logs
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
	r := &rig{t: t, account: id.New(), failed: make(chan struct{}, partitions)}
	var err error
	r.store, err = store.Open(t.Context(), b.DatabaseURL)
	must(t, err)
	t.Cleanup(func() { must(t, r.store.Close()) })
	_, err = r.store.Migrate(t.Context())
	must(t, err)
	r.streams, err = stream.Open(stream.Config{URL: b.RedisURL, Prefix: b.RedisPrefix, Partitions: partitions})
	must(t, err)
	t.Cleanup(func() { must(t, r.streams.Close()) })
	r.prepare()
	running, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r.running = running
	t.Cleanup(func() {
		stop()
		must(t, r.hubs.Wait())
	})
	return r
}

func (r *rig) prepare() {
	r.t.Helper()
	for partition := range partitions {
		_, err := r.streams.Prepare(r.t.Context(), partition)
		must(r.t, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hub starts a hub, as another server has it.
func (r *rig) hub() *livelog.Hub {
	r.t.Helper()
	h := livelog.New(r.streams, r.store, slog.New(signal{slog.DiscardHandler, r.failed}))
	r.hubs.Go(func() error { return h.Run(r.running) })
	return h
}

// signal is a log that says when an error is logged.
type signal struct {
	slog.Handler
	errors chan<- struct{}
}

func (s signal) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (s signal) Handle(context.Context, slog.Record) error {
	select {
	case s.errors <- struct{}{}:
	default:
	}
	return nil
}

// result makes a result of the account.
func (r *rig) result() *stream.Result {
	return &stream.Result{
		AccountID: r.account, DeliveryID: id.New(), EventID: id.New(), SubscriptionID: id.New(), EventType: "sms.delivery",
		Status: stream.StatusSucceeded, Attempts: 1,
		Attempt: &stream.Attempt{ID: id.New(), Trigger: stream.TriggerFirst, Outcome: stream.OutcomeSuccess, StatusCode: 200, StartedAt: 1, URL: "u", PayloadFormat: "ENVELOPE"},
	}
}

// write writes n results to a partition's stream and returns them.
func (r *rig) write(partition, n int) []*stream.Result {
	r.t.Helper()
	results := make([]*stream.Result, n)
	for i := range results {
		results[i] = r.result()
	}
	r.settle(partition, results)
	return results
}

func (r *rig) settle(partition int, results []*stream.Result) {
	r.t.Helper()
	for part := range slices.Chunk(results, 500) {
		_, err := r.streams.Settle(r.t.Context(), partition, &stream.Settlement{Results: part})
		must(r.t, err)
	}
}

// archive moves what is in the streams to the database.
func (r *rig) archive() {
	r.t.Helper()
	for partition := range partitions {
		for {
			results, err := r.streams.ReadResults(r.t.Context(), "archiver", partition, 500, stream.NoWait, func(_ string, err error) { r.t.Error(err) })
			must(r.t, err)
			if len(results) == 0 {
				break
			}
			_, err = r.store.Archive(r.t.Context(), results)
			must(r.t, err)
			must(r.t, r.streams.AckResults(r.t.Context(), partition, results))
		}
	}
}

// old writes n results to the database alone, as if they had come by between from and until ago and been trimmed, and returns their places.
func (r *rig) old(n int, from, until time.Duration) []stream.Logged {
	r.t.Helper()
	now := time.Now()
	logged := make([]stream.Logged, n)
	for i := range logged {
		at := now.Add(-from + (from-until)*time.Duration(i)/time.Duration(n))
		result := r.result()
		first := id.FirstAt(at)
		copy(result.Attempt.ID[:6], first[:6])
		logged[i] = stream.Logged{Result: result, Partition: i % partitions, Position: stream.PositionAt(at) + stream.Position(i)}
	}
	_, err := r.store.Archive(r.t.Context(), logged)
	must(r.t, err)
	return logged
}

// reader is a subscriber.
type reader struct {
	t       *testing.T
	batches <-chan livelog.Batch
	leave   context.CancelFunc
	cursor  string // of the last batch
}

func (r *rig) subscribe(h *livelog.Hub, options livelog.Options) *reader {
	r.t.Helper()
	options.MaxPerSecond = 1_000_000
	ctx, leave := context.WithCancel(r.t.Context())
	r.t.Cleanup(leave)
	batches, err := h.Subscribe(ctx, r.account, livelog.Filter{}, options)
	must(r.t, err)
	return &reader{t: r.t, batches: batches, leave: leave, cursor: options.After}
}

// next returns the next batch that is no heartbeat.
func (r *reader) next() livelog.Batch {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case batch, open := <-r.batches:
			if !open {
				r.t.Fatal("the channel is closed")
			}
			r.cursor = batch.Cursor
			if batch.Kind == livelog.Heartbeat {
				continue
			}
			if batch.Matched != len(batch.Attempts)+batch.Skipped {
				r.t.Errorf("%d of %d are here and %d skipped", len(batch.Attempts), batch.Matched, batch.Skipped)
			}
			return batch
		case <-timeout:
			r.t.Fatal("no batch comes")
		}
	}
}

// begin takes a batch, usually the first one.
func (r *reader) begin(kind livelog.Kind, want []id.ID) livelog.Batch {
	r.t.Helper()
	batch := r.next()
	if got := idsOf(batch.Attempts); batch.Kind != kind || !slices.Equal(got, want) {
		r.t.Errorf("first %s with %d attempts (those wanted: %v), want %s with %d", batch.Kind, len(got), slices.Equal(got, want), kind, len(want))
	}
	return batch
}

// read reads until it has n attempts.
func (r *reader) read(n int) []id.ID {
	r.t.Helper()
	var got []id.ID
	for len(got) < n {
		batch := r.next()
		if batch.Skipped > 0 {
			r.t.Errorf("%s: %d are skipped", batch.Kind, batch.Skipped)
		}
		got = append(got, idsOf(batch.Attempts)...)
	}
	return got
}

// end leaves, and reads what has been sent by then.
func (r *reader) end() []id.ID {
	r.t.Helper()
	r.leave()
	var got []id.ID
	for batch := range r.batches {
		got = append(got, idsOf(batch.Attempts)...)
		r.cursor = batch.Cursor
	}
	return got
}

func idsOf(results []*stream.Result) []id.ID {
	all := make([]id.ID, len(results))
	for i, r := range results {
		all[i] = r.Attempt.ID
	}
	return all
}

func loggedIDs(results []stream.Logged) []id.ID {
	all := make([]id.ID, len(results))
	for i, r := range results {
		all[i] = r.Attempt.ID
	}
	return all
}

func sorted(ids []id.ID) []id.ID {
	return slices.SortedFunc(slices.Values(ids), func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
}

func TestBackfill(t *testing.T) {
	t.Parallel()
	onEach(t, "is empty at first", func(t *testing.T, r *rig) {
		reader := r.subscribe(r.hub(), livelog.Options{Backfill: 10})
		reader.begin(livelog.Backfill, nil)
		want := r.write(0, 3)
		if got := reader.read(3); !slices.Equal(got, idsOf(want)) {
			t.Errorf("live %v, want %v", got, idsOf(want))
		}
	})

	onEach(t, "is not asked for", func(t *testing.T, r *rig) {
		r.old(5, time.Hour, time.Minute)
		r.write(1, 2500) // more than is read at once
		r.archive()
		reader := r.subscribe(r.hub(), livelog.Options{})
		reader.begin(livelog.Backfill, nil)
		want := r.write(0, 1)
		if got := reader.read(1); !slices.Equal(got, idsOf(want)) {
			t.Errorf("live %v, want only the new one: %v", got, idsOf(want))
		}
	})

	onEach(t, "comes from the database and from what has come by, each once", func(t *testing.T, r *rig) {
		old := loggedIDs(r.old(30, time.Hour, time.Minute))
		archived := idsOf(r.write(0, 5))
		r.archive()
		h := r.hub()
		reader := r.subscribe(h, livelog.Options{Backfill: 12})
		reader.begin(livelog.Backfill, slices.Concat(old[23:], archived))
		recent := idsOf(r.write(0, 4))
		if got := reader.read(4); !slices.Equal(got, recent) {
			t.Errorf("live %v, want %v", got, recent)
		}
		// What is enough of the recent ones needs no database.
		r.subscribe(h, livelog.Options{Backfill: 3}).begin(livelog.Backfill, recent[1:])
		r.subscribe(h, livelog.Options{Backfill: 20}).begin(livelog.Backfill, slices.Concat(old[19:], archived, recent))
	})

	// The archiver can be ahead of a hub: what the hub has not read, it will send.
	onEach(t, "leaves out what is still to come by", func(t *testing.T, r *rig) {
		read := r.old(5, time.Hour, time.Minute)
		r.old(5, -time.Minute, -time.Hour)
		r.subscribe(r.hub(), livelog.Options{Backfill: 10}).begin(livelog.Backfill, loggedIDs(read))
	})

	onEach(t, "is filtered", func(t *testing.T, r *rig) {
		old, h := r.old(10, time.Hour, time.Minute), r.hub()
		wanted := livelog.Filter{Subscriptions: []id.ID{old[3].SubscriptionID}}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		batches, err := h.Subscribe(ctx, r.account, wanted, livelog.Options{Backfill: 10})
		must(t, err)
		if batch := <-batches; len(batch.Attempts) != 1 || batch.Attempts[0].Attempt.ID != old[3].Attempt.ID || batch.Matched != 1 {
			t.Errorf("batch %+v", batch)
		}
	})

	onEach(t, "has nothing of other accounts, old or new", func(t *testing.T, r *rig) {
		r.old(10, time.Hour, time.Minute)
		r.write(0, 10)
		h := r.hub()
		ours := r.subscribe(h, livelog.Options{Backfill: 5})
		ours.next()
		r.account = id.New()
		theirs := r.subscribe(h, livelog.Options{Backfill: 100})
		theirs.begin(livelog.Backfill, nil)
		want := r.write(1, 1)
		if got := theirs.read(1); !slices.Equal(got, idsOf(want)) {
			t.Errorf("another account gets %v, want %v", got, idsOf(want))
		}
		if got := ours.end(); len(got) > 0 {
			t.Errorf("the first account gets %v", got)
		}
	})
}

func TestResume(t *testing.T) {
	t.Parallel()
	onEach(t, "goes on from what has come by", func(t *testing.T, r *rig) {
		h := r.hub()
		reader := r.subscribe(h, livelog.Options{})
		reader.begin(livelog.Backfill, nil)
		r.write(0, 3)
		reader.read(3)
		reader.end()
		other := r.subscribe(h, livelog.Options{}) // keeps the hub reading
		other.begin(livelog.Backfill, nil)
		missed := idsOf(r.write(1, 20))
		other.read(20)
		r.subscribe(h, livelog.Options{After: reader.cursor}).begin(livelog.Backfill, missed)
	})

	onEach(t, "goes on from the database when everything has been trimmed", func(t *testing.T, r *rig) {
		old := r.old(40, time.Hour, time.Minute)
		h := r.hub()
		for _, from := range []int{0, 7, 39} {
			after := r.cursorAt(old[:from+1])
			reader := r.subscribe(h, livelog.Options{After: after})
			reader.begin(livelog.Backfill, loggedIDs(old[from+1:]))
		}
	})

	onEach(t, "goes on from both, each once, and then live", func(t *testing.T, r *rig) {
		old := r.old(20, time.Hour, time.Minute)
		archived := idsOf(r.write(0, 10))
		r.archive()
		archived = append(archived, idsOf(r.write(0, 10))...) // not yet
		reader := r.subscribe(r.hub(), livelog.Options{After: r.cursorAt(old[:5])})
		reader.begin(livelog.Backfill, slices.Concat(loggedIDs(old[5:]), archived))
		r.archive()
		live := idsOf(r.write(1, 3))
		if got := reader.read(3); !slices.Equal(got, live) {
			t.Errorf("live %v, want %v", got, live)
		}
	})

	onEach(t, "says how many it leaves out when there are too many", func(t *testing.T, r *rig) {
		const all, most = 2300, 2000
		old := r.old(all, time.Hour, time.Minute)
		reader := r.subscribe(r.hub(), livelog.Options{After: r.cursorAt(nil)})
		batch := reader.begin(livelog.Gap, loggedIDs(old[all-most:]))
		if batch.Skipped != all-most {
			t.Errorf("%d are skipped, want %d", batch.Skipped, all-most)
		}
	})

	onEach(t, "goes on when what has come by is more than is kept", func(t *testing.T, r *rig) {
		const kept, more = 20_000, 500
		h := r.hub()
		reader := r.subscribe(h, livelog.Options{})
		reader.begin(livelog.Backfill, nil)
		first := idsOf(r.write(0, 1))
		reader.read(1)
		reader.end()
		other := r.subscribe(h, livelog.Options{})
		other.begin(livelog.Backfill, nil)
		all := slices.Concat(first, idsOf(r.write(0, more/2)), idsOf(r.write(1, kept+more/2)))
		r.archive()
		for seen := 0; seen < len(all)-1; {
			batch := other.next()
			seen += batch.Matched
		}
		got := idsOf(r.subscribe(h, livelog.Options{After: reader.cursor}).next().Attempts)
		if !slices.Equal(sorted(got), sorted(all[1:])) {
			t.Errorf("%d attempts, want the %d that are missing, each once", len(got), len(all)-1)
		}
	})

	// A server that has just started begins behind the cursors that others have given.
	onEach(t, "repeats nothing on a server that is behind", func(t *testing.T, r *rig) {
		first := r.subscribe(r.hub(), livelog.Options{})
		first.begin(livelog.Backfill, nil)
		r.write(0, 5)
		r.write(1, 5)
		first.read(10)
		first.end()
		second := r.subscribe(r.hub(), livelog.Options{After: first.cursor})
		second.begin(livelog.Backfill, nil)
		live := idsOf(r.write(0, 1))
		if got := second.read(1); !slices.Equal(got, live) {
			t.Errorf("live %v, want only the new one: %v", got, live)
		}
	})
}

// cursorAt returns the cursor of one who has seen these results of the past, and nothing since.
func (r *rig) cursorAt(seen []stream.Logged) string {
	at := make([]stream.Position, partitions)
	for i := range at {
		at[i] = stream.PositionAt(time.Now().Add(-2 * time.Hour))
	}
	for _, result := range seen {
		at[result.Partition] = max(at[result.Partition], result.Position)
	}
	return livelog.CursorAt(at...)
}

// TestDisconnects has a reader come and go at random, on two servers and on some that have just started, while results are written and
// archived all the time: it sees everything once.
func TestDisconnects(t *testing.T) {
	t.Parallel()
	onEach(t, "lose and repeat nothing", func(t *testing.T, r *rig) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		const n = 3000
		old := r.old(100, time.Hour, time.Minute)
		wanted := loggedIDs(old)
		hubs := []*livelog.Hub{r.hub(), r.hub()}

		var writing errgroup.Group
		more := make(chan struct{}) // the reader lets the next ones be written
		written := make(chan []id.ID, 1)
		writing.Go(func() error {
			var all []id.ID
			for len(all) < n {
				<-more
				for partition := range partitions {
					all = append(all, idsOf(r.write(partition, 1+rand.IntN(40)))...)
				}
				if rand.IntN(3) == 0 {
					r.archive()
				}
			}
			written <- all
			return nil
		})
		defer func() { must(t, writing.Wait()) }()

		cursor := r.cursorAt(nil)
		times := make(map[id.ID]int)
		var all []id.ID
		complete := func() bool { return all != nil && len(times) >= len(wanted)+len(all) }
		for !complete() {
			h := hubs[random.IntN(2)]
			if random.IntN(5) == 0 {
				h = r.hub()
			}
			reader := r.subscribe(h, livelog.Options{After: cursor})
			for left := 1 + random.IntN(4); left > 0 && !complete(); {
				select {
				case more <- struct{}{}:
				case all = <-written:
				case batch := <-reader.batches:
					left--
					if batch.Skipped > 0 {
						t.Errorf("%s: %d are skipped", batch.Kind, batch.Skipped)
					}
					for _, a := range idsOf(batch.Attempts) {
						times[a]++
					}
					cursor = batch.Cursor
				case <-time.After(patience):
					t.Fatalf("no batch comes; %d of %d have been seen", len(times), len(wanted)+len(all))
				}
			}
			reader.leave()
			for range reader.batches { // what was not read, comes again
			}
		}
		for _, a := range append(wanted, all...) {
			if times[a] != 1 {
				t.Errorf("attempt %v was seen %d times", a, times[a])
			}
		}
	})
}

func TestRedisLost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*rig, *testenv.Redis){
		"while it runs": func(_ *rig, server *testenv.Redis) { server.Flush() },
		"by a restart": func(r *rig, server *testenv.Redis) {
			r.kill(server)
			server.Restart()
		},
	} {
		t.Run("its data "+name, func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: server.URL()})
			h := r.hub()
			reader := r.subscribe(h, livelog.Options{})
			reader.begin(livelog.Backfill, nil)
			archived := r.write(0, 5)
			r.archive()
			lost := r.write(0, 5)
			if got := reader.read(10); !slices.Equal(got, idsOf(slices.Concat(archived, lost))) {
				t.Fatalf("live %v", got)
			}

			lose(r, server)
			r.prepare()
			r.settle(0, lost) // as the worker does that has kept them
			fresh := idsOf(r.write(0, 1))
			if got := reader.read(1); !slices.Equal(got, fresh) {
				t.Errorf("live %v, want only the new one: %v", got, fresh)
			}
			r.archive()
			again := r.subscribe(h, livelog.Options{After: reader.cursor})
			again.begin(livelog.Backfill, nil)
			fresh = idsOf(r.write(1, 1))
			if got := again.read(1); !slices.Equal(got, fresh) {
				t.Errorf("after coming back %v, want only the new one: %v", got, fresh)
			}
		})
	}

	t.Run("and the database has what the server could not read", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		r := newRig(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: server.URL()})
		h := r.hub()
		reader := r.subscribe(h, livelog.Options{})
		start := reader.begin(livelog.Backfill, nil).Cursor
		recent := idsOf(r.write(0, 3))
		reader.read(3)
		r.archive()

		r.kill(server)
		// Other servers have written and archived these.
		missed := make([]stream.Logged, 2100)
		for i := range missed {
			missed[i] = stream.Logged{Result: r.result(), Position: stream.PositionAt(time.Now()) + stream.Position(i)}
		}
		_, err := r.store.Archive(t.Context(), missed)
		must(t, err)
		server.Restart()
		latest := loggedIDs(missed[100:]) // as many as one gets who comes back
		gap := reader.next()
		for len(gap.Attempts) == 0 { // the other partition
			gap = reader.next()
		}
		if gap.Kind != livelog.Gap || !slices.Equal(idsOf(gap.Attempts), latest) || gap.Skipped != 100 {
			t.Errorf("%s with %d attempts, %d skipped, want the latest %d", gap.Kind, len(gap.Attempts), gap.Skipped, len(latest))
		}
		if gap := r.subscribe(h, livelog.Options{After: start}).begin(livelog.Gap, latest); gap.Skipped != 103 {
			t.Errorf("%d are skipped, want 103", gap.Skipped)
		}
		// The recent ones are not the latest.
		r.subscribe(h, livelog.Options{Backfill: 3}).begin(livelog.Backfill, latest[1997:])
		r.subscribe(h, livelog.Options{Backfill: 2102}).begin(livelog.Backfill, slices.Concat(recent[1:], loggedIDs(missed)))
	})
}

// kill ends Redis, and waits until a hub has noticed it in all partitions.
func (r *rig) kill(server *testenv.Redis) {
	server.Kill()
	for range partitions {
		<-r.failed
	}
}

func TestManyReaders(t *testing.T) {
	t.Parallel()
	onEach(t, "see the same, in every order of coming", func(t *testing.T, r *rig) {
		h := r.hub()
		const n = 2000
		var readers errgroup.Group
		begun := make(chan struct{}, 20)
		for i := range cap(begun) {
			reader := r.subscribe(h, livelog.Options{Backfill: 5 * n})
			readers.Go(func() error {
				got := idsOf((<-reader.batches).Attempts)
				begun <- struct{}{}
				for len(got) < n {
					got = append(got, idsOf((<-reader.batches).Attempts)...)
				}
				if unique := slices.Compact(sorted(got)); len(unique) != n {
					return fmt.Errorf("reader %d has %d attempts, %d different ones", i, len(got), len(unique))
				}
				return nil
			})
			r.write(i%partitions, n/cap(begun))
			if i%2 == 0 {
				<-begun
			}
		}
		must(t, readers.Wait())
	})
}
