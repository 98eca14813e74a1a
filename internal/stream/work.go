package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
)

// MaxTargets is how many targets a work entry has at most; an event with more goes into several entries.
const MaxTargets = 100

// Entry is a Work as it was read from its stream.
type Entry struct {
	Work
	Partition int
	ID        string
	// Reads is how many workers have had the entry, this one included.
	Reads int
	// Settled are the places of targets that an earlier worker has settled.
	Settled []int
}

// EnqueueWithin is for how long after it was due to be queued Redis may take a work: after its event was made, or its row said QUEUED.
// An entry that Redis has taken later, because it or the process that sent it was frozen meanwhile, is void: by then the sweeper may have
// queued the same work again.
const EnqueueWithin = 8 * time.Second

// ErrLate says that Redis has taken an entry too late.
var ErrLate = errors.New("Redis has taken the entry later than it may") //nolint:staticcheck // a name

// Enqueue appends works to the work streams, in one round trip for each node of Redis. When err is not nil, refused are those that Redis
// has not taken, and unknown those of which it did not say whether it has: these must not be enqueued again before that is known, or
// they are delivered twice.
func (s *Streams) Enqueue(ctx context.Context, works []Work) (refused, unknown []Work, err error) {
	pipeline := s.client.Pipeline()
	entries, added := make([]Work, 0, len(works)), make([]*redis.StringCmd, 0, len(works))
	for _, work := range works {
		ahead, err := s.ahead(ctx, s.PartitionOf(work.Event.ID))
		if err != nil {
			return works, nil, fmt.Errorf("enqueue: %w", err)
		}
		for entry := range entriesOf(work) {
			entry.Until = entry.due().Add(EnqueueWithin + ahead).UnixMilli()
			command, err := s.addWork(ctx, pipeline, entry)
			if err != nil {
				return nil, works, fmt.Errorf("enqueue: %w", err)
			}
			entries, added = append(entries, entry), append(added, command)
		}
	}
	if _, err = pipeline.Exec(ctx); err != nil {
		err = fmt.Errorf("enqueue: %w", err)
	}
	for i, command := range added {
		switch {
		case command.Err() == nil:
			if at, err := ParsePosition(command.Val()); err == nil {
				s.noteClock(s.PartitionOf(entries[i].Event.ID), at.Time())
			}
		case IsRefused(command.Err()):
			refused = append(refused, entries[i])
		default:
			unknown = append(unknown, entries[i])
		}
	}
	return refused, unknown, err
}

// entriesOf returns the entries that a work goes into.
func entriesOf(work Work) iter.Seq[Work] {
	return func(yield func(Work) bool) {
		for targets := range slices.Chunk(work.Targets, MaxTargets) {
			if !yield(Work{Event: work.Event, Targets: targets}) {
				return
			}
		}
	}
}

// due returns since when the work is to be queued.
func (w *Work) due() time.Time {
	due := id.Time(w.Event.ID)
	for i, target := range w.Targets {
		if queued := FromMicros(target.QueuedAt); target.QueuedAt != 0 && (i == 0 || queued.Before(due)) {
			due = queued
		}
	}
	return due
}

// addWork appends an entry.
func (s *Streams) addWork(ctx context.Context, to redis.Pipeliner, entry Work) (*redis.StringCmd, error) {
	fields, err := encode(&entry)
	if err != nil {
		return nil, err
	}
	command := redis.NewStringCmd(ctx, append([]any{"xadd", s.keys.work(s.PartitionOf(entry.Event.ID)), "*"}, fields...)...)
	return command, to.Process(ctx, once{command})
}

// once is a command that the client does not send again by itself.
type once struct{ *redis.StringCmd }

// NoRetry overrides the client's rule that what got no answer is sent again.
func (once) NoRetry() bool { return true }

// IsRefused reports whether err says that Redis has not done what it was told to, rather than that it has not answered.
func IsRefused(err error) bool {
	var answer redis.Error
	var network *net.OpError
	return errors.As(err, &answer) || errors.As(err, &network) && network.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}

// ReadWork waits up to wait for entries that no worker has had, and takes at most count of them. An entry that cannot be
// decoded is handed to rejected and removed.
func (s *Streams) ReadWork(ctx context.Context, consumer string, partition, count int, wait time.Duration, rejected func(entry string, err error)) ([]*Entry, error) {
	answer, err := s.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: workGroup, Consumer: consumer, Streams: []string{s.keys.work(partition), ">"}, Count: int64(count), Block: wait,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read work: %w", err)
	}
	return s.decodeWork(ctx, partition, answer[0].Messages, rejected)
}

