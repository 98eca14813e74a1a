package stream

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
)

func TestEnqueue(t *testing.T) {
	t.Parallel()
	onEach(t, "brings works to those who read, as they are and in order", 1, func(t *testing.T, s *Streams) {
		want := works(5, 2)
		s.enqueue(t, want)
		got := s.read(t, "a", 10)
		if len(got) != len(want) {
			t.Fatalf("%d entries, want %d", len(got), len(want))
		}
		for i, entry := range got {
			if until := time.UnixMilli(entry.Until); time.Until(until) > EnqueueWithin || time.Until(until) < 0 {
				t.Errorf("entry %d is good until %v, now it is %v", i, until, time.Now())
			}
			entry.Until = 0
			if !reflect.DeepEqual(entry.Work, want[i]) {
				t.Errorf("entry %d: %+v, want %+v", i, entry.Work, want[i])
			}
			if entry.Partition != 0 || entry.Reads != 1 || len(entry.Settled) > 0 {
				t.Errorf("entry %d is of partition %d, had by %d, with %v settled", i, entry.Partition, entry.Reads, entry.Settled)
			}
		}
	})

	onEach(t, "puts more targets than an entry may have into several", 1, func(t *testing.T, s *Streams) {
		want := works(1, 2*MaxTargets+1)[0]
		s.enqueue(t, []Work{want})
		var sizes []int
		var targets []Target
		for _, entry := range s.read(t, "a", 10) {
			sizes = append(sizes, len(entry.Targets))
			targets = append(targets, entry.Targets...)
			if !reflect.DeepEqual(entry.Event, want.Event) {
				t.Errorf("event %+v, want %+v", entry.Event, want.Event)
			}
		}
		if !slices.Equal(sizes, []int{MaxTargets, MaxTargets, 1}) || !reflect.DeepEqual(targets, want.Targets) {
			t.Errorf("entries with %v targets", sizes)
		}
	})

	onEach(t, "spreads events over all partitions", 3, func(t *testing.T, s *Streams) {
		all := works(100, 1)
		s.enqueue(t, all)
		seen := make(map[id.ID]int)
		for partition := range s.Partitions() {
			entries, err := s.ReadWork(t.Context(), "a", partition, 100, noWait, unreadable(t))
			ensure(t, err)
			if len(entries) < 10 {
				t.Errorf("partition %d has only %d of 100", partition, len(entries))
			}
			for _, entry := range entries {
				seen[entry.Event.ID]++
			}
		}
		for _, w := range all {
			if seen[w.Event.ID] != 1 {
				t.Errorf("event %v is there %d times", w.Event.ID, seen[w.Event.ID])
			}
		}
	})
}

func TestReadWork(t *testing.T) {
	t.Parallel()
	onEach(t, "gives each entry to one worker, and no more than it asked for", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(5, 1))
		a, b, c := s.read(t, "a", 2), s.read(t, "b", 10), s.read(t, "c", 10)
		if len(a) != 2 || len(b) != 3 || len(c) != 0 {
			t.Fatalf("%d, %d and %d entries, want 2, 3 and 0", len(a), len(b), len(c))
		}
	})

	onEach(t, "waits for what comes", 1, func(t *testing.T, s *Streams) {
		got := make(chan int, 1)
		go func() {
			entries, err := s.ReadWork(t.Context(), "a", 0, 10, patience, unreadable(t))
			if err != nil {
				t.Error(err)
			}
			got <- len(entries)
		}()
		s.enqueue(t, works(1, 1))
		if n := <-got; n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
	})

	onEach(t, "hands over what cannot be read, and removes it", 1, func(t *testing.T, s *Streams) {
		want := works(2, 1)
		s.enqueue(t, want[:1])
		var bad []string
		for _, values := range [][]any{{entryField, "not CBOR"}, {"another", "version"}} {
			bad = append(bad, s.put(t, s.keys.work(0), time.Time{}, values))
		}
		s.enqueue(t, want[1:])

		var rejected []string
		entries, err := s.ReadWork(t.Context(), "a", 0, 10, noWait, func(entry string, err error) {
			if err == nil {
				t.Error("rejected without a reason")
			}
			rejected = append(rejected, entry)
		})
		ensure(t, err)
		if !slices.Equal(rejected, bad) {
			t.Errorf("rejected %q, want %q", rejected, bad)
		}
		if len(entries) != 2 || entries[0].Event.ID != want[0].Event.ID || entries[1].Event.ID != want[1].Event.ID {
			t.Errorf("read %+v", entries)
		}
		if left := s.pending(t, s.keys.work(0), workGroup); !slices.Equal(left, []string{entries[0].ID, entries[1].ID}) {
			t.Errorf("pending: %q", left)
		}
		if n := s.length(t, s.keys.work(0)); n != 2 {
			t.Errorf("%d entries are left, want 2", n)
		}
	})
}

