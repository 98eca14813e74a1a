package graphqlws

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
)

// TestInterop runs the graphql-ws client, which the dashboard uses, against the transport. It needs node and npm.
func TestInterop(t *testing.T) {
	t.Parallel()
	dir := installClient(t)
	logger := slog.New(slog.DiscardHandler)
	authenticate := func(ctx context.Context, _ *http.Request, init InitPayload) (context.Context, error) {
		if init.Authorization != "Bearer hk_good" {
			return nil, &Refusal{"No such API key"}
		}
		return ctx, nil
	}

	stopped := make(chan error, 1)
	first := &Transport{Authenticate: authenticate, Logger: logger}
	before := handler.New(schema{
		"hello": answers(`{"hello":"you"}`),
		"touch": answers(`{"touch":"done"}`),
		"other": func(ctx context.Context) graphql.ResponseHandler {
			context.AfterFunc(ctx, func() { stopped <- context.Cause(ctx) })
			source := make(chan string, 2)
			source <- `{"other":"1"}`
			source <- `{"other":"2"}`
			return follows(source)(ctx)
		},
		"feed": func(ctx context.Context) graphql.ResponseHandler {
			source := make(chan string, 1)
			source <- `{"feed":"before"}`
			return follows(source)(ctx)
		},
	})
	before.AddTransport(first)

	second := &Transport{Authenticate: authenticate, Logger: logger}
	after := handler.New(schema{"feed": answers(`{"feed":"after"}`)})
	after.AddTransport(second)

	var current atomic.Pointer[handler.Server]
	current.Store(before)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().ServeHTTP(w, r) }))
	defer srv.Close()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "node", "client.mjs", "ws"+strings.TrimPrefix(srv.URL, "http"))
	command.Dir = dir
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	for _, want := range []string{
		`refused error [4403,"No such API key"]`,
		`query {"hello":"you"}`, `query complete 1`,
		`mutation {"touch":"done"}`, `mutation complete 1`,
		`invalid error ["Cannot query field \"nothing\" on type \"Query\"."]`,
		`stopped {"other":"1"}`, `stopped {"other":"2"}`, `stopped complete 2`,
		`ponged true`,
		`feed {"feed":"before"}`, `feed {"feed":"after"}`, `feed complete 2`,
	} {
		if !lines.Scan() {
			t.Errorf("the output ended instead of %s (%v)", want, lines.Err())
			break
		}
		if lines.Text() != want {
			t.Errorf("got  %s\nwant %s", lines.Text(), want)
		}
		switch want {
		case `stopped complete 2`:
			if err := get(t, stopped); !errors.Is(err, errCompleted) {
				t.Errorf("the stopped operation ended because of %v", err)
			}
		case `feed {"feed":"before"}`:
			current.Store(after)
			if err := first.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		}
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if err := second.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// installClient installs the client's locked dependencies and returns its folder.
func installClient(t *testing.T) string {
	t.Helper()
	give := t.Skipf
	if os.Getenv("HOOKLINE_TEST_REQUIRE") == "1" {
		give = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			give("the client of graphql-ws can't be tried: %v", err)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "client.mjs"} {
		content, err := os.ReadFile(filepath.Join("testdata", "interop", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if output, err := install.CombinedOutput(); err != nil {
		give("the client of graphql-ws can't be installed: %v\n%s", err, output)
	}
	return dir
}
