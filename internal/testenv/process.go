package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second // a loaded machine takes its time to start a server
	stopTimeout  = 10 * time.Second // after this long a server that was asked to stop is killed
	startTries   = 5                // another program may take the port between choosing it and listening on it
)

// errNotInstalled is returned where a server's program is not on this machine.
var errNotInstalled = errors.New("not installed")

// process is a running server. On Linux it ends with the process that started it.
type process struct {
	cmd  *exec.Cmd
	end  syscall.Signal // what ends it at once
	log  string         // path of the file that holds its output
	done chan struct{}  // closed once it has ended
}

// startProcess starts cmd in a process group of its own (a Ctrl-C in the terminal is for the tests, which still need
// their servers while they clean up), as user when that is not nil, and appends its output to the file log.
func startProcess(cmd *exec.Cmd, user *syscall.Credential, end syscall.Signal, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: user}
	endWithParent(cmd.SysProcAttr, end)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, end: end, log: log, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	return p, nil
}

// ready waits until probe succeeds. It returns an error with the end of the log when the process ends before that.
func (p *process) ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var last error
	err := poll(ctx, func() bool {
		if p.ended() {
			return true
		}
		last = probe(ctx)
		return last == nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s does not answer: %w: %w", p.cmd.Path, err, last)
	case p.ended():
		return fmt.Errorf("%s ended: %s", p.cmd.Path, p.logTail())
	}
	return nil
}

// stop ends the process and waits for its end, and kills one that does not obey. It does nothing when it has ended before.
func (p *process) stop() { p.stopWithin(stopTimeout) }

func (p *process) stopWithin(timeout time.Duration) {
	_ = p.cmd.Process.Signal(p.end) // fails only when it has ended
	select {
	case <-p.done:
	case <-time.After(timeout):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// logTail returns the last 2 KiB that the process has written.
func (p *process) logTail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-2048):]))
}

// freePort returns a loopback port on which nothing listens, chosen as by [Listen].
func freePort() (int, error) {
	l, err := Listen()
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Listen listens on a loopback port below the range from which systems take the ports of outgoing connections: otherwise a
// client that keeps dialling a stopped server can end up connected to itself, and the server cannot start again.
func Listen() (net.Listener, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(12000) //nolint:gosec // G404: nobody gains by guessing it
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, fmt.Errorf("find a free port: %w", err)
}

// onFreePort calls start with free ports until it succeeds, a few times.
func onFreePort(start func(port int) error) error {
	var err error
	for range startTries {
		var port int
		if port, err = freePort(); err != nil {
			return err
		}
		if err = start(port); err == nil {
			return nil
		}
	}
	return err
}
