package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running program. It ends with the test, whatever happens. Call its methods from the test's own goroutine.
type process struct {
	t    *testing.T
	name string // such as "worker 2"
	cmd  *exec.Cmd

	url    string       // where it listens, once it has started
	stdout bytes.Buffer // to be read when it has ended

	watched
	lines []string // of its log
	ended bool     // and all that it wrote has been read
}

// launch starts the program without waiting for anything.
func launch(t *testing.T, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(program(t), args...)}
	p.cmd.Env, p.cmd.Stdout = env, &p.stdout
	p.cmd.Dir = t.TempDir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in the terminal is for the tests
	endWithParent(p.cmd.SysProcAttr)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.follow(stderr)
	t.Cleanup(p.tidy)
	return p
}

// follow reads the log until the process ends.
func (p *process) follow(log io.Reader) {
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			p.update(func() { p.lines = append(p.lines, line) })
		}
		if err != nil {
			break
		}
	}
	_ = p.cmd.Wait() // how it ended is in its ProcessState
	p.update(func() { p.ended = true })
}

// tidy ends the process, shows the log of a failed test, and fails one in which the program has panicked or raced.
func (p *process) tidy() {
	_ = p.cmd.Process.Kill() // fails only when it has ended
	p.awaitEnd()
	for _, line := range p.lines {
		if !json.Valid([]byte(line)) {
			p.t.Errorf("%s wrote what is not of its log: %s", p.name, line)
			break
		}
	}
	if p.t.Failed() {
		p.t.Logf("log of %s, in part:\n%s", p.name, p.worthReading())
	}
}

// worthReading is the log without requests, and without messages that come again and again.
func (p *process) worthReading() string {
	var kept []string
	times := make(map[string]int)
	for _, text := range p.lines {
		var line logLine
		_ = json.Unmarshal([]byte(text), &line) // what is not JSON is kept
		if times[line.Message]++; line.Message != "request" && times[line.Message] <= 10 {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, "\n")
}

// logged returns the lines of the log that have this message.
func (p *process) logged(message string) []logLine {
	var found []logLine
	for _, text := range p.lines {
		var line logLine
		if strings.Contains(text, message) && json.Unmarshal([]byte(text), &line) == nil && line.Message == message {
			found = append(found, line)
		}
	}
	return found
}

// logLine is what tests read of a line of the log.
type logLine struct {
	Message string `json:"msg"`
	Address string `json:"address"`
}

// awaitLog waits until the log has a line with this message, and returns the first one.
func (p *process) awaitLog(message string) logLine {
	p.t.Helper()
	var found []logLine
	p.await(p.t, p.name+" logs "+message, func() bool {
		found = p.logged(message)
		return len(found) > 0 || p.ended
	})
	if len(found) == 0 {
		p.t.Fatalf("%s ended (%v) and did not log %q", p.name, p.cmd.ProcessState, message)
	}
	return found[0]
}

// awaitStart waits until the process serves.
func (p *process) awaitStart() {
	p.t.Helper()
	p.url = p.awaitLog("hookline started").Address
}

// signal sends a signal to the process.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v to %s: %v", s, p.name, err)
	}
}

// kill ends the process at once, as a crash would (SIGKILL).
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.awaitEnd()
}

// freeze stops the process from running (SIGSTOP) until thaw: its connections stay open, and it does nothing.
func (p *process) freeze() { p.t.Helper(); p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.t.Helper(); p.signal(syscall.SIGCONT) }

// terminate asks the process to end, and stop waits until it has: it must end well.
func (p *process) terminate() { p.t.Helper(); p.signal(syscall.SIGTERM) }
func (p *process) stop() {
	p.t.Helper()
	p.terminate()
	p.awaitCleanEnd()
}

func (p *process) awaitEnd() {
	p.t.Helper()
	p.await(p.t, p.name+" ends", func() bool { return p.ended })
}

func (p *process) awaitCleanEnd() {
	p.t.Helper()
	p.awaitEnd()
	if !p.cmd.ProcessState.Success() {
		p.t.Fatalf("%s ended with %v, want exit status 0", p.name, p.cmd.ProcessState)
	}
	if len(p.logged("hookline stopped")) != 1 {
		p.t.Errorf("%s did not log that it stopped", p.name)
	}
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// command runs the program until it ends by itself, which it must do soon.
func command(t *testing.T, env []string, args ...string) outcome {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // the code tells
	if !overdue.Stop() {
		t.Fatalf("hookline %s did not end:\n%s", strings.Join(args, " "), stderr.String())
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