// put writes an entry with these values, as if at the time; the zero time is now.
func (s *Streams) put(t *testing.T, key string, at time.Time, values any) string {
	t.Helper()
	args := &redis.XAddArgs{Stream: key, Values: values}
	if !at.IsZero() {
		args.ID = fmt.Sprintf("%d-*", at.UnixMilli())
	}
	entry, err := s.client.XAdd(t.Context(), args).Result()
	ensure(t, err)
	return entry
}

// pending returns the entries that have been read and not acknowledged.
func (s *Streams) pending(t *testing.T, key, group string) []string {
	t.Helper()
	pending, err := s.client.XPendingExt(t.Context(), &redis.XPendingExtArgs{Stream: key, Group: group, Start: "-", End: "+", Count: 1000}).Result()
	ensure(t, err)
	entries := make([]string, len(pending))
	for i, p := range pending {
		entries[i] = p.ID
	}
	return entries
}

// settle settles in partition 0.
func (s *Streams) settle(t *testing.T, settlement *Settlement) []Position {
	t.Helper()
	positions, err := s.Settle(t.Context(), 0, settlement)
	ensure(t, err)
	return positions
}

// settledSets returns how many sets of settled targets there are.
func (s *Streams) settledSets(t *testing.T) int {
	t.Helper()
	keys, err := s.client.Keys(t.Context(), s.keys.settled(0, "*")).Result()
	ensure(t, err)
	return len(keys)
}

