package stream

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// patience bounds how long a test waits for what must happen; noWait is the wait of a read that must find nothing, or what is there.
const (
	patience = time.Minute
	noWait   = time.Millisecond
)

// onEach runs a test on the embedded Redis and on a real one, with the partitions prepared.
func onEach(t *testing.T, name string, partitions int, test func(*testing.T, *Streams)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		testenv.Each(t, func(t *testing.T, b testenv.Backend) {
			test(t, open(t, Config{URL: b.RedisURL, Prefix: b.RedisPrefix, Partitions: partitions}))
		})
	})
}

// onReal is onEach without the embedded Redis, for what only several processes can do to each other.
func onReal(t *testing.T, name string, test func(*testing.T, *Streams)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		test(t, open(t, Config{URL: testenv.RedisURL(t), Prefix: testenv.RedisPrefix(t), Partitions: 1}))
	})
}

// onOwn is onEach with a Redis of the test's own, whose data it may lose.
func onOwn(t *testing.T, name string, test func(t *testing.T, s *Streams, flush func())) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		t.Run("embedded", func(t *testing.T) {
			t.Parallel()
			s := open(t, Config{URL: Embedded, Partitions: 1})
			test(t, s, s.embedded.FlushAll)
		})
		t.Run("redis", func(t *testing.T) {
			t.Parallel()
			server := testenv.StartRedis(t)
			test(t, open(t, Config{URL: server.URL(), Partitions: 1}), server.Flush)
		})
	})
}

func open(t *testing.T, config Config) *Streams {
	t.Helper()
	s, err := Open(config)
	ensure(t, err)
	t.Cleanup(func() { ensure(t, s.Close()) })
	for partition := range s.Partitions() {
		_, err := s.Prepare(t.Context(), partition)
		ensure(t, err)
	}
	ensure(t, s.SettleClaims(t.Context()))
	return s
}

// tester is a test, or a run of a property.
type tester interface {
	Helper()
	Fatal(args ...any)
}

