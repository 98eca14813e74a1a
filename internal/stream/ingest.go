package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Submitted is an entry of the ingest stream.
type Submitted struct {
	ID string
	// Account is the account's key, and Event the event as JSON; empty if the entry has none.
	Account, Event string
	// Others are the fields that entries do not have, and the repeated ones, in their order.
	Others []Field
}

// Field is a field of an entry.
type Field struct{ Name, Value string }

// PrepareIngest makes the ingest stream and its group where they are missing. What was put into the stream before is read, too.
func (s *Streams) PrepareIngest(ctx context.Context) error {
	err := s.client.XGroupCreateMkStream(ctx, s.keys.ingest(), ingestGroup, "0-0").Err()
	if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return fmt.Errorf("make group %s: %w", ingestGroup, err)
	}
	return nil
}

// ReadIngest waits up to wait for entries that no server has had, and takes at most count of them. They stay the consumer's
// until AckIngest or RejectIngest.
func (s *Streams) ReadIngest(ctx context.Context, consumer string, count int, wait time.Duration) ([]Submitted, error) {
	command := []any{"xreadgroup", "group", ingestGroup, consumer, "count", count}
	if wait >= 0 {
		command = append(command, "block", wait.Milliseconds())
	}
	answer, err := s.client.Do(ctx, append(command, "streams", s.keys.ingest(), ">")...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ingest: %w", err)
	}
	switch streams := answer.(type) { // each with its entries
	case []any: // of RESP2
		stream, _ := at(streams, 0).([]any)
		return submitted(at(stream, 1)), nil
	case map[any]any: // of RESP3
		return submitted(streams[s.keys.ingest()]), nil
	}
	return nil, fmt.Errorf("read ingest: the answer is a %T", answer)
}

// TakeOverIngest claims at most count entries that a server has read at least idle ago and neither acknowledged nor rejected, this
// one included; and it forgets servers that are gone.
func (s *Streams) TakeOverIngest(ctx context.Context, consumer string, count int, idle time.Duration) ([]Submitted, error) {
	answer, err := s.client.Do(ctx, "xautoclaim", s.keys.ingest(), ingestGroup, consumer, idle.Milliseconds(), "0", "count", count).Slice()
	if err != nil {
		return nil, fmt.Errorf("take over ingest: %w", err)
	}
	entries := submitted(at(answer, 1)) // after the cursor
	if len(entries) == 0 {
		return nil, s.forgetServers(ctx)
	}
	return entries, nil
}

// serverForgotten is after how long a server that has not read is taken for gone; those that run read every second.
const serverForgotten = time.Hour

func (s *Streams) forgetServers(ctx context.Context) error {
	consumers, err := s.client.XInfoConsumers(ctx, s.keys.ingest(), ingestGroup).Result()
	if err != nil {
		return fmt.Errorf("list servers of ingest: %w", err)
	}
	for _, other := range consumers {
		if other.Pending > 0 || other.Idle < serverForgotten {
			continue
		}
		if err := s.client.XGroupDelConsumer(ctx, s.keys.ingest(), ingestGroup, other.Name).Err(); err != nil {
			return fmt.Errorf("forget server of ingest: %w", err)
		}
	}
	return nil
}

// submitted reads entries as Redis answers them, which go-redis makes maps of: of a repeated field they have one.
func submitted(answer any) []Submitted {
	entries, _ := answer.([]any)
	read := make([]Submitted, 0, len(entries))
	for _, entry := range entries {
		if parts, is := entry.([]any); is { // not deleted meanwhile
			read = append(read, readSubmitted(parts))
		}
	}
	return read
}

// readSubmitted reads an id, and a list of names and values.
func readSubmitted(entry []any) Submitted {
	var s Submitted
	s.ID, _ = at(entry, 0).(string)
	fields, _ := at(entry, 1).([]any)
	hasAccount, hasEvent := false, false
	for i := 0; i+1 < len(fields); i += 2 {
		name, _ := fields[i].(string)
		value, _ := fields[i+1].(string)
		switch {
		case name == "event" && !hasEvent:
			s.Event, hasEvent = value, true
		case name == "account" && !hasAccount:
			s.Account, hasAccount = value, true
		default:
			s.Others = append(s.Others, Field{name, value})
		}
	}
	return s
}

func at(list []any, i int) any {
	if i >= len(list) {
		return nil
	}
	return list[i]
}

// AckIngest removes entries whose events are committed.
func (s *Streams) AckIngest(ctx context.Context, entries []string) error {
	if len(entries) == 0 {
		return nil
	}
	pipeline := s.client.TxPipeline()
	pipeline.XAck(ctx, s.keys.ingest(), ingestGroup, entries...)
	pipeline.XDel(ctx, s.keys.ingest(), entries...)
	if _, err := pipeline.Exec(ctx); err != nil {
		return fmt.Errorf("acknowledge ingest: %w", err)
	}
	return nil
}

// Rejected is an entry that is not published.
type Rejected struct {
	Submitted
	// Code and Reason say why: a stable code, and what to do about it.
	Code, Reason string
}

// The bounds of the stream of rejected entries.
const (
	maxRejected      = 10_000  // entries, about; the oldest go
	maxRejectedBytes = 1 << 30 // about: of large entries there are fewer
)

// RejectIngest moves entries to the stream of rejected ones, where at most keep bytes of what each entry had are kept. When it fails
// they may be in both.
func (s *Streams) RejectIngest(ctx context.Context, rejected []Rejected, keep int) error {
	if len(rejected) == 0 {
		return nil
	}
	entries := make([]string, len(rejected))
	pipeline := s.client.Pipeline()
	for i, r := range rejected {
		entries[i] = r.ID
		values, size := r.values(keep)
		pipeline.XAdd(ctx, &redis.XAddArgs{
			Stream: s.keys.rejected(), MaxLen: min(maxRejected, int64(maxRejectedBytes/(size+1))), Approx: true, Values: values,
		})
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return fmt.Errorf("reject ingest: %w", err)
	}
	return s.AckIngest(ctx, entries)
}

// values returns the fields of the rejected entry, and how many bytes of the original one's names and values are kept in them: event
// and account as they came, and other fields under `field:<name>`.
func (r *Rejected) values(keep int) (values []any, kept int) {
	type field struct{ name, as, value string }
	var fields []field
	for _, known := range []field{{"event", "event", r.Event}, {"account", "account", r.Account}} {
		if known.value != "" {
			fields = append(fields, known)
		}
	}
	for _, other := range r.Others {
		fields = append(fields, field{other.Name, "field:" + other.Name, other.Value})
	}
	size := 0
	for _, f := range fields {
		size += len(f.name) + len(f.value)
	}
	values = []any{"entry", r.ID, "code", r.Code, "reason", r.Reason, "size", size}
	if size > keep {
		values = append(values, "truncated", "true")
	}
	for _, f := range fields {
		left := keep - kept - len(f.name)
		if left < 0 {
			break
		}
		value := f.value[:min(len(f.value), left)]
		values = append(values, f.as, value)
		kept += len(f.name) + len(value)
	}
	return values, kept
}
