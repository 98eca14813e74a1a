package main

import (
	"slices"
	"time"
)

// times are measured durations.
type times struct{ all []time.Duration }

func (t *times) add(d time.Duration) { t.all = append(t.all, d) }

// at returns the quantile q in milliseconds.
func (t *times) at(q float64) float64 {
	slices.Sort(t.all)
	place := min(int(q*float64(len(t.all))), len(t.all)-1)
	return float64(t.all[place].Microseconds()) / 1000
}
