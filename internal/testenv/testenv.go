// Package testenv gives tests what they run against: fresh databases, Redis, a webhook receiver, and servers of their
// own that a test may kill, freeze and start again. Everything is real and listens on loopback only.
//
// One PostgreSQL and one Redis are shared by a whole test run. [Run], behind the command internal/testenv/cmd/testenv,
// starts them and hands their addresses on in two variables; `make test` does so. A test that finds a variable unset is
// skipped, with the reason, so that a plain `go test` works anywhere; with HOOKLINE_TEST_REQUIRE=1 it fails instead, so
// that a run that has to be complete cannot skip anything silently.
package testenv

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	// PostgresVariable holds the URL of the shared PostgreSQL; its user may create databases.
	PostgresVariable = "HOOKLINE_TEST_POSTGRES_URL"
	// RedisVariable holds the URL of the shared Redis.
	RedisVariable = "HOOKLINE_TEST_REDIS_URL"
	// RequireVariable, set to 1, makes a missing server a failure instead of a skip.
	RequireVariable = "HOOKLINE_TEST_REQUIRE"
)

// Backend is a database and a Redis to run Hookline on. The fields are values of the settings of the same names.
type Backend struct {
	Name        string
	DatabaseURL string
	RedisURL    string
	RedisPrefix string
}

// Each runs test once for every backend that Hookline supports, as parallel subtests: "embedded" (a SQLite file and the
// in-process Redis) and "postgres-redis" (the shared servers). Each subtest has a database and a Redis prefix of its own.
func Each(t *testing.T, test func(t *testing.T, b Backend)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, Backend{Name: "embedded", DatabaseURL: SQLite(t), RedisURL: "embedded", RedisPrefix: newPrefix()})
	})
	t.Run("postgres-redis", func(t *testing.T) {
		t.Parallel()
		test(t, Backend{Name: "postgres-redis", DatabaseURL: Postgres(t), RedisURL: RedisURL(t), RedisPrefix: RedisPrefix(t)})
	})
}

// SQLite returns the URL of a SQLite database that does not exist yet, in a folder that goes with the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite://" + filepath.Join(t.TempDir(), "hookline.db")
}

// shared returns the value of variable, or ends the test where it is unset.
func shared(t testing.TB, variable string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" {
		missing(t, variable+" is not set: run `make test`, which starts the servers that this test needs")
	}
	return url
}

// Program returns the path of a program that the test runs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed: scripts/install-test-deps installs what tests need")
	}
	return path
}

// missing ends the test: as skipped, or as failed where everything is required.
func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv(RequireVariable) == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// random returns 16 hexadecimal digits that have not been used before.
func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
