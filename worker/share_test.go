package worker

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookline/hookline/internal/stream"
)

// sharing makes the lanes claim shares, of which answer says what becomes. Call the returned function at the end: it gives them back.
func (l *lanes) sharing(t *testing.T, answer func(stream.Claim) stream.Share) (end func()) {
	t.Helper()
	l.alone = false
	l.share = func(_ context.Context, claims []stream.Claim) []stream.Share {
		pass(time.Millisecond)
		shares := make([]stream.Share, len(claims))
		for i, c := range claims {
			shares[i] = answer(c)
		}
		return shares
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.claimAll(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// refused is a claim that Redis has not got.
var refused = stream.Share{Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}

func TestShares(t *testing.T) {
	t.Parallel()
	inLanes(t, "are not exceeded, and followed when they change", func(t *testing.T, l *lanes) {
		var limit atomic.Int32
		limit.Store(3)
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			return stream.Share{Limit: min(int(limit.Load()), c.Want), Claimants: 2, Scarce: true}
		})
		p := profile(10)
		l.submit(p, 100, 10*time.Millisecond)
		pass(50 * time.Millisecond)
		if n := l.look().most[p.ID]; n != 3 {
			t.Errorf("%d attempts at once, the share is 3", n)
		}
		limit.Store(10)
		pass(renewScarce + 5*time.Millisecond)
		synctest.Wait()
		if n := l.look().running[p.ID]; n != 10 {
			t.Errorf("%d attempts at once, the share is 10 by now", n)
		}
		l.wait()
		end()
	})

	inLanes(t, "are given back: after a rest, and at the end", func(t *testing.T, l *lanes) {
		var mu sync.Mutex
		var claimed stream.Claim
		last := func() stream.Claim {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return claimed
		}
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			mu.Lock()
			claimed = c
			mu.Unlock()
			return stream.Share{Limit: c.Want, Claimants: 1}
		})
		p := profile(10)
		l.submit(p, 1, time.Millisecond)
		pass(restful / 2)
		if last := last(); len(l.lanes()) != 1 || last.Want != 1+spare {
			t.Errorf("after half a rest: %d lanes, %+v", len(l.lanes()), last)
		}
		pass(restful)
		if last := last(); len(l.lanes()) != 0 || last.Want != 0 || last.Profile != p.ID {
			t.Errorf("after a rest: %d lanes, %+v", len(l.lanes()), last)
		}
		l.submit(p, 1, time.Millisecond)
		pass(10 * time.Millisecond)
		end()
		if last := last(); last.Want != 0 || len(l.look().order) != 2 {
			t.Errorf("at the end: %+v", last)
		}
	})

	inLanes(t, "stay as they are while they cannot be claimed", func(t *testing.T, l *lanes) {
		var away atomic.Bool
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			if away.Load() {
				return refused
			}
			return stream.Share{Limit: min(4, c.Want), Claimants: 2, Scarce: true}
		})
		p := profile(10)
		l.submit(p, 100, 10*time.Millisecond)
		pass(50 * time.Millisecond)
		away.Store(true)
		pass(100 * time.Millisecond)
		synctest.Wait()
		if n := l.look().running[p.ID]; n != 4 {
			t.Errorf("%d attempts at once, the share was 4", n)
		}
		l.wait()
		end()
	})

	inLanes(t, "are only what was said to run when Redis did not say whether it has done as it was told", func(t *testing.T, l *lanes) {
		var away atomic.Bool
		var claimed atomic.Pointer[stream.Claim]
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			claimed.Store(&c)
			if away.Load() {
				return stream.Share{Err: context.DeadlineExceeded}
			}
			return stream.Share{Limit: c.Want, Claimants: 2}
		})
		p := profile(10)
		l.submit(p, 2, 10*renewEvery)
		pass(50 * time.Millisecond)
		away.Store(true)
		pass(renewEvery + renewScarce)
		synctest.Wait()
		if c := claimed.Load(); c.Running != 2 || c.Held != 10 {
			t.Errorf("claimed %+v, want what was held", c)
		}
		l.submit(p, 5, time.Second)
		pass(renewScarce)
		synctest.Wait()
		if n := l.look().running[p.ID]; n != 2 {
			t.Errorf("%d attempts at once, 2 were said to run", n)
		}
		away.Store(false)
		pass(renewScarce + 5*time.Millisecond)
		synctest.Wait()
		if c, n := claimed.Load(), l.look().running[p.ID]; c.Held != 2 || n <= 2 {
			t.Errorf("claimed %+v, want that 2 are held; %d attempts at once, want more", c, n)
		}
		l.wait()
		end()
	})

	inLanes(t, "that settle are claimed again no more often than others, and show what is held only while it cannot have expired", func(t *testing.T, l *lanes) {
		var away atomic.Bool
		var claims atomic.Int32
		var claimed atomic.Pointer[stream.Claim]
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			claims.Add(1)
			claimed.Store(&c)
			if away.Load() {
				return refused
			}
			return stream.Share{Limit: 3, Claimants: 2, Settling: true}
		})
		p := profile(10)
		l.submit(p, 1, 4*stream.ShareTTL)
		l.submit(p, 100, 50*time.Millisecond)
		pass(3*renewEvery + renewEvery/2)
		synctest.Wait()
		if n, c := claims.Load(), claimed.Load(); n > 4 || c.Held != 3 {
			t.Errorf("%d claims, the last %+v", n, c)
		}
		away.Store(true)
		pass(stream.ShareTTL)
		if c := claimed.Load(); c.Held != 0 {
			t.Errorf("claimed %+v when what was held may have expired", c)
		}
		away.Store(false)
		l.wait()
		end()
	})

	inLanes(t, "are not used when others may have got them, until they are claimed again", func(t *testing.T, l *lanes) {
		var away atomic.Bool
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			if away.Load() {
				return refused
			}
			return stream.Share{Limit: min(4, c.Want), Claimants: 2, Scarce: true}
		})
		p := profile(10)
		l.submit(p, 4, 100*time.Millisecond)
		pass(50 * time.Millisecond)
		away.Store(true)
		pass(stream.ShareTTL)
		jobs := l.submit(p, 4, 100*time.Millisecond)
		if n := l.look().running[p.ID]; n != 0 {
			t.Errorf("%d attempts at once with a share that has expired", n)
		}
		away.Store(false)
		pass(renewScarce + 5*time.Millisecond)
		if n := l.look().running[p.ID]; n != len(jobs) {
			t.Errorf("%d attempts at once when it has been claimed again, want %d", n, len(jobs))
		}
		l.wait()
		end()
	})

	inLanes(t, "hold back what has begun and is not sent yet when others may have got them, also when they are claimed again", func(t *testing.T, l *lanes) {
		var away atomic.Bool
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			if away.Load() {
				return refused
			}
			return stream.Share{Limit: c.Want, Claimants: 2}
		})
		p := profile(10)
		passes := func(j *job, want error) {
			t.Helper()
			if err := j.Pass(); !errors.Is(err, want) {
				t.Errorf("passes: %v, want %v", err, want)
			}
		}
		old := l.submit(p, 1, 3*stream.ShareTTL)[0]
		pass(stream.ShareTTL + renewEvery) // renewed again and again
		synctest.Wait()
		passes(old, nil)
		away.Store(true)
		pass(stream.ShareTTL)
		passes(old, errLapsed)
		away.Store(false)
		pass(renewScarce + 5*time.Millisecond)
		passes(old, errLapsed)
		fresh := l.submit(p, 1, time.Second)[0]
		pass(10 * time.Millisecond)
		synctest.Wait()
		passes(fresh, nil)
		l.wait()
		end()
	})

	inLanes(t, "of what is not needed may go to others: nothing begins while a claim is answered", func(t *testing.T, l *lanes) {
		p := profile(10)
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			if c.Running > 0 && c.Want < 10 { // less is claimed than before: others get the rest at this moment
				l.submit(p, 5, time.Second)
				synctest.Wait()
				if n := l.look().running[p.ID]; n > c.Running {
					t.Errorf("%d attempts at once, it was said that %d are", n, c.Running)
				}
			}
			return stream.Share{Limit: c.Want, Claimants: 2}
		})
		l.submit(p, 10, 100*time.Millisecond)
		pass(50 * time.Millisecond)
		l.submit(p, 1, 2*time.Second)
		pass(2 * renewEvery)
		l.wait()
		end()
	})

	inLanes(t, "of a lane that is slowed down are what it may use, and are not asked for again and again", func(t *testing.T, l *lanes) {
		var claims, most atomic.Int32
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			claims.Add(1)
			most.Store(max(most.Load(), int32(c.Want)))
			return stream.Share{Limit: c.Want, Claimants: 2}
		})
		p := profile(20)
		l.slow[p.ID] = slow{atOnce: 2, halved: l.start}
		l.submit(p, 50, 100*time.Millisecond)
		pass(50 * time.Millisecond) // before its successes let more begin
		synctest.Wait()
		if most.Load() != 2 || claims.Load() > 2 {
			t.Errorf("%d claims, of %d at most; the endpoint takes 2 at once", claims.Load(), most.Load())
		}
		l.wait()
		end()
	})

	inLanes(t, "have tokens where there is a rate, and wait for more", func(t *testing.T, l *lanes) {
		given := time.Duration(0)
		end := l.sharing(t, func(c stream.Claim) stream.Share {
			share := stream.Share{Limit: c.Want, Claimants: 1}
			if since := time.Since(l.start); c.Tokens > 0 && since >= given { // one each 100 ms
				share.Tokens, given = 1, since+100*time.Millisecond
			}
			if share.Tokens < c.Tokens {
				share.Wait = given - time.Since(l.start)
			}
			return share
		})
		p := profile(20)
		p.RateLimit = 10
		l.submit(p, 5, time.Millisecond)
		pass(time.Second)
		begins := l.look().begins
		if len(begins) != 5 {
			t.Fatalf("%d attempts, want 5", len(begins))
		}
		for i, j := range l.look().order {
			if at := begins[j]; at < time.Duration(i)*100*time.Millisecond || at > time.Duration(i)*100*time.Millisecond+20*time.Millisecond {
				t.Errorf("attempt %d began after %v", i+1, at)
			}
		}
		end()
	})
}