func TestSettle(t *testing.T) {
	t.Parallel()
	onEach(t, "writes the results and says where they are", 1, func(t *testing.T, s *Streams) {
		want := []*Result{result(1), result(2), {Status: StatusRetrying, NextAttemptAt: 5}}
		positions := s.settle(t, &Settlement{Results: want})
		got := s.readResults(t, "a", 10)
		if len(got) != len(want) || len(positions) != len(want) {
			t.Fatalf("%d results at %v, want %d", len(got), positions, len(want))
		}
		for i, r := range got {
			if !reflect.DeepEqual(r.Result, want[i]) || r.Position != positions[i] || r.Partition != 0 {
				t.Errorf("result %d is %+v at %v, want %+v at %v", i, r.Result, r.Position, want[i], positions[i])
			}
		}
	})

	onEach(t, "removes entries that are done, and only those", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(4, 1))
		had := s.read(t, "a", 3)
		s.settle(t, &Settlement{Done: []string{had[0].ID, had[2].ID}})
		s.trim(t)
		if left := s.pending(t, s.keys.work(0), workGroup); !slices.Equal(left, []string{had[1].ID}) {
			t.Errorf("pending: %q, want only %q", left, had[1].ID)
		}
		if p := s.progress(t); p.OldestWork.String() != had[1].ID {
			t.Errorf("oldest work %v, want %v", p.OldestWork, had[1].ID)
		}
		rest := s.read(t, "a", 10)
		if len(rest) != 1 {
			t.Fatalf("%d entries are left to read, want 1", len(rest))
		}
		s.settle(t, &Settlement{Done: []string{had[1].ID, rest[0].ID}})
		s.trim(t)
		if n := s.length(t, s.keys.work(0)); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})

	onEach(t, "remembers what is settled of an entry until it is done", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(1, 5))
		entry := s.read(t, "a", 1)[0]
		s.settle(t, &Settlement{Partial: map[string][]int{entry.ID: {0, 3}}})
		s.settle(t, &Settlement{Partial: map[string][]int{entry.ID: {4}}})
		if left := s.pending(t, s.keys.work(0), workGroup); !slices.Equal(left, []string{entry.ID}) {
			t.Errorf("pending: %q", left)
		}
		life, err := s.client.TTL(t.Context(), s.keys.settled(0, entry.ID)).Result()
		ensure(t, err)
		if life <= 0 || life > partialLife {
			t.Errorf("the set lives for %v", life)
		}
		over := s.takeOver(t, "b", "a", entry.ID)
		if len(over) != 1 || !slices.Equal(slices.Sorted(slices.Values(over[0].Settled)), []int{0, 3, 4}) {
			t.Fatalf("taken over: %+v", over)
		}
		s.settle(t, &Settlement{Done: []string{entry.ID}, Forget: []string{entry.ID}})
		if n := s.settledSets(t); n != 0 {
			t.Errorf("%d sets are left of an entry that is done", n)
		}
	})

	onEach(t, "queues again what is handed back", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(1, MaxTargets))
		entry := s.read(t, "a", 1)[0]
		back := Work{Event: entry.Event, Targets: slices.Concat(entry.Targets, entry.Targets[:1])}
		s.settle(t, &Settlement{Done: []string{entry.ID}, Requeued: map[string]Work{entry.ID: back}})
		again := s.read(t, "b", 10)
		if len(again) != 2 || !reflect.DeepEqual(again[0].Targets, entry.Targets) || len(again[1].Targets) != 1 {
			t.Fatalf("handed back: %+v", again)
		}
		if !reflect.DeepEqual(again[0].Event, entry.Event) || again[0].Reads != 1 {
			t.Errorf("handed back: %+v", again[0])
		}
	})

	onOwn(t, "writes the results of work that Redis has lost", func(t *testing.T, s *Streams, flush func()) {
		s.enqueue(t, works(1, 2))
		entry := s.read(t, "a", 1)[0]
		flush()
		s.settle(t, &Settlement{Results: []*Result{result(1)}, Done: []string{entry.ID}})
		_, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		if n := len(s.readResults(t, "a", 10)); n != 1 {
			t.Errorf("%d results, want 1", n)
		}
	})
}

// takeOver takes over entries that have rested long enough with from.
func (s *Streams) takeOver(t *testing.T, consumer, from string, entries ...string) []*Entry {
	t.Helper()
	s.rest(t, s.keys.work(0), workGroup, from, 2*takeoverIdle, entries...)
	taken, err := s.TakeOver(t.Context(), consumer, 0, 100, unreadable(t))
	ensure(t, err)
	return taken
}

func entryIDs(entries []*Entry) []string {
	all := make([]string, len(entries))
	for i, entry := range entries {
		all[i] = entry.ID
	}
	return all
}

