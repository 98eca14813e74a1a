package app

import (
	"runtime/debug"
	"testing"
)

func TestTuneCollector(t *testing.T) { //nolint:paralleltest // the environment and the percentage are the process's
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for gogc, want := range map[string]int{"": collectorPercent, "150": 100} { // the runtime itself reads GOGC, at start
		debug.SetGCPercent(100)
		t.Setenv("GOGC", gogc)
		tuneCollector()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("GOGC=%q: %d, want %d", gogc, got, want)
		}
	}
}
