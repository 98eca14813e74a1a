package livelog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// Kind is what a batch is. Its text is the GraphQL enum value.
type Kind string

// The kinds; graph/schema/deliveries.graphqls says what they mean.
const (
	Backfill  Kind = "BACKFILL"
	Live      Kind = "LIVE"
	Sampled   Kind = "SAMPLED"
	Gap       Kind = "GAP"
	Heartbeat Kind = "HEARTBEAT"
)

// Batch is some attempts for a subscriber.
type Batch struct {
	Kind   Kind
	Cursor string
	// Attempts are results with an attempt, the oldest first.
	Attempts []*stream.Result
	Matched  int // of the batch's span
	Skipped  int // of those, not among Attempts
}

// Options are how a subscriber wants its attempts.
type Options struct {
	// After is the cursor to go on from; empty to begin now.
	After string
	// Backfill is how many of the latest attempts to begin with, when After is empty.
	Backfill int
	// MaxPerSecond bounds how many attempts are sent; 0 means DefaultMaxPerSecond.
	MaxPerSecond int
}

// Bounds of a subscriber.
const (
	DefaultMaxPerSecond = 500
	maxQueue            = 5000 // results that wait for a slow reader; further ones push the oldest out
	maxResume           = 2000 // attempts that are read from the database for one that comes back
	heartbeatEvery      = 10 * time.Second
	// batchEvery spaces batches under load. The first one after a pause is sent at once.
	batchEvery = 25 * time.Millisecond
)

// subscriber is a reader of the live log. Its queue is bounded: a slow reader loses attempts, and is told how many, but slows nobody.
type subscriber struct {
	hub     *Hub
	account id.ID
	filter  Filter
	max     int
	out     chan Batch
	wake    chan struct{} // has room for one signal

	mu      sync.Mutex
	behind  cursor // only what lies behind it is wanted; nil for everything. The hub may not have come so far yet
	queue   []stream.Logged
	skipped int  // pushed out of the queue
	resync  bool // results may have gone by unseen: read the database
}

// Subscribe sends the account's attempts that the filter wants as batches, until ctx ends: then the channel is closed. The channel must be
// read. It fails with ErrBadCursor.
func (h *Hub) Subscribe(ctx context.Context, account id.ID, f Filter, options Options) (<-chan Batch, error) {
	var after cursor
	if options.After != "" {
		var err error
		if after, err = parseCursor(options.After, h.streams.Partitions()); err != nil {
			return nil, err
		}
	}
	if options.MaxPerSecond == 0 {
		options.MaxPerSecond = DefaultMaxPerSecond
	}
	s := &subscriber{
		hub: h, account: account, filter: f, max: options.MaxPerSecond, out: make(chan Batch), wake: make(chan struct{}, 1),
	}
	go func() {
		defer close(s.out)
		h.demanded(1)
		defer h.demanded(-1)
		defer s.leave()
		if err := s.run(ctx, after, options.Backfill); err != nil && ctx.Err() == nil {
			h.log.Error("live log: subscriber ended", "error", err)
		}
	}()
	return s.out, nil
}

func (s *subscriber) run(ctx context.Context, after cursor, backfill int) error {
	// What is in the streams by now is among the recent results when all partitions are read.
	if err := s.hub.wait(ctx, func() bool { return !slices.Contains(s.hub.tailing, false) }); err != nil {
		return nil //nolint:nilerr // the reader has left
	}
	var first Batch
	var at cursor
	var err error
	if after != nil {
		first, at, err = s.resume(ctx, after)
	} else {
		first, at, err = s.begin(ctx, backfill)
	}
	if err != nil {
		return err
	}
	if !s.send(ctx, first) {
		return nil
	}
	return s.follow(ctx, at)
}

// follow sends what comes, from the place at on.
func (s *subscriber) follow(ctx context.Context, at cursor) error {
	heartbeat := time.NewTimer(heartbeatEvery)
	defer heartbeat.Stop()
	budget := budget{perSecond: s.max}
	for {
		beat := false
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-heartbeat.C:
			beat = true
		}
		queued, skipped, now, resync := s.take()
		var batch Batch
		switch {
		case resync:
			var err error
			if batch, now, err = s.resume(ctx, at); err != nil {
				return err
			}
		case len(queued) > 0 || skipped > 0:
			batch = budget.batch(queued, skipped, time.Now())
			batch.Cursor = now.String()
		case beat:
			batch = Batch{Kind: Heartbeat, Cursor: now.String()}
		default:
			at = now
			continue
		}
		if !s.send(ctx, batch) {
			return nil
		}
		at = now
		heartbeat.Reset(heartbeatEvery)
		pause := time.NewTimer(batchEvery)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
}

// budget spreads what may be sent over seconds.
type budget struct {
	perSecond int
	second    time.Time
	sent      int
}

// batch makes a batch of the newest of the results, as many as may be sent now.
func (b *budget) batch(results []stream.Logged, skipped int, now time.Time) Batch {
	if now.Sub(b.second) >= time.Second {
		b.second, b.sent = now, 0
	}
	batch := Batch{Kind: Live, Matched: len(results) + skipped, Skipped: skipped}
	if skipped > 0 {
		batch.Kind = Gap
	}
	if room := b.perSecond - b.sent; len(results) > room {
		batch.Skipped += len(results) - room
		results = results[len(results)-room:]
		if batch.Kind == Live {
			batch.Kind = Sampled
		}
	}
	b.sent += len(results)
	batch.Attempts = attempts(results)
	return batch
}