func ensure(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// enqueue enqueues works, all of them.
func (s *Streams) enqueue(t testing.TB, works []Work) {
	t.Helper()
	_, _, err := s.Enqueue(t.Context(), works)
	ensure(t, err)
}

// unreadable fails the test for an entry that cannot be read.
func unreadable(t *testing.T) func(string, error) {
	return func(entry string, err error) { t.Errorf("entry %s: %v", entry, err) }
}

// length returns how many entries a stream has.
func (s *Streams) length(t *testing.T, key string) int64 {
	t.Helper()
	n, err := s.client.XLen(t.Context(), key).Result()
	ensure(t, err)
	return n
}

// progress returns the progress of partition 0.
func (s *Streams) progress(t *testing.T) Progress {
	t.Helper()
	p, err := s.Progress(t.Context(), 0)
	ensure(t, err)
	return p
}

// trim trims partition 0.
func (s *Streams) trim(t *testing.T) {
	t.Helper()
	ensure(t, s.Trim(t.Context(), 0, s.progress(t)))
}

// rest makes pending entries look as if they had been with their consumer for d.
func (s *Streams) rest(t *testing.T, key, group, consumer string, d time.Duration, entries ...string) {
	t.Helper()
	args := []any{"XCLAIM", key, group, consumer, 0}
	for _, entry := range entries {
		args = append(args, entry)
	}
	ensure(t, s.client.Do(t.Context(), append(args, "IDLE", d.Milliseconds(), "RETRYCOUNT", 1, "JUSTID")...).Err())
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for url, accepted := range map[string]bool{
		"embedded": true, "redis://127.0.0.1:1": true, "redis://u:p@127.0.0.1:1/3": true, "rediss://127.0.0.1:1": true,
		"redis+cluster://127.0.0.1:1?addr=127.0.0.1:2": true, "rediss+cluster://127.0.0.1:1": true,
		"redis+sentinel://127.0.0.1:1?master_name=m": true, "rediss+sentinel://127.0.0.1:1?master_name=m": true,
		"": false, "127.0.0.1:6379": false, "http://127.0.0.1": false, "redis+other://127.0.0.1:1": false,
		"redis://127.0.0.1:1/x": false, "redis+cluster://127.0.0.1:1?addr": false,
	} {
		s, err := Open(Config{URL: url, Partitions: 1})
		if (err == nil) != accepted {
			t.Errorf("Open(%q): %v", url, err)
		}
		if err != nil {
			continue
		}
		if s.IsEmbedded() != (url == Embedded) {
			t.Errorf("%q is embedded: %v", url, s.IsEmbedded())
		}
		ensure(t, s.Close())
	}
	if _, err := Open(Config{URL: Embedded}); err == nil {
		t.Error("opened without partitions")
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	s := open(t, Config{URL: server.URL(), Partitions: 1})
	ensure(t, s.Ping(t.Context()))
	server.Kill()
	if s.Ping(t.Context()) == nil {
		t.Error("a Redis that is gone answers")
	}
}

func TestPrepare(t *testing.T) {
	t.Parallel()
	onEach(t, "is the same for all who prepare, in each partition another", 2, func(t *testing.T, s *Streams) {
		var epochs []string
		for _, partition := range []int{0, 0, 1, 1} {
			epoch, err := s.Prepare(t.Context(), partition)
			ensure(t, err)
			epochs = append(epochs, epoch)
		}
		if epochs[0] == "" || epochs[0] != epochs[1] || epochs[2] != epochs[3] || epochs[0] == epochs[2] {
			t.Errorf("epochs %q", epochs)
		}
	})

	onEach(t, "leaves what is in the streams to those who read", 1, func(t *testing.T, s *Streams) {
		// Written before the group was there, as after a loss of data.
		ensure(t, s.client.Del(t.Context(), s.keys.work(0)).Err())
		s.enqueue(t, []Work{works(1, 1)[0]})
		_, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		if n := len(s.read(t, "a", 10)); n != 1 {
			t.Errorf("%d entries, want 1", n)
		}
	})

	t.Run("does without what Redis lets only some users do", func(t *testing.T) {
		t.Parallel()
		server := testenv.StartRedis(t)
		admin := open(t, Config{URL: server.URL(), Partitions: 1})
		ensure(t, admin.client.Do(t.Context(), "ACL", "SETUSER", "hookline", "on", ">secret", "~*", "&*", "+@all", "-@dangerous").Err())
		s := open(t, Config{URL: "redis://hookline:secret@" + server.Addr(), Partitions: 1})
		if err := s.client.Info(t.Context(), "server").Err(); err == nil {
			t.Error("INFO is allowed")
		}
		if epoch := s.progress(t).Epoch; epoch == "" {
			t.Error("there is no epoch")
		}
		claim(t, s, t, "a", Claim{Profile: id.New(), Window: 20, Want: 5})
	})

	onOwn(t, "shows that data was lost", func(t *testing.T, s *Streams, flush func()) {
		before := s.progress(t).Epoch
		s.enqueue(t, works(3, 1))
		flush()

		_, readWork := s.ReadWork(t.Context(), "a", 0, 1, noWait, unreadable(t))
		_, readResults := s.ReadResults(t.Context(), "a", 0, 1, noWait, unreadable(t))
		_, takeOver := s.TakeOver(t.Context(), "a", 0, 1, unreadable(t))
		_, takeOverResults := s.TakeOverResults(t.Context(), "a", 0, 1, unreadable(t))
		_, progress := s.Progress(t.Context(), 0)
		for name, err := range map[string]error{
			"ReadWork": readWork, "ReadResults": readResults, "TakeOver": takeOver, "TakeOverResults": takeOverResults, "Progress": progress,
		} {
			if !IsNoGroup(err) {
				t.Errorf("%s of lost streams: %v", name, err)
			}
		}

		after, err := s.Prepare(t.Context(), 0)
		ensure(t, err)
		if after == before {
			t.Error("the epoch is that of before the loss")
		}
		if p := s.progress(t); p.Epoch != after || p.OldestWork != 0 || p.OldestResult != 0 || p.LastResult != 0 || p.Backlog != 0 {
			t.Errorf("progress after the loss: %+v", p)
		}
	})

	onOwn(t, "is needed again when a stream is there without its group", func(t *testing.T, s *Streams, flush func()) {
		flush()
		s.enqueue(t, works(1, 1))
		_, err := s.Settle(t.Context(), 0, &Settlement{Results: []*Result{result(1)}}) // of work from before the loss
		ensure(t, err)
		if _, err := s.Progress(t.Context(), 0); !IsNoGroup(err) {
			t.Errorf("progress without groups: %v", err)
		}
		_, err = s.Prepare(t.Context(), 0)
		ensure(t, err)
		if p := s.progress(t); p.Backlog != 1 || p.Unarchived != 1 {
			t.Errorf("progress: %+v", p)
		}
	})
}

func TestIsNoGroup(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"NOGROUP No such key '{p:0}:work' or consumer group 'workers' in XREADGROUP with GROUP option": true,
		"ERR no such key": true, "dial tcp 127.0.0.1:6379: connect: connection refused": false,
	} {
		if got := IsNoGroup(errors.New(text)); got != want {
			t.Errorf("IsNoGroup(%q) = %v", text, got)
		}
	}
	if IsNoGroup(nil) {
		t.Error("IsNoGroup(nil)")
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	url := testenv.RedisURL(t)
	ours := open(t, Config{URL: url, Prefix: testenv.RedisPrefix(t), Partitions: 1})
	theirs := open(t, Config{URL: url, Prefix: testenv.RedisPrefix(t), Partitions: 1})
	ours.enqueue(t, works(3, 2))
	_, err := ours.Settle(t.Context(), 0, &Settlement{Results: []*Result{result(1)}})
	ensure(t, err)
	ensure(t, ours.KeepAlive(t.Context(), "worker", 0))

	if got := theirs.read(t, "worker", 10); len(got) != 0 {
		t.Errorf("work of another prefix: %v", got)
	}
	if got := theirs.readResults(t, "worker", 10); len(got) != 0 {
		t.Errorf("results of another prefix: %v", got)
	}
	if p := theirs.progress(t); p.OldestWork != 0 || p.LastResult != 0 {
		t.Errorf("progress of another prefix: %+v", p)
	}
	// Every key of a partition has the same hash tag, so that a cluster keeps them together.
	keys, err := ours.client.Keys(t.Context(), "*"+ours.keys.prefix+"*").Result()
	ensure(t, err)
	for _, key := range keys {
		if !strings.HasPrefix(key, "{"+ours.keys.prefix+":0}:") {
			t.Errorf("key %s", key)
		}
	}
	if len(keys) != 5 || !slices.Contains(keys, ours.keys.epoch(0)) || !slices.Contains(keys, ours.keys.claimed(0)) {
		t.Errorf("keys %q, want two streams, an epoch, since when there are claims, and a worker", keys)
	}
}

// works makes works of events with so many targets each.
func works(events, targets int) []Work {
	all := make([]Work, events)
	for i := range all {
		all[i].Event = Event{ID: id.New(), AccountID: id.New(), Type: "sms.delivery", OccurredAt: 1, Payload: []byte(`{}`)}
		for range targets {
			all[i].Targets = append(all[i].Targets, Target{SubscriptionID: id.New(), Trigger: TriggerFirst, DueAt: 2})
		}
	}
	return all
}

// result makes a result that is told from others by n.
func result(n int) *Result {
	return &Result{
		AccountID: id.New(), DeliveryID: id.New(), EventID: id.New(), SubscriptionID: id.New(), EventType: "sms.delivery",
		Status: StatusSucceeded, Attempts: n,
		Attempt: &Attempt{ID: id.New(), Trigger: TriggerFirst, Outcome: OutcomeSuccess, StatusCode: 200, StartedAt: 1, URL: "https://example.com"},
	}
}

// read reads work of partition 0 that must be readable.
func (s *Streams) read(t *testing.T, consumer string, count int) []*Entry {
	t.Helper()
	entries, err := s.ReadWork(t.Context(), consumer, 0, count, noWait, unreadable(t))
	ensure(t, err)
	return entries
}

// readResults reads results of partition 0 that must be readable.
func (s *Streams) readResults(t *testing.T, consumer string, count int) []Logged {
	t.Helper()
	results, err := s.ReadResults(t.Context(), consumer, 0, count, noWait, unreadable(t))
	ensure(t, err)
	return results
}
