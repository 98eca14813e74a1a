package stream

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
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

// measure asks what the partition's clock shows, and returns how far it is ahead.
func (s *Streams) measure(ctx context.Context, partition int) (time.Duration, error) {
	now, err := s.now(ctx, s.keys.work(partition))
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

// now returns the time by which the key's entries are dated.
func (s *Streams) now(ctx context.Context, key string) (time.Time, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.client.Time(ctx).Result()
	}
	node, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return time.Time{}, err
	}
	return node.Time(ctx).Result()
}
