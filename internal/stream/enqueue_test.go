package stream

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// What Redis has not taken can be enqueued again; what it may have taken must not.
func TestEnqueueFails(t *testing.T) {
	t.Parallel()
	own := func(t *testing.T) (*testenv.Redis, *Streams) {
		t.Helper()
		t.Parallel()
		server := testenv.StartRedis(t)
		return server, open(t, Config{URL: server.URL(), Partitions: 1})
	}
	of := func(works []Work) (events []id.ID) {
		for _, w := range works {
			events = append(events, w.Event.ID)
		}
		return events
	}
	check := func(t *testing.T, s *Streams, all []Work, wantRefused, wantUnknown []Work) {
		t.Helper()
		refused, unknown, err := s.Enqueue(t.Context(), all)
		if err == nil || !slices.Equal(of(refused), of(wantRefused)) || !slices.Equal(of(unknown), of(wantUnknown)) {
			t.Errorf("of %v refused are %v and unknown %v: %v", of(all), of(refused), of(unknown), err)
		}
	}

	t.Run("when Redis is away", func(t *testing.T) {
		server, s := own(t)
		s.enqueue(t, works(1, 1)) // it was there
		server.Kill()
		all := works(3, 1)
		check(t, s, all, all, nil)
		server.Restart()
		_, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		s.enqueue(t, all)
	})

	t.Run("when Redis was never there", func(t *testing.T) {
		t.Parallel()
		s, err := Open(Config{URL: "redis://127.0.0.1:1", Partitions: 1})
		ensure(t, err)
		t.Cleanup(func() { ensure(t, s.Close()) })
		all := works(2, 1)
		check(t, s, all, all, nil)
	})

	t.Run("when it says no to one of them", func(t *testing.T) {
		_, s := own(t)
		two := open(t, Config{URL: "redis://" + s.client.(*redis.Client).Options().Addr, Partitions: 2})
		ensure(t, two.client.Set(t.Context(), two.keys.work(1), "not a stream", 0).Err())
		all := works(20, 1)
		var refused []Work
		for _, w := range all {
			if two.PartitionOf(w.Event.ID) == 1 {
				refused = append(refused, w)
			}
		}
		check(t, two, all, refused, nil)
		if n := len(two.read(t, "a", 100)); n != len(all)-len(refused) {
			t.Errorf("%d are queued, and %d of %d were refused", n, len(refused), len(all))
		}
	})

	t.Run("when the connection breaks before it has answered", func(t *testing.T) {
		server, s := own(t)
		s.enqueue(t, works(1, 1)) // asks for the time
		admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
		t.Cleanup(func() { admin.Close() })
		ensure(t, admin.Do(t.Context(), "client", "pause", patience.Milliseconds(), "write").Err())
		cut := make(chan error, 1)
		go func() {
			for t.Context().Err() == nil {
				clients, err := admin.ClientList(t.Context()).Result()
				for line := range strings.Lines(clients) {
					if id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " "); strings.Contains(line, "cmd=xadd") && strings.Contains(line, "flags=b") {
						cut <- errors.Join(err, admin.ClientKillByFilter(t.Context(), "id", id).Err(), admin.ClientUnpause(t.Context()).Err())
						return
					}
				}
			}
		}()
		all := works(3, 1)
		check(t, s, all, nil, all)
		ensure(t, <-cut)
		if n := s.client.XLen(t.Context(), s.keys.work(0)).Val(); n != 1 {
			t.Errorf("%d entries: it was sent again", n-1)
		}
	})

	t.Run("when Redis is frozen", func(t *testing.T) {
		server, s := own(t)
		s.enqueue(t, works(1, 1))
		server.Pause()
		all := works(3, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if refused, unknown, err := s.Enqueue(ctx, all); err == nil || len(refused) > 0 || !slices.Equal(of(unknown), of(all)) {
			t.Errorf("refused are %v and unknown %v: %v", of(refused), of(unknown), err)
		}
		server.Continue()
		testenv.Eventually(t, patience, func() bool { return s.client.XLen(t.Context(), s.keys.work(0)).Val() == 4 }, "Redis does what it was told while it was frozen")
	})
}

