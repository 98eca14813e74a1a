package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/usererror"
)

// The codes of errors, in `extensions.code`: stable, for programs. Two more come from the GraphQL library,
// GRAPHQL_PARSE_FAILED and GRAPHQL_VALIDATION_FAILED, and COMPLEXITY_LIMIT_EXCEEDED from its limit.
const (
	CodeUnauthenticated   = "UNAUTHENTICATED"     // no API key, or one that does not work
	CodeForbidden         = "FORBIDDEN"           // the key lacks a scope, or may not act for the account
	CodeNotFound          = "NOT_FOUND"           // what the request works in does not exist
	CodeBadInput          = "BAD_USER_INPUT"      // an argument is wrong; the message names it
	CodeTooLarge          = "TOO_LARGE"           // the request is larger than the limit that the message names
	CodeOverloaded        = "OVERLOADED"          // nothing was done; try again later
	CodeUnavailable       = "UNAVAILABLE"         // the database does not answer; nothing was done; try again later
	CodeUncertain         = "UNCERTAIN"           // it may have been done or not; publishing again with the same keys is safe
	CodeTooManyOperations = "TOO_MANY_OPERATIONS" // that run at once
	CodeTimeout           = "TIMEOUT"             // it took too long
	CodeCancelled         = "CANCELLED"           // the client went away, or the server stops
	CodeInternal          = "INTERNAL"            // our fault; the log tells more by the request id
)

// codes turns errors into codes. Their messages are for clients.
var codes = []struct {
	err  error
	code string
}{
	{accept.ErrOverloaded, CodeOverloaded},
	{accept.ErrUnavailable, CodeUnavailable},
	{accept.ErrUncertain, CodeUncertain},
	{livelog.ErrBadCursor, CodeBadInput},
	{apikey.ErrUnauthenticated, CodeUnauthenticated},
	{access.ErrNoAccount, CodeUnauthenticated},
	{apikey.ErrForbiddenAccount, CodeForbidden},
	{apikey.ErrUnknownAccount, CodeNotFound},
	{context.DeadlineExceeded, CodeTimeout},
	{context.Canceled, CodeCancelled},
}

// inputError is a mistake in an argument.
type inputError struct{ message string }

func inputErrorf(format string, args ...any) error {
	return &inputError{message: fmt.Sprintf(format, args...)}
}

func (e *inputError) Error() string { return e.message }

// checkRange says what is wrong with a number outside its limits.
func checkRange(argument string, value, least, most int) error {
	if value < least || value > most {
		return inputErrorf("%s: %d is outside its limits, %d to %d", argument, value, least, most)
	}
	return nil
}

// CodeOf returns the code of an error and whether its message is for clients; it is not for CodeInternal.
func CodeOf(err error) (code string, public bool) {
	var input *inputError
	var list usererror.List
	if errors.As(err, &input) || errors.As(err, &list) {
		return CodeBadInput, true
	}
	if _, ok := errors.AsType[*apikey.UnavailableError](err); ok {
		return CodeUnavailable, true
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code, true
		}
	}
	return CodeInternal, false
}

// presentError returns what clients see of errors: a code always, and nothing of what is inside the server.
func presentError(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		var shown gqlerror.Error
		if found, ok := errors.AsType[*gqlerror.Error](err); ok {
			if found.Extensions["code"] != nil {
				return found // from validation, or made for clients
			}
			shown.Path, shown.Locations = found.Path, found.Locations
		} else {
			shown.Path = graphql.GetPath(ctx)
		}
		code, public := CodeOf(err)
		shown.Extensions = map[string]any{"code": code}
		if public {
			shown.Message = messageOf(err)
			return &shown
		}
		log.ErrorContext(ctx, "internal error", "requestId", access.RequestID(ctx), "path", shown.Path.String(), "error", err)
		shown.Message = "internal error"
		shown.Extensions["requestId"] = access.RequestID(ctx)
		return &shown
	}
}

// messageOf is the message without the path that gqlgen puts before it.
func messageOf(err error) string {
	if found, ok := errors.AsType[*gqlerror.Error](err); ok && found.Err != nil {
		return found.Err.Error()
	}
	return err.Error()
}

// recoverPanic turns a panic of a resolver into an internal error.
func recoverPanic(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, value any) error {
		log.ErrorContext(ctx, "panic", "requestId", access.RequestID(ctx), "panic", value, "stack", string(debug.Stack()))
		return &gqlerror.Error{
			Message:    "internal error",
			Extensions: map[string]any{"code": CodeInternal, "requestId": access.RequestID(ctx)},
		}
	}
}

// mistakes separates the mistakes in an input, which a payload answers, from other errors.
func mistakes(err error) (usererror.List, error) {
	if list, ok := errors.AsType[usererror.List](err); ok {
		return list, nil
	}
	return nil, err
}

// The bounds of what is said about a document that was not executed.
const (
	maxErrors  = 10
	maxMessage = 1000 // characters
)

// boundErrors keeps the answer to a document full of mistakes from being much larger than the document.
func boundErrors(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	response := next(ctx)
	if response == nil {
		return nil
	}
	if len(response.Data) == 0 && len(response.Errors) > maxErrors {
		response.Errors = response.Errors[:maxErrors]
	}
	for i, err := range response.Errors {
		if cut := firstRunes(err.Message, maxMessage); cut != err.Message {
			shorter := *err
			shorter.Message = cut + "…"
			response.Errors[i] = &shorter
		}
	}
	return response
}

// firstRunes returns the first n characters of a text.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
