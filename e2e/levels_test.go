package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/hookline/hookline/internal/testenv"
)

// levels are what a process, or several together, hold of what could leak.
type levels struct {
	goroutines, descriptors, heapMiB float64
}

func (l levels) plus(m levels) levels {
	return levels{l.goroutines + m.goroutines, l.descriptors + m.descriptors, l.heapMiB + m.heapMiB}
}

// slack is how far above its start level a process may rest: connections that are kept for the next time, with two goroutines each, and
// what the next garbage collection will find.
var slack = levels{goroutines: 60, descriptors: 40, heapMiB: 48}

// within returns an error if the levels are above those of before by more than the slack.
func (l levels) within(before levels) error {
	bound := before.plus(slack)
	if l.goroutines > bound.goroutines || l.descriptors > bound.descriptors || l.heapMiB > bound.heapMiB {
		return fmt.Errorf("%s, was %s", l, before)
	}
	return nil
}

func (l levels) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.0f MiB", l.goroutines, l.descriptors, l.heapMiB)
}

// levels reads the process' own metrics.
func (a *api) levels() (levels, error) {
	status, text, err := a.get("/metrics")
	if err != nil {
		return levels{}, err
	}
	if status != http.StatusOK {
		return levels{}, fmt.Errorf("metrics are answered with %d", status)
	}
	return parseLevels(text)
}

func parseLevels(text string) (l levels, err error) {
	for name, to := range map[string]*float64{
		"go_goroutines": &l.goroutines, "process_open_fds": &l.descriptors, "go_memstats_heap_inuse_bytes": &l.heapMiB,
	} {
		_, rest, found := strings.Cut(text, "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		if *to, err = strconv.ParseFloat(value, 64); !found || err != nil {
			return levels{}, fmt.Errorf("there is no metric %s", name)
		}
	}
	l.heapMiB /= 1 << 20
	return l, nil
}

// awaitLevels waits until the process is back at its levels of before, and returns those that it has.
func (a *api) awaitLevels(before levels) (now levels) {
	a.t.Helper()
	var err error
	defer func() {
		if err != nil {
			a.t.Log(err) // what Eventually has waited for
		}
	}()
	testenv.Eventually(a.t, patience, func() bool {
		if now, err = a.levels(); err == nil {
			err = now.within(before)
		}
		return err == nil
	}, "the process holds no more than before")
	return now
}
