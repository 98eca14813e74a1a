// Package app puts Hookline's parts together for a role: a server, a worker, or both in one process.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/hookline/hookline/dashboard"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/config"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/demo"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/vault"
	"github.com/hookline/hookline/server"
	"github.com/hookline/hookline/worker"
)

// Role is what a process does.
type Role struct{ Server, Worker bool }

// The roles.
var (
	Serve      = Role{Server: true, Worker: true}
	ServerOnly = Role{Server: true}
	WorkerOnly = Role{Worker: true}
)

// App is a process' parts, open and not yet running.
type App struct {
	settings config.Settings
	role     Role
	version  string
	log      *slog.Logger
	out      io.Writer // for people

	lock     *flock.Flock
	listener net.Listener
	metrics  *prometheus.Registry

	Store     *store.Store
	Streams   *stream.Streams
	Registry  *registry.Registry
	Accepter  *accept.Accepter
	Configure *configure.Service
	Keys      *apikey.Authenticator
	Hub       *livelog.Hub
	client    *egress.Client
	worker    *worker.Worker
	server    *server.Server
	demo      *demo.Demo
}

// Open validates the settings, opens and migrates the database, and makes the parts that the role needs. What it prints for
// people goes to out. It waits for the database, but not for Redis.
func Open(ctx context.Context, settings config.Settings, role Role, version string, log *slog.Logger, out io.Writer) (_ *App, err error) {
	if err := settings.Validate(); err != nil {
		return nil, err
	}
	if role != Serve && settings.EmbeddedDatabase() {
		return nil, errors.New("HOOKLINE_DATABASE_URL: roles apart need PostgreSQL and Redis; `hookline serve` is for the embedded ones")
	}
	a := &App{settings: settings, role: role, version: version, log: log, out: out, metrics: prometheus.NewRegistry()}
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	if err := a.lockDataDir(); err != nil {
		return nil, err
	}
	// Before anything is done, so that a port that is taken is known at once.
	if a.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", settings.Addr); err != nil {
		return nil, fmt.Errorf("HOOKLINE_ADDR: %w", err)
	}
	keys, err := settings.Keys()
	if err != nil {
		return nil, fmt.Errorf("HOOKLINE_ENCRYPTION_KEYS: %w", err)
	}
	secrets, err := vault.New(keys)
	if err != nil {
		return nil, fmt.Errorf("HOOKLINE_ENCRYPTION_KEYS: %w", err)
	}
	if err := a.openStore(ctx); err != nil {
		return nil, err
	}
	stream.LogTo(log)
	if a.Streams, err = stream.Open(stream.Config{
		URL: settings.RedisURL, Prefix: settings.RedisPrefix, Partitions: settings.Partitions,
	}); err != nil {
		return nil, fmt.Errorf("HOOKLINE_REDIS_URL: %w", err)
	}
	if a.Registry, err = registry.Open(ctx, a.Store.Ent, secrets, log); err != nil {
		return nil, err
	}
	guard := settings.Guard()
	if settings.Demo {
		guard.AllowAddrs = append(guard.AllowAddrs, demo.ReceiverAddr(a.listener.Addr()))
	}
	a.client = egress.New(egress.Config{Policy: guard, UserAgent: "Hookline/" + version})
	a.Configure = &configure.Service{
		Store: a.Store, Vault: secrets, Guard: guard, Limits: configure.Limits{AllowSHA1: settings.AllowSHA1}, PublicURL: a.publicURL(),
		Changed:     a.Registry.Apply,
		Connections: configure.NewConnections(a.client),
	}
	a.Accepter = accept.New(accept.Config{
		Store: a.Store, Streams: a.Streams, Registry: a.Registry, Log: log, Metrics: a.metrics,
		Limits: accept.Limits{MaxPayload: settings.MaxPayload}, Guard: guard,
		MakeSecret: func(ctx context.Context) error { return a.Configure.EnsureAccountSecret(ctx) },
	})
	if role.Worker {
		a.worker = worker.New(worker.Config{
			Store: a.Store, Streams: a.Streams, Registry: a.Registry, Vault: secrets, Client: a.client, Configure: a.Configure, Accepter: a.Accepter, Log: log, Metrics: a.metrics, Version: version,
			Grace: time.Duration(settings.Grace) * time.Second,
		})
	}
	if role.Server {
		a.Keys = apikey.NewAuthenticator(a.Store.Ent)
		a.Hub = livelog.New(a.Streams, a.Store, log)
		if err := a.bootstrap(ctx); err != nil {
			return nil, err
		}
	}
	a.server = a.newServer()
	return a, nil
}

