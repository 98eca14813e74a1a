// Package accept takes events in: it validates them, finds the subscriptions that they match, commits them to the database
// with those (commit.go) and puts them into the work streams (enqueue.go). An event is accepted when it is committed.
package accept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/match"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// ErrOverloaded says that events come faster than they can be committed. Nothing was accepted: try again after RetryAfter.
var ErrOverloaded = errors.New("events come faster than they can be committed; try again later")

// ErrUncertain says that the commit failed or took too long: the events may have been accepted all the same. Publishing them
// again with the same idempotency keys is safe.
var ErrUncertain = errors.New("the events could not be committed for certain; publish them again, with the same idempotency keys")

// ErrUnavailable says that the database is away. Nothing was accepted: try again after RetryAfter.
var ErrUnavailable = errors.New("the database does not answer, and nothing was accepted; try again later")

// RetryAfter is how long a publisher should wait after these errors.
const RetryAfter = time.Second

// Accepter takes events in. Run must be running.
type Accepter struct {
	store    *store.Store
	streams  *stream.Streams
	registry *registry.Registry
	log      *slog.Logger
	limits   Limits
	guard    addrguard.Policy
	metrics  *metrics

	makeSecret func(context.Context) error

	closing     sync.RWMutex // held for reading while a submission is handed over
	closed      bool
	waiting     atomic.Int64 // bytes of the payloads that wait for their commit
	maxBytes    int64        // of them
	submissions chan *submission
	works       []chan *stream.Work // for each partition
}

// Config is what an Accepter needs.
type Config struct {
	Store    *store.Store
	Streams  *stream.Streams
	Registry *registry.Registry
	Log      *slog.Logger
	Limits   Limits
	Guard    addrguard.Policy // for the URLs of per-message webhooks
	Metrics  Metrics
	// MakeSecret makes the secret of the context's account, unless it has one, and lets the registry know.
	MakeSecret func(context.Context) error
}

// New returns an Accepter.
func New(config Config) *Accepter {
	if config.Limits.MaxPayload == 0 {
		config.Limits.MaxPayload = DefaultMaxPayload
	}
	return &Accepter{
		store: config.Store, streams: config.Streams, registry: config.Registry, log: config.Log, limits: config.Limits,
		guard: config.Guard, makeSecret: config.MakeSecret,
		metrics:     newMetrics(config.Metrics),
		submissions: make(chan *submission, maxWaiting), maxBytes: maxWaitingBytes,
		works: newWorks(config.Streams.Partitions()),
	}
}

// maxWaiting and maxWaitingBytes are how many calls of Publish, and bytes of their payloads, may wait for their commit; further
// calls get ErrOverloaded. One call alone may be larger.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 256 << 20
)

// Run commits and enqueues what Publish hands over, until ctx ends; then it refuses what comes, finishes what it has, and
// returns.
func (a *Accepter) Run(ctx context.Context) error {
	// What has been handed over is finished, whatever happens to ctx.
	finishing := context.WithoutCancel(ctx)
	committers, enqueuers := errgroup.Group{}, errgroup.Group{}
	for range a.committers() {
		committers.Go(func() error { a.commitAll(finishing); return nil })
	}
	for partition := range a.works {
		enqueuers.Go(func() error { a.enqueueAll(finishing, partition); return nil })
	}
	<-ctx.Done()
	a.closing.Lock()
	a.closed = true
	close(a.submissions)
	a.closing.Unlock()
	_ = committers.Wait()
	for _, works := range a.works {
		close(works)
	}
	return enqueuers.Wait()
}

// Publish accepts each of the events or refuses it; the results are in the events' order. When it returns no error, the events
// that have an id in their result are durable. The errors are ErrOverloaded, ErrUnavailable, and
// ErrUncertain, which wraps ctx's.
func (a *Accepter) Publish(ctx context.Context, account id.ID, events []Event) ([]Result, error) {
	results := make([]Result, len(events))
	s := &submission{done: make(chan error, 1), events: make([]*store.NewEvent, 0, len(events))}
	places := make([]int, 0, len(events))
	firsts := make(map[id.ID]int) // key → the first event of this call that has it
	repeated := make(map[int]int) // place of an event → place of the first one with its key
	for i := range events {
		if results[i].Errors = a.validate(&events[i]); len(results[i].Errors) > 0 {
			a.metrics.refused.Inc()
			continue
		}
		if key := events[i].keyID(account); key != id.Nil {
			if first, known := firsts[key]; known {
				repeated[i] = first
				continue
			}
			firsts[key] = i
		}
		s.events = append(s.events, a.prepare(account, &events[i]))
		places = append(places, i)
	}
	if len(s.events) == 0 {
		return results, nil
	}
	if err := a.ensureSecret(ctx, account, s.events); err != nil {
		return nil, err
	}
	if err := a.submit(s); err != nil {
		return nil, err
	}
	select {
	case err := <-s.done:
		if err != nil {
			return nil, err
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUncertain, context.Cause(ctx))
	}
	for i, e := range s.events {
		result := &results[places[i]]
		result.ID, result.Matched = e.ID, e.Matched()
		if e.First != id.Nil {
			result.ID, result.Matched, result.Duplicate = e.First, e.FirstMatched, true
		}
	}
	for i, first := range repeated {
		results[i].ID, results[i].Matched, results[i].Duplicate = results[first].ID, results[first].Matched, true
	}
	return results, nil
}

