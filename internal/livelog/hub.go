// Package livelog shows attempts as they end. A Hub tails the attempts streams once for all dashboards of a process, keeps
// the latest results, filters them for each subscriber and fans them out (subscriber.go). What is older, it reads from the
// database, so that a subscriber that comes back with its cursor misses nothing and sees nothing twice. While nobody
// subscribes, it reads nothing.
package livelog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/stream"
)

// Archive is the part of the log that is in the database.
type Archive interface {
	// LatestAttempts returns the account's latest attempts that the filter wants, at most limit, the oldest first.
	LatestAttempts(ctx context.Context, account id.ID, f Filter, limit int) ([]stream.Logged, error)
	// AttemptsBetween returns the latest of those that lie, in their partition, behind after and not behind until; at most limit, the
	// oldest first; and how many more there are.
	AttemptsBetween(ctx context.Context, account id.ID, f Filter, after, until []stream.Position, limit int) (attempts []stream.Logged, more int, err error)
}

// Hub fans attempts out. Run must be running.
type Hub struct {
	streams *stream.Streams
	archive Archive
	log     *slog.Logger

	mu          sync.Mutex
	recent      []stream.Logged // the latest results, a ring once it is full
	next        int             // place in recent that is written next, once it is full
	known       map[id.ID]struct{}
	seen        cursor // up to where results have been fanned out
	floor       cursor // recent holds every result behind it
	subscribers map[id.ID]map[*subscriber]struct{}

	demand  int           // subscribers, those that still wait for the tails too
	tailing []bool        // for each partition: it is being read
	changed chan struct{} // closed, and made anew, when demand or tailing changes
}

// Bounds of a Hub.
const (
	maxRecent = 20_000 // results kept
	tailCount = 1000   // results read at once
	tailWait  = 500 * time.Millisecond
	failPause = 500 * time.Millisecond
	// maxLag is how long a reader may be away before results can be trimmed unseen.
	maxLag = stream.FeedRetention / 2
)

// New returns a Hub.
func New(streams *stream.Streams, archive Archive, log *slog.Logger) *Hub {
	return &Hub{
		streams: streams, archive: archive, log: log, known: make(map[id.ID]struct{}),
		seen: make(cursor, streams.Partitions()), floor: make(cursor, streams.Partitions()),
		subscribers: make(map[id.ID]map[*subscriber]struct{}), tailing: make([]bool, streams.Partitions()), changed: make(chan struct{}),
	}
}

// Run tails the streams until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	group := errgroup.Group{}
	for partition := range h.streams.Partitions() {
		group.Go(func() error { h.tail(ctx, partition); return nil })
	}
	return group.Wait()
}

// demanded says that there is one subscriber more (1) or less (-1).
func (h *Hub) demanded(change int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.demand += change
	h.broadcast()
}

// broadcast wakes who waits for a change. h.mu is held.
func (h *Hub) broadcast() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// wait waits until holds, which is asked under the lock, says so.
func (h *Hub) wait(ctx context.Context, holds func() bool) error {
	for {
		h.mu.Lock()
		held, changed := holds(), h.changed
		h.mu.Unlock()
		if held {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// setTailing notes whether a partition is being read.
func (h *Hub) setTailing(partition int, tailing bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tailing[partition] != tailing {
		h.tailing[partition] = tailing
		h.broadcast()
	}
}

// tail reads a partition's results while there are subscribers.
func (h *Hub) tail(ctx context.Context, partition int) {
	failing, lost := false, true // lost: it is not known whether results went by unseen
	wait := tailWait
	for ctx.Err() == nil {
		h.mu.Lock()
		idle, after := h.demand == 0, h.seen[partition]
		h.mu.Unlock()
		if idle {
			lost = true
			h.setTailing(partition, false)
			_ = h.wait(ctx, func() bool { return h.demand > 0 })
			continue
		}
		asked := time.Now()
		var results []stream.Logged
		var err error
		if lost {
			err, wait = h.begin(ctx, partition), stream.NoWait
		} else {
			results, err = h.streams.TailResults(ctx, partition, after, tailCount, wait)
		}
		if err != nil {
			if !failing && ctx.Err() == nil {
				h.log.Error("live log cannot read the attempts; it is tried again", "partition", partition, "error", err)
			}
			failing, lost = true, true
			pause.For(ctx, failPause)
			continue
		}
		failing = false
		// Away for so long that results may have been trimmed: those that were read may leave a hole, and are read again.
		if late := time.Since(asked) > tailWait+maxLag; late || lost {
			lost = late
			continue
		}
		h.fanOut(partition, results)
		if len(results) < tailCount {
			wait = tailWait // all that was in the stream has been read
			h.setTailing(partition, true)
		}
	}
}

// begin starts to read a partition from the oldest result in its stream: everything before that is in the database.
func (h *Hub) begin(ctx context.Context, partition int) error {
	oldest, err := h.streams.OldestResult(ctx, partition)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if oldest > h.seen[partition] {
		// What lies between is not among the recent: subscribers must read it from the database. The recent ones stay: when Redis has lost
		// them, they may be written again, and must be known.
		h.floor[partition], h.seen[partition] = oldest, oldest
		for _, of := range h.subscribers {
			for s := range of {
				s.missed()
			}
		}
	}
	return nil
}

// fanOut keeps results and offers them to the subscribers of their accounts.
func (h *Hub) fanOut(partition int, results []stream.Logged) {
	if len(results) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range results {
		if r.Attempt == nil {
			continue
		}
		if _, again := h.known[r.Attempt.ID]; again {
			continue // written a second time, after Redis had lost data
		}
		h.keep(r)
		for s := range h.subscribers[r.AccountID] {
			s.offer(r)
		}
	}
	h.seen[partition] = results[len(results)-1].Position
	for _, of := range h.subscribers {
		for s := range of {
			s.signal()
		}
	}
}

// keep adds a result to the recent ones, in the place of the oldest if they are as many as they may be.
func (h *Hub) keep(r stream.Logged) {
	h.known[r.Attempt.ID] = struct{}{}
	if len(h.recent) < maxRecent {
		h.recent = append(h.recent, r)
		return
	}
	old := h.recent[h.next]
	delete(h.known, old.Attempt.ID)
	h.floor[old.Partition] = max(h.floor[old.Partition], old.Position)
	h.recent[h.next] = r
	h.next = (h.next + 1) % maxRecent
}

// wanted returns the recent results of an account that the filter wants and that lie behind after, the oldest first.
func (h *Hub) wanted(account id.ID, f *Filter, after cursor) []stream.Logged {
	var wanted []stream.Logged
	for i := range h.recent {
		r := h.recent[(h.next+i)%len(h.recent)]
		if r.AccountID == account && (after == nil || after.before(r)) && f.Match(r.Result) {
			wanted = append(wanted, r)
		}
	}
	return wanted
}
