// Package worker delivers: it takes events from the work streams to the webhooks, and what became of them to the database.
// A file for each step of an event's way:
//
//	consume.go   reads work, and takes it over from workers that have fallen silent
//	dispatch.go  a lane for each profile: window, bounded queue, putting off
//	bucket.go    gathers events that go in one request
//	share.go     claims shares of windows and rates, which hold over all workers
//	slow.go      how far 429 and 503 slow a lane down (pure)
//	attempt.go   builds one request, sends it, notes what is to be seen
//	judge.go     decides how the attempt went and how the delivery stands after it (pure)
//	settle.go    writes results and removes settled work, atomically, many at a time
//	archive.go   moves results into the database
//	health.go    notes what attempts say of their subscriptions
//	gone.go      disables subscriptions whose endpoints are gone
//	watch.go     disables subscriptions that do nothing but fail, and tells their accounts; tells of certificates that expire
//	announce.go  makes the events that Hookline publishes itself, and tells of exhausted deliveries
//	schedule.go  queues deliveries whose next attempt is due
//	unpark.go    makes parked deliveries due when their subscription is enabled again
//	sweep.go     finds what got lost, and queues it again
//	maintain.go  makes partitions ahead and drops what has had its time
//	tend.go      looks after the streams: liveness, lost data, trimming
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/pause"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/token"
	"github.com/hookline/hookline/internal/vault"
)

// Config is what a Worker needs.
type Config struct {
	Store    *store.Store
	Streams  *stream.Streams
	Registry *registry.Registry // its Run must be running
	Vault    *vault.Vault
	Client   *egress.Client
	// Configure disables subscriptions whose endpoints are gone, or fail for long.
	Configure *configure.Service
	// Accepter publishes operational events. Its Run must be running, until the worker's has ended.
	Accepter *accept.Accepter
	Log      *slog.Logger
	Metrics  prometheus.Registerer // nil counts nowhere
	// Version is that of Hookline, for the User-Agent.
	Version string
	// Grace is how long a stop waits for attempts under way; then they are broken off. 0 means DefaultGrace.
	Grace time.Duration
}

// DefaultGrace is how long a stop waits for attempts under way.
const DefaultGrace = 20 * time.Second

// Worker delivers. Any number of them may run at once, in any number of processes.
type Worker struct {
	store     *store.Store
	streams   *stream.Streams
	registry  *registry.Registry
	client    *egress.Client
	configure *configure.Service
	accepter  *accept.Accepter
	tokens    *token.Source
	cancelled *dataloader.Loader[id.ID, bool]
	log       *slog.Logger
	metrics   *metrics
	userAgent string
	grace     time.Duration

	name       string // of this worker among the streams' consumers
	started    time.Time
	slots      *semaphore.Weighted
	dispatcher *dispatcher
	settlers   []*settler
	health     healthNotes
	tended     []tended // for each partition
	problems   problems
}

// New returns a Worker.
func New(config Config) *Worker {
	host, _ := os.Hostname() // for people who look at the streams; the random part tells workers apart
	w := &Worker{
		store: config.Store, streams: config.Streams, registry: config.Registry, client: config.Client, configure: config.Configure, accepter: config.Accepter, log: config.Log,
		metrics: newMetrics(config.Metrics), userAgent: "Hookline/" + config.Version, grace: config.Grace,
		name: host + "-" + rand.Text()[:10], started: time.Now(),
		slots:    semaphore.NewWeighted(maxEntries),
		tended:   make([]tended, config.Streams.Partitions()),
		problems: problems{log: config.Log}, cancelled: newCancelled(config.Store),
		tokens: token.New(token.Config{Client: config.Client, Keeper: tokenKeeper{config.Store, config.Vault}, Log: config.Log}),
	}
	if w.grace == 0 {
		w.grace = DefaultGrace
	}
	for partition := range config.Streams.Partitions() {
		w.settlers = append(w.settlers, newSettler(config.Streams, partition,
			func(entries int) { w.slots.Release(int64(entries)) }, func(err error) { w.problems.note(streamsOf(partition), err) }))
	}
	return w
}

func (w *Worker) settler(e *inflight) *settler { return w.settlers[e.Partition] }

