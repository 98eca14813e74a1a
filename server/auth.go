package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/server/graphqlws"
)

// accountHeader names the account that an administrator's request works in.
const accountHeader = "Hookline-Account"

// authenticated serves only requests with an API key that works, in the account that it works in.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := credentials{authorization: r.Header.Get("Authorization"), account: r.Header.Get(accountHeader)}
		principal, err := s.config.Authenticator.Authenticate(r.Context(), given.authorization, given.account)
		if err != nil {
			s.problemOf(r, err).write(w, r)
			return
		}
		lineOf(r.Context()).principal = principal
		next.ServeHTTP(w, r.WithContext(withPrincipal(r.Context(), principal, given)))
	})
}

// credentials are what a request or websocket came with, to be checked again while it is open.
type credentials struct{ authorization, account string }

type credentialsKey struct{}

func withPrincipal(ctx context.Context, principal *access.Principal, given credentials) context.Context {
	return access.WithPrincipal(context.WithValue(ctx, credentialsKey{}, given), principal)
}

// authenticateSocket checks the API key of a websocket: that of connection_init, or else of the request's headers.
func (s *Server) authenticateSocket(ctx context.Context, r *http.Request, init graphqlws.InitPayload) (context.Context, error) {
	given := credentials{authorization: init.Authorization, account: init.Account}
	if given.authorization == "" {
		given.authorization = r.Header.Get("Authorization")
	}
	if given.account == "" {
		given.account = r.Header.Get(accountHeader)
	}
	principal, err := s.config.Authenticator.Authenticate(ctx, given.authorization, given.account)
	if err != nil {
		return nil, s.refusal(r.Context(), err)
	}
	if err := s.takeSocket(ctx, principal); err != nil {
		return nil, err
	}
	return withPrincipal(ctx, principal, given), nil
}

// revalidateEvery is how often the key of an open websocket or stream is checked again. Together with the time for which
// package apikey remembers keys it bounds how long a websocket outlives its key.
const revalidateEvery = 2 * time.Second

// revalidate checks again the key with which a websocket or stream was opened. An error that says nothing of the key lets
// it stay.
func (s *Server) revalidate(ctx context.Context) error {
	given, _ := ctx.Value(credentialsKey{}).(credentials)
	_, err := s.config.Authenticator.Authenticate(ctx, given.authorization, given.account)
	for _, refused := range []error{apikey.ErrUnauthenticated, apikey.ErrForbiddenAccount, apikey.ErrUnknownAccount} {
		if errors.Is(err, refused) {
			return &graphqlws.Refusal{Reason: err.Error()}
		}
	}
	return nil
}

// refusal shows a client of a websocket why its key is refused.
func (s *Server) refusal(ctx context.Context, err error) error {
	if code, public := graph.CodeOf(err); public && code != graph.CodeUnavailable {
		return &graphqlws.Refusal{Reason: err.Error()}
	}
	s.config.Log.ErrorContext(ctx, "internal error", "requestId", access.RequestID(ctx), "error", err)
	return err
}
