package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child()) // see run_test.go
	}
	goleak.VerifyTestMain(m)
}

func TestEach(t *testing.T) {
	t.Parallel()
	backends := make(chan Backend, 2)
	t.Run("runs", func(t *testing.T) {
		Each(t, func(t *testing.T, b Backend) {
			if !strings.HasSuffix(t.Name(), "/"+b.Name) {
				t.Errorf("the subtest %s is not named after its backend %s", t.Name(), b.Name)
			}
			backends <- b
		})
	})
	close(backends)
	for b := range backends {
		switch b.Name {
		case "embedded":
			if !strings.HasPrefix(b.DatabaseURL, "sqlite:///") || b.RedisURL != "embedded" {
				t.Errorf("not the embedded servers: %+v", b)
			}
		case "postgres-redis":
			if !strings.HasPrefix(b.DatabaseURL, "postgres://") || !strings.HasPrefix(b.RedisURL, "redis://") {
				t.Errorf("not PostgreSQL and Redis: %+v", b)
			}
		default:
			t.Errorf("unknown backend %q", b.Name)
		}
		if b.RedisPrefix == "" {
			t.Errorf("%s has no prefix", b.Name)
		}
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	t.Run("names_a_file_that_can_be_made", func(t *testing.T) {
		t.Parallel()
		path := strings.TrimPrefix(SQLite(t), "sqlite://")
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s exists already (%v)", path, err)
		}
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			t.Error(err)
		}
	})
	t.Run("differs_every_time", func(t *testing.T) {
		t.Parallel()
		if a, b := SQLite(t), SQLite(t); a == b {
			t.Errorf("twice %s", a)
		}
	})
}

// These tests change the environment of the process, so they cannot be parallel.
func TestMissingServers(t *testing.T) {
	t.Setenv(PostgresVariable, "")
	t.Setenv(RedisVariable, "")
	t.Setenv("PATH", "")
	for name, use := range map[string]func(testing.TB){
		"Postgres":    func(t testing.TB) { Postgres(t) },
		"RedisURL":    func(t testing.TB) { RedisURL(t) },
		"RedisPrefix": func(t testing.TB) { RedisPrefix(t) },
		"StartRedis":  func(t testing.TB) { StartRedis(t) },
		"Program":     func(t testing.TB) { Program(t, "curl") },
	} {
		t.Run(name+"_is_skipped", func(t *testing.T) {
			t.Setenv(RequireVariable, "")
			if got := verdict(t, use); !strings.HasPrefix(got, "skip: ") {
				t.Errorf("got %q", got)
			}
		})
		t.Run(name+"_fails_where_all_is_required", func(t *testing.T) {
			t.Setenv(RequireVariable, "1")
			if got := verdict(t, use); !strings.HasPrefix(got, "fatal: ") {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("the_reason_says_what_to_do", func(t *testing.T) {
		t.Setenv(RequireVariable, "")
		got := verdict(t, func(t testing.TB) { Postgres(t) })
		if !strings.Contains(got, PostgresVariable) || !strings.Contains(got, "make test") {
			t.Errorf("got %q", got)
		}
	})
}

// ending is a testing.TB that keeps how a test ended instead of ending it.
type ending struct {
	testing.TB
	text string
}

func (e *ending) Skip(args ...any)  { e.end("skip: " + fmt.Sprint(args...)) }
func (e *ending) Fatal(args ...any) { e.end("fatal: " + fmt.Sprint(args...)) }

func (e *ending) Fatalf(format string, args ...any) { e.end("fatal: " + fmt.Sprintf(format, args...)) }

func (e *ending) end(text string) {
	e.text = text
	runtime.Goexit()
}

// verdict returns how a test that consists of body ended; "" means that it went through.
func verdict(t *testing.T, body func(testing.TB)) string {
	t.Helper()
	e := &ending{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(e)
	}()
	<-done
	return e.text
}