// settle hands a result on. It waits while Redis is away, until a stop can wait no longer.
func (w *Worker) settle(j *job, result *stream.Result) {
	w.metrics.observe(result)
	w.settler(j.entry).settled <- settled{job: j, result: result}
}

// release hands a job back that has not begun.
func (w *Worker) release(j *job) { w.settler(j.entry).settled <- settled{job: j} }

// share claims shares of profiles' limits, which all workers share.
func (w *Worker) share(ctx context.Context, claims []stream.Claim) []stream.Share {
	shares := w.streams.Share(ctx, w.name, claims)
	for i := range shares {
		if err := shares[i].Err; err != nil && ctx.Err() == nil {
			w.problems.note(streamsOf(w.streams.PartitionOf(claims[i].Profile)), err)
			break
		}
	}
	return shares
}

// A stop takes no longer than its grace and finishTimeout, whatever Redis and the database do: both begin when it does. What is left for
// archiveTimeout at the end is not for settling, but for what has been read of the results. commandTimeout bounds a command of Redis that does
// not wait for anything, and how much longer than its wait one may take that does.
const (
	finishTimeout  = 10 * time.Second
	archiveTimeout = 4 * time.Second
	commandTimeout = 2 * time.Second
)

// errStopping is why attempts are broken off at the end of a stop's grace.
var errStopping = errors.New("the worker is stopping")

// Run works until ctx ends and then stops in order, so that nothing that it has begun stays without a record:
//
//  1. no more work is read, scheduled or swept
//  2. deliveries that have not begun are handed back; attempts under way end, or are broken off after the grace, and with them requests for access tokens; its shares of
//     the profiles' limits are given back
//  3. their results are settled
//  4. what it has read of the results is archived; all of them, if Redis ends with this process; and what they say of their
//     subscriptions is written
//  5. it signs off, so that others need not wait to see that it is gone
func (w *Worker) Run(ctx context.Context) error {
	w.registry.OnRelease(w.client.Forget)
	preparing := sync.WaitGroup{}
	for partition := range w.streams.Partitions() {
		preparing.Go(func() { w.prepare(ctx, partition) })
	}
	preparing.Wait()
	finishing := context.WithoutCancel(ctx)
	attempts, breakOff := context.WithCancelCause(finishing)
	defer breakOff(nil)
	w.dispatcher = newDispatcher(func(r request) { w.attempt(attempts, r) }, w.settle, w.release)
	w.dispatcher.alone, w.dispatcher.share = w.streams.IsEmbedded(), w.share
	w.dispatcher.claimers, w.dispatcher.partitionOf = newClaimers(w.streams.Partitions()), w.streams.PartitionOf

	grace, settling, archiving := newDeadline(finishing), newDeadline(finishing), newDeadline(finishing)
	defer context.AfterFunc(ctx, func() {
		grace.start(w.grace)
		settling.start(w.grace + finishTimeout - archiveTimeout)
		archiving.start(w.grace + finishTimeout)
	})()
	defer context.AfterFunc(grace, func() { breakOff(errStopping) })()

	settlers := errgroup.Group{}
	for _, s := range w.settlers {
		settlers.Go(func() error {
			if left := s.run(settling); left > 0 {
				w.log.Error("Redis has not taken in time what became of deliveries; other workers make their attempts again", "partition", s.partition, "deliveries", left)
			}
			return nil
		})
	}
	reading := settling
	if w.streams.IsEmbedded() {
		reading = archiving
	}
	archiveCtx, stopArchiving := context.WithCancel(reading)
	archiver := errgroup.Group{}
	archiver.Go(func() error { return w.archive(archiveCtx, archiving) })
	archiver.Go(func() error { return w.every(archiveCtx, healthEvery, "health", w.writeHealth) })
	claimCtx, stopClaiming := context.WithCancel(settling)
	claiming := errgroup.Group{}
	claiming.Go(func() error { return w.dispatcher.claimAll(claimCtx) })
	tendCtx, stopTending := context.WithCancel(settling)
	tending := errgroup.Group{}
	for partition := range w.streams.Partitions() {
		tending.Go(func() error { return w.tend(tendCtx, ctx, partition) })
	}
	relieving := errgroup.Group{}
	relieving.Go(func() error { return w.dispatcher.relieveAll(ctx) })

	// 1.
	taking := errgroup.Group{}
	for partition := range w.streams.Partitions() {
		taking.Go(func() error { return w.consume(ctx, partition) })
	}
	taking.Go(func() error { return w.schedule(ctx) })
	taking.Go(func() error { return w.unpark(ctx) })
	taking.Go(func() error { return w.sweep(ctx) })
	taking.Go(func() error { return w.maintain(ctx) })
	taking.Go(func() error { return w.watch(ctx) })
	taking.Go(func() error { return w.watchCertificates(ctx) })
	err := taking.Wait()
	w.log.Info("worker stopping", "worker", w.name)
	err = errors.Join(err, relieving.Wait())

	// 2.
	w.dispatcher.stop(grace)
	w.dispatcher.wait()
	w.tokens.Stop()
	stopClaiming()
	err = errors.Join(err, claiming.Wait())
	stopTending() // only now: whoever does not say that it is alive is soon taken for dead
	err = errors.Join(err, tending.Wait())

	// 3.
	for _, s := range w.settlers {
		close(s.settled)
	}
	err = errors.Join(err, settlers.Wait())

	// 4.
	if w.streams.IsEmbedded() {
		w.drain(archiving)
	}
	stopArchiving()
	err = errors.Join(err, archiver.Wait())
	if err := w.writeHealth(archiving); err != nil {
		w.log.Error("health not written; the next attempts say as much", "error", err)
	}

	// 5.
	last, cancel := context.WithTimeout(finishing, time.Second)
	defer cancel()
	signingOff := errgroup.Group{}
	for partition := range w.streams.Partitions() {
		signingOff.Go(func() error { return w.streams.SignOff(last, w.name, partition) })
	}
	if err := signingOff.Wait(); err != nil {
		w.log.Warn("not signed off; others see soon that this worker is gone", "error", err)
	}
	return err
}

