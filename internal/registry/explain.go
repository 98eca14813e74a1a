package registry

import (
	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/expr"
	"github.com/hookline/hookline/internal/match"
)

// Explanation says whether an event matches a subscription and, if not, why not.
type Explanation struct {
	// FailedOn is the first condition that the event fails: what match.Explain says, or `expression`; empty when it matches.
	FailedOn string
	// Reason says the same in words; empty when it matches.
	Reason string
	// ExpressionError is why the expression cannot be evaluated on the event, which counts as no match. It may quote the payload.
	ExpressionError error
}

// Explain says whether an event matches a subscription, enabled or not, as its row is. It agrees with Registry.Match.
func Explain(row *ent.EventSubscription, event *Event) (x Explanation) {
	if x.FailedOn, x.Reason = match.Explain(rule(row), event.Event); x.FailedOn != "" || row.Expression == "" {
		return x
	}
	condition, err := expr.Compile(row.Expression)
	if err != nil {
		return x // it matches, see Registry.subscription
	}
	holds, err := condition.Matches(event.seen())
	switch {
	case err != nil:
		x.FailedOn, x.Reason, x.ExpressionError = "expression", "the expression cannot be evaluated on this event, which counts as no match", err
	case !holds:
		x.FailedOn, x.Reason = "expression", "the expression is false for this event"
	}
	return x
}
