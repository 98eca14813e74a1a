package app

import (
	"os"
	"runtime/debug"
)

// collectorPercent is how much the heap may grow, relative to what is in use, before garbage is collected. Twice Go's default
// halves what marking the configuration of many subscriptions costs each delivery, for about 20 MiB of memory.
const collectorPercent = 200

// tuneCollector sets the collector's percentage, unless the operator has chosen one by GOGC.
func tuneCollector() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
}
