package graphqlws

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/gorilla/websocket"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; nothing takes nearly as long unless it is broken.
const patience = time.Minute

var parsedSchema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	type Query { hello: String, fail: String, panic: String, echo(number: Int!): String }
	type Mutation { touch: String }
	type Subscription { feed: String, other: String, panic: String }
`})

// schema is an executable schema whose operations consist of one root field, executed by the function of its name.
type schema map[string]func(ctx context.Context) graphql.ResponseHandler

func (schema) Schema() *ast.Schema { return parsedSchema }

func (schema) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (s schema) Exec(ctx context.Context) graphql.ResponseHandler {
	return s[graphql.GetOperationContext(ctx).Operation.SelectionSet[0].(*ast.Field).Name](ctx)
}

// answers executes a query or mutation that has this data.
func answers(data string) func(context.Context) graphql.ResponseHandler {
	return func(context.Context) graphql.ResponseHandler {
		return graphql.OneShot(&graphql.Response{Data: json.RawMessage(data)})
	}
}

// follows executes a subscription with what is sent over source, as gqlgen's generated code does: all responses share
// the memory of one buffer.
func follows(source <-chan string) func(context.Context) graphql.ResponseHandler {
	return func(context.Context) graphql.ResponseHandler {
		var buffer []byte
		return func(ctx context.Context) *graphql.Response {
			select {
			case data, ok := <-source:
				if !ok {
					return nil
				}
				buffer = append(buffer[:0], data...)
				return &graphql.Response{Data: buffer}
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// idles executes a subscription that sends nothing, and tells over ended, which must have room, why its context ended.
func idles(ended chan<- error) func(context.Context) graphql.ResponseHandler {
	return func(ctx context.Context) graphql.ResponseHandler {
		context.AfterFunc(ctx, func() { ended <- context.Cause(ctx) })
		return func(ctx context.Context) *graphql.Response {
			<-ctx.Done()
			return nil
		}
	}
}

// floods executes a subscription that answers with more than the kernel takes for a client that doesn't read. It closes
// stuck when the first response is being written, the second queued (with QueueSize 1) and the third produced.
func floods(stuck chan<- struct{}, ended chan<- error) func(context.Context) graphql.ResponseHandler {
	return func(ctx context.Context) graphql.ResponseHandler {
		context.AfterFunc(ctx, func() { ended <- context.Cause(ctx) })
		data := json.RawMessage(`{"feed":"` + strings.Repeat("x", 16<<20) + `"}`)
		produced := 0
		return func(context.Context) *graphql.Response {
			if produced++; produced == 3 {
				close(stuck)
			}
			return &graphql.Response{Data: data}
		}
	}
}

// server is a GraphQL server with only our transport.
type server struct {
	*handler.Server
	url string // of the websocket
}

// start serves s over transport until the test ends; everything that the transport started must have ended then.
func start(t testing.TB, transport *Transport, s schema) server {
	t.Helper()
	if transport.Logger == nil {
		transport.Logger = slog.New(slog.DiscardHandler)
	}
	gql := handler.New(s)
	gql.AddTransport(transport)
	gql.SetRecoverFunc(func(context.Context, any) error { return errors.New("something went wrong") })
	srv := httptest.NewServer(gql)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := transport.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return server{Server: gql, url: "ws" + strings.TrimPrefix(srv.URL, "http")}
}

// lone returns a connection that has neither a reader nor a writer of its own, and the client at its other end.
func lone(t *testing.T, exec graphql.GraphExecutor) (*connection, client) {
	t.Helper()
	transport := &Transport{}
	transport.setup.Do(transport.applyDefaults)
	connections := make(chan *connection, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := transport.upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		connections <- newConnection(transport, conn, exec, r.Header, func(error) {})
	}))
	t.Cleanup(srv.Close)
	other := server{url: "ws" + strings.TrimPrefix(srv.URL, "http")}.dial(t)
	c := get(t, connections)
	t.Cleanup(func() { _ = c.conn.Close() })
	return c, other
}

// client is the other end of a socket.
type client struct {
	*websocket.Conn
	t testing.TB
}

// dial opens a socket that speaks the subprotocol and has sent nothing yet.
func (s server) dial(t testing.TB) client {
	t.Helper()
	return s.dialWith(t, http.Header{"Sec-Websocket-Protocol": {subprotocol}})
}

func (s server) dialWith(t testing.TB, header http.Header) client {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial(s.url, header)
	if err != nil {
		t.Fatalf("dial: %v (%v)", err, response)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return client{Conn: conn, t: t}
}

// open opens a socket and has it acknowledged.
func (s server) open(t testing.TB) client {
	t.Helper()
	c := s.dial(t)
	c.send(`{"type":"connection_init"}`)
	c.expect(`{"type":"connection_ack"}`)
	return c
}

func (c client) send(messages ...string) {
	c.t.Helper()
	for _, m := range messages {
		if err := c.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c client) subscribe(id, query string) {
	c.t.Helper()
	payload, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(`{"id":"` + id + `","type":"subscribe","payload":` + string(payload) + `}`)
}

func (c client) expect(messages ...string) {
	c.t.Helper()
	for _, want := range messages {
		_, got, err := c.ReadMessage()
		if err != nil {
			c.t.Fatalf("instead of %s: %v", want, err)
		}
		if string(got) != want {
			c.t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

// expectClose reads until the server closes the socket.
func (c client) expectClose(code int, reason string) {
	c.t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) {
			c.t.Fatalf("instead of close code %d: %v", code, err)
		}
		if closed.Code != code || closed.Text != reason {
			c.t.Fatalf("closed with %d %q, want %d %q", closed.Code, closed.Text, code, reason)
		}
		return
	}
}

// get waits for a value.
func get[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}
