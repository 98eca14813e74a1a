package worker

import (
	"context"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// dispatcher gives each profile a lane of its own: a window of attempts under way and a queue. The queue is bounded by time: what would have
// to wait for longer than maxLaneWait is put off, it goes back to the database with a near due time. So an endpoint that is slow or dead
// holds up nothing but itself, and a burst to one that is fast goes through without a detour; both together never hold more than the
// worker's slots.
type dispatcher struct {
	attempt func(*job) *stream.Result // makes an attempt
	settle  func(*job, *stream.Result)
	release func(*job) // hands a job back that has not begun

	mu      sync.Mutex
	lanes   map[id.ID]*lane // those with work
	stopped bool
	running sync.WaitGroup
}

// lane is one profile's share of the worker. dispatcher.mu guards it.
type lane struct {
	running int
	queue   []*job
	// took is a running average of how long an attempt takes, and moved is when one last began or ended.
	took  time.Duration
	moved time.Time
	// putOff is the due time of what was put off last: the next one is put behind it.
	putOff time.Time
}

// The bounds of waiting and of being put off.
const (
	maxLaneWait  = 500 * time.Millisecond
	relieveEvery = 100 * time.Millisecond
	putOffLeast  = time.Second
	putOffMost   = 15 * time.Minute
)

func newDispatcher(attempt func(*job) *stream.Result, settle func(*job, *stream.Result), release func(*job)) *dispatcher {
	return &dispatcher{attempt: attempt, settle: settle, release: release, lanes: make(map[id.ID]*lane)}
}

// submit begins an attempt, queues it or puts it off; it never waits for an endpoint.
func (d *dispatcher) submit(j *job) {
	now := time.Now()
	d.mu.Lock()
	l := d.lanes[j.profile.ID]
	if l == nil {
		l = &lane{}
		d.lanes[j.profile.ID] = l
	}
	switch {
	case d.stopped:
		d.mu.Unlock()
		d.release(j)
	case l.running < j.profile.Window:
		l.running++
		l.moved = now
		d.running.Add(1)
		d.mu.Unlock()
		go d.run(l, j)
	case len(l.queue) < l.room(now, j.profile.Window):
		l.queue = append(l.queue, j)
		d.mu.Unlock()
	default:
		due := l.nextPutOff(now, j.profile.Window)
		d.mu.Unlock()
		d.settle(j, j.putOff(due))
	}
}

// room is how many jobs can wait in the lane for no longer than maxLaneWait.
func (l *lane) room(now time.Time, window int) int {
	// While nothing moves, an attempt takes at least as long as that lasts.
	took := max(l.took, now.Sub(l.moved))
	if took <= 0 {
		return maxEntries
	}
	return int(min(int64(maxLaneWait)*int64(window)/int64(took), maxEntries))
}

// nextPutOff spaces what is put off as the lane works it off, so that it comes back when there is room.
func (l *lane) nextPutOff(now time.Time, window int) time.Time {
	l.putOff = l.putOff.Add(max(l.took, now.Sub(l.moved)) / time.Duration(window))
	if least := now.Add(putOffLeast); l.putOff.Before(least) {
		l.putOff = least
	}
	if most := now.Add(putOffMost); l.putOff.After(most) {
		l.putOff = most
	}
	return l.putOff
}

// relieve puts off what waits in lanes that have become too slow for it.
func (d *dispatcher) relieve(now time.Time) {
	type late struct {
		job *job
		due time.Time
	}
	var all []late
	d.mu.Lock()
	for _, l := range d.lanes {
		if len(l.queue) == 0 {
			continue
		}
		window := l.queue[0].profile.Window
		room := min(l.room(now, window), len(l.queue))
		for _, j := range l.queue[room:] {
			all = append(all, late{j, l.nextPutOff(now, window)})
		}
		clear(l.queue[room:])
		l.queue = l.queue[:room]
	}
	d.mu.Unlock()
	for _, late := range all {
		d.settle(late.job, late.job.putOff(late.due))
	}
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
func (d *dispatcher) run(l *lane, j *job) {
	defer d.running.Done()
	for j != nil {
		started := time.Now()
		d.settle(j, d.attempt(j))
		j = d.next(l, j.profile.ID, started)
	}
}

// next returns the lane's next job, or nil when there is none or the lane has more running than its window by now allows.
func (d *dispatcher) next(l *lane, profile id.ID, started time.Time) *job {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	l.took += (now.Sub(started) - l.took) / 8
	l.moved = now
	if len(l.queue) > 0 && l.running <= l.queue[0].profile.Window {
		j := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		return j
	}
	l.running--
	if l.running == 0 && len(l.queue) == 0 {
		delete(d.lanes, profile)
	}
	return nil
}

// stop hands back everything that has not begun, and waits for what has, until ctx ends.
func (d *dispatcher) stop(ctx context.Context) {
	d.mu.Lock()
	d.stopped = true
	var waiting []*job
	for _, l := range d.lanes {
		waiting = append(waiting, l.queue...)
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
