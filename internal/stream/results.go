package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Logged is a Result and its place in its attempts stream.
type Logged struct {
	*Result
	Partition int
	Position  Position
}

// ReadResults waits up to wait for results that are to be archived, and takes at most count of them. They stay the
// consumer's until AckResults.
func (s *Streams) ReadResults(ctx context.Context, consumer string, partition, count int, wait time.Duration, rejected func(string, error)) ([]Logged, error) {
	answer, err := s.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: archiveGroup, Consumer: consumer, Streams: []string{s.keys.attempts(partition), ">"}, Count: int64(count), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return s.decodeResults(ctx, partition, answer[0].Messages, rejected), nil
}

// archiveIdle is after how long results that another process has read and not archived are taken from it.
const archiveIdle = 15 * time.Second

// TakeOverResults claims results that a process read and did not archive.
func (s *Streams) TakeOverResults(ctx context.Context, consumer string, partition, count int, rejected func(string, error)) ([]Logged, error) {
	messages, _, err := s.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
		Stream: s.keys.attempts(partition), Group: archiveGroup, Consumer: consumer, MinIdle: archiveIdle, Start: "0", Count: int64(count),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("take over results: %w", err)
	}
	return s.decodeResults(ctx, partition, messages, rejected), nil
}

// AckResults says that results are archived.
func (s *Streams) AckResults(ctx context.Context, partition int, results []Logged) error {
	ids := make([]string, len(results))
	for i, r := range results {
		ids[i] = r.Position.String()
	}
	if err := s.client.XAck(ctx, s.keys.attempts(partition), archiveGroup, ids...).Err(); err != nil {
		return fmt.Errorf("acknowledge results: %w", err)
	}
	return nil
}

// NoWait asks only for what is there.
const NoWait time.Duration = -1

// TailResults waits up to wait for results after the position, and returns at most count of them.
func (s *Streams) TailResults(ctx context.Context, partition int, after Position, count int, wait time.Duration) ([]Logged, error) {
	answer, err := s.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{s.keys.attempts(partition), after.String()}, Count: int64(count), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tail results: %w", err)
	}
	return s.decodeResults(ctx, partition, answer[0].Messages, func(string, error) {}), nil
}

func (s *Streams) decodeResults(ctx context.Context, partition int, messages []redis.XMessage, rejected func(string, error)) []Logged {
	results := make([]Logged, 0, len(messages))
	for _, m := range messages {
		result := &Result{}
		position, err := ParsePosition(m.ID)
		if err == nil {
			err = decode(m.Values, result)
		}
		if err != nil {
			rejected(m.ID, err)
			s.client.XAck(ctx, s.keys.attempts(partition), archiveGroup, m.ID)
			continue
		}
		results = append(results, Logged{Result: result, Partition: partition, Position: position})
	}
	return results
}

// Progress is how far a partition's streams have come.
type Progress struct {
	// Epoch is empty or another one than before when Redis has lost data, or may have (see Prepare).
	Epoch string
	// OldestWork is the position of the oldest entry that is not settled; 0 if all are.
	OldestWork Position
	// OldestResult is the position of the oldest result that is not archived; 0 if all are.
	OldestResult Position
	// ArchivedBefore is the position before which all results are archived, and LastResult that of the newest one, 0 if the
	// stream is empty.
	ArchivedBefore, LastResult Position
	// Backlog is the number of work entries that no worker has had; the embedded Redis counts settled ones until Trim.
	Backlog int64
	// Unarchived is how many results are not archived at the most: those that are kept for readers that lag count too, unless all are
	// archived.
	Unarchived int64
	// Ahead is how far the clock by which the positions are dated is ahead of this process' one.
	Ahead time.Duration

	settledWork Position // all work before it is settled
}

