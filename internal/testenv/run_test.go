package testenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test binary behave as the command that Run runs, in the way that its value names.
const childVariable = "HOOKLINE_TESTENV_CHILD"

// child is the command: it prints the addresses that it was given and ends as told.
func child() int {
	fmt.Println(os.Getenv(PostgresVariable))
	fmt.Println(os.Getenv(RedisVariable))
	switch os.Getenv(childVariable) {
	case "exit 7":
		return 7
	case "await a signal":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		fmt.Println("ready")
		<-signals
		return 8
	case "die of a signal":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "run":
		code, err := Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}
	return 0
}

// These tests change the environment of the process, so they cannot be parallel.
func TestRun(t *testing.T) {
	if _, err := postgresBin(); err != nil {
		missing(t, err.Error())
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("starts_servers,_returns_the_exit_code_and_stops_the_servers", func(t *testing.T) {
		t.Setenv(childVariable, "exit 7")
		t.Setenv(PostgresVariable, "postgres://not-this-one")
		t.Setenv("TMPDIR", worldReadable(t))
		var out bytes.Buffer
		code, err := Run(t.Context(), []string{self}, &out, io.Discard)
		if err != nil || code != 7 {
			t.Fatalf("got exit code %d, %v", code, err)
		}
		lines := strings.Fields(out.String())
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "postgres://hookline:") || !strings.HasPrefix(lines[1], "redis://") {
			t.Fatalf("the command was given %q", lines)
		}
		for _, line := range lines {
			u, err := url.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			if conn, err := net.Dial("tcp", u.Host); err == nil {
				conn.Close()
				t.Errorf("%s still listens", u.Host)
			}
		}
		left, err := os.ReadDir(os.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	t.Run("returns_128_and_the_signal_that_ended_the_command", func(t *testing.T) {
		t.Setenv(childVariable, "die of a signal")
		if code, err := Run(t.Context(), []string{self}, io.Discard, io.Discard); err != nil || code != 128+9 {
			t.Errorf("got exit code %d, %v", code, err)
		}
	})
	t.Run("passes_signals_on_and_waits_for_the_command", func(t *testing.T) {
		cmd := exec.Command(self, "env", childVariable+"=await a signal", self)
		cmd.Env = append(os.Environ(), childVariable+"=run")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var seen bytes.Buffer
		for !strings.Contains(seen.String(), "ready\n") {
			if _, err := io.CopyN(&seen, out, 1); err != nil {
				t.Fatalf("%v after %q", err, &seen)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the exit code is what counts
		if code := cmd.ProcessState.ExitCode(); code != 8 {
			t.Errorf("got exit code %d: the command did not get the signal or was not waited for", code)
		}
	})
	t.Run("says_what_is_not_installed", func(t *testing.T) {
		t.Setenv(RequireVariable, "")
		t.Setenv(childVariable, "exit 7")
		t.Setenv("PATH", "") // PostgreSQL may still be found where Debian keeps it
		var said bytes.Buffer
		if code, err := Run(t.Context(), []string{self}, io.Discard, &said); err != nil || code != 7 {
			t.Errorf("got exit code %d, %v", code, err)
		}
		if !strings.Contains(said.String(), "redis-server: not installed") {
			t.Errorf("said %q", &said)
		}
	})
	t.Run("refuses_to_go_on_without_what_is_required", func(t *testing.T) {
		t.Setenv(RequireVariable, "1")
		t.Setenv("PATH", "")
		if _, err := Run(t.Context(), []string{self}, io.Discard, io.Discard); err == nil {
			t.Error("no error")
		}
	})
	t.Run("refuses_an_empty_command", func(t *testing.T) {
		if _, err := Run(t.Context(), nil, io.Discard, io.Discard); err == nil {
			t.Error("no error")
		}
	})
}

// worldReadable returns a folder that the user of PostgreSQL may enter, too.
func worldReadable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hookline-testenv-") //nolint:usetesting // t.TempDir lies in a folder of mode 0700
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestStopKillsWhatDoesNotObey(t *testing.T) {
	t.Parallel()
	p, err := startProcess(exec.Command("sleep", "1000"), nil, syscall.SIGCONT, worldReadable(t)+"/log") // SIGCONT ends nothing
	if err != nil {
		t.Fatal(err)
	}
	p.stopWithin(time.Millisecond)
	if !p.ended() {
		t.Error("it still runs")
	}
}
