package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// around is what every request goes through: it gets an id, headers, a place to fall, a line in the log and in the metrics.
func (s *Server) around(next http.Handler) http.Handler {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hookline_http_request_duration_seconds",
		Help:    "How long requests took, by route and status. Websockets and streams are not among them.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "status"})
	s.config.Metrics.MustRegister(duration)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		line := &requestLine{}
		requestID := requestIDOf(r)
		ctx := access.WithRequestID(r.Context(), requestID)
		r = r.WithContext(context.WithValue(ctx, requestLineKey{}, line))
		response := &response{ResponseWriter: w}
		setHeaders(w.Header(), requestID)
		// Not supported only in tests without a connection. Who has read the body takes the first one back; a stream sets the
		// second one for each of its events, and a websocket has its own.
		_ = http.NewResponseController(w).SetReadDeadline(started.Add(bodyTimeout))
		_ = http.NewResponseController(w).SetWriteDeadline(started.Add(answerTimeout))

		defer func() {
			s.recovered(response, r, recover())
			took := time.Since(started)
			if !response.streamed {
				duration.WithLabelValues(r.Pattern, strconv.Itoa(response.code())).Observe(took.Seconds())
			}
			s.logLine(r, response, line, took)
		}()
		next.ServeHTTP(response, r)
	})
}

const (
	bodyTimeout   = 30 * time.Second // to receive a request's body
	answerTimeout = 2 * time.Minute  // to receive a request, execute it, and send the answer
)

// setHeaders sets what no answer lacks. The dashboard sets a policy of its own for its pages.
func setHeaders(header http.Header, requestID string) {
	header.Set("X-Request-Id", requestID)
	maps.Copy(header, always) // the values are shared: whoever sets another one replaces it
}

var always = http.Header{
	"X-Content-Type-Options":  {"nosniff"},
	"X-Frame-Options":         {"DENY"},
	"Referrer-Policy":         {"no-referrer"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
}

// requestIDOf returns the id that the client, or a proxy before us, gave to the request, or a new one.
func requestIDOf(r *http.Request) string {
	given := r.Header.Get("X-Request-Id")
	if len(given) == 0 || len(given) > 64 {
		return "req_" + rand.Text()
	}
	for _, c := range []byte(given) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return "req_" + rand.Text()
		}
	}
	return given
}

// recovered answers a request whose handler panicked.
func (s *Server) recovered(w *response, r *http.Request, value any) {
	if value == nil {
		return
	}
	if value == http.ErrAbortHandler { //nolint:errorlint // the very value, as net/http compares it
		panic(value)
	}
	s.config.Log.ErrorContext(r.Context(), "panic", "requestId", access.RequestID(r.Context()), "path", r.URL.Path,
		"panic", value, "stack", string(debug.Stack()))
	if w.status == 0 {
		problemf(graph.CodeInternal, "internal error").write(w, r)
	}
}

// requestLine is what handlers add to the request's line in the log.
type requestLine struct {
	principal *access.Principal
	extra     []slog.Attr
}

type requestLineKey struct{}

func lineOf(ctx context.Context) *requestLine {
	line, _ := ctx.Value(requestLineKey{}).(*requestLine)
	if line == nil {
		return &requestLine{}
	}
	return line
}

func (l *requestLine) add(attrs ...slog.Attr) { l.extra = append(l.extra, attrs...) }

// logLine writes the one line of a request: no query, as it may hold secrets, and no body.
func (s *Server) logLine(r *http.Request, w *response, line *requestLine, took time.Duration) {
	level := slog.LevelInfo
	switch r.Pattern {
	case eventsPath, receiverPath, "GET /livez", "GET /readyz", "GET /metrics": // asked all the time; the metrics count them
		if w.code() < http.StatusBadRequest || r.Pattern == receiverPath {
			level = slog.LevelDebug
		}
	}
	if !s.config.Log.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("requestId", access.RequestID(r.Context())),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", w.code()),
		slog.Int64("bytes", w.written),
		slog.Duration("took", took),
		slog.String("remote", r.RemoteAddr),
	}
	if p := line.principal; p != nil {
		attrs = append(attrs,
			slog.String("account", id.Format(id.Account, p.AccountID)), slog.String("key", id.Format(id.APIKey, p.KeyID)))
	}
	s.config.Log.LogAttrs(r.Context(), level, "request", append(attrs, line.extra...)...)
}

// response remembers what was answered. It can be flushed and hijacked as the one within.
type response struct {
	http.ResponseWriter
	status   int
	written  int64
	streamed bool // as a websocket or server-sent events
}

func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(data []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(data)
	w.written += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach deadlines.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush sends what is written so far; only streams are flushed.
func (w *response) Flush() {
	w.streamed = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() // fails when the client has left, which the next write shows
}

// Hijack hands the connection to a websocket.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.streamed, w.status = true, http.StatusSwitchingProtocols
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
