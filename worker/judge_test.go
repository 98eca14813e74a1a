package worker

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/stream"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	regex := regexp.MustCompile
	answer := func(status int, header http.Header, body string) *egress.Response {
		return &egress.Response{StatusCode: status, Header: header, Body: []byte(body)}
	}
	failed := func(kind egress.Kind) *egress.Response {
		return &egress.Response{Err: &egress.Error{Kind: kind, Err: errors.New("no")}}
	}
	strict := registry.Profile{StatusRegex: regex(`^20[02]$`), HeaderRegex: regex(`(?m)^X-State: done$`), BodyRegex: regex(`"ok":true`)}
	done := http.Header{"X-State": {"done"}, "Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		profile registry.Profile
		resp    *egress.Response
		want    stream.Outcome
		says    string // part of the error
	}{
		"200":                             {resp: answer(200, nil, ""), want: stream.OutcomeSuccess},
		"299":                             {resp: answer(299, nil, "whatever"), want: stream.OutcomeSuccess},
		"199":                             {resp: answer(199, nil, ""), want: stream.OutcomeHTTPError, says: "199"},
		"300":                             {resp: answer(300, nil, ""), want: stream.OutcomeHTTPError, says: "300"},
		"redirect":                        {resp: answer(302, http.Header{"Location": {"https://example.com"}}, ""), want: stream.OutcomeHTTPError, says: "302 Found"},
		"refused":                         {resp: answer(403, nil, ""), want: stream.OutcomeHTTPError, says: "403 Forbidden"},
		"unknown status":                  {resp: answer(799, nil, ""), want: stream.OutcomeHTTPError, says: "answered 799"},
		"status by the profile":           {profile: strict, resp: answer(202, done, `{"ok":true}`), want: stream.OutcomeSuccess},
		"status not by the profile":       {profile: strict, resp: answer(201, done, `{"ok":true}`), want: stream.OutcomeHTTPError, says: "201 Created"},
		"error wanted by the profile":     {profile: registry.Profile{StatusRegex: regex("^404$")}, resp: answer(404, nil, ""), want: stream.OutcomeSuccess},
		"headers do not match":            {profile: strict, resp: answer(200, http.Header{"X-State": {"open"}}, `{"ok":true}`), want: stream.OutcomeResponseMismatch, says: "responseHeaderRegex"},
		"no headers":                      {profile: strict, resp: answer(200, nil, `{"ok":true}`), want: stream.OutcomeResponseMismatch, says: "responseHeaderRegex"},
		"body does not match":             {profile: strict, resp: answer(200, done, `{"ok":false}`), want: stream.OutcomeResponseMismatch, says: "responseBodyRegex"},
		"timeout":                         {resp: failed(egress.KindTimeout), want: stream.OutcomeTimeout, says: "timeout: no"},
		"lookup":                          {resp: failed(egress.KindDNS), want: stream.OutcomeDNS, says: "dns"},
		"connect":                         {resp: failed(egress.KindConnect), want: stream.OutcomeConnect, says: "connect"},
		"TLS":                             {resp: failed(egress.KindTLS), want: stream.OutcomeTLS, says: "tls"},
		"blocked":                         {resp: failed(egress.KindBlocked), want: stream.OutcomeBlocked, says: "blocked"},
		"broken off by us":                {resp: failed(egress.KindCancelled), want: stream.OutcomeInterrupted, says: "cancelled"},
		"broken off by them":              {resp: failed(egress.KindProtocol), want: stream.OutcomeConnect, says: "protocol"},
		"a good status, but not the rest": {resp: &egress.Response{StatusCode: 200, Err: &egress.Error{Kind: egress.KindTimeout, Err: errors.New("body")}}, want: stream.OutcomeTimeout, says: "body"},
	} {
		got := judge(&c.profile, c.resp, now)
		if got.outcome != c.want || !strings.Contains(got.err, c.says) || (got.err == "") != (c.want == stream.OutcomeSuccess) {
			t.Errorf("%s: %+v, want %s with %q", name, got, c.want, c.says)
		}
		if (got.hint == "") != (c.want == stream.OutcomeSuccess) {
			t.Errorf("%s: the hint is %q", name, got.hint)
		}
		if got.wait != 0 {
			t.Errorf("%s: waits %v", name, got.wait)
		}
	}
}

func TestJudgeRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{429, "120", 2 * time.Minute},
		{503, "1", time.Second},
		{429, now.Add(time.Hour).Format(http.TimeFormat), time.Hour},
		{429, now.Add(-time.Hour).Format(http.TimeFormat), 0},
		{429, "soon", 0},
		{429, "", 0},
		{500, "120", 2 * time.Minute},
		{409, "120", 2 * time.Minute},
		{302, "999999", retry.MaxRetryAfter},
		{200, "120", 0},
	} {
		resp := &egress.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.header}}}
		if got := judge(&registry.Profile{}, resp, now); got.wait != c.want {
			t.Errorf("%d with Retry-After %q: waits %v, want %v", c.status, c.header, got.wait, c.want)
		}
	}
}

// What is read beyond the first 64 KiB, as of an answer to a bucket, is not searched.
func TestJudgeSearchesTheBeginningOfABody(t *testing.T) {
	t.Parallel()
	p := &registry.Profile{BodyRegex: regexp.MustCompile("done")}
	for padding, want := range map[int]stream.Outcome{64<<10 - 4: stream.OutcomeSuccess, 64<<10 - 3: stream.OutcomeResponseMismatch} {
		resp := &egress.Response{StatusCode: 200, Body: []byte(strings.Repeat("x", padding) + "done")}
		if v := judge(p, resp, time.Time{}); v.outcome != want {
			t.Errorf("what is looked for behind %d bytes: %s, want %s", padding, v.outcome, want)
		}
	}
}

func TestEveryStatusHasAHint(t *testing.T) {
	t.Parallel()
	for code := 100; code < 1000; code++ {
		v := judge(&registry.Profile{StatusRegex: regexp.MustCompile("^$")}, &egress.Response{StatusCode: code}, time.Time{})
		if v.outcome != stream.OutcomeHTTPError || v.hint == "" || !strings.HasSuffix(v.hint, ".") {
			t.Errorf("%d: %+v", code, v)
		}
	}
}

// somePolicy generates retry policies with a few delays, and those that are made in.
func somePolicy() *rapid.Generator[retry.Policy] {
	delays := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(int64(retry.MinDelay), int64(retry.MaxDelay)).Draw(t, "delay"))
	}), 1, 5)
	return rapid.Custom(func(t *rapid.T) retry.Policy {
		p := retry.Policy{
			Kind:     rapid.SampledFrom([]retry.Kind{retry.Custom, retry.Custom, retry.None, retry.Standard, retry.Quadratic, retry.Exponential8h}).Draw(t, "kind"),
			NoJitter: rapid.Bool().Draw(t, "without jitter"),
		}
		if p.Kind == retry.Custom {
			p.Delays = delays.Draw(t, "delays")
		}
		return p
	})
}

func TestAfter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := somePolicy().Draw(t, "policy")
		schedule := policy.Schedule()
		now := time.UnixMicro(rapid.Int64Range(0, 1<<51).Draw(t, "now")).UTC()
		failures := rapid.IntRange(0, len(schedule)+2).Draw(t, "failures")
		target := stream.Target{Failures: failures, Attempts: failures + rapid.IntRange(0, 5).Draw(t, "interrupted attempts")}
		v := verdict{
			outcome: rapid.SampledFrom([]stream.Outcome{
				stream.OutcomeSuccess, stream.OutcomeHTTPError, stream.OutcomeResponseMismatch, stream.OutcomeTimeout, stream.OutcomeDNS,
				stream.OutcomeConnect, stream.OutcomeTLS, stream.OutcomeAuth, stream.OutcomeBlocked, stream.OutcomeInterrupted, stream.OutcomeCancelled,
			}).Draw(t, "outcome"),
			wait: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour, retry.MaxRetryAfter}).Draw(t, "wait"),
		}
		v.atOnce = v.outcome == stream.OutcomeHTTPError && rapid.Bool().Draw(t, "the access token was too old")
		v.gone = v.outcome == stream.OutcomeHTTPError && !v.atOnce && rapid.Bool().Draw(t, "the endpoint is gone")
		s := after(v, target, policy, now, rapid.Float64Range(0, 0.999999).Draw(t, "random"))

		if s.attempts != target.Attempts+1 {
			t.Fatalf("%d attempts after %d", s.attempts, target.Attempts)
		}
		if (s.status == stream.StatusRetrying) == s.next.IsZero() {
			t.Fatalf("%s, and the next attempt is at %v", s.status, s.next)
		}
		wantFailures := target.Failures
		var wantStatus stream.Status
		var least, most time.Duration
		switch v.outcome {
		case stream.OutcomeSuccess:
			wantStatus = stream.StatusSucceeded
		case stream.OutcomeCancelled:
			wantStatus = stream.StatusCancelled
		case stream.OutcomeInterrupted:
			wantStatus, least, most = stream.StatusRetrying, time.Second, time.Second
		case stream.OutcomeBlocked:
			wantStatus, wantFailures = stream.StatusExhausted, target.Failures+1
		default:
			if v.atOnce {
				wantStatus = stream.StatusRetrying
				break
			}
			if v.gone {
				wantStatus, wantFailures = stream.StatusExhausted, target.Failures+1
				break
			}
			wantStatus, wantFailures = stream.StatusExhausted, target.Failures+1
			if target.Failures < len(schedule) {
				delay := schedule[target.Failures]
				wantStatus, least, most = stream.StatusRetrying, delay, delay
				if !policy.NoJitter {
					least, most = delay-delay/10, delay+delay/10
				}
				least, most = max(least, v.wait), max(most, v.wait)
			}
		}
		if s.status != wantStatus || s.failures != wantFailures {
			t.Fatalf("%s makes it %s with %d failures, want %s with %d", v.outcome, s.status, s.failures, wantStatus, wantFailures)
		}
		const rounding = time.Microsecond
		if wait := s.next.Sub(now); wantStatus == stream.StatusRetrying && (wait < least-rounding || wait > most+rounding) {
			t.Fatalf("the next attempt is in %v, want %v to %v", wait, least, most)
		}
	})
}

