package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

const adminKey = "hk_e2e_0123456789abcdefghijklmnopqrstuvwxyz"

// installation is the settings that processes share.
type installation struct {
	t        *testing.T
	embedded bool
	settings map[string]string
	started  map[string]int // commands, for the processes' names
}

// onEach runs a test on both backends, in parallel.
func onEach(t *testing.T, test func(*testing.T, *installation)) {
	t.Helper()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		if b.RedisURL == "embedded" {
			test(t, installEmbedded(t))
			return
		}
		test(t, install(t, b.DatabaseURL, b.RedisURL, b.RedisPrefix))
	})
}

// installEmbedded prepares `hookline serve` with its defaults: SQLite and encryption key in the data folder, Redis inside.
func installEmbedded(t *testing.T) *installation {
	t.Helper()
	in := newInstallation(t)
	in.embedded = true
	in.settings["HOOKLINE_DATA_DIR"] = t.TempDir()
	return in
}

// partitions is the number of work streams on Redis.
const partitions = 4

// install prepares the roles apart, on PostgreSQL and Redis. Their claims are settled: no worker has been there.
func install(t *testing.T, databaseURL, redisURL, redisPrefix string) *installation {
	t.Helper()
	database, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	query := database.Query()
	query.Set("pool_max_conns", "6") // many tests share one server
	database.RawQuery = query.Encode()
	streams, err := stream.Open(stream.Config{URL: redisURL, Prefix: redisPrefix, Partitions: partitions})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = streams.Close() }()
	if err := streams.SettleClaims(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	in := newInstallation(t)
	maps.Copy(in.settings, map[string]string{
		"HOOKLINE_DATABASE_URL": database.String(), "HOOKLINE_REDIS_URL": redisURL, "HOOKLINE_REDIS_PREFIX": redisPrefix,
		"HOOKLINE_ENCRYPTION_KEYS": "test:" + base64.StdEncoding.EncodeToString(key), "HOOKLINE_PARTITIONS": strconv.Itoa(partitions),
	})
	return in
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	return &installation{t: t, started: make(map[string]int), settings: map[string]string{
		"HOOKLINE_ADDR": "127.0.0.1:0", "HOOKLINE_ADMIN_KEY": adminKey,
		"HOOKLINE_ALLOW_CIDRS": "127.0.0.0/8", "HOOKLINE_ALLOW_HTTP": "true",
	}}
}

// env returns the settings as an environment that has nothing else, with changes to them; an empty value takes one out.
func (in *installation) env(changes map[string]string) []string {
	settings := maps.Clone(in.settings)
	maps.Copy(settings, changes)
	env := []string{"GORACE=atexit_sleep_ms=0", "TMPDIR=" + os.TempDir()}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if settings[name] != "" {
			env = append(env, name+"="+settings[name])
		}
	}
	return env
}

// launch starts a process without waiting for it, and start waits until it serves.
func (in *installation) launch(role string) *process {
	in.t.Helper()
	in.started[role]++
	return launch(in.t, fmt.Sprintf("%s %d", role, in.started[role]), in.env(nil), role)
}

func (in *installation) start(role string) *process {
	in.t.Helper()
	p := in.launch(role)
	p.awaitStart()
	return p
}

// server is the role that serves the API.
func (in *installation) server() string {
	if in.embedded {
		return "serve"
	}
	return "server"
}

// startAll starts all that the backend needs, at once: a server and workers, or one process that is both.
func (in *installation) startAll(workers int) (server *process, others []*process) {
	in.t.Helper()
	server = in.launch(in.server())
	if !in.embedded {
		for range workers {
			others = append(others, in.launch("worker"))
		}
	}
	for _, p := range append(others, server) {
		p.awaitStart()
	}
	return server, others
}
