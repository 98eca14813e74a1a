package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
	"github.com/hookline/hookline/server"
)

// adminKey is the administrator's in every world.
const adminKey = "hk_admin_0123456789abcdefghijklmnopqrstuvwxyz"

// loopback are the addresses of this machine.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// world is a running server and what it works on.
type world struct {
	t         *testing.T
	url       string
	store     *store.Store
	streams   *stream.Streams
	configure *configure.Service
	keys      *apikey.Authenticator
	server    *server.Server
	log       *lockedBuffer

	stopAccepting context.CancelFunc // ends the accepter before everything else
	accepting     chan struct{}      // closed when it has ended
}

// start runs a server on the backend until the test ends. with may change its configuration.
func start(t *testing.T, b testenv.Backend, with ...func(*server.Config)) *world {
	t.Helper()
	ctx := access.WithSystem(t.Context())
	w := &world{t: t, log: &lockedBuffer{}}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))

	w.store = must(store.Open(ctx, b.DatabaseURL))
	t.Cleanup(func() { check(t, w.store.Close()) })
	must(w.store.Migrate(ctx))
	check(t, w.store.EnsurePartitions(ctx))
	check(t, catalogue.Sync(ctx, w.store.Ent))
	secrets := must(vault.New([]vault.Key{{ID: "test"}}))
	entries := must(registry.Open(ctx, w.store.Ent, secrets, log))
	w.streams = must(stream.Open(stream.Config{URL: b.RedisURL, Prefix: b.RedisPrefix, Partitions: 1}))
	t.Cleanup(func() { check(t, w.streams.Close()) })
	must(w.streams.Prepare(ctx, 0))
	metrics := prometheus.NewRegistry()
	guard := addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	accepter := accept.New(accept.Config{Store: w.store, Streams: w.streams, Registry: entries, Log: log, Metrics: metrics, Guard: guard,
		MakeSecret: func(ctx context.Context) error { return w.configure.EnsureAccountSecret(ctx) }})
	hub := livelog.New(w.streams, w.store, log)
	w.configure = &configure.Service{
		Store: w.store, Vault: secrets,
		Guard:   guard,
		Limits:  configure.Limits{SameSubscriptions: 100},
		Changed: entries.Apply,
		// By the guard of this client all is blocked but loopback.
		Connections: configure.NewConnections(egress.New(egress.Config{
			Policy: addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{loopback}},
		})),
	}
	w.keys = apikey.NewAuthenticator(w.store.Ent)
	must(w.keys.Bootstrap(ctx, adminKey))

	config := server.Config{
		Ent: w.store.Ent, Accepter: accepter, Configure: w.configure, Authenticator: w.keys, Hub: hub,
		Log: log, Metrics: metrics, Version: "1.2.3", Introspection: true,
		Ready: []server.Check{{Name: "database", Run: w.store.Ping}, {Name: "redis", Run: w.streams.Ping}},
	}
	for _, change := range with {
		change(&config)
	}
	w.server = server.New(config)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	w.url = "http://" + listener.Addr().String()

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	services.Go(func() { check(t, w.server.Serve(listener)) })
	accepting, stopAccepting := context.WithCancel(running)
	w.stopAccepting, w.accepting = stopAccepting, make(chan struct{})
	services.Go(func() { check(t, accepter.Run(accepting)); close(w.accepting) })
	services.Go(func() { check(t, hub.Run(running)) })
	t.Cleanup(func() { // before what was opened above is closed
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		check(t, w.server.Shutdown(stopping))
		stopAccepting()
		stop()
		services.Wait()
	})
	return w
}

// in returns the world for a subtest, which fails on its own.
func (w *world) in(t *testing.T) *world {
	within := *w
	within.t = t
	return &within
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // fails the test, with the place
	}
	return v
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// lockedBuffer is where a server logs to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// account makes an account, and returns a context confined to it.
func (w *world) account(key string) (context.Context, *ent.Account) {
	w.t.Helper()
	account := must(w.configure.CreateAccount(access.WithSystem(w.t.Context()), key, "Account "+key))
	return access.WithAccount(w.t.Context(), account.ID), account
}

