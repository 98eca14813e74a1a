package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/stream"
)

// lanes is a dispatcher whose attempts take as long as their jobs say, in a bubble of time.
type lanes struct {
	*dispatcher
	start  time.Time
	answer func(*job) *stream.Result // how attempts end; nil for success
	// takesOf is how long attempts take of which takes says nothing.
	takesOf time.Duration

	mu    sync.Mutex
	takes map[*job]time.Duration
	seen  record
}

// record is what has been seen of a dispatcher.
type record struct {
	begins   map[*job]time.Duration // since start
	order    []*job                 // in which they began
	requests []request
	running  map[id.ID]int // of a profile
	most     map[id.ID]int // at once
	settled  map[*job][]*stream.Result
	released []*job
}

func newLanes() *lanes {
	l := &lanes{start: time.Now(), takes: make(map[*job]time.Duration), seen: record{
		begins: make(map[*job]time.Duration), running: make(map[id.ID]int), most: make(map[id.ID]int), settled: make(map[*job][]*stream.Result),
	}}
	l.dispatcher = newDispatcher(l.attempt, l.settle, l.release)
	return l
}

// look returns what has been seen when all that can happen now has happened.
func (l *lanes) look() record {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	seen.begins, seen.running, seen.most, seen.settled = maps.Clone(seen.begins), maps.Clone(seen.running), maps.Clone(seen.most), maps.Clone(seen.settled)
	return seen
}

func (l *lanes) attempt(r request) {
	j := r[0]
	profile := j.profile.ID
	l.mu.Lock()
	l.seen.running[profile]++
	l.seen.most[profile] = max(l.seen.most[profile], l.seen.running[profile])
	for _, j := range r {
		l.seen.begins[j] = time.Since(l.start)
		l.seen.order = append(l.seen.order, j)
	}
	l.seen.requests = append(l.seen.requests, r)
	takes, said := l.takes[j]
	if !said {
		takes = l.takesOf
	}
	l.mu.Unlock()
	pass(takes)
	l.mu.Lock()
	l.seen.running[profile]--
	l.mu.Unlock()
	for _, j := range r {
		j.became = &stream.Result{Status: stream.StatusSucceeded, Attempt: &stream.Attempt{}}
		if l.answer != nil {
			j.became = l.answer(j)
		}
	}
}

func (l *lanes) settle(j *job, r *stream.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen.settled[j] = append(l.seen.settled[j], r)
}

func (l *lanes) release(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen.released = append(l.seen.released, j)
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble nobody waits for it
}

// submit submits n jobs of a profile whose attempts take so long.
func (l *lanes) submit(p *registry.Profile, n int, takes time.Duration) []*job {
	var jobs []*job
	for range n {
		j := &job{
			entry: &inflight{Entry: &stream.Entry{}}, target: stream.Target{SubscriptionID: id.New(), Attempts: 2, Failures: 1, QueuedAt: 7}, profile: p,
		}
		l.mu.Lock()
		l.takes[j] = takes
		l.mu.Unlock()
		l.dispatcher.submit(j)
		jobs = append(jobs, j)
	}
	return jobs
}

// dues returns when jobs that have been put off are due, since start. It fails the test for a job that has not been put off.
func (l *lanes) dues(t *testing.T, jobs []*job) []time.Duration {
	t.Helper()
	var dues []time.Duration
	settled := l.look().settled
	for _, j := range jobs {
		results := settled[j]
		if len(results) != 1 || results[0].Attempt != nil || results[0].Status != stream.StatusRetrying {
			t.Fatalf("a job was settled with %v, want it put off", results)
		}
		if r := results[0]; r.Attempts != 2 || r.Failures != 1 || r.QueuedAt != 7 {
			t.Errorf("being put off has used an attempt: %+v", r)
		}
		dues = append(dues, stream.FromMicros(results[0].NextAttemptAt).Sub(l.start.Truncate(time.Microsecond)))
	}
	return dues
}

func profile(window int) *registry.Profile { return &registry.Profile{ID: id.New(), Window: window} }

// inLanes runs a test in a bubble of time.
func inLanes(t *testing.T, name string, test func(*testing.T, *lanes)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { test(t, newLanes()) })
	})
}

const hanging = time.Hour

