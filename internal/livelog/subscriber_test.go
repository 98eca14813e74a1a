package livelog

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// These tests hand results to the hub as its tails do, and let time pass in a bubble: so they are exact about time. How the tails read
// and what comes from the database is in hub_test.go.

// bubble runs a test with a hub whose streams have been read, at a time that stands still while anybody works.
func bubble(t *testing.T, name string, test func(*testing.T, *Hub)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		inBubble(t, test)
	})
}

func inBubble(t *testing.T, test func(*testing.T, *Hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		streams, err := stream.Open(stream.Config{URL: "redis://127.0.0.1:1", Partitions: 2}) // nobody connects to it
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = streams.Close() }()
		h := New(streams, nil, slog.New(slog.DiscardHandler))
		for partition := range h.tailing {
			h.setTailing(partition, true)
		}
		test(t, h)
	})
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble nobody waits for it, and nothing else happens meanwhile
}

// feeder makes results of an account and hands them to the hub.
type feeder struct {
	hub     *Hub
	account id.ID
	at      cursor
}

func newFeeder(h *Hub) *feeder { return &feeder{hub: h, account: id.New(), at: make(cursor, 2)} }

// feed hands n results to the hub, whose positions follow each other in the partition, and returns their attempts.
func (f *feeder) feed(partition, n int, change ...func(*stream.Result)) []id.ID {
	var fed []id.ID
	var results []stream.Logged
	for range n {
		f.at[partition]++
		r := stream.Logged{
			Result: &stream.Result{
				AccountID: f.account, SubscriptionID: id.New(), EventType: "sms.delivery",
				Attempt: &stream.Attempt{ID: id.New(), Outcome: stream.OutcomeSuccess, StatusCode: 200},
			},
			Partition: partition, Position: f.at[partition],
		}
		for _, c := range change {
			c(r.Result)
		}
		if r.Attempt != nil {
			fed = append(fed, r.Attempt.ID)
		}
		results = append(results, r)
	}
	f.hub.fanOut(partition, results)
	return fed
}

// reader is a subscriber.
type reader struct {
	t       *testing.T
	batches <-chan Batch
	leave   context.CancelFunc
}

// subscribe joins a hub and takes the first, empty batch.
func subscribe(t *testing.T, h *Hub, account id.ID, f Filter, options Options) *reader {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	batches, err := h.Subscribe(ctx, account, f, options)
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, batches: batches, leave: leave}
	if first := r.next(); first.Kind != Backfill || len(first.Attempts) > 0 || first.Matched > 0 || first.Skipped > 0 {
		t.Errorf("first batch %+v", first)
	}
	return r
}

// next returns the next batch.
func (r *reader) next() Batch {
	r.t.Helper()
	batch, open := <-r.batches
	if !open {
		r.t.Fatal("the channel is closed")
	}
	if batch.Matched != len(batch.Attempts)+batch.Skipped {
		r.t.Errorf("%d of %d are here and %d skipped: %+v", len(batch.Attempts), batch.Matched, batch.Skipped, batch)
	}
	return batch
}

// expect checks the next batch.
func (r *reader) expect(kind Kind, attempts []id.ID, skipped int) Batch {
	r.t.Helper()
	batch := r.next()
	if got := batchIDs(batch); batch.Kind != kind || !slices.Equal(got, attempts) || batch.Skipped != skipped {
		r.t.Errorf("%s with %d attempts (those wanted: %v), %d skipped; want %s with %d, %d skipped",
			batch.Kind, len(got), slices.Equal(got, attempts), batch.Skipped, kind, len(attempts), skipped)
	}
	return batch
}

func batchIDs(b Batch) []id.ID {
	var all []id.ID
	for _, r := range b.Attempts {
		all = append(all, r.Attempt.ID)
	}
	return all
}

