package retry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/retry"
)

func TestSchedule(t *testing.T) {
	t.Parallel()
	const s, m, h = time.Second, time.Minute, time.Hour
	for _, c := range []struct {
		policy retry.Policy
		want   []time.Duration
		total  time.Duration
	}{
		{retry.Policy{Kind: retry.Quadratic}, []time.Duration{
			1 * m, 2 * m, 5 * m, 10 * m, 17 * m, 26 * m, 37 * m, 50 * m, 65 * m, 82 * m,
			101 * m, 122 * m, 145 * m, 170 * m, 197 * m, 226 * m, 257 * m, 290 * m, 325 * m, 362 * m,
		}, 41*h + 30*m},
		{retry.Policy{Kind: retry.Exponential8h}, []time.Duration{
			5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 640 * s, 1280 * s, 2560 * s,
			h, h, h, h, h, h, 34*m + 45*s,
		}, 8 * h},
		{retry.Policy{Kind: retry.Standard}, []time.Duration{
			5 * s, 5 * m, 30 * m, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h,
		}, 75*h + 35*m + 5*s},
		{retry.Policy{Kind: retry.Custom, Delays: []time.Duration{3 * s, 1 * s}}, []time.Duration{3 * s, 1 * s}, 4 * s},
		{retry.Policy{Kind: retry.None}, nil, 0},
		{retry.Policy{Kind: "DAILY"}, nil, 0},
	} {
		if got := c.policy.Schedule(); !slices.Equal(got, c.want) {
			t.Errorf("Schedule of %s = %v, want %v", c.policy.Kind, got, c.want)
		}
		if got := c.policy.TotalWindow(); got != c.total {
			t.Errorf("TotalWindow of %s = %v, want %v", c.policy.Kind, got, c.total)
		}
	}
}

func TestScheduleIsACopy(t *testing.T) {
	t.Parallel()
	for _, p := range []retry.Policy{
		{Kind: retry.Quadratic, NoJitter: true},
		{Kind: retry.Custom, Delays: []time.Duration{time.Minute}, NoJitter: true},
	} {
		p.Schedule()[0] = 0
		if delay, _ := p.Next(0, 0); delay != time.Minute {
			t.Errorf("changing the Schedule of %s changed the policy", p.Kind)
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	p := retry.Policy{Kind: retry.Custom, Delays: []time.Duration{10 * time.Second, 20 * time.Second}}
	for _, c := range []struct {
		n        int
		random   float64
		noJitter bool
		want     time.Duration
		ok       bool
	}{
		{n: 0, random: 0, want: 9 * time.Second, ok: true},
		{n: 0, random: 0.5, want: 10 * time.Second, ok: true},
		{n: 1, random: 0.75, want: 21 * time.Second, ok: true},
		{n: 1, random: 0.75, noJitter: true, want: 20 * time.Second, ok: true},
		{n: 2},
		{n: -1},
	} {
		p.NoJitter = c.noJitter
		if got, ok := p.Next(c.n, c.random); got.Round(time.Microsecond) != c.want || ok != c.ok {
			t.Errorf("Next(%d, %v) = %v, %v, want %v, %v", c.n, c.random, got, ok, c.want, c.ok)
		}
	}
}

// TestNextStaysWithinItsBounds: for any valid policy, attempt and random number.
func TestNextStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := validPolicies.Draw(t, "policy")
		if err := p.Validate(); err != nil {
			t.Fatalf("Validate(%+v) = %v", p, err)
		}
		schedule := p.Schedule()
		n := rapid.IntRange(-1, 60).Draw(t, "n")
		random := rapid.Float64Range(0, 0x1p0-0x1p-53).Draw(t, "random")
		got, ok := p.Next(n, random)
		if ok != (n >= 0 && n < len(schedule)) {
			t.Fatalf("Next(%d) of %+v: ok %v", n, p, ok)
		}
		if !ok {
			return
		}
		least, most := schedule[n]*9/10, schedule[n]*11/10
		if p.NoJitter {
			least, most = schedule[n], schedule[n]
		}
		if got < least-1 || got > most+1 { // 1 ns for rounding
			t.Fatalf("Next(%d, %v) of %+v = %v, outside %v to %v", n, random, p, got, least, most)
		}
	})
}

