package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hookline/hookline/internal/app"
	"github.com/hookline/hookline/internal/config"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

const adminKey = "hk_bench_0123456789abcdef0123456789abcdef"

// serve runs Hookline, or only a worker if BENCH_ROLE says so, with the settings in the environment, and its profiles on BENCH_PPROF.
func serve() error {
	var settings config.Settings
	if err := json.Unmarshal([]byte(os.Getenv("BENCH_SETTINGS")), &settings); err != nil {
		return err
	}
	go func() {
		server := &http.Server{Addr: os.Getenv("BENCH_PPROF"), ReadHeaderTimeout: time.Second}
		_ = server.ListenAndServe()
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	role := app.Serve
	if os.Getenv("BENCH_ROLE") == "worker" {
		role = app.WorkerOnly
	}
	a, err := app.Open(ctx, settings, role, "bench", log, io.Discard)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// bench is a running Hookline, an endpoint, and what is needed to measure them.
type bench struct {
	options  options
	name     string
	addr     string // of Hookline
	pprof    string
	process  *exec.Cmd
	settings config.Settings
	endpoint *endpoint
	more     []*endpoint // of the lines that have several
	store    *store.Store
	cleanup  []func()
}

func start(ctx context.Context, o options, name string) (b *bench, err error) {
	b = &bench{options: o, name: name}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.endpoint, err = listen(); err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, b.endpoint.close)
	folder, err := os.MkdirTemp("", "hookline-bench")
	if err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, func() { _ = os.RemoveAll(folder) })
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	b.settings = config.Settings{
		DataDir: folder, RedisURL: "embedded", RedisPrefix: "bench" + strings.ToLower(rand.Text()[:8]), AdminKey: adminKey,
		AllowCIDRs: []string{"127.0.0.0/8"}, AllowHTTP: true, EncryptionKeys: "k:" + base64.StdEncoding.EncodeToString(secret),
		MaxPayload: 256 << 10, MaxSocketsPerKey: 100_000, MaxOperationsPerKey: 100_000, Grace: 5, LogLevel: "warn",
	}
	if !o.embedded {
		if err := b.useServers(ctx); err != nil {
			return nil, err
		}
	}
	b.cleanup = append(b.cleanup, b.stop)
	if err := b.launch(ctx); err != nil {
		return nil, err
	}
	if err := b.settings.Validate(); err != nil { // fills in the database's URL
		return nil, err
	}
	if b.store, err = store.Open(ctx, b.settings.DatabaseURL); err != nil {
		return nil, err
	}
	b.cleanup = append(b.cleanup, func() { _ = b.store.Close() })
	return b, nil
}

// launch starts Hookline, on an address of its own, and waits until it is ready.
func (b *bench) launch(ctx context.Context) error {
	b.addr, b.pprof = freeAddr(), freeAddr()
	b.settings.Addr = b.addr
	text, err := json.Marshal(b.settings)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	process := exec.Command(self, "serve")
	process.Env = append(os.Environ(), "BENCH_SETTINGS="+string(text), "BENCH_PPROF="+b.pprof)
	process.Stderr = os.Stderr
	if err := process.Start(); err != nil {
		return err
	}
	b.process = process
	return b.waitReady(ctx)
}

// stop ends Hookline, if it runs.
func (b *bench) stop() {
	if b.process == nil {
		return
	}
	_ = b.process.Process.Signal(syscall.SIGTERM)
	_ = b.process.Wait()
	b.process = nil
}

// useServers makes a database of its own on the PostgreSQL that the environment names, and uses the Redis that it names.
func (b *bench) useServers(ctx context.Context) error {
	postgres, redisURL := os.Getenv("HOOKLINE_TEST_POSTGRES_URL"), os.Getenv("HOOKLINE_TEST_REDIS_URL")
	if postgres == "" || redisURL == "" {
		return errors.New("HOOKLINE_TEST_POSTGRES_URL and HOOKLINE_TEST_REDIS_URL are not set: run `make bench`, or use -embedded")
	}
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	name := "bench_" + strings.ToLower(rand.Text()[:8])
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	u, err := url.Parse(postgres)
	if err != nil {
		return err
	}
	u.Path = "/" + name
	b.settings.DatabaseURL, b.settings.RedisURL = u.String(), redisURL
	b.cleanup = append(b.cleanup, func() {
		if conn, err := pgx.Connect(context.Background(), postgres); err == nil {
			_, _ = conn.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
			_ = conn.Close(context.Background())
		}
	})
	// No worker has been there: the first events need not wait until claims have settled.
	streams, err := stream.Open(stream.Config{URL: redisURL, Prefix: b.settings.RedisPrefix, Partitions: 1})
	if err != nil {
		return err
	}
	return errors.Join(streams.SettleClaims(ctx), streams.Close())
}

