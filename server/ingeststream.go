package server

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/usererror"
)

// Entries of the ingest stream are published in batches. An entry is removed after its event is committed, so one that a server
// leaves behind is published by another one. That may have been committed before: an event without an idempotency key gets one that
// is made of its entry, and is accepted once. While events cannot be accepted, nothing is read.
const (
	ingestBatch    = 500              // entries that are published at once
	ingestWait     = time.Second      // for entries; a stop waits as long
	ingestIdle     = 10 * time.Second // after which entries of another server are taken over
	ingestTakeOver = 5 * time.Second  // between looks for such entries
	ingestTimeout  = 5 * time.Second  // of commands
	ingestKeep     = 64 << 10         // bytes that are kept of a rejected entry, besides the largest payload
	ingestReasons  = 10               // mistakes that are told of a rejected entry
)

// defaultAccount is the key of the account of entries that name none.
const defaultAccount = "default"

// StreamIngest publishes the events that producers put into the ingest stream.
type StreamIngest struct {
	config   StreamIngestConfig
	consumer string
	keep     int // bytes of a rejected entry
	entries  *prometheus.CounterVec
}

// StreamIngestConfig is what a StreamIngest needs.
type StreamIngestConfig struct {
	Streams  *stream.Streams
	Accepter *accept.Accepter
	// Accounts returns the account with a key; its error wraps apikey.ErrUnknownAccount if there is none.
	Accounts func(ctx context.Context, key string) (id.ID, error)
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	// Idle is after how long entries that a server has read are taken over by another one; 0: 10 s.
	Idle time.Duration
}

// NewStreamIngest returns a StreamIngest.
func NewStreamIngest(config StreamIngestConfig) *StreamIngest {
	config.Idle = cmp.Or(config.Idle, ingestIdle)
	entries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hookline_ingest_entries_total",
		Help: "Entries of the ingest stream that were accepted (committed, or duplicates) or rejected.",
	}, []string{"outcome"})
	config.Metrics.MustRegister(entries)
	return &StreamIngest{
		config: config, consumer: rand.Text(), keep: config.Accepter.Limits().MaxPayload + ingestKeep, entries: entries,
	}
}

// Run publishes entries until ctx ends. What it has read then and could not publish is left to another server.
func (i *StreamIngest) Run(ctx context.Context) error {
	var tookOver time.Time
	prepared, failing := false, false
	for ctx.Err() == nil {
		err := i.step(ctx, &prepared, &tookOver)
		if err != nil && !failing {
			i.config.Log.Warn("the ingest stream cannot be read; trying again", "error", err)
		}
		if failing = err != nil; failing {
			prepared = false // Redis may have lost the group
			pause.For(ctx, time.Second)
		}
	}
	return nil
}

// step reads entries and publishes them.
func (i *StreamIngest) step(ctx context.Context, prepared *bool, tookOver *time.Time) error {
	timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), ingestTimeout)
	defer cancel()
	if !*prepared {
		if err := i.config.Streams.PrepareIngest(timed); err != nil {
			return err
		}
		*prepared = true
	}
	if time.Since(*tookOver) >= min(ingestTakeOver, i.config.Idle) {
		entries, err := i.config.Streams.TakeOverIngest(timed, i.consumer, ingestBatch, i.config.Idle)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			return i.publish(ctx, entries)
		}
		*tookOver = time.Now()
	}
	entries, err := i.config.Streams.ReadIngest(timed, i.consumer, ingestBatch, ingestWait)
	if err != nil {
		return err
	}
	return i.publish(ctx, entries)
}

// publish publishes entries and removes them from the stream. It tries until they are published or ctx ends.
func (i *StreamIngest) publish(ctx context.Context, entries []stream.Submitted) error {
	failing := false
	for len(entries) > 0 {
		accepted, rejected, left, err := i.try(ctx, entries)
		timed, cancel := context.WithTimeout(context.WithoutCancel(ctx), ingestTimeout)
		removed := errors.Join(i.config.Streams.AckIngest(timed, accepted), i.config.Streams.RejectIngest(timed, rejected, i.keep))
		cancel()
		if removed != nil {
			return removed // they are published again, as duplicates
		}
		i.entries.WithLabelValues("accepted").Add(float64(len(accepted)))
		i.entries.WithLabelValues("rejected").Add(float64(len(rejected)))
		if len(rejected) > 0 {
			i.config.Log.Warn("entries of the ingest stream rejected", "entries", len(rejected),
				"first", rejected[0].ID, "code", rejected[0].Code, "reason", rejected[0].Reason)
		}
		if err != nil && !failing {
			i.config.Log.Warn("entries of the ingest stream wait", "error", err)
		}
		failing = err != nil
		entries = left
		if len(entries) > 0 && !pause.For(ctx, accept.RetryAfter) {
			return nil
		}
	}
	return nil
}

