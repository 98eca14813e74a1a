package stream

import (
	"context"
	"time"
)

// Entries are dated by the Redis that has them, and events by the process that accepts them. So that their clocks may differ, a process
// knows for each partition how far that Redis' clock is ahead of its own.

// ahead returns how far the partition's clock is ahead, as seen last; it asks if that was never seen.
func (s *Streams) ahead(ctx context.Context, partition int) (time.Duration, error) {
	if seen := s.clocks[partition].Load(); seen != nil {
		return *seen, nil
	}
	return s.measure(ctx, partition)
}

// Reach reports whether the partition's Redis answers.
func (s *Streams) Reach(ctx context.Context, partition int) error {
	_, err := s.measure(ctx, partition)
	return err
}

// measure asks what the partition's clock shows, and returns how far it is ahead.
func (s *Streams) measure(ctx context.Context, partition int) (time.Duration, error) {
	node, err := s.node(ctx, partition)
	if err != nil {
		return 0, err
	}
	now, err := node.Time(ctx).Result()
	if err != nil {
		return 0, err
	}
	return s.noteClock(partition, now), nil
}

// noteClock notes what the partition's clock shows, or showed a moment ago.
func (s *Streams) noteClock(partition int, now time.Time) time.Duration {
	ahead := time.Until(now)
	s.clocks[partition].Store(&ahead)
	return ahead
}
