package graphqlws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"
)

const (
	initMessage = `{"type":"connection_init"}`
	ackMessage  = `{"type":"connection_ack"}`
)

func TestConnection_closes_with_the_code_of_the_mistake(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	for name, test := range map[string]struct {
		messages []string
		code     int
		reason   string
	}{
		"second connection_init": {
			[]string{initMessage, initMessage}, 4429, "Too many initialisation requests",
		},
		"subscribe before connection_init": {
			[]string{`{"id":"1","type":"subscribe","payload":{"query":"{ hello }"}}`}, 4401, "Unauthorized",
		},
		"id in use": {
			[]string{
				initMessage,
				`{"id":"1","type":"subscribe","payload":{"query":"subscription { feed }"}}`,
				`{"id":"1","type":"subscribe","payload":{"query":"{ hello }"}}`,
			}, 4409, "Subscriber for 1 already exists",
		},
		"long id in use": {
			[]string{
				initMessage,
				`{"id":"` + long + `","type":"subscribe","payload":{"query":"subscription { feed }"}}`,
				`{"id":"` + long + `","type":"subscribe","payload":{"query":"{ hello }"}}`,
			}, 4409, "Subscriber for " + strings.Repeat("é", 54),
		},
		"no JSON": {
			[]string{`{"type":`}, 4400, "Invalid message: not a JSON object with type, id and payload",
		},
		"no JSON after connection_init": {
			[]string{initMessage, `nonsense`}, 4400, "Invalid message: not a JSON object with type, id and payload",
		},
		"payload of connection_init": {
			[]string{`{"type":"connection_init","payload":{"authorization":1}}`}, 4400,
			"Invalid message: authorization and account in the payload of connection_init are not strings",
		},
		"no id": {
			[]string{initMessage, `{"type":"subscribe","payload":{"query":"{ hello }"}}`}, 4400,
			"Invalid message: subscribe needs an id of 1 to 255 bytes",
		},
		"no query": {
			[]string{initMessage, `{"id":"1","type":"subscribe","payload":{}}`}, 4400,
			"Invalid message: the payload of subscribe is not an object with query, operationName, variables and extensions",
		},
		"too long": {
			[]string{initMessage, `{"type":"ping","payload":{"x":"` + strings.Repeat("x", 1000) + `"}}`}, 1009,
			"Message is longer than 1000 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &Transport{ReadLimit: 1000}, schema{"feed": idles(make(chan error, 1))})
			c := s.dial(t)
			c.send(test.messages...)
			c.expectClose(test.code, test.reason)
		})
	}
}

func TestConnection_refuses_other_subprotocols(t *testing.T) {
	t.Parallel()
	s := start(t, &Transport{}, schema{})
	s.dialWith(t, nil).expectClose(4406, "Subprotocol not acceptable")
	s.dialWith(t, http.Header{"Sec-Websocket-Protocol": {"graphql-ws"}}).expectClose(4406, "Subprotocol not acceptable")
}

func TestConnection_refuses_binary_frames(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{}).open(t)
	if err := c.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.expectClose(4400, "Invalid message: a binary frame")
}

func TestConnection_refuses_malformed_frames(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{}).open(t)
	if _, err := c.NetConn().Write([]byte{0x81, 0}); err != nil { // not masked
		t.Fatal(err)
	}
	c.expectClose(websocket.CloseProtocolError, "bad MASK")
}

func TestConnection_answers_a_close_with_its_code(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := start(t, &Transport{}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := c.WriteMessage(websocket.CloseMessage, bye); err != nil {
		t.Fatal(err)
	}
	c.expectClose(websocket.CloseNormalClosure, "")
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
}

func TestConnection_hears_the_client_out_before_it_hangs_up(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{}).dial(t)
	c.send(`nonsense`, strings.Repeat("x", 16<<20)) // more than the kernel takes for a server that doesn't read
	c.expectClose(4400, "Invalid message: not a JSON object with type, id and payload")
}

