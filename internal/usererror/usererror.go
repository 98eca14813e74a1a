// Package usererror is how Hookline says that an input is wrong: a stable code, a message that says what to do, and the
// path of the field. GraphQL answers it in `userErrors`, the HTTP endpoint in `error`.
package usererror

import (
	"fmt"
	"strings"

	"github.com/hookline/hookline/internal/id"
)

// Code is the kind of mistake. Its text is the GraphQL enum value.
type Code string

// All codes; schema.graphqls says what they mean.
const (
	Invalid         Code = "INVALID"
	Required        Code = "REQUIRED"
	NotFound        Code = "NOT_FOUND"
	Taken           Code = "TAKEN"
	Immutable       Code = "IMMUTABLE"
	InUse           Code = "IN_USE"
	OutOfRange      Code = "OUT_OF_RANGE"
	BlockedAddress  Code = "BLOCKED_ADDRESS"
	VersionConflict Code = "VERSION_CONFLICT"
	LimitReached    Code = "LIMIT_REACHED"
)

// Error is one mistake in an input.
type Error struct {
	Code    Code
	Message string
	// Path leads to the field from the arguments of the mutation; nil when no one field is to blame.
	Path []string
	// BlockedBy are the objects in the way, with code InUse.
	BlockedBy []Ref
}

// Ref names an object that stands in the way.
type Ref struct {
	Prefix id.Prefix
	ID     id.ID
}

// New returns a mistake in the field that path leads to; path is dotted (`input.profile.create.webhookUrl`), or empty.
func New(code Code, path, format string, args ...any) *Error {
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...)}
	if path != "" {
		e.Path = strings.Split(path, ".")
	}
	return e
}

func (e *Error) Error() string {
	if len(e.Path) == 0 {
		return e.Message
	}
	return strings.Join(e.Path, ".") + ": " + e.Message
}

// List is all mistakes that were found in an input. As an error it means that nothing was changed.
//
//nolint:recvcheck // a List is an error by value, and Add grows it
type List []*Error

func (l List) Error() string {
	messages := make([]string, len(l))
	for i, e := range l {
		messages[i] = e.Error()
	}
	return strings.Join(messages, "; ")
}

// Add appends a mistake; see New.
func (l *List) Add(code Code, path, format string, args ...any) {
	*l = append(*l, New(code, path, format, args...))
}

// Err returns the list as an error, or nil if it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}
