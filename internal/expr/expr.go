// Package expr evaluates expressions: conditions over an event, in CEL (https://cel.dev), that a subscription can have besides
// its filter.
//
// An expression sees the event as `event.type`, `event.occurredAt`, `event.user`, `event.entity`, `event.application`,
// `event.resource`, `event.attributes` and `event.payload`. What the event does not have is the empty text; a missing attribute or a
// missing part of the payload is an error unless `has(…)` or `in` asks for it first. Numbers of the payload are doubles. An event has
// no id yet when it is matched, so there is none to see.
//
// Compile refuses what is not a condition or may cost too much. Matches says for one event whether an expression holds; an
// expression that fails on it (a missing field, a comparison of text with a number, too high a cost) does not hold.
package expr

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
)

const (
	// MaxLength is how many characters an expression can have.
	MaxLength = 4000
	// MaxCost bounds what an expression may cost: when it is compiled, as estimated for an event of assumedSize, and for each event.
	// A look-up or a comparison costs 1, and so does each ten characters of a text that is searched.
	MaxCost = 100_000
	// assumedSize is how many elements each list or map, and how many characters each text of an event is taken to have.
	assumedSize = 1000
	// maxDuration ends an evaluation whose cost says nothing of its time; it is far longer than MaxCost can take.
	maxDuration = time.Second
	// checkEvery is after how many steps of a loop an evaluation looks at the time.
	checkEvery = 1000
)

// Expression is a compiled expression. It is safe for concurrent use.
type Expression struct{ program cel.Program }

// variables are what an expression sees. They are variables of their own and not fields of an object, so that those that an
// expression does not use cost nothing.
var variables = map[string]*cel.Type{
	"event.type":        cel.StringType,
	"event.occurredAt":  cel.TimestampType,
	"event.user":        cel.StringType,
	"event.entity":      cel.StringType,
	"event.application": cel.StringType,
	"event.resource":    cel.StringType,
	"event.attributes":  cel.MapType(cel.StringType, cel.StringType),
	"event.payload":     cel.DynType,
}

// fields names the variables in messages.
const fields = "event.type, event.occurredAt, event.user, event.entity, event.application, event.resource, event.attributes and event.payload"

var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.CrossTypeNumericComparisons(true), // event.payload.count == 3 holds, though numbers of JSON are doubles
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxLength),
	}
	for name, kind := range variables {
		options = append(options, cel.Variable(name, kind))
	}
	return cel.NewEnv(options...)
})

// Compile compiles an expression. Its error says what is wrong with the expression, where, and what to do.
func Compile(text string) (*Expression, error) {
	if n := utf8.RuneCountInString(text); n > MaxLength {
		return nil, fmt.Errorf("the expression has %d characters: at most %d are allowed", n, MaxLength)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("the expression has NUL characters or is not UTF-8: remove them")
	}
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("the expression is empty: leave it out, or give null")
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	tree, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, describe(issues.Errors())
	}
	if kind := tree.OutputType(); !kind.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the expression gives %s instead of true or false: compare it with something, as in `… == true`", kindName(kind))
	}
	estimate, err := env.EstimateCost(tree, estimator{})
	if err != nil {
		return nil, fmt.Errorf("the expression's cost cannot be told: make it simpler (%w)", err)
	}
	if estimate.Max > MaxCost {
		return nil, fmt.Errorf("the expression can cost %s steps for an event with lists of %d elements: the limit is %d; avoid loops in loops",
			atMost(estimate.Max), assumedSize, MaxCost)
	}
	program, err := env.Program(tree,
		cel.EvalOptions(cel.OptOptimize), cel.CostLimit(MaxCost), cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		return nil, fmt.Errorf("the expression cannot be evaluated: %w", err) // such as a constant regular expression that is none
	}
	return &Expression{program}, nil
}

func kindName(kind *cel.Type) string {
	if kind.IsExactType(cel.DynType) {
		return "a part of the payload, which can be anything,"
	}
	return "a value of type " + kind.String()
}

func atMost(cost uint64) string {
	if cost > math.MaxInt64 {
		return "any number of"
	}
	return fmt.Sprint(cost)
}

// maxDescribed is how many mistakes of an expression are told.
const maxDescribed = 3

// describe tells the first mistakes of an expression, with their places.
func describe(mistakes []*common.Error) error {
	var all []string
	for _, m := range mistakes[:min(len(mistakes), maxDescribed)] {
		message, _, _ := strings.Cut(m.Message, "\n")
		message = strings.ReplaceAll(message, " (in container '')", "")
		if strings.Contains(message, "undeclared reference to 'event'") {
			message = "event has no such field; it has " + fields
		}
		if m.Location.Line() > 0 {
			message = fmt.Sprintf("line %d, column %d: %s", m.Location.Line(), m.Location.Column()+1, message)
		}
		all = append(all, message)
	}
	return fmt.Errorf("not a CEL expression: %s", strings.Join(all, "; "))
}

// estimator says how large the parts of an event are taken to be.
type estimator struct{}

func (estimator) EstimateSize(checker.AstNode) *checker.SizeEstimate {
	return &checker.SizeEstimate{Min: 0, Max: assumedSize}
}

func (estimator) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}