// TestDeliveriesEndInTheirWindow follows a delivery of which every attempt fails: it ends after as many retries as the policy says, within what
// jitter makes of the total window. The windows are those that the documentation names.
func TestDeliveriesEndInTheirWindow(t *testing.T) {
	t.Parallel()
	known := map[retry.Kind]struct {
		retries int
		window  time.Duration
	}{
		retry.Quadratic: {20, 41*time.Hour + 30*time.Minute}, retry.Exponential8h: {17, 8 * time.Hour},
		retry.Standard: {9, 75*time.Hour + 35*time.Minute + 5*time.Second}, retry.None: {0, 0},
	}
	rapid.Check(t, func(t *rapid.T) {
		p := validPolicies.Draw(t, "policy")
		want, ok := known[p.Kind]
		if p.Kind == retry.Custom {
			want.retries, ok = len(p.Delays), true
			for _, delay := range p.Delays {
				want.window += delay
			}
		}
		var after time.Duration
		retries := 0
		for {
			delay, again := p.Next(retries, rapid.Float64Range(0, 0x1p0-0x1p-53).Draw(t, "random"))
			if !again {
				break
			}
			if p.Kind == retry.Quadratic && p.NoJitter && delay != time.Duration(1+retries*retries)*time.Minute {
				t.Fatalf("after attempt %d QUADRATIC waits %v", retries, delay)
			}
			after += delay
			if retries++; retries > retry.MaxDelays {
				t.Fatalf("%+v does not end", p)
			}
		}
		off := want.window / 10
		if p.NoJitter {
			off = 0
		}
		if !ok || retries != want.retries || (after-want.window).Abs() > off+time.Microsecond {
			t.Fatalf("%+v ends with retry %d, %v after the first attempt, want %d and %v", p, retries, after, want.retries, want.window)
		}
		if p.TotalWindow() != want.window {
			t.Fatalf("TotalWindow of %+v = %v, want %v", p, p.TotalWindow(), want.window)
		}
	})
}

// TestJitterIsSymmetrical: a random number and its mirror image lie as far from the schedule.
func TestJitterIsSymmetrical(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := retry.Policy{Kind: retry.Standard}
		random := rapid.Float64Range(0, 1).Draw(t, "random")
		n := rapid.IntRange(0, 8).Draw(t, "n")
		a, _ := p.Next(n, random)
		b, _ := p.Next(n, 1-random)
		if off := a + b - 2*p.Schedule()[n]; off.Abs() > time.Microsecond {
			t.Fatalf("Next(%d) with %v and %v: %v and %v", n, random, 1-random, a, b)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	custom := func(delays ...time.Duration) retry.Policy { return retry.Policy{Kind: retry.Custom, Delays: delays} }
	for _, p := range []retry.Policy{
		custom(time.Second), custom(24 * time.Hour), custom(slices.Repeat([]time.Duration{time.Minute}, 50)...),
	} {
		if err := p.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v", p, err)
		}
	}
	for want, p := range map[string]retry.Policy{
		`kind is "", must be one of QUADRATIC, EXPONENTIAL_8H, STANDARD, CUSTOM, NONE`: {},
		`kind is "quadratic", must be one of`:                                          {Kind: "quadratic"},
		"delays has 1 values, must have none unless kind is CUSTOM":                    {Kind: retry.None, Delays: []time.Duration{time.Minute}},
		"delays has 0 values, must have 1 to 50":                                       custom(),
		"delays has 51 values, must have 1 to 50":                                      custom(slices.Repeat([]time.Duration{time.Minute}, 51)...),
		"delays[1] is 999.999999ms, must be 1s to 24h0m0s":                             custom(time.Minute, time.Second-1),
		"delays[0] is 24h0m0.000000001s, must be 1s to 24h0m0s":                        custom(24*time.Hour + 1),
		"delays[0] is -1s, must be":                                                    custom(-time.Second),
	} {
		if err := p.Validate(); !errors.Is(err, retry.ErrPolicy) || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate(%+v) = %v, want %q", p, err, want)
		}
	}
}

var validPolicies = rapid.Custom(func(t *rapid.T) retry.Policy {
	kinds := []retry.Kind{retry.Quadratic, retry.Exponential8h, retry.Standard, retry.Custom, retry.None}
	p := retry.Policy{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), NoJitter: rapid.Bool().Draw(t, "no jitter")}
	if p.Kind == retry.Custom {
		delay := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(int64(time.Second), int64(24*time.Hour)).Draw(t, "delay"))
		})
		p.Delays = rapid.SliceOfN(delay, 1, 50).Draw(t, "delays")
	}
	return p
})

func BenchmarkNext(b *testing.B) {
	p := retry.Policy{Kind: retry.Quadratic}
	b.ReportAllocs()
	for b.Loop() {
		p.Next(7, 0.3)
	}
}

// rapid writes a generator down when it is first printed, which tests that run beside each other may not do at once.
func init() { _ = validPolicies.String() }