func TestConnection_ends_operations_when_the_client_vanishes(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := start(t, &Transport{}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	_ = c.Close() // without a close frame
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
}

func TestInit_times_out_whatever_else_is_sent(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{InitTimeout: 50 * time.Millisecond}, schema{}).dial(t)
	for {
		if c.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
			break // closed under our hands
		}
		if _, _, err := c.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, 4408) {
				t.Errorf("got %v, want close code 4408", err)
			}
			break
		}
	}
}

func TestInit_times_out_while_authentication_hangs(t *testing.T) {
	t.Parallel()
	transport := &Transport{
		InitTimeout: 50 * time.Millisecond,
		Authenticate: func(ctx context.Context, _ *http.Request, _ InitPayload) (context.Context, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}
	c := start(t, transport, schema{}).dial(t)
	c.send(initMessage)
	c.expectClose(4408, "Connection initialisation timeout")
}

type accountKey struct{}

func TestAuthenticate_gets_the_payload_and_gives_the_context_of_operations(t *testing.T) {
	t.Parallel()
	transport := &Transport{
		Authenticate: func(ctx context.Context, r *http.Request, init InitPayload) (context.Context, error) {
			return context.WithValue(ctx, accountKey{}, r.Header.Get("X-Zone")+"/"+init.Account+"/"+init.Authorization), nil
		},
	}
	seen := make(chan any, 1)
	s := start(t, transport, schema{"hello": func(ctx context.Context) graphql.ResponseHandler {
		seen <- ctx.Value(accountKey{})
		return answers(`{"hello":"you"}`)(ctx)
	}})
	c := s.dialWith(t, http.Header{"Sec-Websocket-Protocol": {subprotocol}, "X-Zone": {"eu"}})
	c.send(`{"type":"connection_init","payload":{"authorization":"Bearer hk_1_secret","account":"acme","other":[1]}}`)
	c.expect(ackMessage)
	c.subscribe("1", `{ hello }`)
	if got := get(t, seen); got != "eu/acme/Bearer hk_1_secret" {
		t.Errorf("the operation saw %v", got)
	}
}

func TestAuthenticate_may_give_a_context_of_its_own(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := start(t, &Transport{
		Authenticate: func(context.Context, *http.Request, InitPayload) (context.Context, error) {
			return context.Background(), nil
		},
	}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	_ = c.Close()
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
}

func TestAuthenticate_may_end_the_socket_by_its_context(t *testing.T) {
	t.Parallel()
	expire := make(chan context.CancelCauseFunc, 1)
	ended := make(chan error, 1)
	c := start(t, &Transport{
		Authenticate: func(ctx context.Context, _ *http.Request, _ InitPayload) (context.Context, error) {
			ctx, cancel := context.WithCancelCause(ctx)
			expire <- cancel
			return ctx, nil
		},
	}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	c.send(`{"type":"ping"}`)
	c.expect(`{"type":"pong"}`)
	cancel := get(t, expire)
	cancel(&Refusal{"The API key has expired"})
	if _, got, err := c.ReadMessage(); err == nil {
		t.Errorf("got %s", got)
	}
	c.expectClose(4403, "The API key has expired")
	_ = get(t, ended)
}

func TestAuthenticate_refusals_close_the_socket(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		code   int
		reason string
	}{
		"with a reason":    {fmt.Errorf("look up key: %w", &Refusal{"The API key has expired"}), 4403, "The API key has expired"},
		"with a long one":  {&Refusal{strings.Repeat("x", 122) + "é"}, 4403, strings.Repeat("x", 122)},
		"not UTF-8":        {&Refusal{"\xff"}, 4403, "\uFFFD"},
		"without a reason": {&Refusal{}, 4403, "Forbidden"},
		"internal":         {errors.New("dial tcp 10.0.0.7:5432: connection refused"), 4403, "Forbidden"},
		"panic":            {nil, 4500, "Internal server error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &Transport{
				Authenticate: func(ctx context.Context, _ *http.Request, _ InitPayload) (context.Context, error) {
					if test.err == nil {
						panic("oh dear")
					}
					return ctx, test.err
				},
			}, schema{})
			c := s.dial(t)
			c.send(initMessage, `{"id":"1","type":"subscribe","payload":{"query":"{ hello }"}}`)
			c.expectClose(test.code, test.reason)
		})
	}
}

