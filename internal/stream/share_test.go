package stream

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// claim claims one share.
func claim(t tester, s *Streams, ctxOf *testing.T, worker string, c Claim) Share {
	t.Helper()
	share := s.Share(ctxOf.Context(), worker, []Claim{c})[0]
	if share.Err != nil {
		t.Fatal(share.Err)
	}
	return share
}

func TestShareWindow(t *testing.T) {
	t.Parallel()
	onEach(t, "as far as it goes, and fairly", 3, func(t *testing.T, s *Streams) {
		p := id.New()
		want := func(worker string, running, wanted, limit, claimants int, scarce bool) {
			t.Helper()
			got := claim(t, s, t, worker, Claim{Profile: p, Window: 20, Running: running, Want: wanted})
			if got != (Share{Limit: limit, Claimants: claimants, Scarce: scarce}) {
				t.Fatalf("%s, with %d running, wants %d: %+v, want %d of %d claimants, scarce %v", worker, running, wanted, got, limit, claimants, scarce)
			}
		}
		want("a", 0, 8, 8, 1, false)
		want("a", 8, 30, 20, 1, true)
		want("b", 0, 10, 0, 2, true) // all is taken
		want("a", 20, 30, 10, 2, true)
		want("b", 0, 10, 0, 2, true) // until a's attempts have ended
		want("a", 15, 30, 10, 2, true)
		want("b", 0, 10, 5, 2, true)
		want("a", 10, 30, 10, 2, true)
		want("b", 5, 10, 10, 2, true)
		want("c", 0, 3, 0, 3, true)
		want("a", 10, 30, 9, 3, true)
		want("a", 9, 30, 9, 3, true)
		want("b", 9, 10, 9, 3, true)
		want("c", 0, 3, 2, 3, true)
		want("a", 0, 0, 0, 2, false) // done
		want("b", 9, 30, 17, 2, true)
		want("other", 0, 5, 1, 3, true)
	})

	onEach(t, "of profiles apart", 3, func(t *testing.T, s *Streams) {
		var claims []Claim
		for range 50 {
			claims = append(claims, Claim{Profile: id.New(), Window: 20, Want: 20})
		}
		for i, got := range s.Share(t.Context(), "a", claims) {
			if got.Limit != 20 || got.Err != nil {
				t.Errorf("share %d: %+v", i, got)
			}
		}
	})

	onEach(t, "without what a dead worker has claimed", 1, func(t *testing.T, s *Streams) {
		p := id.New()
		key := s.keys.share(0, p.String())
		ensure(t, s.client.HSet(t.Context(), key, "dead", fmt.Sprintf("20 20 %d", time.Now().Add(-time.Second).UnixMicro())).Err())
		if got := claim(t, s, t, "a", Claim{Profile: p, Window: 20, Want: 20}); got.Limit != 20 || got.Claimants != 1 {
			t.Errorf("%+v", got)
		}
		if left := s.client.TTL(t.Context(), key).Val(); left <= 0 || left > 2*ShareTTL {
			t.Errorf("the claims are kept for %v", left)
		}
	})

	onOwn(t, "as before while claims settle that Redis has lost", func(t *testing.T, s *Streams, flush func()) {
		p := id.New()
		want := func(worker string, c Claim, limit int, settling bool) {
			t.Helper()
			c.Profile, c.Window = p, 20
			if got := claim(t, s, t, worker, c); got.Limit != limit || got.Settling != settling {
				t.Fatalf("%s claims %+v: %+v, want %d, settling %v", worker, c, got, limit, settling)
			}
		}
		want("a", Claim{Want: 30}, 20, false)
		want("a", Claim{Running: 12, Want: 12, Held: 20}, 12, false)
		want("b", Claim{Want: 8}, 8, false)
		flush()
		want("b", Claim{Running: 3, Want: 20, Held: 8}, 8, true)
		want("c", Claim{Want: 5}, 0, true)
		want("b", Claim{Running: 8, Want: 8, Held: 8}, 8, false) // it has what it wants
		want("a", Claim{Running: 12, Want: 12}, 0, true)         // it may have expired: nothing begins, and what runs is taken
		_, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		want("c", Claim{Want: 5}, 0, true)
		// Nobody has to wait for the end of it here: it is the time since when there are claims.
		ensure(t, s.client.Set(t.Context(), s.keys.claimed(0), time.Now().Add(-ShareTTL-time.Second).UnixMicro(), 0).Err())
		want("c", Claim{Want: 5}, 0, false) // all is taken
		want("b", Claim{Running: 4, Want: 4, Held: 8}, 4, false)
		want("c", Claim{Want: 5}, 4, false)
	})

	t.Run("as before when Redis has started again, with what it has kept", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
		s := open(t, Config{URL: server.URL(), Partitions: 1})
		p := id.New()
		if got := claim(t, s, t, "a", Claim{Profile: p, Window: 20, Want: 5}); got.Limit != 5 || got.Settling {
			t.Errorf("at first: %+v", got)
		}
		server.Kill()
		refused := s.Share(t.Context(), "a", []Claim{{Profile: p, Window: 20, Want: 5}})[0]
		if !IsRefused(refused.Err) {
			t.Errorf("while Redis is away: %+v", refused)
		}
		server.Restart()
		if got := claim(t, s, t, "b", Claim{Profile: p, Window: 20, Want: 5}); got.Limit != 0 || !got.Settling || got.Claimants != 2 {
			t.Errorf("another worker's after the restart: %+v", got)
		}
		if got := claim(t, s, t, "a", Claim{Profile: p, Window: 20, Held: 5, Want: 8}); got.Limit != 5 || !got.Settling {
			t.Errorf("its own after the restart: %+v", got)
		}
	})

	t.Run("as before, in all partitions, when the Redis process that has them was started again", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		s := open(t, Config{URL: server.URL(), Partitions: 2})
		claim(t, s, t, "a", Claim{Profile: profileIn(s, 0), Window: 20, Want: 1})
		ensure(t, s.client.Save(t.Context()).Err()) // what follows is lost
		theirs := profileIn(s, 1)
		claim(t, s, t, "c", Claim{Profile: theirs, Window: 20, Want: 20})
		server.Restart()
		if got := claim(t, s, t, "a", Claim{Profile: profileIn(s, 0), Window: 20, Want: 1}); !got.Settling {
			t.Errorf("in the partition that is claimed of first: %+v", got)
		}
		if got := claim(t, s, t, "b", Claim{Profile: theirs, Window: 20, Want: 20}); got.Limit != 0 || !got.Settling {
			t.Errorf("in the other partition: %+v", got)
		}
	})

	t.Run("settle from when Redis has started, not from the first claim", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
		s := open(t, Config{URL: server.URL(), Partitions: 1})
		for range 2 {
			server.Restart()
			started := time.Now()
			for _, err := s.Progress(t.Context(), 0); err != nil; _, err = s.Progress(t.Context(), 0) {
				if time.Since(started) > time.Minute {
					t.Fatal(err)
				}
			}
			if since, err := s.client.Get(t.Context(), s.keys.claimed(0)).Int64(); err != nil || since < started.Add(-time.Second).UnixMicro() {
				t.Errorf("there are claims since %d, %v; Redis has been started at %v", since, err, started)
			}
			before := s.client.Get(t.Context(), s.keys.claimed(0)).Val()
			if got := claim(t, s, t, "a", Claim{Profile: id.New(), Window: 20, Want: 1}); !got.Settling {
				t.Errorf("%+v", got)
			}
			if after := s.client.Get(t.Context(), s.keys.claimed(0)).Val(); after != before {
				t.Errorf("the first claim has them settle from %s, not from %s on", after, before)
			}
		}
	})

	t.Run("settle, and data may be lost, when another Redis process has the partition, also one that had it before", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		s := open(t, Config{URL: server.URL(), Partitions: 1})
		epoch, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		first := s.progress(t)
		ensure(t, s.SettleClaims(t.Context()))
		if again := s.progress(t); first.Epoch != epoch || again.Epoch != epoch {
			t.Errorf("epochs %q, %q and %q of the same process", epoch, first.Epoch, again.Epoch)
		}
		if got := claim(t, s, t, "a", Claim{Profile: id.New(), Window: 20, Want: 1}); got.Settling {
			t.Errorf("with the same process: %+v", got)
		}
		s.processes[0].Store(new("another")) // which had the partition until just now
		s.progress(t)
		if got := claim(t, s, t, "a", Claim{Profile: id.New(), Window: 20, Want: 1}); !got.Settling {
			t.Errorf("with a process that has the partition again: %+v", got)
		}
		ensure(t, s.client.Save(t.Context()).Err())
		server.Restart()
		testenv.Eventually(t, time.Minute, func() bool { return s.Ping(t.Context()) == nil }, "Redis answers")
		after, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		if now := s.progress(t).Epoch; after == epoch || now != after {
			t.Errorf("epochs %q and %q of another process with the same data, before %q", after, now, epoch)
		}
	})

	t.Run("when Redis' clock is put back", func(t *testing.T) {
		t.Parallel()
		s, right := open(t, Config{URL: Embedded, Partitions: 1}), time.Now()
		p, limited := id.New(), id.New()
		claims := func(worker string) Share { return claim(t, s, t, worker, Claim{Profile: p, Window: 20, Want: 15}) }
		tokens := func() Share {
			return claim(t, s, t, "a", Claim{Profile: limited, Window: 20, Want: 1, Rate: 100, Tokens: 1})
		}
		s.embedded.SetTime(right.Add(time.Hour))
		s.embedded.Del(s.keys.claimed(0))
		claims("a")
		s.embedded.SetTime(right.Add(time.Hour + ShareTTL))
		claims("a")
		tokens()
		s.embedded.SetTime(right)
		if got := claims("b"); got.Limit != 0 || !got.Settling {
			t.Errorf("at first: %+v", got)
		}
		if got := tokens(); got.Tokens < 0 || got.Wait > time.Second {
			t.Errorf("tokens: %+v", got)
		}
		s.embedded.SetTime(right.Add(ShareTTL + time.Second))
		if got := claims("b"); got.Limit != 15 || got.Settling {
			t.Errorf("when claims of before have expired: %+v", got)
		}
	})

	t.Run("never more than the window, whoever claims what when, and what Redis loses", func(t *testing.T) {
		t.Parallel()
		s := open(t, Config{URL: Embedded, Partitions: 1})
		now := time.Now()
		rapid.Check(t, func(rt *rapid.T) {
			p, window := id.New(), rapid.IntRange(1, 30).Draw(rt, "window")
			workers := map[string]*claimant{}
			old := map[string]string{} // what a restart brings back
			key := s.keys.share(0, p.String())
			ensure(rt, s.SettleClaims(t.Context()))
			for range rapid.IntRange(1, 80).Draw(rt, "steps") {
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "worker")
				w := workers[name]
				if w == nil {
					w = new(claimant)
					workers[name] = w
				}
				switch rapid.IntRange(0, 7).Draw(rt, "step") {
				case 0, 1: // attempts begin, as far as the share allows
					if now.Before(w.expires) {
						w.running = max(w.running, min(w.limit, rapid.IntRange(0, 30).Draw(rt, "running")))
					}
				case 2:
					w.running = rapid.IntRange(0, w.running).Draw(rt, "still running")
				case 3, 4:
					c := Claim{Profile: p, Window: window, Running: w.running, Want: rapid.IntRange(0, 40).Draw(rt, "want")}
					if now.Before(w.expires) {
						c.Held = w.limit
					}
					answered := rapid.Bool().Draw(rt, "answered")
					if got := claim(rt, s, t, name, c); answered {
						w.limit, w.expires = got.Limit, now.Add(ShareTTL)
					} else { // others may have got the rest
						w.limit = min(w.limit, w.running)
					}
				case 5:
					passes := time.Duration(rapid.Int64Range(0, int64(ShareTTL)*3/2).Draw(rt, "time"))
					now = now.Add(passes)
					s.embedded.SetTime(now)
					for _, w := range workers {
						if !now.Before(w.expires) {
							w.running = 0 // a worker that was away for so long is not counted on
						}
					}
				case 6:
					var err error
					old, err = s.client.HGetAll(t.Context(), key).Result()
					ensure(rt, err)
				case 7:
					s.embedded.Del(key)
					for field, value := range old {
						s.embedded.HSet(key, field, value)
					}
					s.embedded.Del(s.keys.claimed(0))
				}
				sum := 0
				for _, w := range workers {
					sum += w.most(now)
				}
				if sum > window {
					rt.Fatalf("%d may run at once, the window is %d", sum, window)
				}
			}
		})
	})
}

