package stream

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// log writes a result as if at the time, into partition 0.
func (s *Streams) log(t *testing.T, at time.Time, r *Result) Position {
	t.Helper()
	fields, err := encode(r)
	ensure(t, err)
	position, err := ParsePosition(s.put(t, s.keys.attempts(0), at, fields))
	ensure(t, err)
	return position
}

func positions(results []Logged) []Position {
	all := make([]Position, len(results))
	for i, r := range results {
		all[i] = r.Position
	}
	return all
}

// tail returns the results of partition 0 behind a position, without waiting.
func (s *Streams) tail(t *testing.T, after Position, count int) []Logged {
	t.Helper()
	results, err := s.TailResults(t.Context(), 0, after, count, noWait)
	ensure(t, err)
	return results
}

func TestReadResults(t *testing.T) {
	t.Parallel()
	onEach(t, "gives each result to one archiver until it acknowledges it", 1, func(t *testing.T, s *Streams) {
		want := s.settle(t, &Settlement{Results: []*Result{result(1), result(2), result(3)}})
		a, b, none := s.readResults(t, "a", 2), s.readResults(t, "b", 10), s.readResults(t, "c", 10)
		if !slices.Equal(slices.Concat(positions(a), positions(b)), want) || len(none) != 0 {
			t.Fatalf("read %v, %v and %v, want %v", positions(a), positions(b), positions(none), want)
		}
		ensure(t, s.AckResults(t.Context(), 0, b))
		if left := s.pending(t, s.keys.attempts(0), archiveGroup); !slices.Equal(left, []string{want[0].String(), want[1].String()}) {
			t.Errorf("not acknowledged: %v", left)
		}
	})

	onEach(t, "waits for what comes", 1, func(t *testing.T, s *Streams) {
		got := make(chan int, 1)
		go func() {
			results, err := s.ReadResults(t.Context(), "a", 0, 10, patience, unreadable(t))
			if err != nil {
				t.Error(err)
			}
			got <- len(results)
		}()
		s.settle(t, &Settlement{Results: []*Result{result(1)}})
		if n := <-got; n != 1 {
			t.Errorf("%d results, want 1", n)
		}
	})

	onEach(t, "hands over what cannot be read, which holds up nothing", 1, func(t *testing.T, s *Streams) {
		bad := s.put(t, s.keys.attempts(0), time.Time{}, []any{entryField, "not CBOR"})
		want := s.settle(t, &Settlement{Results: []*Result{result(1)}})
		var rejected []string
		results, err := s.ReadResults(t.Context(), "a", 0, 10, noWait, func(entry string, _ error) { rejected = append(rejected, entry) })
		ensure(t, err)
		if !slices.Equal(rejected, []string{bad}) || !slices.Equal(positions(results), want) {
			t.Errorf("rejected %v, read %v", rejected, positions(results))
		}
		if p := s.progress(t); p.OldestResult != want[0] {
			t.Errorf("oldest result %v, want %v", p.OldestResult, want[0])
		}
	})
}

func TestTakeOverResults(t *testing.T) {
	t.Parallel()
	onEach(t, "takes what another has kept for too long", 1, func(t *testing.T, s *Streams) {
		want := s.settle(t, &Settlement{Results: []*Result{result(1), result(2), result(3)}})
		had := s.readResults(t, "a", 2)
		s.readResults(t, "a", 1)
		s.rest(t, s.keys.attempts(0), archiveGroup, "a", archiveIdle+time.Second, want[0].String(), want[1].String())
		taken, err := s.TakeOverResults(t.Context(), "b", 0, 10, unreadable(t))
		ensure(t, err)
		if !slices.Equal(positions(taken), want[:2]) || !reflect.DeepEqual(taken[0].Result, had[0].Result) {
			t.Errorf("taken over: %v, want %v", positions(taken), want[:2])
		}
		again, err := s.TakeOverResults(t.Context(), "c", 0, 10, unreadable(t))
		ensure(t, err)
		if len(again) != 0 {
			t.Errorf("taken from the one who has just taken them: %v", positions(again))
		}
	})
}