// TestLate: what Redis takes too late is void, by its own clock.
func TestLate(t *testing.T) {
	t.Parallel()
	aged := func(age time.Duration) Work {
		w := works(1, 2)[0]
		at := id.FirstAt(time.Now().Add(-age))
		copy(w.Event.ID[:6], at[:6])
		return w
	}
	read := func(t *testing.T, s *Streams) (entries []*Entry, late int) {
		t.Helper()
		entries, err := s.ReadWork(t.Context(), "a", 0, 10, noWait, func(_ string, err error) {
			if !errors.Is(err, ErrLate) {
				t.Error(err)
			}
			late++
		})
		ensure(t, err)
		for _, entry := range entries {
			s.settle(t, &Settlement{Done: []string{entry.ID}})
		}
		if p := s.progress(t); p.OldestWork != 0 {
			t.Errorf("a void entry is left: %+v", p)
		}
		return entries, late
	}

	onEach(t, "counted from the event for a delivery without a row, else from when that was queued", 1, func(t *testing.T, s *Streams) {
		old := aged(EnqueueWithin + time.Second)
		s.enqueue(t, []Work{old})
		if entries, late := read(t, s); len(entries) != 0 || late != 1 {
			t.Errorf("%d entries, %d late", len(entries), late)
		}
		for i, ago := range []time.Duration{0, time.Second} {
			old.Targets[i].QueuedAt = time.Now().Add(-ago).UnixMicro()
		}
		s.enqueue(t, []Work{old})
		if entries, late := read(t, s); len(entries) != 1 || late != 0 {
			t.Fatalf("%d entries, %d late", len(entries), late)
		}
		old.Targets[1].QueuedAt = time.Now().Add(-EnqueueWithin - time.Second).UnixMicro()
		s.enqueue(t, []Work{old})
		if entries, late := read(t, s); len(entries) != 0 || late != 1 {
			t.Errorf("%d entries, %d late", len(entries), late)
		}
	})

	onEach(t, "however wrong its clock is", 1, func(t *testing.T, s *Streams) {
		// As if this process' clock were an hour behind, or before: what it makes is dated so.
		for _, wrong := range []time.Duration{time.Hour, -time.Hour} {
			s.noteClock(0, time.Now().Add(wrong))
			s.enqueue(t, []Work{aged(wrong)})
			s.noteClock(0, time.Now().Add(wrong))
			s.enqueue(t, []Work{aged(wrong + EnqueueWithin + time.Second)})
			if entries, late := read(t, s); len(entries) != 1 || late != 1 {
				t.Errorf("%v: %d entries, %d late", wrong, len(entries), late)
			}
		}
		if p := s.progress(t); p.Ahead.Abs() > time.Minute {
			t.Errorf("the clock is %v ahead", p.Ahead)
		}
	})

	onEach(t, "but not what a worker hands back", 1, func(t *testing.T, s *Streams) {
		s.enqueue(t, works(1, 1))
		entry := s.read(t, "a", 1)[0]
		s.settle(t, &Settlement{Done: []string{entry.ID}, Requeued: map[string]Work{entry.ID: aged(time.Hour)}})
		if entries, late := read(t, s); len(entries) != 1 || late != 0 {
			t.Errorf("%d entries, %d late", len(entries), late)
		}
	})
}

func TestKeepRequeued(t *testing.T) {
	t.Parallel()
	s := &Settlement{
		Done: []string{"1-0", "2-0", "3-0"}, Forget: []string{"2-0", "3-0"}, Partial: map[string][]int{"4-0": {1}, "5-0": {0, 2}},
		Results: []*Result{result(1)}, Requeued: map[string]Work{"2-0": works(1, 1)[0], "5-0": works(1, 1)[0]},
	}
	s.KeepRequeued()
	want := &Settlement{Done: []string{"1-0", "3-0"}, Forget: []string{"3-0"}, Partial: map[string][]int{"4-0": {1}}, Results: s.Results}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
}