// Progress looks at the partition's streams.
func (s *Streams) Progress(ctx context.Context, partition int) (Progress, error) {
	work, attempts := s.keys.work(partition), s.keys.attempts(partition)
	pipeline := s.client.TxPipeline()
	epoch := pipeline.Get(ctx, s.keys.epoch(partition))
	workGroups, resultGroups := pipeline.XInfoGroups(ctx, work), pipeline.XInfoGroups(ctx, attempts)
	workPending, resultPending := pipeline.XPending(ctx, work, workGroup), pipeline.XPending(ctx, attempts, archiveGroup)
	newest := pipeline.XRevRangeN(ctx, attempts, "+", "-", 1)
	workLength, resultLength := pipeline.XLen(ctx, work), pipeline.XLen(ctx, attempts)
	commands, err := pipeline.Exec(ctx)
	if err != nil && len(commands) == 0 {
		return Progress{}, fmt.Errorf("stream progress: %w", err)
	}
	for _, command := range commands {
		if err := command.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return Progress{}, fmt.Errorf("stream progress: %w", err)
		}
	}
	process, err := s.watch(ctx, partition)
	if err != nil {
		return Progress{}, fmt.Errorf("stream progress: %w", err)
	}
	p := Progress{}
	if epoch.Val() != "" {
		p.Epoch = epoch.Val() + process
	}
	if p.Ahead, err = s.measure(ctx, partition); err != nil {
		return Progress{}, fmt.Errorf("stream progress: %w", err)
	}
	if p.OldestWork, p.settledWork, err = s.oldest(ctx, work, workGroups.Val(), workPending.Val()); err != nil {
		return Progress{}, fmt.Errorf("stream progress: %w", err)
	}
	if p.OldestResult, p.ArchivedBefore, err = s.oldest(ctx, attempts, resultGroups.Val(), resultPending.Val()); err != nil {
		return Progress{}, fmt.Errorf("stream progress: %w", err)
	}
	if messages := newest.Val(); len(messages) > 0 {
		if p.LastResult, err = ParsePosition(messages[0].ID); err != nil {
			return Progress{}, fmt.Errorf("stream progress: %w", err)
		}
	}
	if p.OldestWork != 0 {
		p.Backlog = workLength.Val() - pendingCount(workPending.Val())
	}
	if p.OldestResult != 0 {
		p.Unarchived = resultLength.Val()
	}
	return p, nil
}

func pendingCount(pending *redis.XPending) int64 {
	if pending == nil {
		return 0
	}
	return pending.Count
}

// oldest returns the position of the oldest entry of the stream that its group has not acknowledged, 0 if there is none,
// and the position before which all are acknowledged.
func (s *Streams) oldest(ctx context.Context, stream string, groups []redis.XInfoGroup, pending *redis.XPending) (oldest, settled Position, err error) {
	if pendingCount(pending) > 0 {
		oldest, err = ParsePosition(pending.Lower)
		return oldest, oldest, err
	}
	if len(groups) == 0 {
		return 0, 0, nil
	}
	delivered, err := ParsePosition(groups[0].LastDeliveredID)
	if err != nil {
		return 0, 0, err
	}
	unread, err := s.client.XRangeN(ctx, stream, "("+delivered.String(), "+", 1).Result()
	if err != nil || len(unread) == 0 {
		return 0, delivered + 1, err
	}
	oldest, err = ParsePosition(unread[0].ID)
	return oldest, oldest, err
}

// Trim removes what is settled (embedded Redis) and what is archived and older than FeedRetention.
func (s *Streams) Trim(ctx context.Context, partition int, progress Progress) error {
	archived := PositionAt(time.Now().Add(-FeedRetention))
	if progress.OldestResult != 0 {
		archived = min(archived, progress.OldestResult)
	}
	pipeline := s.client.Pipeline()
	pipeline.XTrimMinID(ctx, s.keys.attempts(partition), archived.String())
	if s.embedded != nil {
		pipeline.XTrimMinID(ctx, s.keys.work(partition), progress.settledWork.String())
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return fmt.Errorf("trim streams: %w", err)
	}
	return nil
}

// OldestResult returns the position just before the oldest result that is in the partition's stream, or will be if it is empty: everything up
// to it has been archived and trimmed, or is lost.
func (s *Streams) OldestResult(ctx context.Context, partition int) (Position, error) {
	attempts := s.keys.attempts(partition)
	node, err := s.node(ctx, partition)
	if err != nil {
		return 0, fmt.Errorf("oldest result: %w", err)
	}
	now, err := node.Time(ctx).Result() // before looking: no result that comes after the look is older
	if err != nil {
		return 0, fmt.Errorf("oldest result: %w", err)
	}
	empty := PositionAt(now) - 1
	info, err := s.client.XInfoStream(ctx, attempts).Result()
	if IsNoGroup(err) {
		return empty, nil
	}
	if err != nil {
		return 0, fmt.Errorf("oldest result: %w", err)
	}
	if info.LastGeneratedID != "" { // the embedded Redis has none for a new stream
		last, err := ParsePosition(info.LastGeneratedID)
		if err != nil {
			return 0, fmt.Errorf("oldest result: %w", err)
		}
		empty = max(empty, last)
	}
	if info.Length == 0 {
		return empty, nil
	}
	first, err := s.client.XRangeN(ctx, attempts, "-", "+", 1).Result()
	if err != nil {
		return 0, fmt.Errorf("oldest result: %w", err)
	}
	if len(first) == 0 {
		return empty, nil // trimmed meanwhile
	}
	oldest, err := ParsePosition(first[0].ID)
	return oldest - 1, err
}
