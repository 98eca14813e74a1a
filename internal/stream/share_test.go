package stream

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
)

// claim claims one share.
func claim(t interface {
	Helper()
	Fatal(...any)
}, s *Streams, ctxOf *testing.T, worker string, c Claim) Share {
	t.Helper()
	shares, err := s.Share(ctxOf.Context(), worker, []Claim{c})
	if err != nil {
		t.Fatal(err)
	}
	return shares[0]
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
		shares, err := s.Share(t.Context(), "a", claims)
		ensure(t, err)
		for i, got := range shares {
			if got.Limit != 20 {
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

	t.Run("never more than the window, whoever claims what when", func(t *testing.T) {
		t.Parallel()
		s := open(t, Config{URL: Embedded, Partitions: 1})
		rapid.Check(t, func(rt *rapid.T) {
			p, window := id.New(), rapid.IntRange(1, 30).Draw(rt, "window")
			running, limit := map[string]int{}, map[string]int{}
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				worker := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "worker")
				switch rapid.IntRange(0, 2).Draw(rt, "step") {
				case 0: // attempts begin, as far as the share allows
					running[worker] = max(running[worker], min(limit[worker], rapid.IntRange(0, 30).Draw(rt, "running")))
				case 1:
					running[worker] = rapid.IntRange(0, running[worker]).Draw(rt, "still running")
				case 2:
					got := claim(rt, s, t, worker, Claim{Profile: p, Window: window, Running: running[worker], Want: rapid.IntRange(0, 40).Draw(rt, "want")})
					limit[worker] = got.Limit
				}
				sum := 0
				for w := range running {
					sum += max(running[w], limit[w])
				}
				if sum > window {
					rt.Fatalf("%d may run at once, the window is %d: running %v, limits %v", sum, window, running, limit)
				}
			}
		})
	})
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