func TestTailResults(t *testing.T) {
	t.Parallel()
	onEach(t, "shows every result to everyone, from a position on", 1, func(t *testing.T, s *Streams) {
		want := s.settle(t, &Settlement{Results: []*Result{result(1), result(2), result(3), result(4)}})
		ensure(t, s.AckResults(t.Context(), 0, s.readResults(t, "a", 4))) // archived or not
		if got := positions(s.tail(t, 0, 10)); !slices.Equal(got, want) {
			t.Errorf("from the beginning: %v, want %v", got, want)
		}
		if got := positions(s.tail(t, want[0], 2)); !slices.Equal(got, want[1:3]) {
			t.Errorf("two behind the first: %v, want %v", got, want[1:3])
		}
		if got := s.tail(t, want[3], 10); len(got) != 0 {
			t.Errorf("behind the last: %v", positions(got))
		}
	})

	onEach(t, "waits for what comes", 1, func(t *testing.T, s *Streams) {
		last := s.settle(t, &Settlement{Results: []*Result{result(1)}})[0]
		got := make(chan []Logged, 1)
		go func() {
			results, err := s.TailResults(t.Context(), 0, last, 10, patience)
			if err != nil {
				t.Error(err)
			}
			got <- results
		}()
		want := s.settle(t, &Settlement{Results: []*Result{result(2)}})
		if results := <-got; !slices.Equal(positions(results), want) {
			t.Errorf("got %v, want %v", positions(results), want)
		}
	})

	onEach(t, "leaves out what cannot be read", 1, func(t *testing.T, s *Streams) {
		s.put(t, s.keys.attempts(0), time.Time{}, []any{"another", "version"})
		want := s.settle(t, &Settlement{Results: []*Result{result(1)}})
		if got := positions(s.tail(t, 0, 10)); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	onEach(t, "of work", 1, func(t *testing.T, s *Streams) {
		check := func(when string, oldest string, backlog int64) {
			t.Helper()
			s.trim(t) // the embedded Redis counts what is settled until then
			p := s.progress(t)
			if p.Backlog != backlog || (oldest == "") != (p.OldestWork == 0) || (oldest != "" && p.OldestWork.String() != oldest) {
				t.Errorf("%s: oldest work %v and a backlog of %d, want %q and %d", when, p.OldestWork, p.Backlog, oldest, backlog)
			}
		}
		check("empty", "", 0)
		s.enqueue(t, works(4, 1))
		messages, err := s.client.XRange(t.Context(), s.keys.work(0), "-", "+").Result()
		ensure(t, err)
		check("unread", messages[0].ID, 4)
		s.read(t, "a", 1)
		check("one read", messages[0].ID, 3)
		s.read(t, "b", 2)
		check("three read", messages[0].ID, 1)
		s.settle(t, &Settlement{Done: []string{messages[0].ID}})
		check("the first settled", messages[1].ID, 1)
		s.settle(t, &Settlement{Done: []string{messages[1].ID}})
		check("the second settled", messages[2].ID, 1)
		s.settle(t, &Settlement{Done: []string{messages[2].ID}})
		check("all settled that were read", messages[3].ID, 1)
		s.settle(t, &Settlement{Done: entryIDs(s.read(t, "a", 10))})
		check("all settled", "", 0)
		s.enqueue(t, works(1, 1))
		if p := s.progress(t); p.OldestWork == 0 || p.Backlog != 1 {
			t.Errorf("new work: %+v", p)
		}
	})

	onEach(t, "of results", 1, func(t *testing.T, s *Streams) {
		check := func(when string, oldest, archivedBefore, last Position, waiting bool) {
			t.Helper()
			p := s.progress(t)
			if p.OldestResult != oldest || p.ArchivedBefore != archivedBefore || p.LastResult != last || (p.Unarchived > 0) != waiting {
				t.Errorf("%s: %+v, want oldest %v, archived before %v, last %v", when, p, oldest, archivedBefore, last)
			}
		}
		check("empty", 0, 1, 0, false)
		at := s.settle(t, &Settlement{Results: []*Result{result(1), result(2), result(3)}})
		check("unread", at[0], at[0], at[2], true)
		if p := s.progress(t); p.Unarchived != 3 {
			t.Errorf("%d results are not archived, want 3", p.Unarchived)
		}
		results := s.readResults(t, "a", 2)
		check("read", at[0], at[0], at[2], true)
		ensure(t, s.AckResults(t.Context(), 0, results[1:]))
		check("the second archived", at[0], at[0], at[2], true)
		ensure(t, s.AckResults(t.Context(), 0, results[:1]))
		check("the first archived", at[2], at[2], at[2], true)
		ensure(t, s.AckResults(t.Context(), 0, s.readResults(t, "b", 10)))
		check("all archived", 0, at[2]+1, at[2], false)
		next := s.settle(t, &Settlement{Results: []*Result{result(4)}})
		check("a new one", next[0], next[0], next[0], true)
	})

	onEach(t, "of each partition alone", 2, func(t *testing.T, s *Streams) {
		_, err := s.Settle(t.Context(), 1, &Settlement{Results: []*Result{result(1)}})
		ensure(t, err)
		other, err := s.Progress(t.Context(), 1)
		ensure(t, err)
		if p := s.progress(t); p.LastResult != 0 || other.LastResult == 0 || p.Epoch == other.Epoch {
			t.Errorf("progress %+v and %+v", p, other)
		}
	})

	t.Run("fails while Redis is away, and is no loss of data", func(t *testing.T) {
		t.Parallel()
		s, err := Open(Config{URL: "redis://127.0.0.1:1?max_retries=-1", Partitions: 1})
		ensure(t, err)
		t.Cleanup(func() { ensure(t, s.Close()) })
		if _, err := s.Progress(t.Context(), 0); err == nil || IsNoGroup(err) {
			t.Errorf("progress without Redis: %v", err)
		}
	})
}

func TestTrim(t *testing.T) {
	t.Parallel()
	// Long enough ago that nobody tails them any more.
	long := func() time.Time { return time.Now().Add(-2 * FeedRetention) }

	onEach(t, "keeps results until they are archived", 1, func(t *testing.T, s *Streams) {
		at := long()
		var all []Position
		for i := range 4 {
			all = append(all, s.log(t, at.Add(time.Duration(i)*time.Millisecond), result(i)))
		}
		s.trim(t)
		if got := positions(s.tail(t, 0, 10)); !slices.Equal(got, all) {
			t.Fatalf("left are %v of %v that nobody has read", got, all)
		}
		results := s.readResults(t, "a", 3)
		ensure(t, s.AckResults(t.Context(), 0, []Logged{results[0], results[2]}))
		s.trim(t)
		if got := positions(s.tail(t, 0, 10)); !slices.Equal(got, all[1:]) {
			t.Fatalf("left are %v, want all from the first that is not archived: %v", got, all[1:])
		}
		ensure(t, s.AckResults(t.Context(), 0, append(s.readResults(t, "a", 1), results[1])))
		s.trim(t)
		if got := s.tail(t, 0, 10); len(got) != 0 {
			t.Errorf("left are %v, all of them archived", positions(got))
		}
	})

	onEach(t, "keeps archived results for readers that lag", 1, func(t *testing.T, s *Streams) {
		s.log(t, long(), result(1))
		recent := s.log(t, time.Now().Add(-FeedRetention/2), result(2))
		ensure(t, s.AckResults(t.Context(), 0, s.readResults(t, "a", 10)))
		s.trim(t)
		if got := positions(s.tail(t, 0, 10)); !slices.Equal(got, []Position{recent}) {
			t.Errorf("left are %v, want the recent one: %v", got, recent)
		}
	})

	onEach(t, "keeps work until it is settled", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(5, 1))
		had := entryIDs(s.read(t, "a", 3))
		s.trim(t)
		if n := s.length(t, s.keys.work(0)); n != 5 {
			t.Fatalf("%d of 5 entries are left, none of them settled", n)
		}
		s.settle(t, &Settlement{Done: had[1:]})
		s.trim(t)
		// What others have, they can still be relieved of; what nobody has, can be read.
		if taken := s.takeOver(t, "b", "a", had[0]); len(taken) != 1 {
			t.Errorf("the pending entry cannot be taken over: %v", taken)
		}
		if n := len(s.read(t, "b", 10)); n != 2 {
			t.Errorf("%d entries are left to read, want 2", n)
		}
	})

	// A settlement between looking and trimming must not count for what came after the look.
	onEach(t, "goes by what was seen", 1, func(t *testing.T, s *Streams) {
		seen := s.progress(t)
		s.enqueue(t, works(2, 1))
		s.log(t, long(), result(1))
		s.read(t, "a", 1)
		seen.OldestResult = s.progress(t).OldestResult
		ensure(t, s.Trim(t.Context(), 0, seen))
		if work, results := s.length(t, s.keys.work(0)), len(s.tail(t, 0, 10)); work != 2 || results != 1 {
			t.Errorf("%d entries and %d results are left, want 2 and 1", work, results)
		}
	})
}

