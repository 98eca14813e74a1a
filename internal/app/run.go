package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// stopTimeout bounds how long the HTTP server may take to end the requests under way.
const stopTimeout = 15 * time.Second

// service is a part that runs until its context ends, and then finishes what it has begun.
type service struct {
	name string
	run  func(context.Context) error

	cancel context.CancelFunc
	done   chan error
}

// Run runs the parts until ctx ends or one of them fails. Then it stops them in this order, each when the one before has
// finished, so that nothing that was accepted is without its record:
//
//  1. the demo: no more sample events
//  2. the HTTP server: not ready any more; streams end, requests under way are answered
//  3. the ingest stream: the entries that have been read are published, or stay in Redis
//  4. the worker: see worker.Run
//  5. the accepter: what waits for its commit is committed and enqueued
//  6. live log, API keys and registry
//  7. Redis, the database and the lock on the data folder
func (a *App) Run(ctx context.Context) error {
	tuneCollector()
	services := a.services()
	failed := make(chan error, len(services))
	running := errgroup.Group{}
	for _, s := range slices.Backward(services) { // what others need starts first
		serviceCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		s.cancel, s.done = cancel, make(chan error, 1)
		running.Go(func() error {
			err := s.run(serviceCtx)
			if err != nil {
				err = fmt.Errorf("%s: %w", s.name, err)
				failed <- err
			}
			s.done <- err
			return nil
		})
	}
	a.log.Info("hookline started", "version", a.version, "address", a.URL(), "server", a.role.Server, "worker", a.role.Worker)
	select {
	case <-ctx.Done():
	case err := <-failed:
		a.log.Error("a part has failed; stopping", "error", err)
	}
	a.log.Info("hookline stopping")
	var errs []error
	for _, s := range services {
		s.cancel()
		errs = append(errs, <-s.done)
	}
	_ = running.Wait()
	err := errors.Join(append(errs, a.close())...)
	a.log.Info("hookline stopped")
	return err
}

// services lists the parts in the order in which they stop.
func (a *App) services() []*service {
	var services []*service
	add := func(name string, run func(context.Context) error) {
		services = append(services, &service{name: name, run: run})
	}
	if a.demo != nil {
		add("demo", a.runDemo)
	}
	add("HTTP server", a.serveHTTP)
	if a.role.Server && !a.Streams.IsEmbedded() { // whose password nobody has
		add("ingest stream", a.newStreamIngest().Run)
	}
	if a.role.Worker {
		add("worker", a.worker.Run)
	}
	add("accepter", a.Accepter.Run)
	if a.role.Server {
		add("live log", a.Hub.Run)
		add("API keys", a.Keys.Run)
	}
	add("registry", a.Registry.Run)
	return services
}

func (a *App) serveHTTP(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(a.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(a.server.Shutdown(stopping), <-served)
}

func (a *App) runDemo(ctx context.Context) error {
	key, err := a.demo.Prepare(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nThe demo account's dashboard, where sample traffic flows:\n\n  %s\n\n", a.link(key))
	return a.demo.Run(ctx)
}
