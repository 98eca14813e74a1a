package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// The lines that show how far deliveries are held up by others. Each measures in turns, so that what else the machine does meets both sides.
const (
	goodEndpoints   = 9
	goodRate        = 200              // events a second, to all good endpoints together
	hangsFor        = 10 * time.Second // each request to the bad endpoint
	isolationRounds = 6
	isolationLength = 5 * time.Second // of a side's turn
)

// isolation measures 9 good endpoints on one Hookline, and beside an endpoint that hangs on another one.
func (b *bench) isolation(ctx context.Context, badRate int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pathLimit)
	defer cancel()
	alone, err := start(ctx, b.options, b.name+"-alone")
	if err != nil {
		return err
	}
	defer alone.close()
	for _, side := range []*bench{alone, b} {
		if err := side.subscribeGood(ctx); err != nil {
			return err
		}
	}
	bad, err := listen()
	if err != nil {
		return err
	}
	defer bad.close()
	bad.delay = hangsFor
	if err := b.subscribeOne(ctx, "bad", `eventTypes: ["sms.delivery"] filter: {users: ["bad"]}`, fmt.Sprintf(`create: {key: "bad", webhookUrl: %q}`, bad.url())); err != nil {
		return err
	}
	quiet, busy, ratios, err := inTurns(isolationRounds, func() (*times, error) {
		return alone.timeAll(ctx, goodRate, isolationLength, alone.addr, requestToGood)
	}, func() (*times, error) {
		during, stop := context.WithCancel(ctx)
		var group errgroup.Group
		group.Go(func() error { return b.publishBad(during, badRate) })
		taken, err := b.timeAll(ctx, goodRate, isolationLength, b.addr, requestToGood)
		stop()
		if failed := group.Wait(); err == nil {
			err = failed
		}
		return taken, err
	})
	if err != nil {
		return err
	}
	fmt.Printf("  %d events/s to %d good endpoints alone: p50 %.2f ms, p99 %.2f ms\n", goodRate, goodEndpoints, quiet.at(0.5), quiet.at(0.99))
	fmt.Printf("  beside one that hangs %v a request and gets %d/s: p50 %.2f ms, p99 %.2f ms; it has taken %d requests\n",
		hangsFor, badRate, busy.at(0.5), busy.at(0.99), bad.received.Load())
	ratios.print()
	return nil
}

// subscribeGood makes the good endpoints and their subscriptions.
func (b *bench) subscribeGood(ctx context.Context) error {
	for i := range goodEndpoints {
		good, err := listen()
		if err != nil {
			return err
		}
		b.cleanup = append(b.cleanup, good.close)
		b.more = append(b.more, good)
		key := fmt.Sprintf("g%d", i)
		if err := b.subscribeOne(ctx, key, fmt.Sprintf(`eventTypes: ["sms.delivery"] filter: {users: [%q]}`, key), fmt.Sprintf(`create: {key: %q, webhookUrl: %q}`, key, good.url())); err != nil {
			return err
		}
	}
	_, err := b.timeAll(ctx, goodRate, time.Second, b.addr, requestToGood) // to warm up
	return err
}

func requestToGood(host string, n int) []byte {
	return requestTo(host, fmt.Sprintf("g%d", n%goodEndpoints), "sms.delivery", n)
}

// requestTo publishes an event of a user's.
func requestTo(host, user, eventType string, n int) []byte {
	body := bytes.Replace(event(n), []byte(`{"type":"sms.delivery",`), fmt.Appendf(nil, `{"type":%q,"user":%q,`, eventType, user), 1)
	return post(host, body)
}

// publishBad publishes to the bad endpoint until ctx ends.
func (b *bench) publishBad(ctx context.Context, perSecond int) error {
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := exchange(conn, reader, requestTo(b.addr, "bad", "sms.delivery", n)); err != nil {
			return err
		}
	}
}

// fanoutBeside measures single events, and while a fan-out to many subscriptions is worked off.
func (b *bench) fanoutBeside(ctx context.Context, crowd int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pathLimit)
	defer cancel()
	if err := b.subscribeGood(ctx); err != nil {
		return err
	}
	rule := func(i int) string { return fmt.Sprintf(`eventTypes: ["x%d.*", "sms.click"]`, i) }
	if err := b.subscribeOne(ctx, "c0", rule(0), fmt.Sprintf(`create: {key: "crowd", webhookUrl: %q, windowSize: 64}`, b.endpoint.url())); err != nil {
		return err
	}
	var making errgroup.Group
	making.SetLimit(8)
	for i := 1; i < crowd; i++ {
		making.Go(func() error { return b.subscribeOne(ctx, fmt.Sprintf("c%d", i), rule(i), `existing: {key: "crowd"}`) })
	}
	if err := making.Wait(); err != nil {
		return err
	}
	const length = 2 * time.Second
	delivered := 0
	var took []time.Duration
	quiet, busy, ratios, err := inTurns(isolationRounds, func() (*times, error) {
		return b.timeAll(ctx, goodRate, length, b.addr, requestToGood)
	}, func() (*times, error) {
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }()
		began := time.Now()
		if err := exchange(conn, bufio.NewReader(conn), requestTo(b.addr, "nobody", "sms.click", 0)); err != nil {
			return nil, err
		}
		taken, err := b.timeAll(ctx, goodRate, length, b.addr, requestToGood)
		if err != nil {
			return nil, err
		}
		delivered += crowd
		err = b.await(ctx, func() (int, error) { return int(b.endpoint.received.Load()), nil }, delivered)
		took = append(took, time.Since(began))
		return taken, err
	})
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("  %d events/s alone: p50 %.2f ms, p99 %.2f ms\n", goodRate, quiet.at(0.5), quiet.at(0.99))
	fmt.Printf("  while %d deliveries of one event are worked off, which took %v at the median: p50 %.2f ms, p99 %.2f ms\n",
		crowd, took[len(took)/2].Round(10*time.Millisecond), busy.at(0.5), busy.at(0.99))
	ratios.print()
	return nil
}

// ratios are those of the busy side's times to the quiet side's, of each round.
type ratios struct{ p50, p99 []float64 }

func (r *ratios) print() {
	slices.Sort(r.p50)
	slices.Sort(r.p99)
	fmt.Printf("  ratio of %d rounds: of p50 median %.2f, of p99 median %.2f (%.2f to %.2f)\n",
		len(r.p99), r.p50[len(r.p50)/2], r.p99[len(r.p99)/2], r.p99[0], r.p99[len(r.p99)-1])
}

// inTurns measures two sides turn by turn, and returns all times of each.
func inTurns(rounds int, quiet, busy func() (*times, error)) (allQuiet, allBusy *times, _ *ratios, err error) {
	allQuiet, allBusy = &times{}, &times{}
	r := &ratios{}
	for range rounds {
		a, err := quiet()
		if err != nil {
			return nil, nil, nil, err
		}
		b, err := busy()
		if err != nil {
			return nil, nil, nil, err
		}
		r.p50, r.p99 = append(r.p50, b.at(0.5)/a.at(0.5)), append(r.p99, b.at(0.99)/a.at(0.99))
		allQuiet.all, allBusy.all = append(allQuiet.all, a.all...), append(allBusy.all, b.all...)
	}
	return allQuiet, allBusy, r, nil
}