func attempts(results []stream.Logged) []*stream.Result {
	all := make([]*stream.Result, len(results))
	for i, r := range results {
		all[i] = r.Result
	}
	return all
}

func (s *subscriber) send(ctx context.Context, batch Batch) bool {
	select {
	case s.out <- batch:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin joins the stream with the latest attempts.
func (s *subscriber) begin(ctx context.Context, backfill int) (Batch, cursor, error) {
	recent, at, floor := s.join(nil)
	complete, from := 0, slices.Max(floor) // behind all floors nothing is missing
	for _, r := range recent {
		if r.Position > from {
			complete++
		}
	}
	if complete < backfill {
		older, err := s.hub.archive.LatestAttempts(ctx, s.account, s.filter, backfill)
		if err != nil {
			return Batch{}, nil, fmt.Errorf("backfill: %w", err)
		}
		// What has come since is in the queue.
		older = slices.DeleteFunc(older, at.before)
		recent = merge(older, recent)
	}
	recent = recent[max(0, len(recent)-backfill):]
	return Batch{Kind: Backfill, Cursor: at.String(), Attempts: attempts(recent), Matched: len(recent)}, at, nil
}

// resume joins the stream with everything since after.
func (s *subscriber) resume(ctx context.Context, after cursor) (Batch, cursor, error) {
	recent, at, floor := s.join(after)
	batch := Batch{Kind: Backfill, Cursor: at.String()}
	behind := slices.Clone(after)
	complete := true
	for p := range behind {
		if behind[p] < floor[p] {
			complete = false
		} else {
			floor[p] = behind[p] // nothing of this partition is to be read
		}
	}
	if !complete {
		older, more, err := s.hub.archive.AttemptsBetween(ctx, s.account, s.filter, behind, floor, maxResume)
		if err != nil {
			return Batch{}, nil, fmt.Errorf("resume: %w", err)
		}
		if more > 0 {
			batch.Kind, batch.Skipped = Gap, more
			// Some of those that are left out may be among the recent.
			recent = slices.DeleteFunc(recent, func(r stream.Logged) bool { return !floor.before(r) && r.Position < older[0].Position })
		}
		recent = merge(older, recent)
	}
	batch.Attempts, batch.Matched = attempts(recent), len(recent)+batch.Skipped
	return batch, at, nil
}

// join has the hub offer results from now on, and returns the recent ones behind after, the place where they end, and
// the one behind which they are complete.
func (s *subscriber) join(after cursor) (recent []stream.Logged, at, floor cursor) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.subscribers[s.account]
	if of == nil {
		of = make(map[*subscriber]struct{})
		h.subscribers[s.account] = of
	}
	of[s] = struct{}{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind, s.queue, s.skipped, s.resync = after, nil, 0, false
	return h.wanted(s.account, &s.filter, after), s.place(), slices.Clone(h.floor)
}

// place is up to where the subscriber has been offered everything. The hub and the subscriber hold their locks.
func (s *subscriber) place() cursor {
	at := slices.Clone(s.hub.seen)
	for partition, position := range s.behind {
		at[partition] = max(at[partition], position)
	}
	return at
}

func (s *subscriber) leave() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.subscribers[s.account], s)
	if len(h.subscribers[s.account]) == 0 {
		delete(h.subscribers, s.account)
	}
}

// merge puts results in the order of their attempts' ends, each once.
func merge(older, recent []stream.Logged) []stream.Logged {
	all := append(older, recent...)
	slices.SortStableFunc(all, func(a, b stream.Logged) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), slices.Compare(a.Attempt.ID[:], b.Attempt.ID[:]))
	})
	seen := make(map[id.ID]bool, len(all))
	return slices.DeleteFunc(all, func(r stream.Logged) bool {
		again := seen[r.Attempt.ID]
		seen[r.Attempt.ID] = true
		return again
	})
}

// offer queues a result if it is wanted. The hub holds its lock.
func (s *subscriber) offer(r stream.Logged) {
	if !s.filter.Match(r.Result) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind != nil && !s.behind.before(r) {
		return // another server has sent it
	}
	if len(s.queue) >= maxQueue {
		s.queue = s.queue[1:]
		s.skipped++
	}
	s.queue = append(s.queue, r)
}

// signal wakes the subscriber if it has something to send. The hub holds its lock.
func (s *subscriber) signal() {
	s.mu.Lock()
	idle := len(s.queue) == 0 && s.skipped == 0 && !s.resync
	s.mu.Unlock()
	if idle {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// missed says that results may have gone by unseen. The hub holds its lock.
func (s *subscriber) missed() {
	s.mu.Lock()
	s.resync = true
	s.mu.Unlock()
	s.signal()
}

// take empties the queue and returns the place up to which the subscriber has been offered everything.
func (s *subscriber) take() (queued []stream.Logged, skipped int, at cursor, resync bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	queued, skipped, resync = s.queue, s.skipped, s.resync
	s.queue, s.skipped = nil, 0
	return queued, skipped, s.place(), resync
}
