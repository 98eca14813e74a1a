package graph

import "fmt"

// inputError is a mistake in an argument, for the client to see (BAD_USER_INPUT).
type inputError struct{ message string }

func inputErrorf(format string, args ...any) error {
	return &inputError{message: fmt.Sprintf(format, args...)}
}

func (e *inputError) Error() string { return e.message }
