package server

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Check is something without which requests cannot be served.
type Check struct {
	Name string
	// Run returns why it does not work. It heeds ctx, which ends after two seconds.
	Run func(ctx context.Context) error
}

const (
	checkTimeout = 2 * time.Second
	checkAtMost  = time.Second // an answer is given again for so long
)

// serveAlive says that the process runs.
func serveAlive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readiness says whether requests can be served: that each check passes and that the server is not stopping.
type readiness struct {
	server *Server

	mu      sync.Mutex
	checked time.Time
	results map[string]string
	ready   bool
}

func (s *Server) newReadiness() http.Handler { return &readiness{server: s} }

func (c *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-c.server.stopping:
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "stopping"})
		return
	default:
	}
	results, ready := c.check(r.Context())
	if !ready {
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "failing", "checks": results})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"status": "ok", "checks": results})
}

// check runs the checks, all at once and at most once a second whoever asks.
func (c *readiness) check(ctx context.Context) (results map[string]string, ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < checkAtMost {
		return c.results, c.ready
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	checks := c.server.config.Ready
	errs := make([]error, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() { errs[i] = check.Run(ctx) })
	}
	running.Wait()

	c.results, c.ready, c.checked = make(map[string]string, len(checks)), true, time.Now()
	for i, check := range checks {
		c.results[check.Name] = "ok"
		if errs[i] != nil {
			c.results[check.Name], c.ready = "failing", false
			c.server.config.Log.WarnContext(ctx, "not ready", "check", check.Name, "error", errs[i])
		}
	}
	return c.results, c.ready
}
