package worker

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// redisModel is what Redis holds of entries that a worker has, as settlements change it.
type redisModel struct {
	pending  map[string]bool
	settled  map[string][]int // places
	results  []*stream.Result
	requeued map[id.ID][]stream.Target // by event
}

// apply settles as stream.Settle does.
func (m *redisModel) apply(t *rapid.T, s *stream.Settlement) {
	m.results = append(m.results, s.Results...)
	for entry, places := range s.Partial {
		if len(places) == 0 || slices.Contains(s.Done, entry) {
			t.Fatalf("%v of %s are settled, done are %v", places, entry, s.Done)
		}
		m.settled[entry] = append(m.settled[entry], places...)
	}
	for _, entry := range s.Forget {
		if len(m.settled[entry]) == 0 || !slices.Contains(s.Done, entry) {
			t.Fatalf("%s is forgotten, of which %v are known and done are %v", entry, m.settled[entry], s.Done)
		}
		delete(m.settled, entry)
	}
	for _, entry := range s.Done {
		if !m.pending[entry] {
			t.Fatalf("%s is done twice", entry)
		}
		delete(m.pending, entry)
		if len(m.settled[entry]) > 0 {
			t.Fatalf("%s is done, and %v stay settled", entry, m.settled[entry])
		}
	}
	for _, w := range s.Requeued {
		m.requeued[w.Event.ID] = append(m.requeued[w.Event.ID], w.Targets...)
	}
}

// history is all that is settled of some entries, in an order that can be.
type history struct {
	entries  []*inflight
	settled  []settled
	results  []*stream.Result
	released map[id.ID][]stream.Target // by event
}

// someHistory generates entries, some of them taken over from another worker, and what becomes of their targets.
func someHistory() *rapid.Generator[*history] {
	return rapid.Custom(func(t *rapid.T) *history {
		h := &history{released: make(map[id.ID][]stream.Target)}
		var perEntry [][]settled
		for n := range rapid.IntRange(1, 4).Draw(t, "entries") {
			entry := &stream.Entry{ID: fmt.Sprintf("%d-0", n+1), Work: stream.Work{Event: stream.Event{ID: id.New()}}}
			for place := range rapid.IntRange(1, 5).Draw(t, "targets") {
				entry.Targets = append(entry.Targets, stream.Target{SubscriptionID: id.New(), Attempts: place})
				if rapid.IntRange(0, 3).Draw(t, "settled before") == 0 {
					entry.Settled = append(entry.Settled, place)
				}
			}
			e := newInflight(entry)
			h.entries = append(h.entries, e)
			perEntry = append(perEntry, h.of(t, e))
		}
		// The settled of different entries are mixed; those of one stay in order.
		for len(perEntry) > 0 {
			from := rapid.IntRange(0, len(perEntry)-1).Draw(t, "next from")
			next := perEntry[from][0]
			h.settled = append(h.settled, next)
			if next.result != nil {
				h.results = append(h.results, next.result)
			} else if !next.empty {
				event := next.job.entry.Event.ID
				h.released[event] = append(h.released[event], next.job.target)
			}
			if perEntry[from] = perEntry[from][1:]; len(perEntry[from]) == 0 {
				perEntry = slices.Delete(perEntry, from, from+1)
			}
		}
		return h
	})
}

// of generates what becomes of an entry's targets.
func (h *history) of(t *rapid.T, e *inflight) []settled {
	if e.remaining == 0 {
		e.remaining = 1 // as dispatchEntry does
		return []settled{{job: &job{entry: e}, empty: true}}
	}
	var all []settled
	places := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
	for _, place := range places {
		if place >= len(e.Targets) || slices.Contains(e.Settled, place) {
			continue
		}
		j := &job{entry: e, place: place, target: e.Targets[place]}
		if rapid.IntRange(0, 3).Draw(t, "interrupted") == 0 {
			all = append(all, settled{job: j, result: &stream.Result{Status: stream.StatusQueued}, open: true})
		}
		if rapid.IntRange(0, 3).Draw(t, "handed back") == 0 {
			all = append(all, settled{job: j})
		} else {
			all = append(all, settled{job: j, result: &stream.Result{Status: stream.StatusSucceeded}})
		}
	}
	return all
}