// try publishes what can be published now; left is what has to wait, because of err.
func (i *StreamIngest) try(ctx context.Context, entries []stream.Submitted) (accepted []string, rejected []stream.Rejected, left []stream.Submitted, err error) {
	type batch struct {
		entries []stream.Submitted
		events  []accept.Event
	}
	batches := make(map[id.ID]*batch)
	for _, entry := range entries {
		event, wrong := readEntry(entry)
		if len(wrong) > 0 {
			rejected = append(rejected, reject(entry, wrong))
			continue
		}
		account, unknown := i.config.Accounts(ctx, cmp.Or(entry.Account, defaultAccount))
		switch {
		case errors.Is(unknown, apikey.ErrUnknownAccount):
			rejected = append(rejected, reject(entry, usererror.List{usererror.New(usererror.NotFound, "account", "%v", unknown)}))
			continue
		case unknown != nil:
			left, err = append(left, entry), unknown
			continue
		}
		if batches[account] == nil {
			batches[account] = &batch{}
		}
		b := batches[account]
		b.entries, b.events = append(b.entries, entry), append(b.events, event)
	}
	for account, b := range batches {
		// Whoever stops waits for the answer: the accepter ends later, and gives one in seconds.
		results, refused := i.config.Accepter.Publish(context.WithoutCancel(ctx), account, b.events)
		if refused != nil {
			left, err = append(left, b.entries...), refused
			continue
		}
		for n, result := range results {
			if len(result.Errors) > 0 {
				rejected = append(rejected, reject(b.entries[n], result.Errors))
			} else {
				accepted = append(accepted, b.entries[n].ID)
			}
		}
	}
	return accepted, rejected, left, err
}

// readEntry reads the event of an entry.
func readEntry(entry stream.Submitted) (accept.Event, usererror.List) {
	var wrong usererror.List
	if entry.Event == "" {
		wrong.Add(usererror.Required, "event", "an entry needs the field `event`, an event as JSON")
	}
	for _, other := range entry.Others[:min(len(entry.Others), ingestReasons)] {
		switch other.Name {
		case "event", "account":
			wrong.Add(usererror.Invalid, other.Name, "the field is given twice")
		default:
			wrong.Add(usererror.Invalid, field(other.Name), "entries have no field %.64q; they have event and account", other.Name)
		}
	}
	if len(wrong) > 0 {
		return accept.Event{}, wrong
	}
	submitted, err := parseEvents([]byte(entry.Event), false)
	switch {
	case errors.Is(err, errTooMany), err == nil && (!submitted.single || len(submitted.events) != 1):
		return accept.Event{}, usererror.List{usererror.New(usererror.Invalid, "event", "an entry has one event, an object")}
	case err != nil:
		return accept.Event{}, usererror.List{usererror.New(usererror.Invalid, "event", "the event is not JSON: %s", describe(err))}
	}
	event := submitted.events[0]
	if event.IdempotencyKey == "" {
		// With the text, because a Redis that lost everything may give an entry's id again.
		sum := sha256.Sum256([]byte(entry.Event))
		event.IdempotencyKey = fmt.Sprintf("redis %s %x", entry.ID, sum[:8])
	}
	return event, submitted.wrong[0]
}

func reject(entry stream.Submitted, wrong usererror.List) stream.Rejected {
	reason := wrong[:min(len(wrong), ingestReasons)].Error()
	if others := len(wrong) - ingestReasons; others > 0 {
		reason += fmt.Sprintf(" (and %d more)", others)
	}
	return stream.Rejected{Submitted: entry, Code: string(wrong[0].Code), Reason: reason}
}
