// Package stream is the conveyor belt: the Redis streams that carry events to workers, and what became of them back to
// the database and to every dashboard. What is in Redis, for each partition p (docs: DB = database):
//
//	{hookline:p}:work          stream   a Work per entry; group "workers": each entry goes to one worker, and is removed
//	                                    when all its targets are settled. Never trimmed by length.
//	{hookline:p}:settled:<id>  set      targets of entry <id> that are settled while others are not; gone with the entry
//	{hookline:p}:attempts      stream   a Result per entry; group "archive" moves them to the DB, livelog tails the stream.
//	                                    Trimmed when archived and older than FeedRetention.
//	{hookline:p}:epoch         string   random, made with the groups: gone or changed means that Redis has lost data, as another Redis process may mean
//	{hookline:p}:share:<profile> hash   what each worker has claimed of the profile's window and rate; gone soon after the last
//	{hookline:p}:claimed       string   since when Redis has these claims, in µs: gone when it has lost them
//	{hookline:p}:worker:<consumer> string exists while that worker is alive
//	hookline:ingest            stream   what producers publish, fields "event" (JSON) and "account" (a key; optional); group "servers":
//	                                    each entry goes to one server, and is removed when its event is in the DB. Never trimmed.
//	hookline:ingest:rejected   stream   entries of it that were refused, with the reason and what they had; the latest 10,000 or so
//
// Redis is never the truth, but of what is in ingest and was not read yet: every other entry can be made again from the DB, and results that are not in the DB yet are kept by
// the worker that wrote them until they are (worker/settle.go).
package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
)

// Embedded is the Redis URL that stands for a Redis inside this process, which forgets everything with it.
const Embedded = "embedded"

// FeedRetention is how long results stay in the attempts streams after they are archived, for readers that lag.
const FeedRetention = 3 * time.Second

// Streams is a connection to the streams.
type Streams struct {
	client     redis.UniversalClient
	keys       keys
	partitions int
	clocks     []atomic.Pointer[time.Duration] // see clock.go; nil while nobody has looked
	processes  []atomic.Pointer[string]        // of Redis that have the partitions, as Progress has seen last; likewise
	embedded   *miniredis.Miniredis
	stop       chan struct{}
}

// Config says where the streams are.
type Config struct {
	// URL is Embedded, redis://, rediss://, redis+cluster://, rediss+cluster://, redis+sentinel:// or rediss+sentinel://, the
	// latter two with the forms of go-redis' ParseClusterURL and ParseFailoverURL.
	URL string
	// Prefix begins every key; DefaultPrefix if empty.
	Prefix string
	// Partitions is the number of work streams; every process must have the same.
	Partitions int
}

// Open connects to Redis without waiting for it: whether it answers is Ping's to say.
func Open(config Config) (*Streams, error) {
	s := &Streams{keys: keys{prefix: config.Prefix}, partitions: config.Partitions, stop: make(chan struct{})}
	if s.keys.prefix == "" {
		s.keys.prefix = DefaultPrefix
	}
	if s.partitions < 1 {
		return nil, errors.New("there must be at least one partition")
	}
	s.clocks, s.processes = make([]atomic.Pointer[time.Duration], s.partitions), make([]atomic.Pointer[string], s.partitions)
	var err error
	if config.URL == Embedded {
		err = s.openEmbedded()
	} else {
		s.client, err = connect(config.URL, 2*s.partitions)
	}
	if err != nil {
		return nil, fmt.Errorf("open Redis: %w", err)
	}
	return s, nil
}

func (s *Streams) openEmbedded() error {
	s.embedded = miniredis.NewMiniRedis()
	password := rand.Text() // it listens on loopback, where other users' programs run too
	s.embedded.RequireAuth(password)
	if err := s.embedded.Start(); err != nil {
		return err
	}
	options := &redis.Options{Addr: s.embedded.Addr(), Password: password, Protocol: 2}
	tune(&options.PoolSize, &options.ContextTimeoutEnabled, &options.MaxRetries, 2*s.partitions)
	s.client = redis.NewClient(options)
	go s.passTime()
	return nil
}

// passTime lets keys of the embedded Redis expire.
func (s *Streams) passTime() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.embedded.FastForward(time.Second)
		case <-s.stop:
			return
		}
	}
}

// IsCluster reports whether the URL is that of a Redis Cluster.
func IsCluster(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	return strings.HasSuffix(scheme, "+cluster")
}

