package worker

import (
	"context"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// dispatcher gives each profile a lane of its own: a window of attempts under way, a rate, and a queue. The queue is bounded by time: what would
// have to wait for longer than maxLaneWait is put off, it goes back to the database with a near due time. So an endpoint that is slow or dead
// holds up nothing but itself, and a burst to one that is fast goes through without a detour; both together never hold more than the
// worker's slots.
//
// Window and rate hold over all workers: a lane has a share of them, which share.go claims. An endpoint that answers 429 or 503 is asked
// less (slow.go).
type dispatcher struct {
	attempt func(request) // makes an attempt, and notes in each job what became of it
	settle  func(*job, *stream.Result)
	release func(*job) // hands a job back that has not begun
	// share claims shares of the limits. alone says that there is no other worker: then windows need no claim.
	share func(context.Context, []stream.Claim) []stream.Share
	alone bool
	// claimers claim them, each in a partition; that of a profile is partitionOf.
	claimers    []*claimer
	partitionOf func(profile id.ID) int

	mu      sync.Mutex
	lanes   map[id.ID]*lane // those with work, or with a share
	slow    map[id.ID]slow  // of profiles whose endpoints slowed their lane down
	heavy   map[id.ID]heavy // of profiles whose endpoints refused a bucket for its size
	held    int             // jobs in open buckets
	stopped bool
	running sync.WaitGroup
}

// lane is one profile's part of the worker. dispatcher.mu guards it.
type lane struct {
	profile id.ID
	window  int // of the profile, as last seen
	rate    int // likewise; 0 for none
	running int
	queue   []request
	buckets map[id.ID]*bucket // open ones, of subscriptions
	// took is a running average of how long an attempt takes, and moved is when one last began or ended.
	took  time.Duration
	moved time.Time
	// putOff is the due time of what was put off last: the next one is put behind it.
	putOff time.Time
	share  share
	// claimer claims it.
	claimer *claimer
	slow    slow
}

// The bounds of waiting and of being put off.
const (
	maxLaneWait  = 500 * time.Millisecond
	relieveEvery = 100 * time.Millisecond
	putOffLeast  = time.Second
	putOffMost   = 15 * time.Minute
)

func newDispatcher(attempt func(request), settle func(*job, *stream.Result), release func(*job)) *dispatcher {
	return &dispatcher{
		attempt: attempt, settle: settle, release: release, alone: true,
		claimers: newClaimers(1), partitionOf: func(id.ID) int { return 0 },
		lanes: make(map[id.ID]*lane), slow: make(map[id.ID]slow), heavy: make(map[id.ID]heavy),
	}
}

// submit takes a job to its lane; it never waits for an endpoint.
func (d *dispatcher) submit(j *job) {
	now := time.Now()
	d.mu.Lock()
	if d.stopped {
		d.mu.Unlock()
		d.release(j)
		return
	}
	l := d.laneOf(j)
	if j.profile.BucketSize > 1 {
		sent := d.collect(l, j, now)
		d.mu.Unlock()
		d.putOffAll(sent)
		return
	}
	r := j.alone()
	due := d.enter(l, r, now)
	d.mu.Unlock()
	d.putOff(r, due)
}

// enter begins a request or queues it. If there is no room for it, it returns when its deliveries are due again. d.mu is held.
func (d *dispatcher) enter(l *lane, r request, now time.Time) (due time.Time) {
	if l.running == 0 && len(l.queue) == 0 {
		l.moved = now // it has rested, which says nothing of the endpoint
	}
	switch {
	case len(l.queue) == 0 && l.mayBegin(now):
		d.begin(l, r, now)
	case len(l.queue) < l.room(now):
		l.queue = append(l.queue, r)
		d.beginQueued(l, now) // the window may be larger by now
	default:
		return l.nextPutOff(now)
	}
	return time.Time{}
}

// putOff writes that a request's deliveries are due later; not if due is zero.
func (d *dispatcher) putOff(r request, due time.Time) {
	if due.IsZero() {
		return
	}
	for _, j := range r {
		d.settle(j, j.putOff(due))
	}
}

// late is a request that has no room, and when its deliveries are due again; zero if it has room after all.
type late struct {
	request request
	due     time.Time
}

func (d *dispatcher) putOffAll(all []late) {
	for _, l := range all {
		d.putOff(l.request, l.due)
	}
}

// laneOf returns the lane of a job's profile, as the profile is by now.
func (d *dispatcher) laneOf(j *job) *lane {
	l := d.lanes[j.profile.ID]
	if l == nil {
		l = &lane{profile: j.profile.ID, claimer: d.claimers[d.partitionOf(j.profile.ID)], slow: d.slow[j.profile.ID]}
		d.lanes[l.profile] = l
	}
	l.window, l.rate = j.profile.Window, j.profile.RateLimit
	if d.alone {
		l.share.limit = l.window
	}
	return l
}

// isIdle reports whether nothing is under way or waits in the lane.
func (l *lane) isIdle() bool { return l.running == 0 && len(l.queue) == 0 && len(l.buckets) == 0 }

// mayBegin reports whether an attempt more is within the lane's share, and within what the endpoint takes.
func (l *lane) mayBegin(now time.Time) bool {
	return l.running < min(l.share.limit, l.slow.limit(l.window)) && l.share.holds(now) && !now.Before(l.slow.until) &&
		(l.rate == 0 || l.share.tokens > 0)
}

// begin begins an attempt.
func (d *dispatcher) begin(l *lane, r request, now time.Time) {
	d.began(l, r, now)
	d.running.Add(1)
	go d.run(l, r)
}

func (d *dispatcher) began(l *lane, r request, now time.Time) {
	for _, j := range r {
		j.dispatcher, j.lane, j.lapses = d, l, l.share.lapses
	}
	l.running++
	l.moved = now
	if l.rate > 0 {
		l.share.tokens--
	}
}

// beginQueued begins what waits, as far as the share goes, and asks for more if it does not go far enough.
func (d *dispatcher) beginQueued(l *lane, now time.Time) {
	for len(l.queue) > 0 && l.mayBegin(now) {
		d.begin(l, l.take(), now)
	}
	d.askIfShort(l)
}

// take takes the first request out of the queue.
func (l *lane) take() request {
	r := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return r
}

// room is how many requests can wait in the lane for no longer than maxLaneWait.
func (l *lane) room(now time.Time) int {
	if l.slow.until.Sub(now) > maxLaneWait {
		return 0
	}
	each := l.pace(now)
	if each <= 0 {
		return maxEntries
	}
	return int(min(int64(maxLaneWait/each), maxEntries))
}

// pace is how long it takes from one attempt to the next, as far as is known.
func (l *lane) pace(now time.Time) time.Duration { return max(l.ownPace(now), l.ratePace()) }

// ownPace is the pace of the endpoint and its window.
func (l *lane) ownPace(now time.Time) time.Duration {
	// While nothing moves, an attempt takes at least as long as that lasts.
	moved := l.moved
	if l.slow.until.After(moved) { // a pause says nothing of that
		moved = l.slow.until
	}
	return max(l.took, now.Sub(moved)) / time.Duration(l.atOnce())
}

// ratePace is the pace of the rate, of which this worker has its part.
func (l *lane) ratePace() time.Duration {
	if l.rate == 0 {
		return 0
	}
	return time.Second * time.Duration(max(l.share.claimants, 1)) / time.Duration(l.rate)
}

// atOnce is how many attempts the lane can count on at once: its part of the window.
func (l *lane) atOnce() int {
	return max(min(max(min(l.share.granted, l.window), l.window/max(l.share.claimants, 1)), l.slow.limit(l.window)), 1)
}

// nextPutOff spaces what is put off as the lane works it off, so that it comes back when there is room: rather somewhat too early, as the pace in
// a burst is often worse than after it, and nothing else would call it back.
func (l *lane) nextPutOff(now time.Time) time.Time {
	l.putOff = l.putOff.Add(max(l.ownPace(now)/2, l.ratePace()))
	least := now.Add(putOffLeast)
	if least.Before(l.slow.until) {
		least = l.slow.until
	}
	if l.putOff.Before(least) {
		l.putOff = least
	}
	if most := now.Add(putOffMost); l.putOff.After(most) {
		l.putOff = most
	}
	return l.putOff
}

// relieve puts off what waits in lanes that have become too slow for it, and begins what a pause is over for.
func (d *dispatcher) relieve(now time.Time) {
	var all []late
	d.mu.Lock()
	for _, l := range d.lanes {
		if len(l.queue) == 0 {
			continue
		}
		room := min(l.room(now), len(l.queue))
		for _, r := range l.queue[room:] {
			all = append(all, late{r, l.nextPutOff(now)})
		}
		clear(l.queue[room:])
		l.queue = l.queue[:room]
		if !l.slow.until.IsZero() && !d.stopped {
			d.beginQueued(l, now)
		}
	}
	d.forgetHeavy(now)
	for profile, s := range d.slow {
		if s.over(now) {
			delete(d.slow, profile)
			if l := d.lanes[profile]; l != nil {
				l.slow = slow{}
				d.beginQueued(l, now)
			}
		}
	}
	d.mu.Unlock()
	d.putOffAll(all)
}

// relieveAll relieves the lanes again and again until ctx ends.
func (d *dispatcher) relieveAll(ctx context.Context) error {
	ticker := time.NewTicker(relieveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			d.relieve(now)
		}
	}
}

