package worker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/stream"
)

// bucketing is a profile with buckets.
func bucketing(size int, delay time.Duration) *registry.Profile {
	p := profile(10)
	p.BucketSize, p.BucketDelay = size, delay
	return p
}

// submitTo submits n jobs of one subscription, whose payloads have so many bytes.
func (l *lanes) submitTo(subscription id.ID, p *registry.Profile, n, bytes int) []*job {
	jobs := make([]*job, n)
	for i := range jobs {
		entry := &stream.Entry{Work: stream.Work{Event: stream.Event{ID: id.New(), PayloadSize: bytes}}}
		jobs[i] = &job{entry: &inflight{Entry: entry}, target: stream.Target{SubscriptionID: subscription, Attempts: 2, Failures: 1, QueuedAt: 7}, profile: p}
		l.dispatcher.submit(jobs[i])
	}
	return jobs
}

// sizes are how many events the requests had that have begun.
func (l *lanes) sizes() (sizes []int) {
	for _, r := range l.look().requests {
		sizes = append(sizes, len(r))
	}
	return sizes
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	inLanes(t, "go when they are full, or have waited, each with events of one subscription", func(t *testing.T, l *lanes) {
		p, one, other := bucketing(3, 100*time.Millisecond), id.New(), id.New()
		l.submitTo(one, p, 7, 10)
		pass(50 * time.Millisecond)
		l.submitTo(other, p, 2, 10)
		if sizes := l.sizes(); len(sizes) != 2 || sizes[0] != 3 || sizes[1] != 3 {
			t.Errorf("requests of %v events, want the two full ones", sizes)
		}
		pass(50 * time.Millisecond)
		if sizes := l.sizes(); len(sizes) != 3 || sizes[2] != 1 {
			t.Errorf("requests of %v events, want the one that has waited, too", sizes)
		}
		pass(50 * time.Millisecond)
		synctest.Wait()
		l.wait()
		seen := l.look()
		if len(seen.requests) != 4 || len(seen.settled) != 9 || len(l.lanes()) != 0 {
			t.Errorf("%d requests, %d settled, %d lanes left", len(seen.requests), len(seen.settled), len(l.lanes()))
		}
		for _, r := range seen.requests {
			for _, j := range r {
				if j.target.SubscriptionID != r[0].target.SubscriptionID {
					t.Error("a request has events of two subscriptions")
				}
			}
		}
	})

	inLanes(t, "that do not wait take what is there", func(t *testing.T, l *lanes) {
		l.submitTo(id.New(), bucketing(100, 0), 7, 10)
		pass(gatherBucket)
		if sizes := l.sizes(); len(sizes) != 1 || sizes[0] != 7 {
			t.Errorf("requests of %v events, want one of 7", sizes)
		}
	})

	inLanes(t, "count as one attempt each", func(t *testing.T, l *lanes) {
		p := bucketing(5, time.Second)
		p.Window = 2
		l.takesOf = 10 * time.Millisecond
		l.submitTo(id.New(), p, 30, 10)
		l.wait()
		if seen := l.look(); seen.most[p.ID] != 2 || len(seen.requests) != 6 || time.Since(l.start) != 30*time.Millisecond {
			t.Errorf("%d at once, %d requests in %v; want 2, 6 and three rounds of 10ms", seen.most[p.ID], len(seen.requests), time.Since(l.start))
		}
	})

	inLanes(t, "go when they are heavy", func(t *testing.T, l *lanes) {
		l.submitTo(id.New(), bucketing(1000, time.Minute), 9, maxBucketBytes/4)
		if sizes := l.sizes(); len(sizes) != 2 || sizes[0] != 4 || sizes[1] != 4 {
			t.Errorf("requests of %v events, want two of 4 MiB", sizes)
		}
		pass(time.Minute)
		synctest.Wait()
		l.wait()
	})

	inLanes(t, "never hold more than half of the worker's slots", func(t *testing.T, l *lanes) {
		p := bucketing(1000, time.Minute)
		for range maxHeld - 1 {
			l.submitTo(id.New(), p, 1, 10)
		}
		if n := len(l.look().requests); n != 0 {
			t.Fatalf("%d requests went before they were full", n)
		}
		l.submitTo(id.New(), p, 2, 10)
		if sizes := l.sizes(); len(sizes) != 2 {
			t.Errorf("requests of %v events, want what found no room to wait to go at once", sizes)
		}
		pass(time.Minute)
		synctest.Wait()
		l.wait()
	})

	inLanes(t, "are put off as one", func(t *testing.T, l *lanes) {
		p := bucketing(3, time.Minute)
		p.Window, l.takesOf = 1, hanging
		l.submitTo(id.New(), p, 3, 10)
		pass(2 * maxLaneWait)
		dues := l.dues(t, l.submitTo(id.New(), p, 3, 10))
		if dues[0] != dues[1] || dues[1] != dues[2] {
			t.Errorf("due at %v, want the same time", dues)
		}
		l.wait()
	})

	inLanes(t, "are handed back by a stop", func(t *testing.T, l *lanes) {
		jobs := l.submitTo(id.New(), bucketing(10, time.Minute), 4, 10)
		l.stop(t.Context())
		pass(2 * time.Minute)
		if seen := l.look(); !sameJobs(seen.released, jobs) || len(seen.requests) != 0 {
			t.Errorf("%d handed back, %d sent; want 4 and none", len(seen.released), len(seen.requests))
		}
	})

	inLanes(t, "keep the share of their lane", func(t *testing.T, l *lanes) {
		end := l.sharing(t, func(c stream.Claim) stream.Share { return stream.Share{Limit: c.Want, Claimants: 1} })
		l.submitTo(id.New(), bucketing(10, 3*restful), 4, 10)
		pass(2 * restful)
		if n := len(l.lanes()); n != 1 {
			t.Fatalf("%d lanes while a bucket is open", n)
		}
		pass(2 * restful)
		synctest.Wait()
		if sizes := l.sizes(); len(sizes) != 1 || sizes[0] != 4 {
			t.Errorf("requests of %v events", sizes)
		}
		end()
	})
}

func TestShareResponse(t *testing.T) {
	t.Parallel()
	lines := strings.Repeat("Some-Header: a value\n", 1000)
	for n, want := range map[int]int{1: keptBody, 2: keptBody / 2, 2000: keptOfBucket} {
		a := &stream.Attempt{ResponseBody: make([]byte, keptBody), ResponseHeaders: lines}
		shareResponse(a, n)
		if len(a.ResponseBody) != want || a.ResponseTruncated != (n > 1) {
			t.Errorf("of %d each keeps %d bytes of the body, truncated %v; want %d", n, len(a.ResponseBody), a.ResponseTruncated, want)
		}
		if len(a.ResponseHeaders) > want || len(a.ResponseHeaders) <= want-len("Some-Header: a value\n") || !strings.HasSuffix(a.ResponseHeaders, "\n") {
			t.Errorf("of %d each keeps %d bytes of headers, want whole lines up to %d", n, len(a.ResponseHeaders), want)
		}
	}
}
