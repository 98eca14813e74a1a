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
}

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
	answer, err := s.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: ingestGroup, Consumer: consumer, Streams: []string{s.keys.ingest(), ">"}, Count: int64(count), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ingest: %w", err)
	}
	return submitted(answer[0].Messages), nil
}

// TakeOverIngest claims at most count entries that a server has read at least idle ago and neither acknowledged nor rejected, this
// one included; and it forgets servers that are gone.
func (s *Streams) TakeOverIngest(ctx context.Context, consumer string, count int, idle time.Duration) ([]Submitted, error) {
	messages, _, err := s.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: s.keys.ingest(), Group: ingestGroup, Consumer: consumer, MinIdle: idle, Start: "0", Count: int64(count),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("take over ingest: %w", err)
	}
	if len(messages) == 0 {
		return nil, s.forgetServers(ctx)
	}
	return submitted(messages), nil
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

func submitted(messages []redis.XMessage) []Submitted {
	entries := make([]Submitted, len(messages))
	for i, m := range messages {
		entries[i].ID = m.ID
		entries[i].Account, _ = m.Values["account"].(string)
		entries[i].Event, _ = m.Values["event"].(string)
	}
	return entries
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
	maxRejected      = 10_000   // entries, about; the oldest go
	maxRejectedEvent = 64 << 10 // bytes that are kept of an event
)

// RejectIngest moves entries to the stream of rejected ones. When it fails they may be in both.
func (s *Streams) RejectIngest(ctx context.Context, rejected []Rejected) error {
	if len(rejected) == 0 {
		return nil
	}
	entries := make([]string, len(rejected))
	pipeline := s.client.Pipeline()
	for i, r := range rejected {
		entries[i] = r.ID
		pipeline.XAdd(ctx, &redis.XAddArgs{Stream: s.keys.rejected(), MaxLen: maxRejected, Approx: true, Values: []any{
			"entry", r.ID, "code", r.Code, "reason", r.Reason, "account", r.Account, "event", r.Event[:min(len(r.Event), maxRejectedEvent)],
		}})
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return fmt.Errorf("reject ingest: %w", err)
	}
	return s.AckIngest(ctx, entries)
}
