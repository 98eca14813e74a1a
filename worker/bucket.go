package worker

import (
	"context"
	"strings"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/stream"
)

// request is the deliveries that one HTTP request makes: one, or a bucket of them, all of the same subscription, since that is what signs it.
type request []*job

// bucket is an open one, which waits to be filled.
type bucket struct {
	jobs  request
	bytes int // the jobs' sizes
	timer *time.Timer
}

// The bounds of buckets.
const (
	// maxBucketResponse is how many bytes of a response are read: enough to name every event of a bucket as failed.
	maxBucketResponse = 128 << 10
	// maxBucketBytes is how many bytes a bucket of several events has at most, as job.size counts them, however few they are.
	maxBucketBytes = 4 << 20
	// maxHeld is how many deliveries may wait in open buckets of a worker: half of its slots. Then buckets go before they are full.
	maxHeld = maxEntries / 2
	// gatherBucket is how long a bucket is open that does not wait to be filled: for what is there already.
	gatherBucket = time.Millisecond
)

// collect puts a job into its subscription's bucket, and sends what is to go now: a bucket that is full, and before that one that is too heavy to
// take the job, too. d.mu is held.
func (d *dispatcher) collect(l *lane, j *job, now time.Time) (sent []late) {
	of, size, most := j.target.SubscriptionID, j.size(), d.heaviest(l.profile)
	send := func() {
		r := d.close(l, of)
		sent = append(sent, late{r, d.enter(l, r, now)})
	}
	if b := l.buckets[of]; b != nil && b.bytes+size > most {
		send()
	}
	b := l.buckets[of]
	if b == nil {
		b = &bucket{}
		if l.buckets == nil {
			l.buckets = make(map[id.ID]*bucket)
		}
		l.buckets[of] = b
		b.timer = time.AfterFunc(max(j.profile.BucketDelay, gatherBucket), func() { d.expire(l, of, b) })
	}
	b.jobs = append(b.jobs, j)
	b.bytes += size
	d.held++
	if len(b.jobs) >= j.profile.BucketSize || b.bytes >= most || d.held >= maxHeld {
		send()
	}
	return sent
}

// close takes a bucket out of the lane and returns what is in it. d.mu is held.
func (d *dispatcher) close(l *lane, of id.ID) request {
	b := l.buckets[of]
	delete(l.buckets, of)
	b.timer.Stop()
	d.held -= len(b.jobs)
	return b.jobs
}

// expire closes a bucket that has waited long enough.
func (d *dispatcher) expire(l *lane, of id.ID, b *bucket) {
	d.mu.Lock()
	if l.buckets[of] != b { // it has gone already
		d.mu.Unlock()
		return
	}
	r := d.close(l, of)
	due := d.enter(l, r, time.Now())
	d.mu.Unlock()
	d.putOff(r, due)
}

// sendOpen sends what waits in open buckets. Redis has lost its entries, and what waits for longer than sweepSlack would be queued once more.
func (d *dispatcher) sendOpen() {
	var all []late
	d.mu.Lock()
	for _, l := range d.lanes {
		for of := range l.buckets {
			r := d.close(l, of)
			all = append(all, late{r, d.enter(l, r, time.Now())})
		}
	}
	d.mu.Unlock()
	d.putOffAll(all)
}

// sent returns the first delivery of a request that has been attempted; the first one if none was.
func (r request) sent() *job {
	for _, j := range r {
		if j.became.Attempt != nil {
			return j
		}
	}
	return r[0]
}

// messageID identifies the request, the same when it is sent again: it is the event's id, or a bucket's own, made of all the events' ids.
func (r request) messageID() string {
	if r[0].profile.BucketSize <= 1 {
		return id.Format(id.Event, r[0].entry.Event.ID)
	}
	events := make([]id.ID, len(r))
	for i, j := range r {
		events[i] = j.entry.Event.ID
	}
	return id.Format(id.Bucket, id.ForBucket(events))
}

// render makes the request's body, of the events' payloads. A bucket looks like one even if it has one event only.
func (r request) render(payloads [][]byte) (body []byte, contentType string, err error) {
	format := r[0].profile.Format
	if r[0].profile.BucketSize <= 1 {
		body, err = payload.Render(nil, format, renderable(&r[0].entry.Event, payloads[0]))
		return body, payload.ContentType(format), err
	}
	events := make([]payload.Event, len(r))
	for i, j := range r {
		events[i] = renderable(&j.entry.Event, payloads[i])
	}
	body, err = payload.RenderBucket(nil, format, events)
	return body, payload.BucketContentType(format), err
}

// payloads returns the payloads of a request's events. Those that the entries do not carry are read from the database, all at once; deliveries
// whose event is no longer kept there are marked as lost, and left out.
func (w *Worker) payloads(ctx context.Context, r request) (found request, payloads [][]byte, err error) {
	if len(r) == 1 {
		data, err := r[0].entry.payload(ctx, w.store)
		if ent.IsNotFound(err) {
			r[0].lost = true
			return nil, nil, nil
		}
		return r, [][]byte{data}, err
	}
	var missing []id.ID
	for _, j := range r {
		if len(j.entry.Event.Payload) == 0 {
			missing = append(missing, j.entry.Event.ID)
		}
	}
	read, err := w.store.Payloads(ctx, missing)
	if err != nil {
		return nil, nil, err
	}
	for _, j := range r {
		data := j.entry.Event.Payload
		if len(data) == 0 {
			data = []byte(read[j.entry.Event.ID])
		}
		if len(data) == 0 {
			j.lost = true
			continue
		}
		found, payloads = append(found, j), append(payloads, data)
	}
	return found, payloads, nil
}

// keptOfBucket is how many bytes of a response's headers, and of its body, an attempt keeps at least that was one of many in a bucket.
const keptOfBucket = 256

// shareResponse shortens what an attempt keeps of a response that came for n events, so that all together keep not much more than one.
func shareResponse(a *stream.Attempt, n int) {
	kept := max(keptBody/n, keptOfBucket)
	if len(a.ResponseBody) > kept {
		a.ResponseBody, a.ResponseTruncated = a.ResponseBody[:kept:kept], true
	}
	if len(a.ResponseHeaders) > kept { // whole lines
		a.ResponseHeaders = a.ResponseHeaders[:strings.LastIndexByte(a.ResponseHeaders[:kept], '\n')+1]
	}
}