func TestCompose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := someHistory().Draw(t, "history")
		m := &redisModel{pending: make(map[string]bool), settled: make(map[string][]int), requeued: make(map[id.ID][]stream.Target)}
		want := make(map[string][]int) // places that are settled
		for _, e := range h.entries {
			m.pending[e.ID] = true
			m.settled[e.ID], want[e.ID] = slices.Clone(e.Settled), slices.Clone(e.Settled)
		}
		done := 0
		for rest := h.settled; len(rest) > 0; {
			batch := rest[:rapid.IntRange(1, len(rest)).Draw(t, "batch")]
			rest = rest[len(batch):]
			settlement, n := compose(batch)
			if n != len(settlement.Done) {
				t.Fatalf("%d entries are done, of %v", n, settlement.Done)
			}
			done += n
			m.apply(t, settlement)
			for _, b := range batch {
				if !b.open && !b.empty {
					want[b.job.entry.ID] = append(want[b.job.entry.ID], b.job.place)
				}
			}
			// After each settlement, another worker that takes over knows exactly what is left.
			for _, e := range h.entries {
				last := slices.IndexFunc(rest, func(s settled) bool { return s.job.entry == e }) < 0
				if m.pending[e.ID] == last {
					t.Fatalf("entry %s is pending: %v; all of it is settled: %v", e.ID, m.pending[e.ID], last)
				}
				if m.pending[e.ID] && !slices.Equal(slices.Sorted(slices.Values(m.settled[e.ID])), slices.Sorted(slices.Values(want[e.ID]))) {
					t.Fatalf("of entry %s %v are settled, want %v", e.ID, m.settled[e.ID], want[e.ID])
				}
			}
		}
		if done != len(h.entries) || len(m.pending) > 0 || len(m.settled) > len(h.entries) {
			t.Fatalf("%d of %d entries are done, pending are %v", done, len(h.entries), m.pending)
		}
		for entry, places := range m.settled {
			if len(places) > 0 {
				t.Fatalf("the settled targets of %s are not forgotten: %v", entry, places)
			}
		}
		if !slices.Equal(m.results, h.results) {
			t.Fatalf("%d results, want %d in their order", len(m.results), len(h.results))
		}
		for event, targets := range h.released {
			if !slices.Equal(m.requeued[event], targets) {
				t.Fatalf("handed back are %v, want %v", m.requeued[event], targets)
			}
		}
		if len(m.requeued) != len(h.released) {
			t.Fatalf("handed back are %v, want %v", m.requeued, h.released)
		}
	})
}

// retainedPositions returns what a settler keeps.
func retainedPositions(s *settler) []stream.Position {
	var all []stream.Position
	for _, r := range s.retained {
		all = append(all, r.position)
	}
	return all
}

func TestSettlerKeepsWhatIsNotArchived(t *testing.T) {
	t.Parallel()
	s := newSettler(nil, 0, nil, nil)
	s.retain(make([]*stream.Result, 3), []stream.Position{10, 20, 30})
	s.retain(make([]*stream.Result, 2), []stream.Position{40, 50})
	for _, c := range []struct {
		before stream.Position
		want   []stream.Position
	}{{5, []stream.Position{10, 20, 30, 40, 50}}, {30, []stream.Position{30, 40, 50}}, {31, []stream.Position{40, 50}}, {51, nil}} {
		s.archived(c.before)
		if got := retainedPositions(s); !slices.Equal(got, c.want) {
			t.Errorf("archived before %v, kept are %v, want %v", c.before, got, c.want)
		}
	}
}

func TestSettlerWritesAgain(t *testing.T) {
	t.Parallel()
	streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = streams.Close() })
	const n = maxSettlement + 10
	s := newSettler(streams, 0, nil, nil)
	var want []id.ID
	for i := range n {
		result := &stream.Result{DeliveryID: id.New()}
		want = append(want, result.DeliveryID)
		s.retain([]*stream.Result{result}, []stream.Position{stream.Position(i + 1)})
	}
	if rewritten, err := s.rewrite(t.Context()); err != nil || rewritten != n {
		t.Fatalf("%d are written again, %v; want %d", rewritten, err, n)
	}
	results, err := streams.TailResults(t.Context(), 0, 0, 2*n, stream.NoWait)
	if err != nil {
		t.Fatal(err)
	}
	var got []id.ID
	var positions []stream.Position
	for _, r := range results {
		got, positions = append(got, r.DeliveryID), append(positions, r.Position)
	}
	if !slices.Equal(got, want) {
		t.Errorf("written again are %d results, want the %d in their order", len(got), n)
	}
	if !slices.Equal(retainedPositions(s), positions) {
		t.Error("they are not kept at their new positions")
	}
}