// consumers returns who is known in the group of workers.
func (s *Streams) consumers(t *testing.T) []string {
	t.Helper()
	infos, err := s.client.XInfoConsumers(t.Context(), s.keys.work(0), workGroup).Result()
	ensure(t, err)
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	slices.Sort(names)
	return names
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	onEach(t, "takes nothing from a worker that is alive", 1, func(t *testing.T, s *Streams) {
		ensure(t, s.KeepAlive(t.Context(), "a", 0))
		s.enqueue(t, works(3, 1))
		had := entryIDs(s.read(t, "a", 10))
		if taken := s.takeOver(t, "b", "a", had...); len(taken) != 0 {
			t.Fatalf("taken from the living: %v", entryIDs(taken))
		}
		ensure(t, s.SignOff(t.Context(), "a", 0))
		if taken := s.takeOver(t, "b", "a", had...); !slices.Equal(entryIDs(taken), had) {
			t.Errorf("taken from the dead: %v, want %v", entryIDs(taken), had)
		}
	})

	onEach(t, "counts a worker as alive for a few seconds", 1, func(t *testing.T, s *Streams) {
		ensure(t, s.KeepAlive(t.Context(), "a", 0))
		life, err := s.client.PTTL(t.Context(), s.keys.worker(0, "a")).Result()
		ensure(t, err)
		if life <= workerLife/2 || life > workerLife {
			t.Errorf("alive for %v, want %v", life, workerLife)
		}
	})

	onEach(t, "counts who had an entry, and takes nothing from itself", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(1, 1))
		entry := s.read(t, "a", 1)[0]
		if taken := s.takeOver(t, "a", "a", entry.ID); len(taken) != 0 {
			t.Errorf("a has taken %v from itself", entryIDs(taken))
		}
		for i, c := range []struct{ taker, from string }{{"b", "a"}, {"c", "b"}, {"d", "c"}} {
			// rest counts as one read: it says RETRYCOUNT 1.
			ensure(t, s.client.Do(t.Context(), "XCLAIM", s.keys.work(0), workGroup, c.from, 0, entry.ID,
				"IDLE", (2*takeoverIdle).Milliseconds(), "RETRYCOUNT", i+1, "JUSTID").Err())
			taken, err := s.TakeOver(t.Context(), c.taker, 0, 10, unreadable(t))
			ensure(t, err)
			if len(taken) != 1 || taken[0].Reads != i+2 || !reflect.DeepEqual(taken[0].Work, entry.Work) {
				t.Fatalf("%s has %+v, want it as reader %d", c.taker, taken, i+2)
			}
		}
	})

	onEach(t, "takes no more than it is asked for, from several", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(6, 1))
		a, b := entryIDs(s.read(t, "a", 3)), entryIDs(s.read(t, "b", 3))
		s.rest(t, s.keys.work(0), workGroup, "a", 2*takeoverIdle, a...)
		s.rest(t, s.keys.work(0), workGroup, "b", 2*takeoverIdle, b...)
		first, err := s.TakeOver(t.Context(), "c", 0, 4, unreadable(t))
		ensure(t, err)
		second, err := s.TakeOver(t.Context(), "c", 0, 4, unreadable(t))
		ensure(t, err)
		all := append(entryIDs(first), entryIDs(second)...)
		slices.Sort(all)
		if want := append(a, b...); len(first) != 4 || !slices.Equal(all, want) {
			t.Errorf("taken over: %v and %v, want 4 and then all of %v", entryIDs(first), entryIDs(second), want)
		}
	})

	onEach(t, "hands over what cannot be read, and removes it", 1, func(t *testing.T, s *Streams) {
		bad := s.put(t, s.keys.work(0), time.Time{}, []any{"another", "version"})
		ensure(t, s.client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
			Group: workGroup, Consumer: "a", Streams: []string{s.keys.work(0), ">"}, Count: 1,
		}).Err())
		s.rest(t, s.keys.work(0), workGroup, "a", 2*takeoverIdle, bad)
		var rejected []string
		taken, err := s.TakeOver(t.Context(), "b", 0, 10, func(entry string, _ error) { rejected = append(rejected, entry) })
		ensure(t, err)
		if len(taken) != 0 || !slices.Equal(rejected, []string{bad}) || s.length(t, s.keys.work(0)) != 0 {
			t.Errorf("taken %v, rejected %v, %d left", taken, rejected, s.length(t, s.keys.work(0)))
		}
	})

	onEach(t, "forgets the dead who have nothing", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(2, 1))
		for _, worker := range []string{"dead", "alive"} {
			s.settle(t, &Settlement{Done: entryIDs(s.read(t, worker, 1))})
		}
		ensure(t, s.KeepAlive(t.Context(), "alive", 0))
		_, err := s.TakeOver(t.Context(), "b", 0, 10, unreadable(t))
		ensure(t, err)
		if names := s.consumers(t); slices.Contains(names, "dead") || !slices.Contains(names, "alive") {
			t.Errorf("known are %v", names)
		}
	})

	// The embedded Redis does not know how long an entry has rested: it serves one process, in which nobody takes over.
	onReal(t, "leaves to another what that one has just taken over", func(t *testing.T, s *Streams) {
		s.enqueue(t, works(50, 1))
		had := entryIDs(s.read(t, "dead", 50))
		s.rest(t, s.keys.work(0), workGroup, "dead", 2*takeoverIdle, had...)
		taken := make([][]*Entry, 8)
		var takers sync.WaitGroup
		for i := range taken {
			takers.Go(func() {
				var err error
				if taken[i], err = s.TakeOver(t.Context(), fmt.Sprintf("taker %d", i), 0, 20, unreadable(t)); err != nil {
					t.Error(err)
				}
			})
		}
		takers.Wait()
		var all []string
		for _, entries := range taken {
			all = append(all, entryIDs(entries)...)
		}
		slices.Sort(all)
		if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
			t.Errorf("%d entries were taken over, but only %d different ones", len(all), len(unique))
		}
		if len(all) < 20 {
			t.Errorf("only %d entries were taken over", len(all))
		}
	})
}

