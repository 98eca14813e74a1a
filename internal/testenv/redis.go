package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisURL returns the URL of the shared Redis. Others use it at the same time: keep to keys under a [RedisPrefix].
func RedisURL(t testing.TB) string {
	t.Helper()
	return shared(t, RedisVariable)
}

// RedisPrefix returns a prefix of letters and digits that no other test has. When the test ends, all keys of the shared
// Redis whose names contain it are removed.
func RedisPrefix(t testing.TB) string {
	t.Helper()
	url := RedisURL(t)
	prefix := newPrefix()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stopTimeout)
		defer cancel()
		if err := removeKeys(ctx, url, prefix); err != nil {
			t.Errorf("remove the keys of %s: %v", prefix, err)
		}
	})
	return prefix
}

func newPrefix() string { return "test" + random() }

// removeKeys removes all keys whose names contain part.
func removeKeys(ctx context.Context, url, part string) (err error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(opts)
	defer func() { err = errors.Join(err, client.Close()) }()
	keys := client.Scan(ctx, 0, "*"+part+"*", 1000).Iterator()
	for keys.Next(ctx) {
		if err := client.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

// Redis is a Redis server of one test, which may do with it what it likes. Call its methods from the test's own goroutine.
type Redis struct {
	t      testing.TB
	server *redisServer
}

// StartRedis starts a Redis server that ends with the test. It keeps nothing on disk unless args (such as
// "--appendonly", "yes") say so.
func StartRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	server, err := newRedisServer(t.Context(), args...)
	if errors.Is(err, errNotInstalled) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.close(); err != nil {
			t.Error(err)
		}
	})
	return &Redis{t: t, server: server}
}

// Addr returns the address as host:port. It stays the same over restarts.
func (r *Redis) Addr() string { return r.server.addr() }

// URL returns the address as a redis:// URL.
func (r *Redis) URL() string { return r.server.url() }

// Kill ends the server at once, as a crash of its machine would (SIGKILL), and waits for its end.
func (r *Redis) Kill() { r.server.process.stop() }

// Restart kills the server if it still runs and starts it again on the same port and folder. It returns when the server
// answers. What comes back depends on the arguments of [StartRedis]: by default nothing.
func (r *Redis) Restart() {
	r.t.Helper()
	r.Kill()
	if err := r.server.start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// Pause freezes the server: it keeps its connections and accepts new ones, but answers nothing until [Redis.Continue].
func (r *Redis) Pause() { r.signal(syscall.SIGSTOP) }

// Continue ends a [Redis.Pause].
func (r *Redis) Continue() { r.signal(syscall.SIGCONT) }

func (r *Redis) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.server.process.cmd.Process.Signal(sig); err != nil {
		r.t.Fatalf("send %v to Redis: %v", sig, err)
	}
}

// Flush removes all keys of all databases of the server.
func (r *Redis) Flush() {
	r.t.Helper()
	client := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer client.Close()
	if err := client.FlushAll(r.t.Context()).Err(); err != nil {
		r.t.Fatalf("flush Redis: %v", err)
	}
}

// redisServer is a redis-server with a folder of its own.
type redisServer struct {
	binary  string
	dir     string
	port    int
	args    []string
	process *process
}

func newRedisServer(ctx context.Context, args ...string) (*redisServer, error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("redis-server: %w", errNotInstalled)
	}
	dir, err := os.MkdirTemp("", "hookline-redis-")
	if err != nil {
		return nil, err
	}
	s := &redisServer{binary: binary, dir: dir, args: args}
	err = onFreePort(func(port int) error {
		s.port = port
		return s.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// start starts the server, which must not be running, and returns once it answers.
func (s *redisServer) start(ctx context.Context) error {
	args := append([]string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--save", "", "--appendonly", "no",
	}, s.args...)
	if slices.Contains(s.args, "--sentinel") { // which keeps its state in its configuration file
		config := filepath.Join(s.dir, "sentinel.conf")
		if err := os.WriteFile(config, nil, 0o600); err != nil {
			return err
		}
		args = append([]string{config, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir}, s.args...)
	}
	cmd := exec.Command(s.binary, args...) //nolint:gosec // G204: tests choose the arguments
	p, err := startProcess(cmd, nil, syscall.SIGKILL, filepath.Join(s.dir, "log"))
	if err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	s.process = p
	if err := p.ready(ctx, func(ctx context.Context) error { return s.answers(ctx) }); err != nil {
		p.stop()
		return fmt.Errorf("start Redis: %w", err)
	}
	return nil
}

// answers returns nil when the server's own process answers, and not one that took the port first.
func (s *redisServer) answers(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("INFO server\r\n")); err != nil {
		return err
	}
	own := fmt.Sprintf("process_id:%d", s.process.cmd.Process.Pid)
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if lines.Text() == own {
			return nil
		}
	}
	return fmt.Errorf("no %s from %s", own, s.addr())
}

// close ends the server and removes its folder.
func (s *redisServer) close() error {
	if s.process != nil {
		s.process.stop()
	}
	return os.RemoveAll(s.dir)
}

func (s *redisServer) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *redisServer) url() string { return "redis://" + s.addr() }
