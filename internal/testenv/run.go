package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// sharedServers are the servers that [Run] starts, and the variables that name them.
var sharedServers = []struct {
	variable string
	start    func(context.Context) (server, error)
}{
	{PostgresVariable, func(ctx context.Context) (server, error) { return newPostgresServer(ctx) }},
	{RedisVariable, func(ctx context.Context) (server, error) { return newRedisServer(ctx) }},
}

type server interface {
	url() string
	close() error
}

// Run starts a PostgreSQL and a Redis, runs the command with their URLs in [PostgresVariable] and [RedisVariable], and
// stops both again. It returns the command's exit code, or 128 and the signal's number when a signal ended it. SIGINT,
// SIGTERM and SIGHUP that reach this process are passed on to the command and its children, and Run waits for the
// command all the same. A server that is not installed is named on stderr and its variable is left unset; where
// [RequireVariable] is 1 that is an error.
func Run(ctx context.Context, command []string, stdout, stderr io.Writer) (code int, err error) {
	if len(command) == 0 {
		return 0, errors.New("no command given")
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	env := os.Environ()
	for _, s := range sharedServers {
		env = slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, s.variable+"=") })
		server, err := s.start(ctx)
		if errors.Is(err, errNotInstalled) && os.Getenv(RequireVariable) != "1" {
			fmt.Fprintf(stderr, "testenv: %v: tests that need it are skipped\n", err)
			continue
		}
		if err != nil {
			return 0, err
		}
		defer func() {
			if err := server.close(); err != nil {
				fmt.Fprintf(stderr, "testenv: %v\n", err)
			}
		}()
		env = append(env, s.variable+"="+server.url())
	}
	return runCommand(command, env, stdout, stderr, signals)
}

// runCommand runs the command in a process group of its own, so that a signal reaches all of its children, and reaches
// them once, whether a terminal or a program sent it.
func runCommand(command, env []string, stdout, stderr io.Writer, signals <-chan os.Signal) (int, error) {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec // G204: running what it is told is its purpose
	cmd.Env, cmd.Stdout, cmd.Stderr = env, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case sig := <-signals:
			_ = syscall.Kill(-cmd.Process.Pid, sig.(syscall.Signal)) // fails only when all have ended
		case err := <-ended:
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				return exitCode(exit.ProcessState), nil
			}
			return 0, err
		}
	}
}

// exitCode returns the exit code as a shell shows it.
func exitCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
