// Package server is Hookline's HTTP side: the GraphQL API over HTTP, server-sent events and websockets, the endpoint for
// publishing, health, metrics, and the dashboard's files.
//
//	routes.go      what is served where
//	middleware.go  request ids, one log line per request, panics, security headers
//	auth.go        API keys and accounts of requests and websockets
//	perkey.go      how much an API key may have open at once
//	origin.go      pages on other origins
//	graphql.go     GraphQL over HTTP (accept.go: what to answer with), and stream.go over server-sent events; websockets are in graphqlws
//	problem.go     how requests fail
//	body.go        reading bodies, of which there are only so many bytes at the same time
//	ingest.go      POST /v1/events, read by events.go, and as CloudEvents by cloudevents.go; idempotency.go: the key in a header
//	ingeststream.go  the same events, from a Redis stream
//	graphiql.go    a page on which people try operations out
//	health.go      whether the process lives, and whether it can work
//	receiver.go    the built-in receiver of test webhooks
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/server/graphqlws"
)

// Config is what a server needs.
type Config struct {
	// What the API works on. Without an Authenticator there is no API: a worker serves health and metrics alone.
	Ent           *ent.Client
	Accepter      *accept.Accepter
	Configure     *configure.Service
	Authenticator *apikey.Authenticator
	Hub           *livelog.Hub

	Log     *slog.Logger
	Metrics *prometheus.Registry
	Version string

	// AllowedOrigins are the origins (`https://app.example.com`) whose pages may call the API, besides the server's own.
	AllowedOrigins []string
	// Dashboard serves every path that nothing else does.
	Dashboard http.Handler
	// Receiver takes test webhooks under /receiver/; nil: it is off.
	Receiver *Receiver
	// Ready are the things without which requests cannot be served.
	Ready []Check
	// Introspection lets clients ask for the schema.
	Introspection bool

	// MaxGraphQLBody and MaxEventsBody bound request bodies, in bytes; 0: 8 MiB, or more where two of the largest payload are,
	// and 32 MiB. MaxBodies bounds all that are worked on at the same time; 0: 256 MiB.
	MaxGraphQLBody int64
	MaxEventsBody  int64
	MaxBodies      int64

	// MaxSocketsPerKey and MaxOperationsPerKey bound what each API key may have open at once on this server; 0: 2,000
	// websockets, and 10,000 operations over all transports.
	MaxSocketsPerKey    int
	MaxOperationsPerKey int

	// Gather is how long what an answer needs is gathered before it is read with one statement; 0: 1 ms.
	Gather time.Duration

	// KeepAlive is the time between two comments in an idle stream of server-sent events; 0: 12 s.
	KeepAlive time.Duration
}

// Server serves HTTP.
type Server struct {
	config     Config
	handler    http.Handler
	http       *http.Server
	websockets *graphqlws.Transport
	sockets    *perKey
	operations *perKey
	bodies     bodies

	stopping chan struct{} // closed when Shutdown begins; streams end with it
	stop     func()
}

// New returns a server for the configuration.
func New(config Config) *Server {
	if config.MaxGraphQLBody == 0 {
		config.MaxGraphQLBody = 8 << 20
		if config.Accepter != nil { // a payload may be longer in a request than it is, because of `\u0020` and the like
			config.MaxGraphQLBody = max(config.MaxGraphQLBody, 2*int64(config.Accepter.Limits().MaxPayload))
		}
	}
	if config.MaxEventsBody == 0 {
		config.MaxEventsBody = 32 << 20
	}
	config.KeepAlive = cmp.Or(config.KeepAlive, keepAlive)
	s := &Server{
		config: config, stopping: make(chan struct{}),
		sockets:    newPerKey(cmp.Or(config.MaxSocketsPerKey, 2000)),
		operations: newPerKey(cmp.Or(config.MaxOperationsPerKey, 10_000)),
	}
	s.bodies.limit = cmp.Or(config.MaxBodies, maxBodies)
	config.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "hookline_http_body_bytes",
		Help: "Memory of the request bodies that are read and worked on.",
	}, func() float64 { return float64(s.bodies.taken.Load()) }))
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	s.websockets = s.newWebsockets()
	s.handler = s.around(s.routes())
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(config.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// Handler serves everything, for a server of one's own.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve serves the listener until Shutdown. It closes the listener.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// Shutdown ends the server in this order: it says that it is not ready; ends streams and closes websockets, whose clients
// connect to another server; takes no more connections and waits for the requests under way. When ctx ends first, what
// is left is cut off.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	websockets := s.websockets.Shutdown(ctx)
	requests := s.http.Shutdown(ctx)
	if requests != nil {
		requests = errors.Join(fmt.Errorf("shut down HTTP: %w", requests), s.http.Close())
	}
	return errors.Join(websockets, requests)
}