func TestLive(t *testing.T) {
	t.Parallel()
	bubble(t, "sends what is wanted as it comes", func(t *testing.T, h *Hub) {
		ours, theirs := newFeeder(h), newFeeder(h)
		failures := subscribe(t, h, ours.account, Filter{Outcomes: []stream.Outcome{stream.OutcomeDNS}}, Options{})
		all := subscribe(t, h, ours.account, Filter{}, Options{})
		others := subscribe(t, h, theirs.account, Filter{}, Options{})
		fails := func(r *stream.Result) { r.Attempt.Outcome = stream.OutcomeDNS }

		ours.feed(0, 2, func(r *stream.Result) { r.Attempt = nil }) // put off
		good := ours.feed(0, 2)
		bad := ours.feed(1, 1, fails)
		theirs.at = cursor{100, 100}
		other := theirs.feed(0, 1, fails)

		synctest.Wait()
		failures.expect(Live, bad, 0)
		all.expect(Live, slices.Concat(good, bad), 0)
		others.expect(Live, other, 0)
	})

	bubble(t, "sends at once after a pause, and what comes soon after it together", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{})
		pass(time.Second)
		for range 3 {
			start := time.Now()
			first := f.feed(0, 1)
			r.expect(Live, first, 0)
			if waited := time.Since(start); waited > 0 {
				t.Errorf("the first batch after a pause came after %v", waited)
			}
			var together []id.ID
			for range 5 {
				together = append(together, f.feed(1, 1)...)
				pass(batchEvery / 10)
			}
			r.expect(Live, together, 0)
			if spaced := time.Since(start); spaced != batchEvery {
				t.Errorf("the second batch came after %v, want %v", spaced, batchEvery)
			}
			pass(time.Second)
		}
	})

	bubble(t, "sends an attempt once that is written twice", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{})
		first := f.feed(0, 1)
		again := func(r *stream.Result) { r.Attempt.ID = first[0] }
		r.expect(Live, first, 0)
		f.feed(0, 1, again) // after Redis has lost it
		second := f.feed(0, 1)
		r.expect(Live, second, 0)
	})

	bubble(t, "gives cursors that lie behind what was sent", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{})
		f.feed(0, 3)
		f.feed(1, 2)
		synctest.Wait()
		if got, err := parseCursor(r.next().Cursor, 2); err != nil || !slices.Equal(got, cursor{3, 2}) {
			t.Errorf("cursor %v, %v", got, err)
		}
	})
}

// Two servers never read at quite the same pace: one can be behind the cursor that another gave.
func TestResumeOnServerThatIsBehind(t *testing.T) {
	t.Parallel()
	bubble(t, "sends nothing twice, and gives no cursor that leads back", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{After: cursor{5, 0}.String()})
		behind := func(batch Batch) {
			t.Helper()
			if at, err := parseCursor(batch.Cursor, 2); err != nil || at[0] < 5 {
				t.Errorf("cursor %v, %v", at, err)
			}
		}
		f.feed(0, 3)
		behind(r.expect(Heartbeat, nil, 0))
		seven := f.feed(0, 4)
		other := f.feed(1, 1)
		synctest.Wait()
		behind(r.expect(Live, slices.Concat(seven[2:], other), 0))
	})
}

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	bubble(t, "comes after a silence, with a cursor that has moved on", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{StatusCodes: []int{500}}, Options{})
		start := time.Now()
		f.feed(0, 7) // not wanted
		beat := r.expect(Heartbeat, nil, 0)
		if silence := time.Since(start); silence != heartbeatEvery {
			t.Errorf("the first came after %v, want %v", silence, heartbeatEvery)
		}
		if at, err := parseCursor(beat.Cursor, 2); err != nil || !slices.Equal(at, cursor{7, 0}) {
			t.Errorf("its cursor is %v, %v", at, err)
		}
		pass(9 * time.Second)
		wanted := f.feed(1, 1, func(r *stream.Result) { r.Attempt.StatusCode = 500 })
		r.expect(Live, wanted, 0)
		sent := time.Now()
		r.expect(Heartbeat, nil, 0)
		if silence := time.Since(sent); silence != heartbeatEvery {
			t.Errorf("the next came after %v of silence, want %v", silence, heartbeatEvery)
		}
	})
}

