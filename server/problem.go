package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
)

// statuses are the HTTP statuses of the codes of errors; others are 400.
var statuses = map[string]int{
	graph.CodeUnauthenticated:   http.StatusUnauthorized,
	graph.CodeForbidden:         http.StatusForbidden,
	graph.CodeNotFound:          http.StatusNotFound,
	graph.CodeTooLarge:          http.StatusRequestEntityTooLarge,
	graph.CodeTooManyOperations: http.StatusTooManyRequests,
	graph.CodeOverloaded:        http.StatusServiceUnavailable,
	graph.CodeUnavailable:       http.StatusServiceUnavailable,
	graph.CodeUncertain:         http.StatusServiceUnavailable,
	graph.CodeCancelled:         http.StatusServiceUnavailable,
	graph.CodeTimeout:           http.StatusGatewayTimeout,
	graph.CodeInternal:          http.StatusInternalServerError,
}

func statusOf(code string) int {
	if status, known := statuses[code]; known {
		return status
	}
	return http.StatusBadRequest
}

// retryAfter is the value of the header of that name, in seconds.
var retryAfter = strconv.Itoa(int(accept.RetryAfter / time.Second))

// problem is why a request failed as a whole.
type problem struct {
	status  int // 0: that of the code
	code    string
	message string
}

func problemf(code, format string, args ...any) *problem {
	return &problem{code: code, message: fmt.Sprintf(format, args...)}
}

// problemOf turns an error into a problem. The log tells what clients are not told.
func (s *Server) problemOf(r *http.Request, err error) *problem {
	code, public := graph.CodeOf(err)
	if unavailable, ok := errors.AsType[*apikey.UnavailableError](err); ok {
		s.config.Log.WarnContext(r.Context(), "API keys cannot be checked",
			"requestId", access.RequestID(r.Context()), "error", unavailable.Cause)
	}
	if public {
		return &problem{code: code, message: err.Error()}
	}
	s.config.Log.ErrorContext(r.Context(), "internal error",
		"requestId", access.RequestID(r.Context()), "path", r.URL.Path, "error", err)
	return problemf(graph.CodeInternal, "internal error")
}

// write answers the request, in the shape that the clients of its path expect.
func (p *problem) write(w http.ResponseWriter, r *http.Request) {
	if p.status == 0 {
		p.status = statusOf(p.code)
	}
	header := w.Header()
	switch p.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="hookline"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		header.Set("Retry-After", retryAfter)
	}
	detail := map[string]any{"code": p.code}
	if p.code == graph.CodeInternal {
		detail["requestId"] = access.RequestID(r.Context())
	}
	var body any
	if r.URL.Path == graphQLPath {
		body = map[string]any{"errors": []any{map[string]any{"message": p.message, "extensions": detail}}}
	} else {
		detail["message"] = p.message
		body = map[string]any{"error": detail}
	}
	writeJSON(w, p.status, body)
}

// writeJSON answers with a value as JSON.
func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Errorf("marshal answer: %w", err)) // our own types
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // fails when the client has left
}