func (s *Streams) decodeWork(ctx context.Context, partition int, messages []redis.XMessage, rejected func(string, error)) ([]*Entry, error) {
	entries := make([]*Entry, 0, len(messages))
	for _, m := range messages {
		entry := &Entry{Partition: partition, ID: m.ID, Reads: 1}
		err := decode(m.Values, &entry.Work)
		if err == nil && entry.late() {
			err = ErrLate
		}
		if err != nil {
			// The event is in the database: the sweeper finds that it has no delivery and queues it again.
			rejected(m.ID, err)
			if err := s.client.XAck(ctx, s.keys.work(partition), workGroup, m.ID).Err(); err != nil {
				return entries, fmt.Errorf("remove unreadable entry: %w", err)
			}
			s.client.XDel(ctx, s.keys.work(partition), m.ID)
			continue
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// late reports whether Redis has taken the entry too late.
func (e *Entry) late() bool {
	at, err := ParsePosition(e.ID)
	return err == nil && e.Until != 0 && at.Time().UnixMilli() > e.Until
}

// Settlement is what is written about a partition's work at once.
type Settlement struct {
	// Results go to the attempts stream.
	Results []*Result
	// Done are entries all of whose targets are settled: they are removed.
	Done []string
	// Partial are the settled targets, by place, of entries that have others.
	Partial map[string][]int
	// Forget are those of Done that have been in a Partial before.
	Forget []string
	// Requeued are works that a worker hands back without having begun them, by the entry of Done that they were in.
	Requeued map[string]Work
}

// KeepRequeued leaves the entries whose works are handed back as they are: that is for when Redis did not say whether it has done as the
// settlement says. If it has, they are gone and their works are queued; if not, another worker takes them over.
func (s *Settlement) KeepRequeued() {
	requeued := func(entry string) bool { _, is := s.Requeued[entry]; return is }
	s.Done, s.Forget = slices.DeleteFunc(s.Done, requeued), slices.DeleteFunc(s.Forget, requeued)
	maps.DeleteFunc(s.Partial, func(entry string, _ []int) bool { return requeued(entry) })
	s.Requeued = nil
}

// partialLife bounds the life of a settled set whose entry has vanished.
const partialLife = 24 * time.Hour

// Settle writes a settlement, all of it or nothing, and returns the positions of its results.
func (s *Streams) Settle(ctx context.Context, partition int, settlement *Settlement) ([]Position, error) {
	pipeline := s.client.TxPipeline()
	added := make([]*redis.StringCmd, len(settlement.Results))
	for i, result := range settlement.Results {
		fields, err := encode(result)
		if err != nil {
			return nil, fmt.Errorf("settle: %w", err)
		}
		added[i] = pipeline.XAdd(ctx, &redis.XAddArgs{Stream: s.keys.attempts(partition), Values: fields})
	}
	for _, work := range settlement.Requeued {
		for entry := range entriesOf(work) {
			if _, err := s.addWork(ctx, pipeline, entry); err != nil {
				return nil, fmt.Errorf("settle: %w", err)
			}
		}
	}
	for entry, places := range settlement.Partial {
		key := s.keys.settled(partition, entry)
		members := make([]any, len(places))
		for i, place := range places {
			members[i] = place
		}
		pipeline.SAdd(ctx, key, members...)
		pipeline.Expire(ctx, key, partialLife)
	}
	for _, entry := range settlement.Forget {
		pipeline.Del(ctx, s.keys.settled(partition, entry))
	}
	if len(settlement.Done) > 0 {
		work := s.keys.work(partition)
		pipeline.XAck(ctx, work, workGroup, settlement.Done...)
		if s.embedded == nil {
			// The embedded Redis takes time for this that grows with its backlog: Trim removes its entries.
			pipeline.XDel(ctx, work, settlement.Done...)
		}
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, fmt.Errorf("settle: %w", err)
	}
	positions := make([]Position, len(added))
	for i, command := range added {
		position, err := ParsePosition(command.Val())
		if err != nil {
			return nil, fmt.Errorf("settle: %w", err)
		}
		positions[i] = position
	}
	return positions, nil
}

// workerLife is for how long a worker counts as alive after it said so.
const workerLife = 4 * time.Second

// KeepAlive says to those who look at the partition that the worker is alive. It is to be called every second.
func (s *Streams) KeepAlive(ctx context.Context, consumer string, partition int) error {
	return s.client.Set(ctx, s.keys.worker(partition, consumer), "1", workerLife).Err()
}

// SignOff says that the worker has ended: what it has not settled of the partition can be taken over at once.
func (s *Streams) SignOff(ctx context.Context, consumer string, partition int) error {
	return s.client.Del(ctx, s.keys.worker(partition, consumer)).Err()
}

// takeoverIdle is how long an entry must have rested with a dead worker: two that take over at once do not both get it.
const takeoverIdle = time.Second

// TakeOver claims up to count entries of the partition from workers that are no longer alive.
func (s *Streams) TakeOver(ctx context.Context, consumer string, partition, count int, rejected func(string, error)) ([]*Entry, error) {
	work := s.keys.work(partition)
	consumers, err := s.client.XInfoConsumers(ctx, work, workGroup).Result()
	if err != nil {
		return nil, fmt.Errorf("take over: %w", err)
	}
	var entries []*Entry
	for _, other := range consumers {
		if other.Name == consumer || len(entries) >= count {
			continue
		}
		alive, err := s.client.Exists(ctx, s.keys.worker(partition, other.Name)).Result()
		if err != nil {
			return entries, fmt.Errorf("take over: %w", err)
		}
		switch {
		case alive > 0:
		case other.Pending == 0:
			// Nothing can be pending by now that was not then: the dead do not read.
			if err := s.client.XGroupDelConsumer(ctx, work, workGroup, other.Name).Err(); err != nil {
				return entries, fmt.Errorf("forget worker: %w", err)
			}
		default:
			claimed, err := s.claim(ctx, consumer, other.Name, partition, count-len(entries), rejected)
			entries = append(entries, claimed...)
			if err != nil {
				return entries, fmt.Errorf("take over: %w", err)
			}
		}
	}
	return entries, nil
}

func (s *Streams) claim(ctx context.Context, consumer, dead string, partition, count int, rejected func(string, error)) ([]*Entry, error) {
	work := s.keys.work(partition)
	pending, err := s.client.XPendingExt(ctx, &redis.XPendingExtArgs{
		Stream: work, Group: workGroup, Start: "-", End: "+", Count: int64(count), Consumer: dead,
	}).Result()
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	reads := make(map[string]int, len(pending))
	ids := make([]string, len(pending))
	for i, p := range pending {
		ids[i], reads[p.ID] = p.ID, int(p.RetryCount)
	}
	messages, err := s.client.XClaim(ctx, &redis.XClaimArgs{
		Stream: work, Group: workGroup, Consumer: consumer, MinIdle: takeoverIdle, Messages: ids,
	}).Result()
	if err != nil {
		return nil, err
	}
	for id := range reads {
		reads[id]++
	}
	return s.decodeTaken(ctx, partition, messages, reads, rejected)
}

// decodeTaken decodes entries that others may have had.
func (s *Streams) decodeTaken(ctx context.Context, partition int, messages []redis.XMessage, reads map[string]int, rejected func(string, error)) ([]*Entry, error) {
	entries, err := s.decodeWork(ctx, partition, messages, rejected)
	if err != nil {
		return entries, err
	}
	pipeline := s.client.Pipeline()
	settled := make([]*redis.StringSliceCmd, len(entries))
	for i, entry := range entries {
		entry.Reads = reads[entry.ID]
		settled[i] = pipeline.SMembers(ctx, s.keys.settled(partition, entry.ID))
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return entries, err
	}
	for i, entry := range entries {
		for _, text := range settled[i].Val() {
			if place, err := strconv.Atoi(text); err == nil {
				entry.Settled = append(entry.Settled, place)
			}
		}
	}
	return entries, nil
}

// mislaidIdle is how long an entry must have rested before Mislaid looks at it: most are settled by then.
const mislaidIdle = time.Second

// mislaidPage is how many entries Mislaid looks at in a round trip.
const mislaidPage = 500

// Mislaid returns up to count entries that Redis has given to the consumer and that it does not hold: the answer that was to bring them got
// lost on its way. Nothing else may read or take over for the consumer in this partition meanwhile. The embedded Redis loses no answers.
func (s *Streams) Mislaid(ctx context.Context, consumer string, partition, count int, holds func(entry string) bool, rejected func(string, error)) ([]*Entry, error) {
	if s.embedded != nil {
		return nil, nil
	}
	work, start := s.keys.work(partition), "-"
	reads := make(map[string]int)
	var ids []string
	for len(ids) < count {
		pending, err := s.client.XPendingExt(ctx, &redis.XPendingExtArgs{
			Stream: work, Group: workGroup, Idle: mislaidIdle, Start: start, End: "+", Count: mislaidPage, Consumer: consumer,
		}).Result()
		if err != nil {
			return nil, fmt.Errorf("look for mislaid work: %w", err)
		}
		for _, p := range pending {
			if start = "(" + p.ID; !holds(p.ID) && len(ids) < count {
				ids, reads[p.ID] = append(ids, p.ID), int(p.RetryCount)
			}
		}
		if len(pending) < mislaidPage {
			break
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	pipeline := s.client.Pipeline()
	found := make([]*redis.XMessageSliceCmd, len(ids))
	for i, entry := range ids {
		found[i] = pipeline.XRange(ctx, work, entry, entry)
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read mislaid work: %w", err)
	}
	var messages []redis.XMessage
	for _, f := range found {
		messages = append(messages, f.Val()...) // none if it was settled, and removed with that, since it was listed
	}
	return s.decodeTaken(ctx, partition, messages, reads, rejected)
}
