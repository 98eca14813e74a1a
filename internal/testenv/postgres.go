package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Postgres returns the URL of a fresh, empty database on the shared PostgreSQL. It is dropped when the test ends, even
// if connections to it are still open.
func Postgres(t testing.TB) string {
	t.Helper()
	admin := shared(t, PostgresVariable)
	name := "test_" + random()
	if err := execute(t.Context(), admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), startTimeout)
		defer cancel()
		if err := execute(ctx, admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database: %v", err)
		}
	})
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("%s: %v", PostgresVariable, err)
	}
	u.Path = "/" + name
	return u.String()
}

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, url, statement string) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

// PostgresServer is a PostgreSQL server of one test, which may do with it what it likes. Starting one takes a second or
// more: take [Postgres] unless the test stops the server. Call its methods from the test's own goroutine.
type PostgresServer struct {
	t      testing.TB
	server *postgresServer
}

// StartPostgres starts a PostgreSQL server that ends with the test.
func StartPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	server, err := newPostgresServer(t.Context())
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
	return &PostgresServer{t: t, server: server}
}

// URL returns the address of the server's empty database "postgres". It stays the same over restarts.
func (p *PostgresServer) URL() string { return p.server.url() }

// StopImmediate ends the server at once, cutting all connections, without a checkpoint (SIGQUIT): what was committed
// comes back from the write-ahead log, as after a crash.
func (p *PostgresServer) StopImmediate() { p.server.process.stop() }

// Start starts the server again after [PostgresServer.StopImmediate] and returns once it answers.
func (p *PostgresServer) Start() {
	p.t.Helper()
	if err := p.server.start(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
}

// postgresServer is a PostgreSQL cluster with a folder of its own.
type postgresServer struct {
	bin      string // folder of the programs
	dir      string
	user     *syscall.Credential // nil: the user who runs the tests
	password string
	port     int
	process  *process
}

func newPostgresServer(ctx context.Context) (*postgresServer, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	user, err := postgresUser()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hookline-postgres-")
	if err != nil {
		return nil, err
	}
	s := &postgresServer{bin: bin, dir: dir, user: user, password: random()}
	if err := s.initialize(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("initialize PostgreSQL: %w", err), s.close())
	}
	err = onFreePort(func(port int) error {
		s.port = port
		return s.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// initialize makes the cluster's data folder.
func (s *postgresServer) initialize(ctx context.Context) error {
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o600); err != nil {
		return err
	}
	if s.user != nil {
		for _, path := range []string{s.dir, password} {
			if err := os.Chown(path, int(s.user.Uid), int(s.user.Gid)); err != nil {
				return err
			}
		}
	}
	// --no-sync spares initdb's own fsync only; the server keeps its default.
	//nolint:gosec // G204: the program was found by postgresBin
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", "hookline",
		"--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	cmd.Dir = s.dir // initdb goes back to where it started, which its user may not be allowed to enter
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// start starts the server, which must not be running, and returns once it answers.
func (s *postgresServer) start(ctx context.Context) error {
	//nolint:gosec // G204: the program was found by postgresBin
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(s.port),
		"-c", "unix_socket_directories="+s.dir, "-c", "max_connections=300")
	cmd.Dir = s.dir
	p, err := startProcess(cmd, s.user, syscall.SIGQUIT, filepath.Join(s.dir, "log"))
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.process = p
	if err := p.ready(ctx, func(ctx context.Context) error { return execute(ctx, s.url(), "SELECT 1") }); err != nil {
		p.stop()
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	return nil
}

// close ends the server and removes its folder.
func (s *postgresServer) close() error {
	if s.process != nil {
		s.process.stop()
	}
	return os.RemoveAll(s.dir)
}

func (s *postgresServer) data() string { return filepath.Join(s.dir, "data") }

func (s *postgresServer) url() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("hookline", s.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "/postgres", RawQuery: "sslmode=disable",
	}
	return u.String()
}

// postgresBin returns the folder of PostgreSQL's server programs: the one in PATH, or else the newest of those that
// Debian keeps out of it.
func postgresBin() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // fails only on a malformed pattern
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL's server programs: %w", errNotInstalled)
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return debianVersion(a) - debianVersion(b) })), nil
}

// debianVersion returns 17 for /usr/lib/postgresql/17/bin/initdb.
func debianVersion(path string) int {
	version, _ := strconv.Atoi(strings.Split(path, "/")[4]) // 0 for a folder that is not a version
	return version
}

// postgresUser returns the user to run PostgreSQL as, which refuses to run as root; nil means the current one.
func postgresUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}