// TestAttemptsEnd follows failures to the end: a policy of n delays makes n+1 attempts, however many are interrupted.
func TestAttemptsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := somePolicy().Draw(t, "policy")
		target, now, failed := stream.Target{}, time.Unix(0, 0), 0
		for range 500 {
			outcome := rapid.SampledFrom([]stream.Outcome{stream.OutcomeTimeout, stream.OutcomeInterrupted}).Draw(t, "outcome")
			if outcome == stream.OutcomeTimeout {
				failed++
			}
			s := after(verdict{outcome: outcome}, target, policy, now, 0.5)
			if s.status == stream.StatusExhausted {
				if want := len(policy.Schedule()) + 1; failed != want {
					t.Fatalf("exhausted after %d failures, want %d", failed, want)
				}
				return
			}
			if !s.next.After(now) {
				t.Fatalf("the next attempt is not later: %v after %v", s.next, now)
			}
			target.Attempts, target.Failures, now = s.attempts, s.failures, s.next
		}
		t.Fatalf("%d failures, and no end", failed)
	})
}

func TestHeaderLines(t *testing.T) {
	t.Parallel()
	got := headerLines(http.Header{"B": {"2", "3"}, "A": {"1"}})
	if want := "A: 1\nB: 2\nB: 3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDescribe shows that whatever an endpoint sends can be kept.
func TestDescribe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		body := rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "body")
		resp := &egress.Response{StatusCode: 200, Header: http.Header{"Server": {value}}, Body: body, TLSVersion: 0x0304, RemoteAddr: "192.0.2.1:443"}
		resp.Timing.DNS, resp.Timing.Reused = 1500*time.Nanosecond, true
		var a stream.Attempt
		describe(&a, resp, nil)
		if !utf8.ValidString(a.ResponseHeaders) || strings.ContainsRune(a.ResponseHeaders, 0) || !strings.HasPrefix(a.ResponseHeaders, "Server: ") {
			t.Fatalf("headers %q", a.ResponseHeaders)
		}
		if a.StatusCode != 200 || string(a.ResponseBody) != string(body) || a.ResponseTruncated || a.TLSVersion != "TLS_1_3" ||
			a.RemoteAddress != "192.0.2.1:443" || a.DNSUs != 1 || !a.ConnectionReused {
			t.Fatalf("described as %+v", a)
		}
		text := storable(value)
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Fatalf("%q is made %q", value, text)
		}
		if utf8.ValidString(value) && !strings.ContainsRune(value, 0) && text != value {
			t.Fatalf("%q is changed to %q", value, text)
		}
	})
}

func TestDescribeKeepsTheBeginningOfABody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size            int
		truncated, want bool
	}{{keptBody, false, false}, {keptBody, true, true}, {keptBody + 1, false, true}} {
		var a stream.Attempt
		describe(&a, &egress.Response{StatusCode: 200, Body: make([]byte, c.size), BodyTruncated: c.truncated}, nil)
		if len(a.ResponseBody) != keptBody || a.ResponseTruncated != c.want {
			t.Errorf("of %d bytes %d are kept, truncated %v", c.size, len(a.ResponseBody), a.ResponseTruncated)
		}
	}
	var a stream.Attempt
	describe(&a, &egress.Response{RemoteAddr: "192.0.2.1:443", Err: &egress.Error{}}, nil)
	if fmt.Sprint(a.ResponseHeaders, a.ResponseBody, a.StatusCode) != "[] 0" || a.RemoteAddress == "" {
		t.Errorf("without a response: %+v", a)
	}
}
