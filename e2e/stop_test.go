package e2e

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/hookline/hookline/internal/testenv"
)

// A stop in the middle of traffic waits for the requests under way, loses nothing and repeats nothing.
func TestCleanStop(t *testing.T) {
	t.Parallel()
	t.Run("serve", func(t *testing.T) {
		t.Parallel()
		in := installEmbedded(t)
		serve := in.start("serve")
		to, one, traffic, answer := holdTraffic(serve.api())
		endStreams := lingerOn(t, serve)
		serve.terminate()
		api := serve.api()
		testenv.Eventually(t, patience, func() bool {
			status, body, err := api.get("/readyz")
			return err == nil && status == http.StatusServiceUnavailable && strings.Contains(body, "stopping")
		}, "the server says that it is not ready while it ends its streams")
		endStreams()
		serve.awaitLog("worker stopping")
		close(answer)
		serve.awaitCleanEnd()
		ids := traffic.end()

		assertSentOnce(t, in.start("serve").api(), ids, to, one)
	})
	t.Run("worker", func(t *testing.T) {
		t.Parallel()
		in := install(t, testenv.Postgres(t), testenv.RedisURL(t), testenv.RedisPrefix(t))
		server, workers := in.startAll(1)
		api := server.api()
		to, one, traffic, answer := holdTraffic(api)
		workers[0].terminate()
		workers[0].awaitLog("worker stopping")
		close(answer)
		workers[0].awaitCleanEnd()
		next := in.start("worker")
		traffic.awaitMore(100)

		assertSentOnce(t, api, traffic.end(), to, one)
		server.stop()
		next.stop()
		if n := len(next.logged("lost deliveries queued again")); n > 0 {
			t.Errorf("the next worker found %d times what the first one left behind", n)
		}
	})
}

// holdTraffic publishes without end to an endpoint that does not answer before answer is closed. It returns when requests are under way.
func holdTraffic(a *api) (to endpoints, one *testenv.Receiver, traffic *traffic, answer chan struct{}) {
	a.t.Helper()
	to = endpoints{}
	one = to.add(a, "one", nil, nil)
	answer = make(chan struct{})
	one.Respond(func(int, *testenv.Received) testenv.Response { return testenv.Response{Release: answer} })
	traffic = a.startTraffic(0)
	traffic.awaitAccepted(100)
	one.Wait(soon(a.t), 20)
	return to, one, traffic, answer
}

// assertSentOnce waits until the events are delivered, and fails the test if one was sent, or tried, more than once.
func assertSentOnce(t *testing.T, a *api, ids []string, to endpoints, one *testenv.Receiver) {
	t.Helper()
	events := a.awaitEvents(ids, to.delivered)
	to.assertSigned(t)
	posts := one.ByID()
	for _, event := range events {
		if d := event.Deliveries[0]; posts[event.ID] != 1 || len(d.Attempts) != 1 {
			t.Errorf("event %s came %d times: %+v", event.ID, posts[event.ID], d)
		}
	}
}

// lingerOn opens a websocket that does not answer when it is closed, until the returned function cuts it.
func lingerOn(t *testing.T, p *process) (cut func()) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(p.url, "http")+"/graphql", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	t.Cleanup(func() { conn.Close() })
	return func() { conn.Close() }
}

// Whoever asks a second time does not want to wait.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	in := installEmbedded(t)
	serve := in.start("serve")
	holdTraffic(serve.api())
	serve.terminate()
	serve.awaitLog("worker stopping") // and waits for the requests under way
	testenv.Eventually(t, patience, func() bool {
		_ = serve.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended; one that comes too soon counts as the first
		ended := false
		serve.read(func() { ended = serve.ended })
		return ended
	}, "the process ends")
	if status, ok := serve.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want the signal", serve.cmd.ProcessState)
	}
}