func connect(url string, blocked int) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(url, "://")
	transport, kind, _ := strings.Cut(scheme, "+")
	if transport != "redis" && transport != "rediss" {
		return nil, errors.New("the URL must be `embedded` or begin with redis://, rediss://, redis+cluster:// or redis+sentinel://")
	}
	plain := transport + "://" + rest
	switch kind {
	case "":
		options, err := redis.ParseURL(plain)
		if err != nil {
			return nil, err
		}
		tune(&options.PoolSize, &options.ContextTimeoutEnabled, &options.MaxRetries, blocked)
		return redis.NewClient(options), nil
	case "cluster":
		options, err := redis.ParseClusterURL(plain)
		if err != nil {
			return nil, err
		}
		tune(&options.PoolSize, &options.ContextTimeoutEnabled, &options.MaxRetries, blocked)
		return redis.NewClusterClient(options), nil
	case "sentinel":
		options, err := redis.ParseFailoverURL(plain)
		if err != nil {
			return nil, err
		}
		tune(&options.PoolSize, &options.ContextTimeoutEnabled, &options.MaxRetries, blocked)
		return redis.NewFailoverClient(options), nil
	default:
		return nil, fmt.Errorf("%s: not a kind of Redis that Hookline knows", scheme)
	}
}

// tune sets what all kinds of clients share: connections for the readers that wait, and a few for commands; time-outs
// by context. Commands are repeated once, but for works (see once): any other
// thing that is written twice does no harm, because it has an id.
func tune(poolSize *int, contextTimeouts *bool, maxRetries *int, blocked int) {
	if *poolSize == 0 {
		*poolSize = blocked + 16
	}
	*contextTimeouts = true
	*maxRetries = 1
}

// Partitions returns the number of partitions.
func (s *Streams) Partitions() int { return s.partitions }

// IsEmbedded reports whether Redis is inside this process.
func (s *Streams) IsEmbedded() bool { return s.embedded != nil }

// Ping reports whether Redis answers; of a cluster, whether it does for some partition.
func (s *Streams) Ping(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan error, s.partitions)
	for partition := range s.partitions {
		go func() { answers <- s.Reach(ctx, partition) }()
	}
	var err error
	for range s.partitions {
		if err = <-answers; err == nil {
			return nil
		}
	}
	return fmt.Errorf("redis: %w", err)
}

// Close closes the connections; the embedded Redis is gone then.
func (s *Streams) Close() error {
	close(s.stop)
	err := s.client.Close()
	if s.embedded != nil {
		s.embedded.Close()
	}
	return err
}

// PartitionOf returns the partition of an event's work, or of a profile's claims: they are spread over the partitions.
func (s *Streams) PartitionOf(of id.ID) int {
	return int(of[15]) % s.partitions
}

// Prepare makes the partition's groups and epoch where they are missing, notes since when there are claims, and returns the epoch. Where another Redis
// process has the partition than before, because it was started again or has taken over from the primary, the epoch is another one. It is called at start, and
// again whenever a command says NOGROUP: Redis may lose everything at any time.
func (s *Streams) Prepare(ctx context.Context, partition int) (epoch string, err error) {
	for stream, group := range map[string]string{
		s.keys.work(partition): workGroup, s.keys.attempts(partition): archiveGroup,
	} {
		err := s.client.XGroupCreateMkStream(ctx, stream, group, "0-0").Err()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
			return "", fmt.Errorf("make group %s: %w", group, err)
		}
	}
	if err := s.unsettleUnknown(ctx, partition); err != nil {
		return "", fmt.Errorf("have claims settle: %w", err)
	}
	if err := settleScript.Run(ctx, s.client, []string{s.keys.claimed(partition)}).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("note since when claims are known: %w", err)
	}
	if err := s.client.SetNX(ctx, s.keys.epoch(partition), rand.Text(), 0).Err(); err != nil {
		return "", fmt.Errorf("make epoch: %w", err)
	}
	epoch, err = s.client.Get(ctx, s.keys.epoch(partition)).Result()
	if err != nil {
		return "", fmt.Errorf("read epoch: %w", err)
	}
	process, _, err := s.process(ctx, partition)
	if err != nil {
		return "", fmt.Errorf("read epoch: %w", err)
	}
	return epoch + process, nil
}

// process returns what tells the Redis process that has the partition from others, and whether it knows the script of shares.
func (s *Streams) process(ctx context.Context, partition int) (id string, knows bool, err error) {
	node, err := s.node(ctx, partition)
	if err != nil {
		return "", false, err
	}
	pipeline := node.Pipeline()
	known := pipeline.ScriptExists(ctx, shareScript.Hash())
	info := new(redis.InfoCmd)
	if s.embedded == nil { // which has none, and goes with its process
		info = pipeline.InfoMap(ctx, "server")
	}
	_, _ = pipeline.Exec(ctx) // each answer has its error
	var refused redis.Error
	if err := info.Err(); err != nil && !errors.As(err, &refused) { // INFO counts as dangerous: users of Redis may lack it
		return "", false, err
	}
	if err := known.Err(); err != nil {
		return "", false, err
	}
	return info.Item("Server", "run_id"), known.Val()[0], nil
}

// node returns the client of the Redis process that has the partition.
func (s *Streams) node(ctx context.Context, partition int) (*redis.Client, error) {
	switch client := s.client.(type) {
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, s.keys.work(partition))
	default:
		return client.(*redis.Client), nil
	}
}

// IsNoGroup reports whether err says that a stream or its group is gone: Prepare makes them again.
func IsNoGroup(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "NOGROUP") || strings.Contains(err.Error(), "no such key"))
}
