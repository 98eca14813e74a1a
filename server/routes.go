package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hookline/hookline/graph"
)

// routes says what is served where. What needs an API key says so here.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	if s.config.Authenticator != nil {
		mux.Handle(graphQLPath, s.crossOrigin(s.graphQL()))
		mux.Handle(eventsPath, s.crossOrigin(s.authenticated(http.HandlerFunc(s.ingest))))
		if s.config.Introspection {
			mux.HandleFunc("GET /schema.graphql", serveSchema)
		}
		mux.HandleFunc("GET /graphiql", graphiql)
		mux.HandleFunc("GET /graphiql/{file}", graphiql)
	}
	mux.HandleFunc("GET /livez", serveAlive)
	mux.Handle("GET /readyz", s.newReadiness())
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.config.Metrics, promhttp.HandlerOpts{}))
	if s.config.Receiver != nil {
		mux.Handle(receiverPath, s.config.Receiver)
	}
	if s.config.Dashboard != nil {
		mux.Handle("/", s.config.Dashboard)
	}
	return mux
}

func serveSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(graph.PrintedSchema())) // fails when the client has left
}
