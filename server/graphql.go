package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/server/graphqlws"
)

const graphQLPath = "/graphql"

const (
	operationTimeout = 30 * time.Second // to execute a query or mutation
	writeTimeout     = 10 * time.Second // to send an event of a stream
	keepAlive        = 12 * time.Second // between comments in an idle stream
)

// graphQL serves the API over all its transports. HTTP requests bring their API key in a header; websockets bring it in
// connection_init.
func (s *Server) graphQL() http.Handler {
	api := graph.NewHandler(&graph.Resolver{
		Ent: s.config.Ent, Configure: s.config.Configure, Accepter: s.config.Accepter, Live: s.config.Hub, Version: s.config.Version,
	}, graph.Options{Log: s.config.Log, Introspection: s.config.Introspection, Gather: s.config.Gather})
	api.AroundOperations(s.limitOperations)
	api.AddTransport(s.websockets)
	api.AddTransport(&overHTTP{server: s})
	overHTTP := s.authenticated(api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.websockets.Supports(r) {
			api.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodPost && r.Method != http.MethodGet {
			w.Header().Set("Allow", "GET, POST")
			(&problem{http.StatusMethodNotAllowed, graph.CodeBadInput, "GraphQL is served by POST, by GET (no mutations), and by websocket"}).write(w, r)
			return
		}
		overHTTP.ServeHTTP(w, r)
	})
}

func (s *Server) newWebsockets() *graphqlws.Transport {
	return &graphqlws.Transport{
		Authenticate:       s.authenticateSocket,
		Revalidate:         s.revalidate,
		RevalidateInterval: revalidateEvery,
		CheckOrigin:        s.allowedOrigin,
		Logger:             s.config.Log,
	}
}

// overHTTP is GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/), and over server-sent events for
// requests that accept them (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, distinct connections).
type overHTTP struct{ server *Server }

var _ graphql.Transport = (*overHTTP)(nil)

// Supports takes what the websockets did not.
func (*overHTTP) Supports(*http.Request) bool { return true }

// Do answers a request.
func (t *overHTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	accepted := acceptable(r.Header.Values("Accept"))
	var held body
	defer held.free()
	params, problem := t.read(w, r, &held)
	if problem == nil && strings.TrimSpace(params.Query) == "" {
		problem = problemf(graph.CodeBadInput, "the request has no query")
	}
	if problem == nil && len(accepted) == 0 {
		problem = problemf(graph.CodeBadInput, "answers are %s, %s or %s; Accept has none of them", typeGraphQL, typeJSON, typeStream)
		problem.status = http.StatusNotAcceptable
	}
	if problem != nil {
		problem.write(w, r)
		return
	}
	ctx := r.Context()
	operation, errs := exec.CreateOperationContext(ctx, params)
	ctx = graphql.WithOperationContext(ctx, operation)
	t.note(ctx, operation)
	kind := kindOf(operation)
	answerType := answerType(accepted, kind == ast.Subscription)
	switch {
	case r.Method == http.MethodGet && kind == ast.Mutation:
		w.Header().Set("Allow", "POST")
		refused := problemf(graph.CodeBadInput, "mutations are served by POST only")
		refused.status = http.StatusMethodNotAllowed
		refused.write(w, r)
	case errs != nil:
		answer(w, answerType, exec.DispatchError(ctx, errs))
	case answerType == typeStream:
		held.free()
		t.stream(ctx, w, exec, operation)
	case kind == ast.Subscription:
		err := &gqlerror.Error{
			Message:    "subscriptions are served over graphql-transport-ws, or with Accept: " + typeStream,
			Extensions: map[string]any{"code": graph.CodeBadInput},
		}
		answer(w, answerType, exec.DispatchError(ctx, gqlerror.List{err}))
	default:
		ctx, cancel := context.WithTimeout(ctx, operationTimeout)
		defer cancel()
		responses, ctx := exec.DispatchOperation(ctx, operation)
		answer(w, answerType, responses(ctx))
	}
}

// kindOf returns what kind of operation it is, empty if it could not be told.
func kindOf(operation *graphql.OperationContext) ast.Operation {
	if operation == nil || operation.Operation == nil {
		return ""
	}
	return operation.Operation.Operation
}