// key makes an API key of the account of ctx.
func (w *world) key(ctx context.Context, scopes ...access.Scope) string {
	w.t.Helper()
	_, token, err := w.configure.CreateAPIKey(ctx, "a key", scopes, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// customer makes an account and a key with all scopes but those of administrators.
func (w *world) customer(key string) (context.Context, string) {
	w.t.Helper()
	ctx, _ := w.account(key)
	scopes := slices.DeleteFunc(slices.Clone(access.AllScopes), func(s access.Scope) bool { return s == access.AccountsAdmin })
	return ctx, w.key(ctx, scopes...)
}

// subscribe makes a subscription with a profile of its own, both with this key.
func (w *world) subscribe(ctx context.Context, key string, eventTypes ...string) *ent.EventSubscription {
	w.t.Helper()
	profile := configure.ProfileInput(key, "https://203.0.113.7/"+key)
	created, err := w.configure.CreateEventSubscription(ctx, configure.CreateEventSubscriptionInput{
		Key: key, Name: "Subscription " + key, EventTypes: eventTypes, Enabled: true,
		Profile: configure.ProfileChoice{Create: &profile},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return created.EventSubscription
}

// request is an HTTP request to the server.
type request struct {
	method, path, body string
	header             http.Header
}

// reply is an HTTP answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(r request) reply {
	w.t.Helper()
	req := must(http.NewRequestWithContext(w.t.Context(), r.method, w.url+r.path, strings.NewReader(r.body)))
	maps.Copy(req.Header, r.header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body := must(io.ReadAll(resp.Body))
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func bearer(key string) http.Header {
	header := http.Header{"Content-Type": {"application/json"}}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	return header
}

// answer is a GraphQL response.
type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Path       []any
		Extensions map[string]any
	}
}

// code is that of the first error.
func (a answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

// query executes an operation. vars are variables, or nil.
func (w *world) query(key, document string, vars map[string]any) answer {
	w.t.Helper()
	body := must(json.Marshal(map[string]any{"query": document, "variables": vars}))
	got := w.send(request{method: "POST", path: "/graphql", body: string(body), header: bearer(key)})
	var a answer
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		w.t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	return a
}

// get executes an operation that must not fail, and returns what lies at the dotted path in its data as JSON.
func (w *world) get(key, document string, vars map[string]any, path string) string {
	w.t.Helper()
	a := w.query(key, document, vars)
	if len(a.Errors) > 0 {
		w.t.Fatalf("%s: %+v", document, a.Errors)
	}
	return at(w.t, a.Data, path)
}

// at returns what lies at the dotted path, strings without their quotes.
func at(t *testing.T, data []byte, path string) string {
	t.Helper()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(v) {
				t.Fatalf("%s: nothing at %q in %s", path, name, data)
			}
			value = v[i]
		default:
			t.Fatalf("%s: nothing at %q in %s", path, name, data)
		}
	}
	if text, ok := value.(string); ok {
		return text
	}
	return string(must(json.Marshal(value)))
}

// publish publishes an event for the key's account, and returns its id.
func (w *world) publish(key, event string) string {
	w.t.Helper()
	got := w.send(request{method: "POST", path: "/v1/events", body: event, header: bearer(key)})
	if got.status != http.StatusAccepted {
		w.t.Fatalf("publish: %d %s", got.status, got.body)
	}
	return at(w.t, []byte(got.body), "results.0.id")
}

// result is what became of the delivery of an event to a subscription, by its attempt number n.
func result(account, event, subscription id.ID, n int, status stream.Status) *stream.Result {
	r := &stream.Result{
		AccountID: account, DeliveryID: id.ForDelivery(event, subscription), EventID: event, SubscriptionID: subscription,
		EventType: "sms.delivery", Status: status, Attempts: n, Failures: n,
		Attempt: &stream.Attempt{
			ID: id.New(), Trigger: stream.TriggerFirst, Outcome: stream.OutcomeHTTPError, StatusCode: 503,
			StartedAt: time.Now().UnixMicro(), QueuedUs: 1500, ConnectUs: 2000, FirstByteUs: 3250, TotalUs: 4000,
			URL: "https://203.0.113.7/hook", PayloadFormat: "ENVELOPE",
			RequestHeaders:  "Content-Type: application/json\nX-Secret: ***\n",
			ResponseHeaders: "Content-Type: text/plain\n", ResponseBody: []byte("down"), RemoteAddress: "203.0.113.7:443",
			TLSVersion: "TLS_1_3", Error: "answered with status 503", Hint: "The endpoint is down.",
		},
	}
	switch {
	case n > 1:
		r.Attempt.Trigger = stream.TriggerRetry
		fallthrough
	default:
		if status == stream.StatusSucceeded {
			r.Attempt.Outcome, r.Attempt.StatusCode, r.Failures, r.Attempt.Error, r.Attempt.Hint = stream.OutcomeSuccess, 200, n-1, "", ""
		}
		if status == stream.StatusRetrying {
			r.NextAttemptAt = time.Now().Add(time.Minute).UnixMicro()
		}
	}
	return r
}

// archive writes results into the log.
func (w *world) archive(results ...*stream.Result) {
	w.t.Helper()
	logged := make([]stream.Logged, len(results))
	for i, r := range results {
		logged[i] = stream.Logged{Result: r, Position: stream.PositionAt(time.Now()) + stream.Position(i)}
	}
	if _, err := w.store.Archive(w.t.Context(), logged); err != nil {
		w.t.Fatal(err)
	}
}

// parse reads an id as the API shows it.
func parse(t *testing.T, text string) id.ID {
	t.Helper()
	_, parsed, err := id.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// socket is a websocket on which the server has acknowledged connection_init.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a websocket, without connection_init.
func (w *world) dial(header http.Header) (*socket, *http.Response, error) {
	w.t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}}
	conn, resp, err := dialer.DialContext(w.t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/graphql", header)
	if err != nil {
		return nil, resp, err
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return &socket{w.t, conn}, resp, nil
}

func (w *world) socket(key string) *socket {
	w.t.Helper()
	s, _, err := w.dial(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	s.write(map[string]any{"type": "connection_init", "payload": map[string]any{"authorization": "Bearer " + key}})
	if got := s.read(); got.Type != "connection_ack" {
		w.t.Fatalf("got %+v", got)
	}
	return s
}

// frame is a message of graphql-transport-ws.
type frame struct {
	ID, Type string
	Payload  json.RawMessage
}

func (s *socket) write(message any) {
	s.t.Helper()
	if err := s.conn.WriteJSON(message); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) subscribe(opID, document string, vars map[string]any) {
	s.t.Helper()
	s.write(map[string]any{"id": opID, "type": "subscribe", "payload": map[string]any{"query": document, "variables": vars}})
}

func (s *socket) read() frame {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var f frame
	if err := s.conn.ReadJSON(&f); err != nil {
		s.t.Fatalf("read: %v", err)
	}
	return f
}

// closed reads until the socket is closed, and returns the code.
func (s *socket) closed() (int, string) {
	s.t.Helper()
	_ = s.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	for {
		if _, _, err := s.conn.ReadMessage(); err != nil {
			if closed, ok := err.(*websocket.CloseError); ok { //nolint:errorlint // gorilla returns it as it is
				return closed.Code, closed.Text
			}
			s.t.Fatalf("not closed: %v", err)
		}
	}
}

// accountOf returns the account to which ctx is confined.
func accountOf(ctx context.Context) (id.ID, error) {
	account, _, err := access.Confinement(ctx)
	return account, err
}

// settle writes results into the attempts stream, from which the live log is fed.
func (w *world) settle(results ...*stream.Result) {
	w.t.Helper()
	if _, err := w.streams.Settle(w.t.Context(), 0, &stream.Settlement{Results: results}); err != nil {
		w.t.Fatal(err)
	}
}