// lockDataDir makes sure that no other process uses the embedded database.
func (a *App) lockDataDir() error {
	if !a.settings.EmbeddedDatabase() {
		return nil
	}
	if err := os.MkdirAll(a.settings.DataDir, 0o700); err != nil {
		return fmt.Errorf("HOOKLINE_DATA_DIR: %w", err)
	}
	lock := flock.New(filepath.Join(a.settings.DataDir, "hookline.lock"))
	locked, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("HOOKLINE_DATA_DIR: %w", err)
	}
	if !locked {
		return fmt.Errorf("HOOKLINE_DATA_DIR: another hookline runs on %s", a.settings.DataDir)
	}
	a.lock = lock
	return nil
}

// openTries is how often the database is tried at start, a second apart: it may be starting too.
const openTries = 30

func (a *App) openStore(ctx context.Context) (err error) {
	if a.Store, err = store.Open(ctx, a.settings.DatabaseURL); err != nil {
		return fmt.Errorf("HOOKLINE_DATABASE_URL: %w", err)
	}
	for try := 1; ; try++ {
		if err = a.Store.Ping(ctx); err == nil {
			break
		}
		if try == openTries || ctx.Err() != nil {
			return fmt.Errorf("HOOKLINE_DATABASE_URL: %w", err)
		}
		a.log.Warn("waiting for the database", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	applied, err := a.Store.Migrate(ctx)
	if err != nil {
		return err
	}
	if len(applied) > 0 {
		a.log.Info("database migrated", "applied", applied)
	}
	return catalogue.Sync(access.WithSystem(ctx), a.Store.Ent)
}

// bootstrap makes the default account and the administrator's key, and prints the key if it was made up.
func (a *App) bootstrap(ctx context.Context) error {
	generated, err := a.Keys.Bootstrap(ctx, a.settings.AdminKey)
	if err != nil {
		return err
	}
	if generated != "" {
		fmt.Fprintf(a.out, "\nThe administrator's API key, shown this once:\n\n  %s\n\nSign in to the dashboard with it:\n\n  %s\n\n",
			generated, a.link(generated))
	}
	return nil
}

// URL returns where the server listens, as people on this machine reach it.
func (a *App) URL() string {
	addr := a.listener.Addr().(*net.TCPAddr) //nolint:forcetypeassert // a TCP listener's
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}

// publicURL returns where browsers find the dashboard.
func (a *App) publicURL() string {
	if a.settings.PublicURL != "" {
		return a.settings.PublicURL
	}
	return a.URL()
}

// allowedOrigins returns the origins whose pages may call the API, besides the one that a request was sent to: behind a proxy
// that one may not be the dashboard's.
func (a *App) allowedOrigins() []string {
	if a.settings.PublicURL == "" {
		return a.settings.AllowedOrigins
	}
	return append(slices.Clone(a.settings.AllowedOrigins), a.settings.PublicURL)
}

func (a *App) link(key string) string { return configure.SignInLink(a.publicURL(), key) }

func (a *App) newServer() *server.Server {
	c := server.Config{
		Ent: a.Store.Ent, Accepter: a.Accepter, Configure: a.Configure, Authenticator: a.Keys, Hub: a.Hub,
		Log: a.log, Metrics: a.metrics, Version: a.version, AllowedOrigins: a.allowedOrigins(), Introspection: a.settings.Introspection,
		MaxSocketsPerKey: a.settings.MaxSocketsPerKey, MaxOperationsPerKey: a.settings.MaxOperationsPerKey,
		Ready: []server.Check{{Name: "database", Run: a.Store.Ping}, {Name: "redis", Run: a.Streams.Ping}},
	}
	if a.role.Server {
		c.Dashboard = dashboard.Handler()
	}
	if a.settings.Demo && a.role.Server {
		c.Receiver = server.NewReceiver()
		a.demo = &demo.Demo{
			Configure: a.Configure, Accepter: a.Accepter, Ent: a.Store.Ent, Receiver: "http://" + demo.ReceiverAddr(a.listener.Addr()).String(), Log: a.log,
		}
	}
	return server.New(c)
}

func (a *App) newStreamIngest() *server.StreamIngest {
	return server.NewStreamIngest(server.StreamIngestConfig{
		Streams: a.Streams, Accepter: a.Accepter, Accounts: a.Keys.Account, Log: a.log, Metrics: a.metrics,
	})
}

// close closes what Open opened.
func (a *App) close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.client != nil {
		a.client.Close()
	}
	if a.Streams != nil {
		errs = append(errs, a.Streams.Close())
	}
	if a.Store != nil {
		errs = append(errs, a.Store.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Unlock())
	}
	return errors.Join(errs...)
}
