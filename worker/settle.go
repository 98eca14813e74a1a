package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/stream"
)

// settler writes what became of deliveries to one partition: the results of many in one transaction of Redis. It does not give up before a
// stop's time is over: while Redis is away, results wait in its bounded queue, attempts wait for the queue, and no further work is read.
//
// It keeps what it has written until the archive has it, and writes it again when Redis has lost it.
type settler struct {
	streams   *stream.Streams
	partition int
	settled   chan settled
	freed     func(entries int) // entries that are done
	failed    func(error)

	mu       sync.Mutex
	retained []retained // oldest first

	taking sync.Mutex // held while entries are taken over, or looked for, until they are in held
	held   held
}

// held are the entries of the partition that the worker has and has not settled.
type held struct {
	mu      sync.Mutex
	entries map[string]struct{}
}

// add adds entries, and returns those that were not there: a Redis that has gone back in time gives what it has given before.
func (h *held) add(entries []*stream.Entry) (fresh []*stream.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entries == nil {
		h.entries = make(map[string]struct{})
	}
	return slices.DeleteFunc(entries, func(entry *stream.Entry) bool {
		_, has := h.entries[entry.ID]
		h.entries[entry.ID] = struct{}{}
		return has
	})
}

func (h *held) remove(entries []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, entry := range entries {
		delete(h.entries, entry)
	}
}

func (h *held) has(entry string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, has := h.entries[entry]
	return has
}

// settled is a target with its result, or without one when it is handed back.
type settled struct {
	job    *job
	result *stream.Result
	// open says that the target is not settled by this result: more will follow.
	open bool
	// empty says that there is nothing left to do for the entry but to remove it.
	empty bool
}

// retained is a result that may not be in the database yet.
type retained struct {
	position stream.Position
	result   *stream.Result
}

// Bounds of the settler.
const (
	maxSettling   = 4096 // results that wait for Redis
	maxSettlement = 256  // results in a transaction
	settleTimeout = 3 * time.Second
	settlePause   = 200 * time.Millisecond
)

func newSettler(streams *stream.Streams, partition int, freed func(int), failed func(error)) *settler {
	return &settler{streams: streams, partition: partition, settled: make(chan settled, maxSettling), freed: freed, failed: failed}
}

// run settles until the channel is closed. When ctx has ended it only empties the channel, as far as Redis does not take what it brings, so
// that nobody waits for it, and returns of how many deliveries it has not written what became of them.
func (s *settler) run(ctx context.Context) (left int) {
	batch := make([]settled, 0, maxSettlement)
	for first := range s.settled {
		batch = append(batch[:0], first)
		for len(batch) < cap(batch) && len(s.settled) > 0 {
			batch = append(batch, <-s.settled)
		}
		settlement, done := compose(batch)
		positions, err := s.write(ctx, settlement)
		if err != nil {
			for _, b := range batch { // ctx has ended: the entries stay pending, and are taken over
				if !b.open && !b.empty {
					left++
				}
			}
			continue
		}
		s.retain(settlement.Results, positions)
		s.held.remove(settlement.Done)
		s.freed(done)
	}
	return left
}

// compose turns a batch into a settlement, and returns how many entries are done with it.
func compose(batch []settled) (settlement *stream.Settlement, done int) {
	settlement = &stream.Settlement{Partial: make(map[string][]int), Requeued: make(map[string]stream.Work)}
	handedBack := make(map[*inflight][]stream.Target)
	for _, b := range batch {
		switch {
		case b.result != nil:
			settlement.Results = append(settlement.Results, b.result)
		case !b.empty:
			handedBack[b.job.entry] = append(handedBack[b.job.entry], b.job.target)
		}
		if b.open {
			continue
		}
		entry := b.job.entry
		entry.remaining--
		if entry.remaining > 0 {
			settlement.Partial[entry.ID] = append(settlement.Partial[entry.ID], b.job.place)
			continue
		}
		delete(settlement.Partial, entry.ID)
		settlement.Done = append(settlement.Done, entry.ID)
		if entry.partly {
			settlement.Forget = append(settlement.Forget, entry.ID)
		}
		done++
	}
	for _, b := range batch {
		if settlement.Partial[b.job.entry.ID] != nil {
			b.job.entry.partly = true
		}
	}
	for entry, targets := range handedBack {
		settlement.Requeued[entry.ID] = stream.Work{Event: entry.Event, Targets: targets}
	}
	return settlement, done
}

func (s *settler) write(ctx context.Context, settlement *stream.Settlement) ([]stream.Position, error) {
	for {
		timed, cancel := context.WithTimeout(ctx, settleTimeout)
		positions, err := s.streams.Settle(timed, s.partition, settlement)
		cancel()
		if err == nil {
			return positions, nil
		}
		s.failed(err)
		if !stream.IsRefused(err) {
			settlement.KeepRequeued()
		}
		if !pause.For(ctx, settlePause) {
			return nil, err
		}
	}
}

func (s *settler) retain(results []*stream.Result, positions []stream.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, result := range results {
		s.retained = append(s.retained, retained{positions[i], result})
	}
}

// archived lets go of the results before the position: the database has them.
func (s *settler) archived(bound stream.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for n < len(s.retained) && s.retained[n].position < bound {
		n++
	}
	s.retained = append([]retained(nil), s.retained[n:]...)
}

// rewrite writes again what may not be archived, because Redis has lost it. What was archived all the same does no harm.
func (s *settler) rewrite(ctx context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for from := 0; from < len(s.retained); from += maxSettlement {
		part := s.retained[from:min(from+maxSettlement, len(s.retained))]
		settlement := &stream.Settlement{}
		for _, r := range part {
			settlement.Results = append(settlement.Results, r.result)
		}
		timed, cancel := context.WithTimeout(ctx, settleTimeout)
		positions, err := s.streams.Settle(timed, s.partition, settlement)
		cancel()
		if err != nil {
			return from, err
		}
		for i := range part {
			part[i].position = positions[i]
		}
	}
	return len(s.retained), nil
}
