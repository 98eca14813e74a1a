package worker

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

func TestHeavyBuckets(t *testing.T) {
	t.Parallel()
	inLanes(t, "are made lighter when the endpoint refuses their size, until it takes them", func(t *testing.T, l *lanes) {
		const most = 250
		p, of := bucketing(8, time.Second), id.New()
		p.Window = 1
		l.answer = func(j *job) *stream.Result {
			l.mu.Lock()
			r := l.seen.requests[len(l.seen.requests)-1]
			l.mu.Unlock()
			became := answered(200)
			if len(r)*j.size() > most {
				became = answered(413)
			}
			became.Attempt.BucketSize = len(r)
			return became
		}
		for range 3 {
			l.submitTo(of, p, 8, 100)
			pass(2 * time.Second)
		}
		if sizes := l.sizes(); !slices.Equal(sizes, []int{8, 4, 4, 2, 2, 2, 2}) {
			t.Errorf("requests of %v events", sizes)
		}
		l.submitTo(id.New(), bucketing(8, time.Second), 8, 100)
		pass(time.Second)
		if sizes := l.sizes(); sizes[len(sizes)-1] != 8 {
			t.Error("another profile's bucket is made lighter, too")
		}
		pass(heavyFor)
		l.relieve(time.Now())
		l.submitTo(of, p, 8, 100)
		if sizes := l.sizes(); sizes[len(sizes)-1] != 8 {
			t.Error("they are never made heavier again")
		}
		synctest.Wait()
		l.wait()
	})

	inLanes(t, "never go together with an event that makes them too heavy", func(t *testing.T, l *lanes) {
		p, of := bucketing(10, time.Second), id.New()
		l.submitTo(of, p, 3, 10)
		l.submitTo(of, p, 1, maxBucketBytes-1)
		l.submitTo(of, p, 1, 2*maxBucketBytes)
		if sizes := slices.Sorted(slices.Values(l.sizes())); !slices.Equal(sizes, []int{1, 1, 3}) {
			t.Errorf("requests of %v events, want the large ones alone", sizes)
		}
		l.wait()
	})

	inLanes(t, "are so by the texts of their events, too", func(t *testing.T, l *lanes) {
		p, of := bucketing(10, time.Second), id.New()
		text := string(make([]byte, maxBucketBytes/4))
		for _, e := range []stream.Event{
			{Type: text}, {CallbackData: text}, {Attributes: []stream.Attribute{{Key: "k", Value: text}}}, {User: text}, {Entity: text, Application: text, Resource: text},
		} {
			e.ID = id.New()
			l.dispatcher.submit(&job{entry: &inflight{Entry: &stream.Entry{Work: stream.Work{Event: e}}}, target: stream.Target{SubscriptionID: of}, profile: p})
		}
		pass(time.Second)
		if sizes := slices.Sorted(slices.Values(l.sizes())); !slices.Equal(sizes, []int{2, 3}) {
			t.Errorf("requests of %v events", sizes)
		}
		l.wait()
	})
}

func TestJudgeBucket(t *testing.T) {
	t.Parallel()
	one, two := requestOf(id.New()), requestOf(id.New(), id.New())
	p := bucketing(10, 0)
	for name, c := range map[string]struct {
		r      request
		status int
		again  bool // in smaller buckets, without using up a retry
	}{
		"too large":                       {two, 413, true},
		"too large though it is only one": {one, 413, false},
		"refused":                         {two, 400, false},
	} {
		resp := &egress.Response{StatusCode: c.status}
		v := judgeBucket(c.r, resp, judge(p, resp, time.Now()))
		if v.outcome != stream.OutcomeHTTPError || v.atOnce != c.again || v.hint == "" || v.err == "" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
