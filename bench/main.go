// Command bench measures Hookline's path: from publishing an event to its delivery at the endpoint and its attempt in the database.
// Load generator, endpoint, Hookline, PostgreSQL and Redis share one machine, so only ratios count: each run also measures what
// Hookline's own HTTP client reaches alone against the same endpoint.
//
// It runs Hookline as `bench serve`, a process of its own whose profiles can be taken (-profile FOLDER), on the servers that
// HOOKLINE_TEST_POSTGRES_URL and HOOKLINE_TEST_REDIS_URL name (`make bench` starts them), or with -embedded on SQLite and the embedded Redis.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// options are what a run can be told.
type options struct {
	lines  string
	events int
	// subscriptions are those of the lines many and fanout-beside.
	subscriptions int
	embedded      bool
	profile       string
}

// line is one line of the table.
type line struct {
	name string
	what string
	run  func(context.Context, *bench) error
}

var lines = []line{
	{"single", "events of 512 B, one per request, 32 publishers, one endpoint", func(ctx context.Context, b *bench) error {
		return b.path(ctx, load{events: b.options.events, perRequest: 1, publishers: 32, subscriptions: 1})
	}},
	{"batch", "the same, published in batches of 100", func(ctx context.Context, b *bench) error {
		return b.path(ctx, load{events: 2 * b.options.events, perRequest: 100, publishers: 4, subscriptions: 1})
	}},
	{"fanout", "500 events, each to 100 subscriptions", func(ctx context.Context, b *bench) error {
		return b.path(ctx, load{events: 500, perRequest: 1, publishers: 8, subscriptions: 100})
	}},
	{"many", "as single, with 10,000 subscriptions (-subscriptions) in the account of which one matches, turn by turn with one of 1 subscription", func(ctx context.Context, b *bench) error {
		return b.compare(ctx, load{events: b.options.events, perRequest: 1, publishers: 32, subscriptions: 1, others: b.options.subscriptions - 1})
	}},
	{"kill", "10,000 events to two workers, of which one is ended by kill -9 in the middle", func(ctx context.Context, b *bench) error { return b.kill(ctx, 10_000) }},
	{"isolation", "9 good endpoints at 200 events/s, without and with one that hangs 10 s a request and gets 50/s", func(ctx context.Context, b *bench) error { return b.isolation(ctx, 50) }},
	{"isolation200", "the same, the one that hangs gets 200/s", func(ctx context.Context, b *bench) error { return b.isolation(ctx, 200) }},
	{"fanout-beside", "9 good endpoints at 200 events/s, without and while a fan-out to 10,000 subscriptions (-subscriptions) is worked off", func(ctx context.Context, b *bench) error {
		return b.fanoutBeside(ctx, b.options.subscriptions)
	}},
	{"latency", "publish to receive at 200 events/s", func(ctx context.Context, b *bench) error { return b.latency(ctx, 200, 10*time.Second) }},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		exit(serve())
	}
	var o options
	flag.StringVar(&o.lines, "lines", "single,batch,fanout,many,kill,isolation,isolation200,fanout-beside,latency", "what to measure, comma-separated")
	flag.IntVar(&o.events, "events", 20_000, "events of a line, 1000-1000000")
	flag.IntVar(&o.subscriptions, "subscriptions", 10_000, "subscriptions in the account of the lines many and fanout-beside, 2-1000000")
	flag.BoolVar(&o.embedded, "embedded", false, "measure the embedded default")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU and allocation profiles of Hookline, one pair a line")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, o options) error {
	if o.events < 1000 || o.events > 1_000_000 {
		return fmt.Errorf("-events is %d, must be 1000-1000000", o.events)
	}
	if o.subscriptions < 2 || o.subscriptions > 1_000_000 {
		return fmt.Errorf("-subscriptions is %d, must be 2-1000000", o.subscriptions)
	}
	for name := range strings.SplitSeq(o.lines, ",") {
		place := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
		if place < 0 {
			return fmt.Errorf("-lines: there is no line %q", name)
		}
		fmt.Printf("%s: %s\n", name, lines[place].what)
		b, err := start(ctx, o, name) // afresh, so that the lines do not depend on each other
		if err != nil {
			return err
		}
		err = lines[place].run(ctx, b)
		b.close()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
