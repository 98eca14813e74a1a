package livelog

import (
	"slices"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// Filter says which attempts are wanted: all parts given must hold, and zero values ask for nothing.
type Filter struct {
	// Since and Until bound when the attempt ended: since ≤ end < until.
	Since, Until  time.Time
	Outcomes      []stream.Outcome
	Subscriptions []id.ID
	EventID       id.ID
	DeliveryID    id.ID
	EventTypes    []string
	Triggers      []stream.Trigger
	StatusCodes   []int
	// SlowerThan is how long the attempt took at least.
	SlowerThan time.Duration
}

// Match reports whether a result's attempt is wanted. A result without attempt never is.
func (f *Filter) Match(r *stream.Result) bool {
	a := r.Attempt
	return a != nil &&
		(f.Since.IsZero() || !id.Time(a.ID).Before(f.Since)) &&
		(f.Until.IsZero() || id.Time(a.ID).Before(f.Until)) &&
		among(f.Outcomes, a.Outcome) &&
		among(f.Subscriptions, r.SubscriptionID) &&
		(f.EventID == id.Nil || f.EventID == r.EventID) &&
		(f.DeliveryID == id.Nil || f.DeliveryID == r.DeliveryID) &&
		among(f.EventTypes, r.EventType) &&
		among(f.Triggers, a.Trigger) &&
		among(f.StatusCodes, a.StatusCode) &&
		a.TotalUs >= f.SlowerThan.Microseconds()
}

func among[T comparable](wanted []T, got T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, got)
}
