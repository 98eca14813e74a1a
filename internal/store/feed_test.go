package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/livelog"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// feed is a log of attempts whose values come from small sets, so that filters for those values divide it.
type feed struct {
	start         time.Time
	account       id.ID
	subscriptions []id.ID
	events        []*store.NewEvent
	logged        []stream.Logged
}

const feedPartitions = 3

// someFeed generates a log of up to n attempts. Their ids and positions follow each other about as in reality: an attempt ends shortly
// before it is written.
func someFeed(n int) *rapid.Generator[*feed] {
	return rapid.Custom(func(t *rapid.T) *feed {
		f := &feed{start: time.Now().Add(-time.Hour).Truncate(time.Millisecond), account: id.New()}
		for range 3 {
			f.subscriptions = append(f.subscriptions, id.New())
			e := newEvent(f.start.Add(-time.Minute), 0)
			e.AccountID = f.account
			f.events = append(f.events, e)
		}
		at, used := f.start, make(map[stream.Position]bool)
		for range rapid.IntRange(0, n).Draw(t, "attempts") {
			at = at.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "later by")) * time.Millisecond)
			e := rapid.SampledFrom(f.events).Draw(t, "event")
			r := resultOf(e, rapid.SampledFrom(f.subscriptions).Draw(t, "subscription"), stream.StatusRetrying, 1)
			r.EventType = rapid.SampledFrom([]string{"sms.delivery", "sms.click"}).Draw(t, "type")
			r.Partition = rapid.IntRange(0, feedPartitions-1).Draw(t, "partition")
			r.Position = stream.PositionAt(at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "written after")) * time.Millisecond))
			for used[r.Position] {
				r.Position++
			}
			used[r.Position] = true
			r.Attempt.ID = idAt(at)
			r.Attempt.Trigger = rapid.SampledFrom([]stream.Trigger{stream.TriggerFirst, stream.TriggerRetry}).Draw(t, "trigger")
			r.Attempt.Outcome = rapid.SampledFrom([]stream.Outcome{stream.OutcomeSuccess, stream.OutcomeTimeout}).Draw(t, "outcome")
			r.Attempt.StatusCode = rapid.SampledFrom([]int{0, 200, 500}).Draw(t, "code")
			r.Attempt.TotalUs = rapid.Int64Range(999, 1001).Draw(t, "us")
			f.logged = append(f.logged, r)
		}
		return f
	})
}

// someOf generates nil, or some of the values.
func someOf[T any](t *rapid.T, name string, values ...T) []T {
	switch rapid.IntRange(0, 9).Draw(t, name) {
	case 0:
		return values[:1]
	case 1:
		return values
	default:
		return nil
	}
}

// filter generates a filter for the feed. About half of its parts ask for something.
func (f *feed) filter(t *rapid.T) livelog.Filter {
	w := livelog.Filter{
		Outcomes:      someOf(t, "outcomes", stream.OutcomeTimeout, stream.OutcomeDNS),
		Subscriptions: someOf(t, "subscriptions", f.subscriptions[:2]...),
		EventTypes:    someOf(t, "types", "sms.click", "sms.other"),
		Triggers:      someOf(t, "triggers", stream.TriggerRetry, stream.TriggerReplay),
		StatusCodes:   someOf(t, "codes", 0, 200),
	}
	maybe := func(name string, set func()) {
		if rapid.IntRange(0, 2).Draw(t, name) == 0 {
			set()
		}
	}
	// At an attempt's millisecond or shortly beside it.
	bound := func(name string) time.Time {
		return f.start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, name))*time.Millisecond + time.Duration(rapid.IntRange(-1, 1).Draw(t, name+" µs"))*time.Microsecond)
	}
	maybe("since", func() { w.Since = bound("since at") })
	maybe("until", func() { w.Until = bound("until at") })
	maybe("event", func() { w.EventID = f.events[0].ID })
	maybe("delivery", func() { w.DeliveryID = id.ForDelivery(f.events[1].ID, f.subscriptions[0]) })
	maybe("slow", func() {
		w.SlowerThan = rapid.SampledFrom([]time.Duration{time.Millisecond, time.Millisecond + 1}).Draw(t, "slower than")
	})
	return w
}

// wanted returns the attempts that the live log would show.
func (f *feed) wanted(w livelog.Filter) []stream.Logged {
	return slices.DeleteFunc(slices.Clone(f.logged), func(r stream.Logged) bool { return !w.Match(r.Result) })
}

func attemptIDs(results []stream.Logged) []id.ID {
	all := make([]id.ID, len(results))
	for i, r := range results {
		all[i] = r.Attempt.ID
	}
	return all
}

func byID(a, b stream.Logged) int { return slices.Compare(a.Attempt.ID[:], b.Attempt.ID[:]) }

func byPosition(a, b stream.Logged) int {
	return cmp.Or(cmp.Compare(a.Position, b.Position), byID(a, b))
}