func TestMislaid(t *testing.T) {
	t.Parallel()
	onReal(t, "finds what a worker was given and does not hold", func(t *testing.T, s *Streams) {
		s.enqueue(t, works(4, 2))
		given := s.read(t, "a", 4)
		had := entryIDs(given)
		other := had[3]
		ensure(t, s.client.XClaim(t.Context(), &redis.XClaimArgs{
			Stream: s.keys.work(0), Group: workGroup, Consumer: "b", Messages: []string{other},
		}).Err())
		holds := func(entry string) bool { return entry == had[0] }
		mislaid := func(count int) []*Entry {
			found, err := s.Mislaid(t.Context(), "a", 0, count, holds, unreadable(t))
			ensure(t, err)
			return found
		}
		if found := mislaid(10); len(found) != 0 {
			t.Fatalf("found %v, which may still be on their way", entryIDs(found))
		}
		s.rest(t, s.keys.work(0), workGroup, "a", 2*mislaidIdle, had[:3]...)
		s.rest(t, s.keys.work(0), workGroup, "b", 2*mislaidIdle, other)
		s.settle(t, &Settlement{Partial: map[string][]int{had[1]: {1}}})
		if found := mislaid(1); !slices.Equal(entryIDs(found), had[1:2]) {
			t.Errorf("found %v, want one", entryIDs(found))
		}
		found := mislaid(10)
		if !slices.Equal(entryIDs(found), had[1:3]) || found[0].Reads != 1 || !reflect.DeepEqual(found[0].Work, given[1].Work) ||
			!slices.Equal(found[0].Settled, []int{1}) || len(found[1].Settled) != 0 {
			t.Errorf("found %+v, want %v as they were given", found, had[1:3])
		}
		s.settle(t, &Settlement{Done: had[1:3], Forget: had[1:2]})
		if found := mislaid(10); len(found) != 0 {
			t.Errorf("found %v, which are settled", entryIDs(found))
		}
	})

	onReal(t, "looks at more than a page", func(t *testing.T, s *Streams) {
		const n = mislaidPage + 10
		s.enqueue(t, works(n, 1))
		had := entryIDs(s.read(t, "a", n))
		s.rest(t, s.keys.work(0), workGroup, "a", 2*mislaidIdle, had...)
		found, err := s.Mislaid(t.Context(), "a", 0, 10, func(entry string) bool { return entry != had[n-1] }, unreadable(t))
		ensure(t, err)
		if !slices.Equal(entryIDs(found), had[n-1:]) {
			t.Errorf("found %v, want the last one", entryIDs(found))
		}
	})
}
