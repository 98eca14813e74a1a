package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/signing"
)

// load is what is published.
type load struct {
	events        int
	perRequest    int
	publishers    int
	subscriptions int // that match each event
	others        int // that match none
}

// warmUp is how many events are published before anything is measured, bounded so that everything ends.
const (
	warmUp    = 1000
	pathLimit = 5 * time.Minute
)

// path measures a load from the first request to the last row.
func (b *bench) path(ctx context.Context, l load) error {
	ctx, cancel := context.WithTimeout(ctx, pathLimit)
	defer cancel()
	raw, err := b.raw(ctx, 20_000, 64)
	if err != nil {
		return err
	}
	if err := b.subscribe(ctx, l.subscriptions); err != nil {
		return err
	}
	if err := b.publish(ctx, warmUp/l.subscriptions+1, l.perRequest, l.publishers); err != nil {
		return err
	}
	warmed := (warmUp/l.subscriptions + 1) * l.subscriptions
	if err := b.await(ctx, func() (int, error) { return b.archived(ctx) }, warmed); err != nil {
		return err
	}
	before, err := b.measure(ctx)
	if err != nil {
		return err
	}
	besideBefore, err := b.servers(ctx)
	if err != nil {
		return err
	}
	receivedBefore := b.endpoint.received.Load()
	wait := b.startProfile(ctx, 3*time.Second)
	started := time.Now()
	if err := b.publish(ctx, l.events, l.perRequest, l.publishers); err != nil {
		return err
	}
	published := time.Since(started)
	deliveries := l.events * l.subscriptions
	if err := b.await(ctx, func() (int, error) { return int(b.endpoint.received.Load() - receivedBefore), nil }, deliveries); err != nil {
		return err
	}
	delivered := time.Since(started)
	if err := b.await(ctx, func() (int, error) { return b.archived(ctx) }, warmed+deliveries); err != nil {
		return err
	}
	archived := time.Since(started)
	after, err := b.measure(ctx)
	if err != nil {
		return err
	}
	beside, err := b.servers(ctx)
	if err != nil {
		return err
	}
	wait()
	n := float64(deliveries)
	rate := n / archived.Seconds()
	fmt.Printf("  published %.0f events/s, delivered %.0f/s, delivered and archived %.0f/s\n",
		float64(l.events)/published.Seconds(), n/delivered.Seconds(), rate)
	fmt.Printf("  the HTTP client alone: %.0f requests/s; ratio %.3f\n", raw, rate/raw)
	fmt.Printf("  per delivery: %.1f µs CPU, %.0f allocations, %.0f bytes; resident %.0f MiB, and Redis %.0f MiB\n",
		float64((after.cpu-before.cpu).Microseconds())/n, (after.allocs-before.allocs)/n, (after.bytes-before.bytes)/n, after.residents, beside.redisMiB)
	each := func(before, after time.Duration) float64 { return float64((after - before).Microseconds()) / n }
	fmt.Printf("  beside Hookline, per delivery: PostgreSQL %.1f µs CPU, Redis %.1f µs, publishers and endpoint %.1f µs\n",
		each(besideBefore.postgres, beside.postgres), each(besideBefore.redis, beside.redis), each(besideBefore.self, beside.self))
	if extra := b.endpoint.received.Load() - receivedBefore - int64(deliveries); extra > 0 {
		fmt.Printf("  %d requests more than deliveries\n", extra)
	}
	return nil
}