// rawRequest is a request as it comes, in the body or in the URL.
type rawRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`
	Extensions    map[string]any `json:"extensions"`
}

// read reads the request; body is what it takes for that.
func (t *overHTTP) read(w http.ResponseWriter, r *http.Request, body *body) (*graphql.RawParams, *problem) {
	started := graphql.Now()
	var request rawRequest
	var p *problem
	if r.Method == http.MethodGet {
		request, p = readURL(r.URL.Query())
	} else {
		request, p = t.readJSON(w, r, body)
	}
	if p != nil {
		return nil, p
	}
	return &graphql.RawParams{
		Query: request.Query, OperationName: request.OperationName, Variables: request.Variables, Extensions: request.Extensions,
		Headers: r.Header, ReadTime: graphql.TraceTiming{Start: started, End: graphql.Now()},
	}, nil
}

// readURL reads a request from the parameters of its URL, of which two are JSON.
func readURL(parameters url.Values) (rawRequest, *problem) {
	request := rawRequest{Query: parameters.Get("query"), OperationName: parameters.Get("operationName")}
	if !utf8.ValidString(request.Query) || !utf8.ValidString(request.OperationName) {
		return request, problemf(graph.CodeBadInput, "the URL is not UTF-8")
	}
	for name, into := range map[string]*map[string]any{"variables": &request.Variables, "extensions": &request.Extensions} {
		if text := parameters.Get(name); text != "" {
			if p := decode([]byte(text), into, "the parameter "+name); p != nil {
				return request, p
			}
		}
	}
	return request, nil
}

// readJSON reads a request from its body.
func (t *overHTTP) readJSON(w http.ResponseWriter, r *http.Request, body *body) (rawRequest, *problem) {
	var request rawRequest
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || mediaType != typeJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		p := problemf(graph.CodeBadInput, "the Content-Type of a request must be %s, in UTF-8", typeJSON)
		p.status = http.StatusUnsupportedMediaType
		return request, p
	}
	if p := t.server.readBody(w, r, t.server.config.MaxGraphQLBody, body); p != nil {
		return request, p
	}
	p := decode(bytes.TrimPrefix(body.bytes, byteOrderMark), &request, "the body")
	return request, p
}

// decode reads JSON that the request's part called what holds.
func decode(text []byte, into any, what string) *problem {
	if !utf8.Valid(text) { // which the decoder would mend
		return problemf(graph.CodeBadInput, "%s is not UTF-8", what)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // keeps the digits of large numbers
	err := decoder.Decode(into)
	if err == nil && decoder.More() {
		err = errors.New("there is more after the end of the object")
	}
	if err != nil {
		return problemf(graph.CodeBadInput, "%s is not a GraphQL request's JSON: %s", what, describeJSON(err, decoder.InputOffset(), what))
	}
	return nil
}

// describeJSON says where in the body the mistake is.
func describeJSON(err error, offset int64, what string) string {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &wrongType):
		return fmt.Sprintf("%s cannot be a %s (at byte %d)", orText(wrongType.Field, what), wrongType.Value, wrongType.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("it ends too early (at byte %d)", offset)
	}
	return fmt.Sprintf("%s (at byte %d)", err, offset)
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// note adds the operation to the request's line in the log: its name, never its text or variables.
func (t *overHTTP) note(ctx context.Context, operation *graphql.OperationContext) {
	if operation == nil || operation.Operation == nil {
		return
	}
	lineOf(ctx).add(slog.String("operation", string(operation.Operation.Operation)), slog.String("operationName", operation.Operation.Name))
}

// answer writes a response. Its status is that of its first error if nothing came of the operation: with typeJSON, of
// which clients expect a 200 whatever happened, only if it is worth trying again.
func answer(w http.ResponseWriter, mediaType string, response *graphql.Response) {
	if mediaType == typeStream {
		streamOnce(w, response)
		return
	}
	status := http.StatusOK
	if nothing := len(response.Data) == 0 || string(response.Data) == "null"; nothing && len(response.Errors) > 0 {
		code, _ := response.Errors[0].Extensions["code"].(string)
		status = statusOf(code)
		switch {
		case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
			w.Header().Set("Retry-After", retryAfter)
		case mediaType == typeJSON, status == http.StatusBadRequest && len(response.Data) > 0:
			status = http.StatusOK
		}
	}
	w.Header().Set("Content-Type", mediaType+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(encode(response)) //nolint:gosec // JSON; fails when the client has left
}

// encode returns a response as JSON. The data are not read again, as json.Marshal would.
func encode(response *graphql.Response) []byte {
	data := response.Data
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if len(response.Errors) == 0 && len(response.Extensions) == 0 {
		return append(append([]byte(`{"data":`), data...), '}')
	}
	text, err := json.Marshal(struct {
		Errors     gqlerror.List   `json:"errors,omitempty"`
		Data       json.RawMessage `json:"data,omitempty"` // absent when nothing was executed
		Extensions map[string]any  `json:"extensions,omitempty"`
	}{response.Errors, data, response.Extensions})
	if err != nil {
		panic(fmt.Errorf("marshal response: %w", err)) // our own errors, and data that are JSON
	}
	return text
}
