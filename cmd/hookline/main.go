// Command hookline is the whole of Hookline: `hookline serve` runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/app"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/config"
	"github.com/hookline/hookline/internal/store"
)

// version is set when the binary is built.
var version = "dev"

var cli struct {
	config.Settings `embed:""`

	Serve   serveCommand     `cmd:"" help:"Run everything in one process: API, dashboard and worker."`
	Server  serverCommand    `cmd:"" help:"Run the API and the dashboard only."`
	Worker  workerCommand    `cmd:"" help:"Run a worker only; its address serves /livez, /readyz and /metrics."`
	Migrate migrateCommand   `cmd:"" help:"Bring the database up to this version. The other commands do so too when they start."`
	Keys    keysCommand      `cmd:"" help:"Encryption keys: make one, see which are in use, rotate."`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	log.SetOutput(io.Discard) // net/http quotes there what endpoints send; ours goes to slog
	parser := kong.Must(&cli,
		kong.Name("hookline"), kong.Description("Webhook event subscriptions: publish events, deliver them, watch every attempt."),
		kong.UsageOnError(), kong.Vars{"version": buildVersion()},
		kong.Exit(func(code int) { os.Exit(min(code, 1)) }), // kong's own code for wrong settings is 80
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := command.Run(&cli.Settings); err != nil {
		fmt.Fprintf(os.Stderr, "hookline: %s\n", err)
		os.Exit(1)
	}
}

// buildVersion is the version that was set, or what the Go tool knows.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}

type serveCommand struct{}

func (serveCommand) Run(s *config.Settings) error { return run(*s, app.Serve) }

type serverCommand struct{}

func (serverCommand) Run(s *config.Settings) error { return run(*s, app.ServerOnly) }

type workerCommand struct{}

func (workerCommand) Run(s *config.Settings) error { return run(*s, app.WorkerOnly) }

// run runs a role until SIGINT or SIGTERM; a second signal ends the process at once.
func run(settings config.Settings, role app.Role) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	a, err := app.Open(ctx, settings, role, buildVersion(), logger(settings), os.Stdout)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

type migrateCommand struct{}

func (migrateCommand) Run(settings *config.Settings) error {
	return withStore(settings, func(ctx context.Context, s *store.Store) error {
		applied, err := s.Migrate(ctx)
		if err != nil {
			return err
		}
		if err := catalogue.Sync(access.WithSystem(ctx), s.Ent); err != nil {
			return err
		}
		for _, name := range applied {
			fmt.Println("applied", name)
		}
		fmt.Println("the database is up to date")
		return nil
	})
}

// withStore opens the database for a command.
func withStore(settings *config.Settings, f func(ctx context.Context, s *store.Store) error) (err error) {
	if err := settings.Validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s, err := store.Open(ctx, settings.DatabaseURL)
	if err != nil {
		return fmt.Errorf("HOOKLINE_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(ctx, s)
}

func logger(settings config.Settings) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(settings.LogLevel)) // kong has checked it
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