// await waits until count gives want.
func (b *bench) await(ctx context.Context, count func() (int, error), want int) error {
	for {
		got, err := count()
		if err != nil {
			return err
		}
		if got >= want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d: %w", got, want, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *bench) archived(ctx context.Context) (int, error) {
	return b.store.Ent.Attempt.Query().Count(access.WithSystem(ctx))
}

// raw measures what Hookline's HTTP client does alone: it signs and sends requests like those of the load.
func (b *bench) raw(ctx context.Context, requests, concurrency int) (perSecond float64, err error) {
	client := egress.New(egress.Config{Policy: addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	defer client.Close()
	secret, body := signing.NewSecret(), event(0)
	var left atomic.Int64
	left.Store(int64(requests))
	var group errgroup.Group
	started := time.Now()
	for range concurrency {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				now := time.Now()
				header := http.Header{
					"Content-Type": {"application/json"}, signing.HeaderID: {"evt_raw"}, signing.HeaderTimestamp: {strconv.FormatInt(now.Unix(), 10)},
					signing.HeaderSignature: {signing.Sign("evt_raw", now, body, secret)},
				}
				if resp := client.Do(ctx, egress.Request{URL: b.endpoint.url(), Header: header, Body: body}); resp.Err != nil {
					return resp.Err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return float64(requests) / time.Since(started).Seconds(), nil
}

// event is the publish request's form of an event with a payload of 512 bytes.
func event(n int) []byte {
	payload := fmt.Sprintf(`{"n":%d,"to":"+12025550142","status":{"groupName":"DELIVERED","id":5},"text":"`, n)
	payload += strings.Repeat("x", 510-len(payload)) + `"}`
	return []byte(`{"type":"sms.delivery","entity":"berlin","application":"bench","payload":` + payload + `}`)
}

// numberIn returns the number of the event that a notification is of.
func numberIn(body []byte) (n int, found bool) {
	_, rest, found := bytes.Cut(body, []byte(`{"n":`))
	if !found {
		return 0, false
	}
	number, _, _ := bytes.Cut(rest, []byte(","))
	n, err := strconv.Atoi(string(number))
	return n, err == nil
}

// publish publishes events from several connections. Like the endpoint, it costs as little as possible: it writes requests that are
// made beforehand, and of the answers looks at the status alone.
func (b *bench) publish(ctx context.Context, events, perRequest, publishers int) error {
	requests := (events + perRequest - 1) / perRequest
	perRequest = min(perRequest, events)
	var next atomic.Int64
	var group errgroup.Group
	for range publishers {
		group.Go(func() error {
			conn, err := net.Dial("tcp", b.addr)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			reader := bufio.NewReader(conn)
			for ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= requests {
					return nil
				}
				n := min(perRequest, events-i*perRequest)
				if err := exchange(conn, reader, request(b.addr, i*perRequest, n)); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

func request(host string, first, n int) []byte {
	body := event(first)
	if n > 1 {
		all := make([][]byte, n)
		for i := range all {
			all[i] = event(first + i)
		}
		body = append(append([]byte{'['}, bytes.Join(all, []byte{','})...), ']')
	}
	return post(host, body)
}

// post is a publishing request with a body.
func post(host string, body []byte) []byte {
	return append(fmt.Appendf(nil, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		host, adminKey, len(body)), body...)
}

func exchange(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("not accepted: %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// latency measures the time from the start of a publishing request to the arrival of the notification, at a steady rate.
func (b *bench) latency(ctx context.Context, perSecond int, length time.Duration) error {
	if err := b.subscribe(ctx, 1); err != nil {
		return err
	}
	if err := b.publish(ctx, warmUp, 1, 8); err != nil {
		return err
	}
	if err := b.await(ctx, func() (int, error) { return b.archived(ctx) }, warmUp); err != nil {
		return err
	}
	through, err := b.timeAll(ctx, perSecond, length, b.addr, func(host string, n int) []byte { return request(host, n, 1) })
	if err != nil {
		return err
	}
	fmt.Printf("  publish to receive: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", through.at(0.5), through.at(0.99), through.at(1))
	return nil
}

// timeAll sends a request every 1/perSecond seconds and notes when the endpoint gets the event in it.
func (b *bench) timeAll(ctx context.Context, perSecond int, length time.Duration, host string, make_ func(string, int) []byte) (*times, error) {
	const first = 1_000_000 // apart from the warm-up's
	var mu sync.Mutex
	sent := make(map[int]time.Time)
	taken := &times{}
	note := func(body []byte, at time.Time) {
		n, found := numberIn(body)
		if !found {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if started, known := sent[n]; known {
			taken.add(at.Sub(started))
			delete(sent, n)
		}
	}
	for _, e := range append([]*endpoint{b.endpoint}, b.more...) {
		e.onBody.Store(&note)
		defer e.onBody.Store(nil)
	}
	total := int(length.Seconds() * float64(perSecond))
	conns := make(chan net.Conn, 32)
	for range cap(conns) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }()
		conns <- conn
	}
	var group errgroup.Group
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	for n := first; n < first+total; n++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		conn := <-conns
		group.Go(func() error {
			defer func() { conns <- conn }()
			r := make_(host, n)
			mu.Lock()
			sent[n] = time.Now()
			mu.Unlock()
			return exchange(conn, bufio.NewReader(conn), r)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	err := b.await(ctx, func() (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return len(taken.all), nil
	}, total)
	return taken, err
}