func (b *bench) close() {
	for _, cleanup := range slices.Backward(b.cleanup) {
		cleanup()
	}
	b.cleanup = nil
}

func (b *bench) waitReady(ctx context.Context) error {
	for range 300 {
		resp, err := http.Get("http://" + b.addr + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("hookline did not become ready")
}

// subscribe makes subscriptions of SMS reports to the endpoint.
func (b *bench) subscribe(ctx context.Context, matching int) error {
	for i := range matching {
		// They have an event type more each, because only so many may be the same.
		key := fmt.Sprintf("s%d", i)
		if err := b.subscribeOne(ctx, key, fmt.Sprintf(`eventTypes: ["sms.delivery", "x%d.*"]`, i),
			fmt.Sprintf(`create: {key: %q, webhookUrl: %q, windowSize: 64}`, key, b.endpoint.url())); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) subscribeOne(ctx context.Context, key, rule, profile string) error {
	var answer struct {
		Data struct {
			CreateEventSubscription struct{ UserErrors []struct{ Message string } }
		}
		Errors []struct{ Message string }
	}
	query := fmt.Sprintf(`mutation{createEventSubscription(input:{key:%q,name:%q,%s profile:{%s}}){userErrors{message}}}`, key, key, rule, profile)
	if err := b.graphQL(ctx, query, &answer); err != nil {
		return err
	}
	if len(answer.Errors) > 0 || len(answer.Data.CreateEventSubscription.UserErrors) > 0 {
		return fmt.Errorf("create subscription: %+v", answer)
	}
	return nil
}

func (b *bench) graphQL(ctx context.Context, query string, into any) error {
	body, _ := json.Marshal(map[string]string{"query": query})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return json.NewDecoder(resp.Body).Decode(into)
}

// usage is what Hookline has used up to a moment.
type usage struct {
	cpu       time.Duration
	allocs    float64
	bytes     float64
	residents float64 // MiB
}

// measure reads Hookline's own metrics.
func (b *bench) measure(ctx context.Context) (usage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.addr+"/metrics", nil)
	if err != nil {
		return usage{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return usage{}, err
	}
	value := func(name string) float64 {
		for row := range strings.Lines(string(text)) {
			if rest, found := strings.CutPrefix(row, name+" "); found {
				v, _ := strconv.ParseFloat(strings.TrimSpace(rest), 64)
				return v
			}
		}
		return 0
	}
	return usage{
		cpu:    time.Duration(value("process_cpu_seconds_total") * float64(time.Second)),
		allocs: value("go_memstats_mallocs_total"), bytes: value("go_memstats_alloc_bytes_total"),
		residents: value("process_resident_memory_bytes") / (1 << 20),
	}, nil
}

// startProfile takes a CPU profile of Hookline for a while, and then one of its allocations. The returned function waits for them.
func (b *bench) startProfile(ctx context.Context, length time.Duration) (wait func()) {
	if b.options.profile == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.fetchProfile(ctx, fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(length.Seconds())), "cpu")
		b.fetchProfile(ctx, "/debug/pprof/allocs", "allocs")
	}()
	return func() { <-done }
}

func (b *bench) fetchProfile(ctx context.Context, path, kind string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.pprof+path, nil)
	if err != nil {
		return
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	file, err := os.Create(filepath.Join(b.options.profile, b.name+"."+kind+".pprof"))
	if err != nil {
		return
	}
	_, _ = io.Copy(file, resp.Body)
	_ = file.Close()
}

func freeAddr() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