func TestSampled(t *testing.T) {
	t.Parallel()
	bubble(t, "are the newest, as many as a reader wants in a second", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{MaxPerSecond: 10})
		all := subscribe(t, h, f.account, Filter{}, Options{})
		pass(time.Second)
		few, many := f.feed(0, 4), f.feed(1, 25)
		synctest.Wait()
		r.expect(Sampled, slices.Concat(few, many)[19:], 19)
		all.expect(Live, slices.Concat(few, many), 0)
		f.feed(0, 5)
		r.expect(Sampled, nil, 5)
		pass(time.Second)
		r.expect(Live, f.feed(0, 10), 0)
		f.feed(0, 1)
		r.expect(Sampled, nil, 1)
	})

	bubble(t, "begin at 500 in a second unless the reader says otherwise", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{})
		pass(time.Second)
		r.expect(Live, f.feed(0, DefaultMaxPerSecond), 0)
		pass(time.Second)
		r.expect(Sampled, f.feed(0, DefaultMaxPerSecond+1)[1:], 1)
	})
}

func TestGap(t *testing.T) {
	t.Parallel()
	bubble(t, "tells a slow reader what it has missed, and slows nobody", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		slow := subscribe(t, h, f.account, Filter{}, Options{MaxPerSecond: 2 * maxQueue})
		quick := subscribe(t, h, f.account, Filter{}, Options{MaxPerSecond: 2 * maxQueue})
		first := f.feed(0, 1)
		synctest.Wait() // slow is stuck with it
		quick.expect(Live, first, 0)
		var rest []id.ID
		for range (maxQueue + 300) / 100 {
			fed := f.feed(1, 100)
			quick.expect(Live, fed, 0)
			rest = append(rest, fed...)
		}
		slow.expect(Live, first, 0)
		gap := slow.expect(Gap, rest[300:], 300)
		if at, err := parseCursor(gap.Cursor, 2); err != nil || !slices.Equal(at, cursor{1, maxQueue + 300}) {
			t.Errorf("cursor %v, %v", at, err)
		}
		slow.expect(Live, f.feed(0, 1), 0)
	})

	bubble(t, "is sampled too", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		r := subscribe(t, h, f.account, Filter{}, Options{MaxPerSecond: 10})
		pass(time.Second)
		first := f.feed(0, 1)
		synctest.Wait()
		rest := f.feed(0, maxQueue+1)
		r.expect(Live, first, 0)
		r.expect(Gap, rest[maxQueue+1-9:], maxQueue+1-9)
	})
}

// step is what happens next to a reader: attempts are fed, wanted or not; time passes; or a batch is read if there is one.
type step struct{ wanted, unwanted, partition, ms int }

func someStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		var s step
		number := func(name string, most int) int { return rapid.IntRange(1, most).Draw(t, name) }
		switch s.partition = rapid.IntRange(0, 1).Draw(t, "partition"); rapid.IntRange(0, 3).Draw(t, "step") {
		case 0:
			s.wanted = number("wanted", 40)
		case 1:
			s.unwanted = number("unwanted", 5)
		case 2:
			s.ms = number("ms", 2000)
		}
		return s
	})
}

// TestBatches reads at random times what comes at random times: everything that is wanted is either sent once and in order, or counted as
// skipped.
func TestBatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(someStep(), 1, 40).Draw(rt, "steps")
		most := rapid.IntRange(1, 50).Draw(rt, "max per second")
		var wanted, sent []id.ID
		var skipped int
		inBubble(t, func(t *testing.T, h *Hub) { wanted, sent, skipped = play(t, h, steps, most) })
		if len(sent)+skipped != len(wanted) {
			rt.Fatalf("%d sent and %d skipped of %d", len(sent), skipped, len(wanted))
		}
		place := 0
		for _, a := range sent {
			found := slices.Index(wanted[place:], a)
			if found < 0 {
				rt.Fatalf("attempt %v was not wanted, or came twice or out of order", a)
			}
			place += found + 1
		}
	})
}