func TestOldestResult(t *testing.T) {
	t.Parallel()
	onEach(t, "lies just before the oldest in the stream", 1, func(t *testing.T, s *Streams) {
		at := s.settle(t, &Settlement{Results: []*Result{result(1), result(2)}})
		oldest, err := s.OldestResult(t.Context(), 0)
		ensure(t, err)
		if got := positions(s.tail(t, oldest, 10)); oldest >= at[0] || !slices.Equal(got, at) {
			t.Errorf("behind %v are %v, want %v", oldest, got, at)
		}
		ensure(t, s.client.XTrimMinID(t.Context(), s.keys.attempts(0), at[1].String()).Err())
		oldest, err = s.OldestResult(t.Context(), 0)
		ensure(t, err)
		if got := positions(s.tail(t, oldest, 10)); oldest < at[0] || !slices.Equal(got, at[1:]) {
			t.Errorf("behind %v are %v, want %v", oldest, got, at[1:])
		}
	})

	// Whoever begins to read now must fetch from the database what was here before, be the stream empty or lost.
	onEach(t, "of an empty stream lies behind all that was in it", 1, func(t *testing.T, s *Streams) {
		s.log(t, time.Now().Add(-time.Second), result(1))
		last := s.settle(t, &Settlement{Results: []*Result{result(2)}})[0]
		s.empty(t)
		s.checkOldest(t, last)
	})

	onEach(t, "of a stream that has never had one lies in the present", 1, func(t *testing.T, s *Streams) {
		s.checkOldest(t, PositionAt(time.Now().Add(-time.Second)))
	})

	onOwn(t, "of a lost stream lies behind all that was in it", func(t *testing.T, s *Streams, flush func()) {
		last := s.log(t, time.Now().Add(-time.Second), result(1))
		flush()
		s.checkOldest(t, last)
		flush()
		_, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		s.checkOldest(t, last)
	})

	onReal(t, "fails while Redis is away", func(t *testing.T, s *Streams) {
		ensure(t, s.client.Set(t.Context(), s.keys.attempts(0), "no stream", redis.KeepTTL).Err())
		if _, err := s.OldestResult(t.Context(), 0); err == nil {
			t.Error("found the oldest result of what is no stream")
		}
	})
}

// checkOldest checks that OldestResult lies behind what was in the stream, and before what comes.
func (s *Streams) checkOldest(t *testing.T, last Position) {
	t.Helper()
	oldest, err := s.OldestResult(t.Context(), 0)
	ensure(t, err)
	if oldest < last {
		t.Errorf("the oldest result is %v, but %v is not there any more", oldest, last)
	}
	next := s.settle(t, &Settlement{Results: []*Result{result(3)}})[0]
	if next <= oldest {
		t.Errorf("the next result is at %v, which is not behind %v", next, oldest)
	}
}

// empty removes all results.
func (s *Streams) empty(t *testing.T) {
	t.Helper()
	ensure(t, s.client.XTrimMinID(t.Context(), s.keys.attempts(0), Position(1<<62).String()).Err())
}
