package graphqlws

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gorilla/websocket"
)

func TestTransport_leaves_other_requests_to_other_transports(t *testing.T) {
	t.Parallel()
	s := start(t, &Transport{}, schema{})
	response, err := http.Get("http" + strings.TrimPrefix(s.url, "ws"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want gqlgen's 400 for a request that no transport supports", response.StatusCode)
	}
}

func TestTransport_checks_the_origin(t *testing.T) {
	t.Parallel()
	friends := func(r *http.Request) bool { return r.Header.Get("Origin") == "https://friend.example" }
	for name, test := range map[string]struct {
		check  func(*http.Request) bool
		origin string // HOST stands for the server's own
		want   int
	}{
		"none":                        {origin: "", want: http.StatusSwitchingProtocols},
		"own":                         {origin: "http://HOST", want: http.StatusSwitchingProtocols},
		"foreign":                     {origin: "https://friend.example", want: http.StatusForbidden},
		"admitted by the setting":     {check: friends, origin: "https://friend.example", want: http.StatusSwitchingProtocols},
		"not admitted by the setting": {check: friends, origin: "http://HOST", want: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &Transport{CheckOrigin: test.check}, schema{})
			header := http.Header{"Sec-Websocket-Protocol": {subprotocol}}
			if test.origin != "" {
				header.Set("Origin", strings.Replace(test.origin, "HOST", strings.TrimPrefix(s.url, "ws://"), 1))
			}
			conn, response, err := websocket.DefaultDialer.Dial(s.url, header)
			if err == nil {
				defer conn.Close()
			}
			if response == nil || response.StatusCode != test.want {
				t.Errorf("got %v (%v), want status %d", response, err, test.want)
			}
		})
	}
}

func TestTransport_gives_operations_what_gqlgen_expects(t *testing.T) {
	t.Parallel()
	seen := make(chan *graphql.OperationContext, 1)
	s := start(t, &Transport{}, schema{"echo": func(ctx context.Context) graphql.ResponseHandler {
		seen <- graphql.GetOperationContext(ctx)
		return answers(`{"echo":"1"}`)(ctx)
	}})
	c := s.dialWith(t, http.Header{"Sec-Websocket-Protocol": {subprotocol}, "X-Request-Id": {"r1"}})
	c.send(`{"type":"connection_init"}`)
	c.expect(`{"type":"connection_ack"}`)
	c.send(`{"id":"1","type":"subscribe","payload":{"query":"query Other { hello } query Echo($n: Int!) { echo(number: $n) }",` +
		`"operationName":"Echo","variables":{"n":9007199254740993},"extensions":{"trace":"t1"}}}`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"echo":"1"}}}`, `{"id":"1","type":"complete"}`)

	op := get(t, seen)
	if got := op.Headers.Get("X-Request-Id"); got != "r1" {
		t.Errorf("header %q, want that of the upgrade request", got)
	}
	if op.OperationName != "Echo" || op.Extensions["trace"] != "t1" {
		t.Errorf("operation %q with extensions %v", op.OperationName, op.Extensions)
	}
	if got := op.Variables["n"]; got != int64(9007199254740993) {
		t.Errorf("variable %v (%T), want every digit kept", got, got)
	}
	stats := op.Stats
	if stats.OperationStart.IsZero() || stats.Read.Start.IsZero() || stats.Read.End.Before(stats.Read.Start) {
		t.Errorf("stats %+v lack times", stats)
	}
}

func TestShutdown_closes_sockets_and_waits_for_operations(t *testing.T) {
	t.Parallel()
	transport := &Transport{}
	running, release := make(chan struct{}), make(chan struct{})
	s := start(t, transport, schema{"feed": func(ctx context.Context) graphql.ResponseHandler {
		close(running)
		<-ctx.Done()
		<-release
		return func(context.Context) *graphql.Response { return nil }
	}})
	idle, busy := s.dial(t), s.open(t)
	busy.subscribe("1", `subscription { feed }`)
	get(t, running)

	down := make(chan error, 1)
	go func() { down <- transport.Shutdown(context.Background()) }()
	idle.expectClose(websocket.CloseGoingAway, "Server shutting down")
	busy.expectClose(websocket.CloseGoingAway, "Server shutting down")
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned %v before the operation had ended", err)
	default:
	}
	_, response, err := websocket.DefaultDialer.Dial(s.url, nil)
	if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new socket got %v (%v), want status 503", response, err)
	}
	close(release)
	if err := get(t, down); err != nil {
		t.Error(err)
	}
}

func TestShutdown_cuts_connections_when_its_time_is_up(t *testing.T) {
	t.Parallel()
	transport := &Transport{}
	release := make(chan struct{})
	running := make(chan struct{})
	s := start(t, transport, schema{"feed": func(context.Context) graphql.ResponseHandler {
		close(running)
		<-release // heeds no context
		return func(context.Context) *graphql.Response { return nil }
	}})
	t.Cleanup(func() { close(release) })
	c := s.open(t)
	c.subscribe("1", `subscription { feed }`)
	get(t, running)

	timeUp := errors.New("time is up")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(timeUp)
	if err := transport.Shutdown(ctx); !errors.Is(err, timeUp) {
		t.Errorf("Shutdown returned %v", err)
	}
	if _, _, err := c.ReadMessage(); err == nil {
		t.Error("the connection is still open")
	}
}

func TestTransport_serves_sockets_beyond_their_request(t *testing.T) {
	t.Parallel()
	transport := &Transport{}
	gql := handler.New(schema{"echo": func(ctx context.Context) graphql.ResponseHandler {
		return answers(`{"echo":"` + ctx.Value(accountKey{}).(string) + `"}`)(ctx)
	}})
	gql.AddTransport(transport)
	served := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), accountKey{}, "acme"))
		gql.ServeHTTP(w, r.WithContext(ctx))
		cancel()
		close(served)
	}))
	defer srv.Close()
	c := server{url: "ws" + strings.TrimPrefix(srv.URL, "http")}.open(t)
	get(t, served)
	c.subscribe("1", `{ echo(number: 1) }`)
	c.expect(`{"id":"1","type":"next","payload":{"data":{"echo":"acme"}}}`, `{"id":"1","type":"complete"}`)
	_ = c.Close()
	if err := transport.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