// play takes the steps, then reads what is left.
func play(t *testing.T, h *Hub, steps []step, most int) (wanted, sent []id.ID, skipped int) {
	t.Helper()
	f := newFeeder(h)
	r := subscribe(t, h, f.account, Filter{StatusCodes: []int{200}}, Options{MaxPerSecond: most})
	read := func(batch Batch) {
		sent = append(sent, batchIDs(batch)...)
		skipped += batch.Skipped
	}
	for _, s := range steps {
		switch {
		case s.wanted > 0:
			wanted = append(wanted, f.feed(s.partition, s.wanted)...)
		case s.unwanted > 0:
			f.feed(s.partition, s.unwanted, func(r *stream.Result) { r.Attempt.StatusCode = 500 })
		case s.ms > 0:
			pass(time.Duration(s.ms) * time.Millisecond)
		default:
			synctest.Wait()
			select {
			case batch := <-r.batches:
				read(batch)
			default:
			}
		}
	}
	for silent := 0; silent < 2; { // the first heartbeat may be from before the last step
		batch := r.next()
		read(batch)
		if batch.Kind == Heartbeat {
			silent++
		} else {
			silent = 0
		}
	}
	r.leave()
	return wanted, sent, skipped
}

func TestLeave(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(h *Hub, f *feeder){
		"while it waits for results": func(*Hub, *feeder) { synctest.Wait() },
		"while it is not read":       func(_ *Hub, f *feeder) { f.feed(0, 1); synctest.Wait() },
		"in a pause between batches": func(_ *Hub, f *feeder) { pass(batchEvery / 2) },
	} {
		bubble(t, "closes the channel "+name, func(t *testing.T, h *Hub) {
			f := newFeeder(h)
			r := subscribe(t, h, f.account, Filter{}, Options{})
			wait(h, f)
			r.leave()
			for range r.batches { // until it is closed
			}
			synctest.Wait()
			if len(h.subscribers) > 0 || h.demand != 0 {
				t.Errorf("the hub has %v, and a demand of %d", h.subscribers, h.demand)
			}
			f.feed(0, 1) // for nobody
		})
	}

	bubble(t, "closes the channel of one who waits for the streams to be read", func(t *testing.T, h *Hub) {
		h.setTailing(1, false)
		ctx, leave := context.WithCancel(t.Context())
		batches, err := h.Subscribe(ctx, id.New(), Filter{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		select {
		case batch := <-batches:
			t.Errorf("batch %+v before the streams are read", batch)
		default:
		}
		leave()
		if _, open := <-batches; open {
			t.Error("a batch after the end")
		}
	})
}

func TestRecent(t *testing.T) {
	t.Parallel()
	bubble(t, "results are the latest, and no more than may be kept", func(t *testing.T, h *Hub) {
		f := newFeeder(h)
		f.feed(1, 10)
		all := f.feed(0, maxRecent+30)
		if len(h.recent) != maxRecent || len(h.known) != maxRecent || !slices.Equal(h.floor, cursor{30, 10}) {
			t.Errorf("%d results are kept and %d known, behind %v", len(h.recent), len(h.known), h.floor)
		}
		var kept []id.ID
		for _, r := range h.wanted(f.account, &Filter{}, nil) {
			kept = append(kept, r.Attempt.ID)
		}
		if !slices.Equal(kept, all[30:]) {
			t.Error("they are not the latest, in the order in which they came")
		}
	})
}

func TestSubscribeRefusesBadCursors(t *testing.T) {
	t.Parallel()
	bubble(t, "at once", func(t *testing.T, h *Hub) {
		if _, err := h.Subscribe(t.Context(), id.New(), Filter{}, Options{After: cursor{1}.String()}); err == nil {
			t.Error("a cursor of another number of partitions was accepted")
		}
		if h.demand != 0 {
			t.Error("it counts as a subscriber")
		}
	})
}
