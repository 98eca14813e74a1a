package testenv

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestRedisPrefix(t *testing.T) {
	t.Parallel()
	var prefix string
	client := connectRedis(t, RedisURL(t))
	t.Run("user", func(t *testing.T) {
		prefix = RedisPrefix(t)
		if other := RedisPrefix(t); other == prefix {
			t.Errorf("twice %s", prefix)
		}
		for _, key := range []string{prefix + ":a", "{" + prefix + ":0}:work"} {
			if err := client.Set(t.Context(), key, 1, 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
	left, err := client.Exists(t.Context(), prefix+":a", "{"+prefix+":0}:work").Result()
	if err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d keys are left after the test", left)
	}
}

func TestStartRedis(t *testing.T) {
	t.Parallel()
	t.Run("answers_when_it_returns", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		if err := connectRedis(t, r.URL()).Ping(t.Context()).Err(); err != nil {
			t.Error(err)
		}
	})
	t.Run("takes_arguments", func(t *testing.T) {
		t.Parallel()
		client := connectRedis(t, StartRedis(t, "--maxmemory-policy", "noeviction", "--maxmemory", "64mb").URL())
		got, err := client.ConfigGet(t.Context(), "maxmemory").Result()
		if err != nil {
			t.Fatal(err)
		}
		if got["maxmemory"] != "67108864" {
			t.Errorf("maxmemory is %v", got)
		}
	})
	t.Run("fails_with_what_Redis_said", func(t *testing.T) {
		t.Parallel()
		if _, err := newRedisServer(t.Context(), "--no-such-setting", "1"); err == nil {
			t.Error("started with a setting that does not exist")
		}
	})
	t.Run("ends_with_the_test", func(t *testing.T) {
		t.Parallel()
		var r *Redis
		t.Run("user", func(t *testing.T) { r = StartRedis(t) })
		if conn, err := net.Dial("tcp", r.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("it still listens: %v, %v", conn, err)
		}
		if _, err := os.Stat(r.server.dir); !os.IsNotExist(err) {
			t.Errorf("its folder is still there (%v)", err)
		}
	})
}

func TestRedisFaults(t *testing.T) {
	t.Parallel()
	t.Run("a_killed_server_refuses_connections", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		r.Kill()
		if conn, err := net.Dial("tcp", r.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, %v", conn, err)
		}
	})
	t.Run("a_restart_keeps_the_address_and_loses_the_data", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		addr := r.Addr()
		setKey(t, r)
		r.Kill()
		r.Restart()
		if r.Addr() != addr {
			t.Errorf("was %s, is %s", addr, r.Addr())
		}
		if keyExists(t, r) {
			t.Error("the key survived")
		}
	})
	t.Run("a_restart_with_an_append-only_file_keeps_the_data", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
		setKey(t, r)
		r.Restart()
		if !keyExists(t, r) {
			t.Error("the key is lost")
		}
	})
	t.Run("a_paused_server_accepts_and_does_not_answer", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		client := connectRedis(t, r.URL())
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		r.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var timeout net.Error
		if err := client.Ping(ctx).Err(); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("paused: %v", err)
		}
		r.Continue()
		if err := client.Ping(t.Context()).Err(); err != nil {
			t.Errorf("continued: %v", err)
		}
	})
	t.Run("flush_removes_the_keys", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		setKey(t, r)
		r.Flush()
		if keyExists(t, r) {
			t.Error("the key is still there")
		}
	})
}

func setKey(t *testing.T, r *Redis) {
	t.Helper()
	if err := connectRedis(t, r.URL()).Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func keyExists(t *testing.T, r *Redis) bool {
	t.Helper()
	n, err := connectRedis(t, r.URL()).Exists(t.Context(), "key").Result()
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// connectRedis returns a client that tries once and that goes with the test.
func connectRedis(t *testing.T, url string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opts.MaxRetries = -1
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	return client
}
