package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// watcher is the graphql-ws client, following the live log of all attempts in a process of its own.
type watcher struct {
	t *testing.T

	watched
	seen    map[string]int // how often each attempt has come
	joined  int            // how often it has connected
	skipped int
	ended   bool
}

// watchLiveLog starts to follow the live log of the server at url, and returns when the client has joined it. It ends with the test.
func watchLiveLog(t *testing.T, url string) *watcher {
	t.Helper()
	cmd := exec.Command("node", "client.mjs", "ws"+strings.TrimPrefix(url, "http")+"/graphql", adminKey)
	cmd.Dir = installClient(t)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	endWithParent(cmd.SysProcAttr)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t, seen: make(map[string]int)}
	go func() {
		w.follow(output)
		_ = cmd.Wait() // it is killed
		w.update(func() { w.ended = true })
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails only when it has ended
		w.await(t, "the client ends", func() bool { return w.ended })
	})
	w.awaitJoined(1)
	return w
}

func (w *watcher) follow(output io.Reader) {
	lines := json.NewDecoder(bufio.NewReader(output))
	for {
		var line struct {
			Joined  bool
			Skipped int
			IDs     []string
		}
		if lines.Decode(&line) != nil {
			return
		}
		w.update(func() {
			if line.Joined {
				w.joined++
			}
			w.skipped += line.Skipped
			for _, id := range line.IDs {
				w.seen[id]++
			}
		})
	}
}

// awaitJoined waits until the client has joined the live log for the nth time.
func (w *watcher) awaitJoined(n int) {
	w.t.Helper()
	w.await(w.t, fmt.Sprintf("the client joins the live log for time %d", n), func() bool { return w.joined >= n || w.ended })
	w.read(func() {
		if w.ended {
			w.t.Fatal("the client has ended")
		}
	})
}

// awaitSeen waits until n attempts have been seen.
func (w *watcher) awaitSeen(n int) {
	w.t.Helper()
	w.await(w.t, fmt.Sprintf("%d attempts are seen in the live log", n), func() bool { return len(w.seen) >= n })
}

// assertSeenOnce waits until every attempt of the log has been seen live, and fails the test if one came twice.
func (w *watcher) assertSeenOnce(a *api) {
	w.t.Helper()
	logged := a.attempts()
	w.awaitSeen(len(logged))
	w.read(func() {
		for _, id := range logged {
			if n := w.seen[id]; n != 1 {
				w.t.Errorf("attempt %s came %d times in the live log", id, n)
			}
		}
		if len(w.seen) != len(logged) || w.skipped > 0 {
			w.t.Errorf("%d attempts came in the live log and %d were skipped; there are %d", len(w.seen), w.skipped, len(logged))
		}
	})
}

// attempts returns the ids of all attempts.
func (a *api) attempts() (ids []string) {
	a.t.Helper()
	var after *string
	for more := true; more; {
		var data struct {
			DeliveryAttempts struct {
				Nodes    []struct{ ID string }
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		a.must(`query ($after: Cursor) {
			deliveryAttempts(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
		}`, fields{"after": after}, &data)
		for _, node := range data.DeliveryAttempts.Nodes {
			ids = append(ids, node.ID)
		}
		more, after = data.DeliveryAttempts.PageInfo.HasNextPage, data.DeliveryAttempts.PageInfo.EndCursor
	}
	return ids
}

// installClient returns a folder with the client and its locked dependencies.
func installClient(t *testing.T) string {
	t.Helper()
	give := t.Skipf
	if os.Getenv(testenv.RequireVariable) == "1" {
		give = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			give("the live log cannot be watched: %v", err)
		}
	}
	dir, err := clientFolder()
	if err != nil {
		give("the client of graphql-ws cannot be installed: %v", err)
	}
	return dir
}

var clientFolder = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "livelog")
	if err := os.CopyFS(dir, os.DirFS("testdata/livelog")); err != nil {
		return "", err
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if output, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, output)
	}
	return dir, nil
})

// The live log goes on over a restart of the server, from the cursor that another process gave, with no gap and no duplicate.
func TestLiveLogOverRestart(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, in *installation) {
		server, _ := in.startAll(1)
		api := server.api()
		to := endpoints{}
		one := to.add(api, "one", nil, fields{"windowSize": 100})
		line := newProxy(t, server.url)
		live := watchLiveLog(t, line.url())

		ids := api.publishBatch(30)
		live.awaitSeen(len(ids))
		answer := make(chan struct{})
		one.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Release: answer} })
		ids = append(ids, api.publishBatch(30)...)
		one.Wait(soon(t), len(ids))
		server.terminate()
		if in.embedded {
			server.awaitLog("worker stopping") // attempts end while the process stops
			close(answer)
			server.awaitCleanEnd()
		} else {
			server.awaitCleanEnd()
			close(answer) // attempts end while there is no server
		}
		server = in.start(in.server())
		line.mend(server.url)
		live.awaitJoined(2)
		api = server.api()
		ids = append(ids, api.publishBatch(30)...)
		api.awaitEvents(ids, to.delivered)
		live.assertSeenOnce(api)
	})
}