func TestLanes(t *testing.T) {
	t.Parallel()
	inLanes(t, "make no more attempts at once than the window has", func(t *testing.T, l *lanes) {
		p := profile(3)
		jobs := l.submit(p, 10, 10*time.Millisecond)
		l.wait()
		if l.look().most[p.ID] != 3 || len(l.look().order) != 10 {
			t.Errorf("%d attempts at once and %d in all, want 3 and 10", l.look().most[p.ID], len(l.look().order))
		}
		if took := time.Since(l.start); took != 40*time.Millisecond {
			t.Errorf("10 attempts took %v, want 4 rounds of 10ms", took)
		}
		if !sameJobs(l.look().order[3:6], jobs[3:6]) {
			t.Error("those that wait do not begin in the order in which they came")
		}
		if len(l.lanes()) > 0 {
			t.Errorf("a lane without work is kept")
		}
	})

	inLanes(t, "keep the order of what waits", func(t *testing.T, l *lanes) {
		jobs := l.submit(profile(1), 30, time.Millisecond)
		l.wait()
		if !slices.Equal(l.look().order, jobs) {
			t.Error("attempts begin in another order")
		}
	})

	inLanes(t, "hold up nothing but themselves", func(t *testing.T, l *lanes) {
		l.submit(profile(2), 100, hanging)
		pass(time.Second)
		l.relieve(time.Now())
		good := l.submit(profile(2), 50, time.Millisecond)
		pass(25 * time.Millisecond)
		begins := l.look().begins
		for i, j := range good {
			if want := time.Second + time.Duration(i/2)*time.Millisecond; begins[j] != want {
				t.Errorf("attempt %d to the good endpoint began after %v, want %v", i, begins[j], want)
			}
		}
		l.wait()
	})

	inLanes(t, "take a burst to a quick endpoint without putting anything off", func(t *testing.T, l *lanes) {
		p := profile(20)
		jobs := l.submit(p, 5000, 0)
		for range 3 {
			l.relieve(time.Now())
		}
		l.wait()
		if len(l.look().order) != len(jobs) || len(l.look().settled) != len(jobs) {
			t.Errorf("%d attempts of %d", len(l.look().order), len(jobs))
		}
	})

	inLanes(t, "let wait what can begin within half a second, by how long attempts take", func(t *testing.T, l *lanes) {
		p := profile(1)
		l.submit(p, 12, 100*time.Millisecond)
		pass(801 * time.Millisecond)
		// Eight attempts have been measured: by their running average of 66 ms there is room for 7, of which 3 are taken.
		waiting := l.submit(p, 50, 100*time.Millisecond)
		l.relieve(time.Now())
		l.dues(t, waiting[4:])
		l.wait()
		if n := len(l.look().order); n != 16 {
			t.Errorf("%d attempts, want 16", n)
		}
	})

	inLanes(t, "follow a change of the window", func(t *testing.T, l *lanes) {
		before := profile(4)
		l.submit(before, 8, 10*time.Millisecond)
		smaller := &registry.Profile{ID: before.ID, Window: 1}
		l.submit(smaller, 3, 10*time.Millisecond)
		pass(25 * time.Millisecond)
		synctest.Wait()
		if n := l.look().running[before.ID]; n != 1 {
			t.Errorf("%d attempts at once, the window is 1 by now", n)
		}
		larger := &registry.Profile{ID: before.ID, Window: 3}
		l.submit(larger, 2, 10*time.Millisecond)
		synctest.Wait()
		if n := l.look().running[before.ID]; n != 3 {
			t.Errorf("%d attempts at once, the window is 3 by now", n)
		}
		l.wait()
		if len(l.look().order) != 13 {
			t.Errorf("%d attempts, want 13", len(l.look().order))
		}
	})
}

// sameJobs compares jobs in any order.
func sameJobs(a, b []*job) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(j *job) bool { return !slices.Contains(b, j) })
}

// lanes returns the lanes that have work.
func (l *lanes) lanes() map[id.ID]*lane {
	l.dispatcher.mu.Lock()
	defer l.dispatcher.mu.Unlock()
	return maps.Clone(l.dispatcher.lanes)
}

func TestPutOff(t *testing.T) {
	t.Parallel()
	inLanes(t, "what waits behind a hanging endpoint, the latest first to go and spaced as it works", func(t *testing.T, l *lanes) {
		p := profile(10)
		l.submit(p, 10, hanging)
		waiting := l.submit(p, 100, hanging)
		l.relieve(time.Now())
		if len(l.look().settled) > 0 {
			t.Error("put off before anything was slow")
		}
		pass(100 * time.Millisecond) // by now an attempt takes 100 ms at least: there is room for 50
		l.relieve(time.Now())
		dues := l.dues(t, waiting[50:])
		for i, due := range dues {
			if want := 100*time.Millisecond + putOffLeast; i == 0 && due != want {
				t.Errorf("the first is due after %v, want %v", due, want)
			}
			if i > 0 && due-dues[i-1] != 5*time.Millisecond {
				t.Errorf("number %d is due %v after the one before, want half of the 10ms that it takes", i, due-dues[i-1])
			}
		}
		pass(400 * time.Millisecond)
		l.relieve(time.Now())
		l.dues(t, waiting[10:50])
		pass(5 * time.Second)
		l.relieve(time.Now())
		l.dues(t, waiting[:10])
		if late := l.dues(t, l.submit(p, 1, 0)); late[0] < 6500*time.Millisecond {
			t.Errorf("what comes later is due at %v, before it can be its turn", late[0])
		}
		l.wait()
	})

	inLanes(t, "by itself, again and again", func(t *testing.T, l *lanes) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = l.relieveAll(ctx) }()
		p := profile(1)
		l.submit(p, 1, hanging)
		waiting := l.submit(p, 20, hanging)
		pass(maxLaneWait + 2*relieveEvery)
		synctest.Wait()
		l.dues(t, waiting)
		cancel()
		l.wait()
	})

	t.Run("never sooner than a second or later than 15 minutes, and never before another", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			now := time.Unix(1_000_000, 0)
			window := rapid.SampledFrom([]int{1, 2, 20, 10_000}).Draw(t, "window")
			l := &lane{window: window, took: time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "took")), moved: now}
			last := time.Time{}
			for range rapid.IntRange(1, 200).Draw(t, "n") {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "later")))
				if rapid.Bool().Draw(t, "moves") {
					l.moved = now
				}
				due := l.nextPutOff(now)
				if ahead := due.Sub(now); ahead < putOffLeast || ahead > putOffMost {
					t.Fatalf("due in %v", ahead)
				}
				if due.Before(last) {
					t.Fatalf("due %v before another", last.Sub(due))
				}
				last = due
			}
		})
	})
}