func (a *Accepter) submit(s *submission) error {
	a.closing.RLock()
	defer a.closing.RUnlock()
	if a.closed {
		return ErrOverloaded
	}
	s.at = time.Now()
	size := s.bytes()
	if waiting := a.waiting.Add(size); waiting <= a.maxBytes || waiting == size {
		select {
		case a.submissions <- s:
			return nil
		default:
		}
	}
	a.waiting.Add(-size)
	a.metrics.overloaded.Inc()
	return ErrOverloaded
}

// prepare matches an event. It gets its id when it is committed.
func (a *Accepter) prepare(account id.ID, e *Event) *store.NewEvent {
	row := &store.NewEvent{
		AccountID: account, Type: e.Type, OccurredAt: e.OccurredAt.UTC(), Application: e.Application, Entity: e.Entity, User: e.User,
		Resource: e.Resource, Intermediate: e.Intermediate, IdempotencyKey: e.IdempotencyKey, Payload: string(e.Payload),
		SchemaError: e.schemaError, Webhook: e.Webhook.stored(), KeyID: e.keyID(account),
	}
	matching := registry.Event{
		Event:      match.Event{Type: e.Type, User: e.User, Entity: e.Entity, Application: e.Application, Resource: e.Resource},
		OccurredAt: row.OccurredAt, Payload: e.Payload,
	}
	if len(e.Attributes) > 0 {
		text, _ := json.Marshal(e.Attributes) // strings only: cannot fail
		row.Attributes = string(text)
		for _, attribute := range e.Attributes {
			matching.Attributes = append(matching.Attributes, match.KV{Key: attribute.Key, Value: attribute.Value})
		}
	}
	if targets, is := e.decided(account); is {
		row.Targets = targets
		return row
	}
	if targets, is := a.route(account, e); is {
		row.Targets = targets
		return row
	}
	var room [8]match.ID
	matched, held := a.registry.Match(account, &matching, room[:0])
	row.Targets = make([]byte, 0, (len(matched)+len(held))*len(id.ID{}))
	for i := range matched {
		row.Targets = append(row.Targets, matched[i][:]...)
	}
	for _, h := range held {
		row.Targets = append(row.Targets, h.SubscriptionID[:]...)
		status := stream.StatusSkipped
		if h.Park {
			status = stream.StatusParked
		}
		row.Held = append(row.Held, status)
	}
	return row
}

// work is what is put into the work streams for a committed event that is to be delivered.
func work(e *store.NewEvent) stream.Work {
	w := stream.Work{Event: stream.Event{
		ID: e.ID, AccountID: e.AccountID, Type: e.Type, OccurredAt: stream.Micros(e.OccurredAt),
		Application: e.Application, Entity: e.Entity, User: e.User, Resource: e.Resource,
	}}
	w.Event.SetPayload(e.Payload)
	store.SetWebhook(&w.Event, e.Webhook)
	if e.Attributes != "" {
		var attributes []struct{ Key, Value string }
		_ = json.Unmarshal([]byte(e.Attributes), &attributes) // what prepare wrote
		for _, attribute := range attributes {
			w.Event.Attributes = append(w.Event.Attributes, stream.Attribute{Key: attribute.Key, Value: attribute.Value})
		}
	}
	due := id.Time(e.ID).UnixMicro()
	targets := bytes.NewBuffer(e.Targets)
	w.Targets = make([]stream.Target, e.ToDeliver())
	for i := range w.Targets {
		w.Targets[i] = stream.Target{SubscriptionID: id.ID(targets.Next(len(id.ID{}))), Trigger: stream.TriggerFirst, DueAt: due}
	}
	return w
}