func TestRevalidate_closes_the_socket_of_a_revoked_key(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	begun, ended := make(chan struct{}), make(chan error, 1)
	feed := idles(ended)
	transport := &Transport{
		RevalidateInterval: 5 * time.Millisecond,
		Authenticate: func(ctx context.Context, _ *http.Request, _ InitPayload) (context.Context, error) {
			return context.WithValue(ctx, accountKey{}, "acme"), nil
		},
		Revalidate: func(ctx context.Context) error {
			select {
			case <-begun:
			default:
				return nil
			}
			if calls.Add(1) < 3 && ctx.Value(accountKey{}) == "acme" {
				return nil
			}
			return &Refusal{"The API key was revoked"}
		},
	}
	c := start(t, transport, schema{"feed": func(ctx context.Context) graphql.ResponseHandler {
		defer close(begun)
		return feed(ctx)
	}}).open(t)
	c.subscribe("1", `subscription { feed }`)
	c.expectClose(4403, "The API key was revoked")
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
	if got := calls.Load(); got != 3 {
		t.Errorf("closed after %d calls, want 3", got)
	}
}

func TestRevalidate_may_panic(t *testing.T) {
	t.Parallel()
	transport := &Transport{
		RevalidateInterval: time.Millisecond,
		Revalidate:         func(context.Context) error { panic("oh dear") },
	}
	start(t, transport, schema{}).open(t).expectClose(4500, "Internal server error")
}

func TestConnection_is_cut_when_a_close_is_not_answered(t *testing.T) {
	t.Parallel()
	transport := &Transport{}
	c := start(t, transport, schema{}).open(t)
	if err := transport.Shutdown(context.Background()); err != nil { // would hang
		t.Error(err)
	}
	c.expectClose(websocket.CloseGoingAway, "Server shutting down")
}

func TestPing_is_answered_with_its_payload(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{}).dial(t)
	exchange := func() {
		c.send(`{"type":"ping"}`, `{"type":"ping","payload":{"sent": 17}}`, `{"type":"ping","payload":null}`)
		c.expect(`{"type":"pong"}`, `{"type":"pong","payload":{"sent": 17}}`, `{"type":"pong","payload":null}`)
		c.send(`{"type":"pong"}`) // unsolicited ones are allowed, too
	}
	exchange() // at any time
	c.send(initMessage)
	c.expect(ackMessage)
	exchange()
}

func TestPing_frames_are_answered_too(t *testing.T) {
	t.Parallel()
	c := start(t, &Transport{}, schema{}).open(t)
	pong := make(chan string, 1)
	c.SetPongHandler(func(payload string) error {
		pong <- payload
		return nil
	})
	if err := c.WriteMessage(websocket.PingMessage, []byte("payload")); err != nil {
		t.Fatal(err)
	}
	c.send(`{"type":"ping"}`)
	c.expect(`{"type":"pong"}`) // behind the pong frame
	if got := get(t, pong); got != "payload" {
		t.Errorf("pong frame with payload %q", got)
	}
}

func TestPing_keeps_a_silent_client(t *testing.T) {
	t.Parallel()
	transport := &Transport{PingInterval: 500 * time.Millisecond, InitTimeout: time.Second}
	c := start(t, transport, schema{"hello": answers(`{"hello":"you"}`)}).open(t)
	pings := 0
	answer := c.PingHandler()
	c.SetPingHandler(func(payload string) error {
		if pings++; pings == 4 { // twice the server's deadline
			c.subscribe("1", `{ hello }`)
		}
		return answer(payload)
	})
	c.expect(`{"id":"1","type":"next","payload":{"data":{"hello":"you"}}}`)
}

