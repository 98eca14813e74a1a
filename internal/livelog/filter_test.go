package livelog

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// TestMatch shows each part of a filter alone; internal/store has a property test that the database filters alike.
func TestMatch(t *testing.T) {
	t.Parallel()
	ended := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	sub, other := id.New(), id.New()
	r := &stream.Result{
		SubscriptionID: sub, EventID: id.New(), DeliveryID: id.New(), EventType: "sms.delivery",
		Attempt: &stream.Attempt{
			ID: id.FirstAt(ended), Outcome: stream.OutcomeTimeout, Trigger: stream.TriggerRetry, StatusCode: 0, TotalUs: 1500,
		},
	}
	for name, c := range map[string]struct {
		filter Filter
		want   bool
	}{
		"nothing asked":            {Filter{}, true},
		"since then":               {Filter{Since: ended}, true},
		"since shortly after":      {Filter{Since: ended.Add(1)}, false},
		"until then":               {Filter{Until: ended}, false},
		"until shortly after":      {Filter{Until: ended.Add(1)}, true},
		"one of outcomes":          {Filter{Outcomes: []stream.Outcome{stream.OutcomeDNS, stream.OutcomeTimeout}}, true},
		"other outcomes":           {Filter{Outcomes: []stream.Outcome{stream.OutcomeDNS}}, false},
		"one of subscriptions":     {Filter{Subscriptions: []id.ID{other, sub}}, true},
		"other subscriptions":      {Filter{Subscriptions: []id.ID{other}}, false},
		"the event":                {Filter{EventID: r.EventID}, true},
		"another event":            {Filter{EventID: other}, false},
		"the delivery":             {Filter{DeliveryID: r.DeliveryID}, true},
		"another delivery":         {Filter{DeliveryID: other}, false},
		"one of types":             {Filter{EventTypes: []string{"sms.click", "sms.delivery"}}, true},
		"other types":              {Filter{EventTypes: []string{"sms.*"}}, false},
		"one of triggers":          {Filter{Triggers: []stream.Trigger{stream.TriggerFirst, stream.TriggerRetry}}, true},
		"other triggers":           {Filter{Triggers: []stream.Trigger{stream.TriggerFirst}}, false},
		"one of codes":             {Filter{StatusCodes: []int{200, 0}}, true},
		"other codes":              {Filter{StatusCodes: []int{200}}, false},
		"as slow":                  {Filter{SlowerThan: 1500 * time.Microsecond}, true},
		"slower":                   {Filter{SlowerThan: 1501 * time.Microsecond}, false},
		"all but one of its parts": {Filter{Since: ended, EventID: r.EventID, StatusCodes: []int{0}, DeliveryID: other}, false},
	} {
		if got := c.filter.Match(r); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if (&Filter{}).Match(&stream.Result{}) {
		t.Error("a result without attempt is wanted")
	}
}
