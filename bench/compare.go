package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// rounds is how often a comparison measures each side, turn by turn: what else the machine does meanwhile meets both.
const rounds = 20

// side is one of two Hooklines that are compared.
type side struct {
	*bench
	load     load
	archived int // attempts so far
	cpu      time.Duration
	elapsed  time.Duration
}

// compare measures a load beside the same with only the subscriptions that match, each on a Hookline of its own.
func (b *bench) compare(ctx context.Context, l load) error {
	ctx, cancel := context.WithTimeout(ctx, 2*pathLimit)
	defer cancel()
	alone := l
	alone.others = 0
	beside, err := start(ctx, b.options, b.name+"-alone")
	if err != nil {
		return err
	}
	defer beside.close()
	sides := []*side{{bench: beside, load: alone}, {bench: b, load: l}}
	for _, s := range sides {
		if err := s.subscribe(ctx, s.load.subscriptions); err != nil {
			return err
		}
		if err := s.subscribeOthers(ctx, s.load.others); err != nil {
			return err
		}
		if _, err := s.round(ctx, warmUp); err != nil {
			return err
		}
		s.cpu, s.elapsed = 0, 0
	}
	var waits []func()
	for _, s := range sides {
		waits = append(waits, s.startProfile(ctx, 10*time.Second))
	}
	var ratios []float64
	for range rounds {
		var took [2]time.Duration
		for i, s := range sides {
			if took[i], err = s.round(ctx, l.events/rounds); err != nil {
				return err
			}
		}
		ratios = append(ratios, took[0].Seconds()/took[1].Seconds())
	}
	for _, wait := range waits {
		wait()
	}
	n := float64(l.events / rounds * rounds * l.subscriptions)
	for _, s := range sides {
		u, err := s.measure(ctx)
		if err != nil {
			return err
		}
		creating, err := s.timeCreating(ctx, 100)
		if err != nil {
			return err
		}
		fmt.Printf("  %d subscriptions: delivered and archived %.0f/s; per delivery %.1f µs CPU; resident %.0f MiB; creating one more takes %.1f ms (median)\n",
			s.load.subscriptions+s.load.others, n/s.elapsed.Seconds(), float64(s.cpu.Microseconds())/n, u.residents, creating.at(0.5))
	}
	slices.Sort(ratios)
	fmt.Printf("  rate with %d to rate with %d subscriptions, of %d rounds: median %.2f, quartiles %.2f and %.2f\n",
		l.subscriptions+l.others, l.subscriptions, rounds, ratios[rounds/2], ratios[rounds/4], ratios[3*rounds/4])
	return nil
}

// round publishes events and waits until all their attempts are archived.
func (s *side) round(ctx context.Context, events int) (time.Duration, error) {
	before, err := s.measure(ctx)
	if err != nil {
		return 0, err
	}
	s.archived += events * s.load.subscriptions
	started := time.Now()
	if err := s.publish(ctx, events, s.load.perRequest, s.load.publishers); err != nil {
		return 0, err
	}
	if err := s.await(ctx, func() (int, error) { return s.bench.archived(ctx) }, s.archived); err != nil {
		return 0, err
	}
	took := time.Since(started)
	after, err := s.measure(ctx)
	if err != nil {
		return 0, err
	}
	s.elapsed += took
	s.cpu += after.cpu - before.cpu
	return took, nil
}