// putOff is the result that makes the delivery due again, without an attempt.
func (j *job) putOff(due time.Time) *stream.Result {
	return j.result(standing{status: stream.StatusRetrying, attempts: j.target.Attempts, failures: j.target.Failures, next: due})
}

// run makes attempts of a lane until its queue is empty.
func (d *dispatcher) run(l *lane, r request) {
	defer d.running.Done()
	for r != nil {
		started := time.Now()
		d.attempt(r)
		for _, j := range r {
			d.settle(j, j.became)
		}
		r = d.next(l, started, r)
	}
}

// next notes how an attempt ended, and returns the lane's next request, or nil when there is none, or none within the lane's share.
func (d *dispatcher) next(l *lane, started time.Time, ended request) request {
	now, sent := time.Now(), ended.sent()
	d.mu.Lock()
	defer d.mu.Unlock()
	l.took += (now.Sub(started) - l.took) / 8
	l.moved = now
	slowed := l.slow.atOnce > 0 || isOverloaded(sent.became)
	if slowed {
		l.slow = l.slow.ended(sent.became, sent.wait, l.running, l.window, started, now)
		d.slow[l.profile] = l.slow
	}
	if isTooHeavy(sent.became) {
		d.tooHeavy(l.profile, ended, now)
	}
	l.running--
	if len(l.queue) > 0 && l.mayBegin(now) {
		r := l.take()
		d.began(l, r, now)
		if slowed {
			d.beginQueued(l, now) // there may be more at once by now
		}
		return r
	}
	if len(l.queue) > 0 {
		d.askIfShort(l)
	} else if l.isIdle() && !d.claims(l) {
		delete(d.lanes, l.profile)
	}
	return nil
}

// stop hands back everything that has not begun, and waits for what has, until ctx ends.
func (d *dispatcher) stop(ctx context.Context) {
	d.mu.Lock()
	d.stopped = true
	var waiting []*job
	for _, l := range d.lanes {
		for _, r := range l.queue {
			waiting = append(waiting, r...)
		}
		for of := range l.buckets {
			waiting = append(waiting, d.close(l, of)...)
		}
		l.queue = nil
	}
	d.mu.Unlock()
	for _, j := range waiting {
		d.release(j)
	}
	done := make(chan struct{})
	go func() { d.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// wait waits for every attempt under way.
func (d *dispatcher) wait() { d.running.Wait() }
