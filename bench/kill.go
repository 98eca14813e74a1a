package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/ent/delivery"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/stream"
)

// kill publishes events to two workers, ends one of them by SIGKILL when half has been delivered, and counts what got lost and what came
// more than once.
func (b *bench) kill(ctx context.Context, events int) error {
	if b.options.embedded {
		return errors.New("needs a second worker, which the embedded Redis cannot have")
	}
	ctx, cancel := context.WithTimeout(ctx, pathLimit)
	defer cancel()
	if err := b.subscribe(ctx, 1); err != nil {
		return err
	}
	second, err := b.startWorker()
	if err != nil {
		return err
	}
	defer func() { _ = second.Process.Kill(); _ = second.Wait() }()
	if err := b.publish(ctx, warmUp, 1, 8); err != nil {
		return err
	}
	if err := b.await(ctx, func() (int, error) { return b.archived(ctx) }, warmUp); err != nil {
		return err
	}
	var mu sync.Mutex
	came := make(map[int]int)
	half := make(chan struct{})
	note := func(body []byte, _ time.Time) {
		n, found := numberIn(body)
		if !found {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		came[n]++
		if len(came) == events/2 && came[n] == 1 {
			close(half)
		}
	}
	b.endpoint.onBody.Store(&note)
	defer b.endpoint.onBody.Store(nil)
	published := make(chan error, 1)
	go func() { published <- b.publish(ctx, events, 10, 8) }()
	select {
	case <-half:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := second.Process.Kill(); err != nil {
		return err
	}
	killed := time.Now()
	if err := <-published; err != nil {
		return err
	}
	succeeded := func() (int, error) {
		return b.store.Ent.Delivery.Query().Where(delivery.Status(string(stream.StatusSucceeded))).Count(access.WithSystem(ctx))
	}
	if err := b.await(ctx, succeeded, warmUp+events); err != nil {
		return err
	}
	took := time.Since(killed)
	interrupted, err := b.store.Ent.Attempt.Query().Where(attempt.Outcome(string(stream.OutcomeInterrupted))).Count(access.WithSystem(ctx))
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	duplicates := 0
	for _, n := range came {
		duplicates += n - 1
	}
	fmt.Printf("  of %d events %d lost, %d came twice; %d attempts are noted as interrupted; all delivered and archived %.1f s after the kill\n",
		events, events-len(came), duplicates, interrupted, took.Seconds())
	return nil
}

// startWorker starts a worker more, beside the process that there is.
func (b *bench) startWorker() (*exec.Cmd, error) {
	settings := b.settings
	settings.Addr = freeAddr()
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	process := exec.Command(self, "serve")
	process.Env = append(os.Environ(), "BENCH_SETTINGS="+string(text), "BENCH_PPROF="+freeAddr(), "BENCH_ROLE=worker")
	process.Stderr = os.Stderr
	return process, process.Start()
}
