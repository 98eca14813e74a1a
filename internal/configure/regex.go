package configure

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/internal/usererror"
)

// The limits of a regular expression that answers are held against.
const (
	maxRegex = 1000 // characters
	// maxRegexSteps bounds the instructions that it is compiled to: each of them may be taken at each byte of a body. As many as these take
	// about a second for the 64 KiB that are looked at; without a bound, 1,000 characters such as .{0,1000}.{0,1000}… take minutes.
	maxRegexSteps = 2000
)

// regexTooLargeError is returned for a regular expression of too many instructions.
type regexTooLargeError struct{ steps int }

func (e *regexTooLargeError) Error() string {
	return fmt.Sprintf("it has %d steps when its repetitions, such as {0,1000}, are written out: at most %d are allowed", e.steps, maxRegexSteps)
}

// CompileRegex compiles a regular expression of RE2 whose matching takes a bounded time.
func CompileRegex(text string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(text, syntax.Perl) // as regexp does
	if err != nil {
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	if steps := len(program.Inst); steps > maxRegexSteps {
		return nil, &regexTooLargeError{steps}
	}
	return regexp.Compile(text)
}

// setRegex sets a regular expression of RE2 syntax, if one is given; the empty text stands for none.
func setRegex(wrong *usererror.List, path string, given graphql.Omittable[*string], set func(string)) {
	regex, ok := given.ValueOK()
	if !ok {
		return
	}
	if regex == nil {
		set("")
		return
	}
	set(*regex)
	field := path[strings.LastIndexByte(path, '.')+1:]
	if *regex == "" {
		wrong.Add(usererror.Invalid, path, "%s is empty, which would match everything: leave it out, or give null", field)
		return
	}
	if n := utf8.RuneCountInString(*regex); n > maxRegex {
		wrong.Add(usererror.OutOfRange, path, "%s has %d characters: at most %d are allowed", field, n, maxRegex)
		return
	}
	if !storable(*regex) {
		wrong.Add(usererror.Invalid, path, "%s has NUL characters or is not UTF-8: write them as \\x00", field)
		return
	}
	switch _, err := CompileRegex(*regex); err := err.(type) { //nolint:errorlint // neither is wrapped
	case nil:
	case *regexTooLargeError:
		wrong.Add(usererror.OutOfRange, path, "%s is too large: %v", field, err)
	default:
		wrong.Add(usererror.Invalid, path, "%s is not a regular expression of RE2: %v", field, err)
	}
}