func TestRoom(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		took, since time.Duration
		window      int
		want        int
	}{
		{0, 0, 20, maxEntries},
		{time.Microsecond, 0, 20, maxEntries},
		{10 * time.Millisecond, 0, 1, 50},
		{10 * time.Millisecond, 0, 20, 1000},
		{10 * time.Millisecond, time.Second, 20, 10},
		{time.Second, 0, 1, 0},
		{10 * time.Second, 0, 20, 1},
		{0, time.Hour, 10_000, 1},
	} {
		l := &lane{window: c.window, took: c.took, moved: now.Add(-c.since)}
		if got := l.room(now); got != c.want {
			t.Errorf("attempts of %v, nothing for %v, window %d: room for %d, want %d", c.took, c.since, c.window, got, c.want)
		}
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	inLanes(t, "hands back what has not begun and waits for what has", func(t *testing.T, l *lanes) {
		p := profile(2)
		begun, waiting := l.submit(p, 2, 100*time.Millisecond), l.submit(p, 5, time.Millisecond)
		other := l.submit(profile(1), 3, 50*time.Millisecond)
		synctest.Wait()
		l.stop(t.Context())
		if stopped := time.Since(l.start); stopped != 100*time.Millisecond {
			t.Errorf("it stopped after %v, its attempts took 100ms", stopped)
		}
		late := l.submit(p, 1, 0)
		if want := slices.Concat(waiting, other[1:], late); !sameJobs(l.look().released, want) {
			t.Errorf("%d are handed back, want %d", len(l.look().released), len(want))
		}
		if len(l.look().settled) != 3 || len(l.look().settled[begun[0]]) != 1 {
			t.Errorf("%d are settled, want 3", len(l.look().settled))
		}
	})

	inLanes(t, "waits no longer than it may", func(t *testing.T, l *lanes) {
		l.submit(profile(1), 1, time.Minute)
		synctest.Wait()
		grace, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		l.stop(grace)
		if stopped := time.Since(l.start); stopped != time.Second {
			t.Errorf("it stopped after %v, want 1s", stopped)
		}
		l.wait()
		if waited := time.Since(l.start); waited != time.Minute || len(l.look().settled) != 1 {
			t.Errorf("all has ended after %v, with %d settled", waited, len(l.look().settled))
		}
	})
}

// dispatchStep is jobs that are submitted, and then time that passes.
type dispatchStep struct {
	profile, jobs, takesMs, passMs int
}

// TestDispatch submits at random to several lanes and stops: of every job it becomes known once what became of it, and no window is exceeded.
func TestDispatch(t *testing.T) {
	t.Parallel()
	step := rapid.Custom(func(t *rapid.T) dispatchStep {
		number := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		return dispatchStep{profile: number("profile", 2), jobs: number("jobs", 60), takesMs: number("takes", 300), passMs: number("pass", 400)}
	})
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(step, 1, 15).Draw(rt, "steps")
		windows := rapid.SliceOfN(rapid.IntRange(1, 8), 3, 3).Draw(rt, "windows")
		stopped := rapid.Bool().Draw(rt, "stopped")
		synctest.Test(t, func(t *testing.T) {
			l := newLanes()
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _ = l.relieveAll(ctx) }()
			profiles := []*registry.Profile{profile(windows[0]), profile(windows[1]), profile(windows[2])}
			var jobs []*job
			for _, s := range steps {
				jobs = append(jobs, l.submit(profiles[s.profile], s.jobs, time.Duration(s.takesMs)*time.Millisecond)...)
				pass(time.Duration(s.passMs) * time.Millisecond)
			}
			if stopped {
				l.stop(t.Context())
			}
			l.wait()
			cancel()
			seen := l.look()
			for _, p := range profiles {
				if seen.most[p.ID] > p.Window {
					t.Errorf("%d attempts at once, the window is %d", seen.most[p.ID], p.Window)
				}
			}
			for _, j := range jobs {
				times := len(seen.settled[j])
				for _, r := range seen.released {
					if r == j {
						times++
					}
				}
				if times != 1 {
					t.Errorf("what became of a job was said %d times", times)
				}
			}
			if !stopped && (len(seen.released) > 0 || len(l.lanes()) > 0) {
				t.Errorf("%d are handed back and %d lanes left without a stop", len(seen.released), len(l.lanes()))
			}
		})
	})
}