func TestPing_finds_a_dead_client(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	c := start(t, &Transport{PingInterval: time.Second}, schema{"feed": idles(ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	// Who doesn't read doesn't answer pings.
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
}

func TestWriter_times_out_on_a_client_that_never_reads(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	transport := &Transport{WriteTimeout: 200 * time.Millisecond}
	c := start(t, transport, schema{"feed": floods(make(chan struct{}), ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	if err := get(t, ended); !errors.Is(err, errSocketClosed) {
		t.Errorf("the operation ended because of %v", err)
	}
}

func TestWriter_of_one_socket_does_not_hold_up_another(t *testing.T) {
	t.Parallel()
	stuck, ended, source := make(chan struct{}), make(chan error, 1), make(chan string)
	s := start(t, &Transport{QueueSize: 1}, schema{"feed": floods(stuck, ended), "other": follows(source)})
	slow, fast := s.open(t), s.open(t)
	slow.subscribe("1", `subscription { feed }`)
	get(t, stuck)
	fast.subscribe("1", `subscription { other }`)
	for i := range 100 {
		source <- fmt.Sprintf(`{"other":"%d"}`, i)
		fast.expect(fmt.Sprintf(`{"id":"1","type":"next","payload":{"data":{"other":"%d"}}}`, i))
	}
	select {
	case err := <-ended:
		t.Errorf("the slow socket's operation has ended because of %v", err)
	default:
	}
}

func TestWriter_takes_up_again_when_a_slow_client_reads(t *testing.T) {
	t.Parallel()
	stuck, ended := make(chan struct{}), make(chan error, 1)
	c := start(t, &Transport{QueueSize: 1}, schema{"feed": floods(stuck, ended)}).open(t)
	c.subscribe("1", `subscription { feed }`)
	get(t, stuck)
	for range 4 {
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTransport_serves_many_sockets_at_once(t *testing.T) {
	t.Parallel()
	const sockets, responses = 200, 10
	s := start(t, &Transport{}, schema{"feed": func(context.Context) graphql.ResponseHandler {
		n := 0
		return func(context.Context) *graphql.Response {
			if n++; n > responses {
				return nil
			}
			return &graphql.Response{Data: json.RawMessage(fmt.Sprintf(`{"feed":"%d"}`, n))}
		}
	}})
	var group errgroup.Group
	for i := range sockets {
		group.Go(func() error {
			conn, _, err := websocket.DefaultDialer.Dial(s.url, http.Header{"Sec-Websocket-Protocol": {subprotocol}})
			if err != nil {
				return err
			}
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			want := []string{ackMessage}
			for n := range responses {
				want = append(want, fmt.Sprintf(`{"id":"s%d","type":"next","payload":{"data":{"feed":"%d"}}}`, i, n+1))
			}
			want = append(want, fmt.Sprintf(`{"id":"s%d","type":"complete"}`, i))
			for _, m := range []string{
				initMessage,
				fmt.Sprintf(`{"id":"s%d","type":"subscribe","payload":{"query":"subscription { feed }"}}`, i),
			} {
				if err := conn.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
					return err
				}
			}
			for _, w := range want {
				_, got, err := conn.ReadMessage()
				if err != nil {
					return err
				}
				if string(got) != w {
					return fmt.Errorf("socket %d got %s, want %s", i, got, w)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestConnection_logs_one_line_without_what_was_sent(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	transport := &Transport{
		Logger: slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Authenticate: func(ctx context.Context, _ *http.Request, init InitPayload) (context.Context, error) {
			return ctx, errors.New("the database is down")
		},
	}
	c := start(t, transport, schema{}).dial(t)
	c.send(`{"type":"connection_init","payload":{"authorization":"Bearer hk_1_secret"}}`)
	c.expectClose(4403, "Forbidden")
	if err := transport.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := lines.String()
	if strings.Count(got, "\n") != 1 || !strings.Contains(got, "code=4403") || !strings.Contains(got, "the database is down") {
		t.Errorf("logged %q", got)
	}
	if strings.Contains(got, "secret") {
		t.Errorf("logged the key: %q", got)
	}
}