// onFeeds returns a property test. Each feed has an account of its own, and there is another account with the same.
func onFeeds(test func(*rapid.T, *db, *feed)) func(*testing.T, *db) {
	return func(t *testing.T, d *db) {
		rapid.Check(t, func(rt *rapid.T) {
			f := someFeed(30).Draw(rt, "feed")
			d.archive(f.logged...)
			for _, r := range f.logged {
				other := *r.Result
				attempt := *r.Attempt
				other.AccountID, other.Attempt, attempt.ID = id.New(), &attempt, idAt(id.Time(attempt.ID))
				r.Result = &other
				d.archive(r)
			}
			test(rt, d, f)
		})
	}
}

// checkLogged compares results, and all that their rows tell of them.
func checkLogged(t *rapid.T, got, want []stream.Logged) {
	if !slices.Equal(attemptIDs(got), attemptIDs(want)) {
		t.Fatalf("got %v\nwant %v", attemptIDs(got), attemptIDs(want))
	}
	for i, r := range got {
		row := *want[i].Result
		row.Status, row.Failures, row.QueuedAt = "", 0, 0
		if r.Partition != want[i].Partition || r.Position != want[i].Position || !sameResult(r.Result, &row) {
			t.Fatalf("got %+v %+v, want %+v", r, r.Attempt, want[i])
		}
	}
}

// TestFeed tests what the live log reads of the database: AttemptsWanted, LatestAttempts and AttemptsBetween.
func TestFeed(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T, *db){
		"wanted attempts are those that the live log shows": onFeeds(func(t *rapid.T, d *db, f *feed) {
			w := f.filter(t)
			got, err := d.Ent.Attempt.Query().Where(store.AttemptsWanted(w)...).IDs(access.WithAccount(d.t.Context(), f.account))
			if err != nil {
				t.Fatal(err)
			}
			if want := attemptIDs(f.wanted(w)); !slices.Equal(sorted(got), sorted(want)) {
				t.Fatalf("%+v wants\n%v of the database and\n%v of the stream", w, sorted(got), sorted(want))
			}
		}),

		"attempts of an event are found when the clock of its publisher was ahead": func(t *testing.T, d *db) {
			e := newEvent(time.Now().Add(10*time.Second), 1)
			r := resultOf(e, targets(e)[0], stream.StatusSucceeded, 1)
			d.archive(r)
			got, err := d.LatestAttempts(t.Context(), e.AccountID, livelog.Filter{EventID: e.ID}, 10)
			must(t, err)
			if !slices.Equal(attemptIDs(got), []id.ID{r.Attempt.ID}) {
				t.Errorf("found %v", attemptIDs(got))
			}
		},

		"latest attempts are the last of the account that are wanted, the oldest first": onFeeds(func(t *rapid.T, d *db, f *feed) {
			w, limit := f.filter(t), rapid.IntRange(1, 12).Draw(t, "limit")
			got, err := d.LatestAttempts(d.t.Context(), f.account, w, limit)
			if err != nil {
				t.Fatal(err)
			}
			want := f.wanted(w)
			slices.SortFunc(want, byID)
			want = want[max(0, len(want)-limit):]
			checkLogged(t, got, want)
		}),

		"attempts between are the last of those in the spans that are wanted, the oldest first": onFeeds(func(t *rapid.T, d *db, f *feed) {
			w, limit := f.filter(t), rapid.IntRange(1, 12).Draw(t, "limit")
			after, until := make([]stream.Position, feedPartitions), make([]stream.Position, feedPartitions)
			for p := range feedPartitions {
				place := func(name string) stream.Position {
					if len(f.logged) > 0 && rapid.Bool().Draw(t, name+" is one of them") {
						return rapid.SampledFrom(f.logged).Draw(t, name).Position
					}
					return stream.PositionAt(f.start.Add(time.Duration(rapid.IntRange(-2, 70).Draw(t, name)) * time.Millisecond))
				}
				after[p], until[p] = place("after"), place("until")
			}
			got, more, err := d.AttemptsBetween(d.t.Context(), f.account, w, after, until, limit)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.DeleteFunc(f.wanted(w), func(r stream.Logged) bool {
				return r.Position <= after[r.Partition] || r.Position > until[r.Partition]
			})
			slices.SortFunc(want, byPosition)
			left := max(0, len(want)-limit)
			checkLogged(t, got, want[left:])
			if more != left {
				t.Fatalf("%d more, want %d", more, left)
			}
		}),

		// Results wait for Redis while it is away: their attempts ended long before they were written.
		"attempts between find what ended well before it was written": func(t *testing.T, d *db) {
			e := newEvent(time.Now(), 1)
			r := resultOf(e, targets(e)[0], stream.StatusSucceeded, 1)
			r.Attempt.ID = idAt(r.Position.Time().Add(-5 * time.Minute))
			d.archive(r)
			got, more, err := d.AttemptsBetween(t.Context(), e.AccountID, livelog.Filter{}, []stream.Position{r.Position - 1}, []stream.Position{r.Position}, 10)
			must(t, err)
			if !slices.Equal(attemptIDs(got), []id.ID{r.Attempt.ID}) || more != 0 {
				t.Error(fmt.Sprint(got, more))
			}
		},
	})
}