// prepare makes what a partition's streams need, and waits until Redis is there.
func (w *Worker) prepare(ctx context.Context, partition int) {
	for {
		timed, cancel := context.WithTimeout(ctx, commandTimeout)
		epoch, err := w.streams.Prepare(timed, partition)
		if err == nil {
			w.tended[partition].epoch.known = epoch
			err = w.streams.KeepAlive(timed, w.name, partition)
		}
		cancel()
		if err == nil {
			w.problems.clear(streamsOf(partition))
			return
		}
		w.problems.note(streamsOf(partition), err)
		if !pause.For(ctx, failPause) {
			return // a stop, not a failure
		}
	}
}

// drain waits until every result is archived.
func (w *Worker) drain(ctx context.Context) {
	for ctx.Err() == nil {
		progress, err := w.progress(ctx)
		if err != nil {
			return
		}
		left := false
		for _, p := range progress {
			left = left || p.OldestResult != 0
		}
		if !left {
			return
		}
		pause.For(ctx, archiveLinger)
	}
}

// every runs step now and then every interval until ctx ends. A failing step is noted and tried again.
func (w *Worker) every(ctx context.Context, interval time.Duration, what string, step func(context.Context) error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := step(ctx); err == nil {
			w.problems.clear(what)
		} else if ctx.Err() == nil {
			w.problems.note(what, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// problems logs what fails again and again: once when it begins and once when it is over.
type problems struct {
	log  *slog.Logger
	mu   sync.Mutex
	open map[string]bool
}

func (p *problems) note(what string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.open[what] {
		p.log.Error("failing; it is tried again", "what", what, "error", err)
	}
	if p.open == nil {
		p.open = make(map[string]bool)
	}
	p.open[what] = true
}

func (p *problems) clear(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[what] {
		p.log.Info("works again", "what", what)
		delete(p.open, what)
	}
}

// deadline is a context whose time begins to run only when start is called.
type deadline struct {
	context.Context //nolint:containedctx // it is itself a context
	cancel          context.CancelFunc
}

func newDeadline(parent context.Context) *deadline {
	ctx, cancel := context.WithCancel(parent) //nolint:gosec // start calls it
	return &deadline{ctx, cancel}
}

func (d *deadline) start(after time.Duration) { time.AfterFunc(after, d.cancel) }
