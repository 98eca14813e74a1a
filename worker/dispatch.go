package worker

import (
	"context"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// dispatcher gives each profile a lane of its own: a window of attempts under way and a bounded queue. What finds both full is put
// off: it goes back to the database with a near due time, so that an endpoint that is slow or dead holds up nothing but itself.
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
	// took is a running average of how long an attempt takes.
	took time.Duration
	// putOff is the due time of what was put off last: the next one is put behind it.
	putOff time.Time
}

// The bounds of being put off.
const (
	putOffLeast = time.Second
	putOffMost  = 15 * time.Minute
)

func newDispatcher(attempt func(*job) *stream.Result, settle func(*job, *stream.Result), release func(*job)) *dispatcher {
	return &dispatcher{attempt: attempt, settle: settle, release: release, lanes: make(map[id.ID]*lane)}
}

// submit begins an attempt, queues it or puts it off; it never waits for an endpoint.
func (d *dispatcher) submit(j *job) {
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
		d.running.Add(1)
		d.mu.Unlock()
		go d.run(l, j)
	case len(l.queue) < j.profile.Window:
		l.queue = append(l.queue, j)
		d.mu.Unlock()
	default:
		due := l.nextPutOff(time.Now(), j.profile.Window)
		d.mu.Unlock()
		d.settle(j, j.result(standing{
			status: stream.StatusRetrying, attempts: j.target.Attempts, failures: j.target.Failures, next: due,
		}))
	}
}

// nextPutOff spaces what is put off as the lane works it off, so that it comes back when there is room.
func (l *lane) nextPutOff(now time.Time, window int) time.Time {
	l.putOff = l.putOff.Add(l.took / time.Duration(window))
	if least := now.Add(putOffLeast); l.putOff.Before(least) {
		l.putOff = least
	}
	if most := now.Add(putOffMost); l.putOff.After(most) {
		l.putOff = most
	}
	return l.putOff
}

// run makes attempts of a lane until its queue is empty.
func (d *dispatcher) run(l *lane, j *job) {
	defer d.running.Done()
	for j != nil {
		started := time.Now()
		d.settle(j, d.attempt(j))
		j = d.next(l, j.profile.ID, time.Since(started))
	}
}

// next returns the lane's next job, or nil when there is none or the lane has more running than its window by now allows.
func (d *dispatcher) next(l *lane, profile id.ID, took time.Duration) *job {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.took += (took - l.took) / 8
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
