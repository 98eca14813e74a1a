package worker

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/stream"
)

// answered is the result of an attempt that was answered so.
func answered(status int) *stream.Result {
	r := &stream.Result{Status: stream.StatusRetrying, Attempt: &stream.Attempt{StatusCode: status, Outcome: stream.OutcomeHTTPError}}
	if status == 200 {
		r.Status, r.Attempt.Outcome = stream.StatusSucceeded, stream.OutcomeSuccess
	}
	return r
}

func TestSlow(t *testing.T) {
	t.Parallel()
	t.Run("halves once for what was under way together, and never to nothing", func(t *testing.T) {
		t.Parallel()
		now := time.Unix(1000, 0)
		s := slow{}
		for running := 20; running > 0; running-- {
			s = s.ended(answered(429), 0, running, 20, now.Add(-time.Second), now)
		}
		if s.atOnce != 10 {
			t.Errorf("%d at once after a round of 20, want 10", s.atOnce)
		}
		for _, want := range []int{5, 2, 1, 1} {
			if s = s.ended(answered(503), 0, s.atOnce, 20, now, now.Add(time.Second)); s.atOnce != want {
				t.Errorf("%d at once, want %d", s.atOnce, want)
			}
			now = now.Add(time.Second)
		}
	})

	t.Run("recovers by rounds of successes", func(t *testing.T) {
		t.Parallel()
		s, now := slow{atOnce: 1, halved: time.Unix(1000, 0)}, time.Unix(2000, 0)
		var steps []int
		for s.atOnce > 0 {
			before := s.atOnce
			for range before {
				if s.atOnce != before {
					t.Fatalf("%d at once before the round of %d is over", s.atOnce, before)
				}
				s = s.ended(answered(200), 0, before, 12, now, now)
			}
			steps = append(steps, s.atOnce)
		}
		if want := []int{2, 3, 4, 5, 6, 7, 8, 10, 0}; !slices.Equal(steps, want) {
			t.Errorf("recovers by %v, want %v", steps, want)
		}
	})

	t.Run("stays within the window, and pauses for a minute at the most", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			window, now := rapid.IntRange(1, 100).Draw(t, "window"), time.Unix(1000, 0)
			s := slow{}
			for range rapid.IntRange(0, 100).Draw(t, "attempts") {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "passes")))
				status := rapid.SampledFrom([]int{200, 404, 429, 500, 503}).Draw(t, "status")
				wait := time.Duration(0)
				if status == 429 || status == 503 {
					wait = time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "wait"))
				}
				before := s
				s = s.ended(answered(status), wait, rapid.IntRange(1, window).Draw(t, "running"), window, now.Add(-time.Second), now)
				if limit := s.limit(window); limit < 1 || limit > window {
					t.Fatalf("%d at once, of a window of %d", limit, window)
				}
				if s.until.After(now.Add(maxPause)) || s.until.Before(before.until) {
					t.Fatalf("a pause until %v at %v", s.until, now)
				}
				if (status == 404 || status == 500) && s != before {
					t.Fatalf("%d changed %+v to %+v", status, before, s)
				}
			}
			if !s.over(now.Add(maxPause + forgetSlow + 1)) {
				t.Fatalf("%+v is never forgotten", s)
			}
		})
	})
}

func TestOverloadedEndpoints(t *testing.T) {
	t.Parallel()
	inLanes(t, "get fewer attempts at once, and as many as before when they recover", func(t *testing.T, l *lanes) {
		var status atomic.Int32
		status.Store(503)
		l.answer = func(*job) *stream.Result { return answered(int(status.Load())) }
		p := profile(8)
		running := func(want int) {
			t.Helper()
			if n := l.look().running[p.ID]; n != want {
				t.Errorf("%d attempts are under way, want %d", n, want)
			}
		}
		l.submit(p, 60, 10*time.Millisecond)
		running(8)
		for _, want := range []int{4, 2, 1, 1} {
			pass(10 * time.Millisecond)
			running(want)
		}
		status.Store(200)
		for _, want := range []int{2, 3, 4, 5, 6, 7, 8} {
			pass(10 * time.Millisecond)
			running(want)
		}
		pass(time.Second)
		if n := len(l.look().settled); n != 60 {
			t.Errorf("%d of 60 are settled", n)
		}
	})

	inLanes(t, "are left alone for as long as they ask, and others are not held up", func(t *testing.T, l *lanes) {
		l.answer = func(j *job) *stream.Result {
			if j.profile.Window == 1 {
				j.wait = 30 * time.Second
				return answered(429)
			}
			return answered(200)
		}
		p := profile(1)
		l.submit(p, 1, 0)
		synctest.Wait()
		late := l.submit(p, 3, 0)
		for _, due := range l.dues(t, late) {
			if due < 30*time.Second || due > 31*time.Second {
				t.Errorf("put off to %v, want just behind the 30 s that were asked for", due)
			}
		}
		other := l.submit(profile(2), 2, 0)
		if seen := l.look(); len(seen.begins) != 3 || len(seen.settled[other[1]]) != 1 {
			t.Errorf("%d attempts began, want the first and the two of the other endpoint", len(seen.begins))
		}
		pass(30 * time.Second)
		l.submit(p, 1, 0)
		if n := len(l.look().begins); n != 4 {
			t.Errorf("%d attempts began, want one after the pause", n)
		}
	})

	inLanes(t, "have what waits begin when a short pause is over", func(t *testing.T, l *lanes) {
		first := true
		l.answer = func(j *job) *stream.Result {
			if first {
				first = false
				j.wait = 300 * time.Millisecond
				return answered(503)
			}
			return answered(200)
		}
		p := profile(1)
		jobs := l.submit(p, 3, time.Millisecond)
		pass(200 * time.Millisecond)
		if n := len(l.look().begins); n != 1 {
			t.Errorf("%d attempts began during the pause", n)
		}
		pass(101 * time.Millisecond)
		l.relieve(time.Now())
		pass(10 * time.Millisecond)
		if seen := l.look(); len(seen.begins) != 3 || len(seen.settled[jobs[2]]) != 1 {
			t.Errorf("%d attempts began, want all", len(seen.begins))
		}
	})
}