// profileIn returns the id of a profile in a partition.
func profileIn(s *Streams, partition int) id.ID {
	for {
		if p := id.New(); s.PartitionOf(p) == partition {
			return p
		}
	}
}

// claimant is a worker as the property sees it.
type claimant struct {
	running, limit int
	expires        time.Time
}

// most is how many attempts of it may be under way.
func (c *claimant) most(now time.Time) int {
	if now.Before(c.expires) {
		return max(c.running, c.limit)
	}
	return c.running
}

func TestShareRate(t *testing.T) {
	t.Parallel()
	onEach(t, "is what all workers together get", 1, func(t *testing.T, s *Streams) {
		const rate, tokens = 500, 400
		p, got := id.New(), 0
		started := time.Now()
		for got < tokens {
			var wait time.Duration
			for _, worker := range []string{"a", "b", "c"} {
				share := claim(t, s, t, worker, Claim{Profile: p, Window: 20, Want: 20, Rate: rate, Tokens: 50})
				got += share.Tokens
				if share.Tokens < 50 && share.Wait <= 0 {
					t.Fatalf("too few, and no time to wait: %+v", share)
				}
				wait = share.Wait
			}
			<-time.After(wait)
		}
		took := time.Since(started)
		if most := rate * (took + tokenBurst).Seconds(); float64(got) > most+1 {
			t.Errorf("%d tokens in %v, want at most %.0f", got, took, most)
		}
	})

	onEach(t, "lets one begin, however low it is", 1, func(t *testing.T, s *Streams) {
		p := id.New()
		first := claim(t, s, t, "a", Claim{Profile: p, Window: 20, Want: 20, Rate: 1, Tokens: 3})
		second := claim(t, s, t, "b", Claim{Profile: p, Window: 20, Want: 20, Rate: 1, Tokens: 1})
		if first.Tokens != 1 || first.Wait < 900*time.Millisecond || first.Wait > time.Second || second.Tokens != 0 || second.Wait < 500*time.Millisecond {
			t.Errorf("%+v, %+v", first, second)
		}
	})
}
