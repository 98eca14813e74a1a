package worker

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/stream"
)

// FuzzJudge holds that whatever an endpoint answers, and whatever rules a profile has for that, it is judged, in bounded time: by rules that are accepted.
func FuzzJudge(f *testing.F) {
	for _, rules := range [][3]string{
		{"", "", ""}, {"^20[01]$", "(?im)^x-ok: yes$", `"ok":\s*true`}, {"(", "(?=a)", "a**"}, {"[ab]{0,1000}x", "(?:a|b)*c", ".*.*.*.*.*.*=.*"}, {"\\", "\\pL{1,100}", "(|a|b)*$"},
	} {
		for _, answer := range []string{"", `{"ok": true}`, `{"failed": ["evt_01h455vb4pex5vsknk084sn02q"]}`, "[{'failed': \"evt_", strings.Repeat("ab", 100), "\xff\x00"} {
			f.Add(rules[0], rules[1], rules[2], 200, "X-Ok", "yes", []byte(answer))
			f.Add(rules[0], rules[1], rules[2], 429, "Retry-After", "5", []byte(answer))
		}
	}
	now, bucket := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), requestOf(id.New(), id.New())
	f.Fuzz(func(t *testing.T, ofStatus, ofHeaders, ofBody string, status int, name, value string, body []byte) {
		profile := &registry.Profile{}
		profile.StatusRegex, profile.HeaderRegex, profile.BodyRegex = rule(ofStatus), rule(ofHeaders), rule(ofBody)
		// The largest body that is looked at, so that a rule which takes time takes it.
		if len(body) > 0 {
			body = []byte(strings.Repeat(string(body), egress.DefaultMaxBody/len(body)+1))[:egress.DefaultMaxBody]
		}
		resp := &egress.Response{StatusCode: status, Header: http.Header{name: {value}}, Body: body}
		began := time.Now()
		v := judge(profile, resp, now)
		if took := time.Since(began); took > time.Minute { // they take a second or two, on an idle machine
			t.Errorf("judging by %q, %q and %q took %v", ofStatus, ofHeaders, ofBody, took)
		}
		if (v.outcome == stream.OutcomeSuccess) != (v.err == "") || v.wait < 0 || v.wait > retry.MaxRetryAfter {
			t.Errorf("judged as %+v", v)
		}
		switch v.outcome {
		case stream.OutcomeSuccess, stream.OutcomeHTTPError, stream.OutcomeResponseMismatch:
		default:
			t.Errorf("an answer is judged as %s", v.outcome)
		}
		if of := judgeBucket(bucket, resp, v); (of.outcome == stream.OutcomeSuccess) != (of.err == "") || (of.outcome == stream.OutcomeSuccess) != (of.hint == "") {
			t.Errorf("judged as %+v, as a bucket's", of)
		}
		var a stream.Attempt
		describe(&a, resp, nil)
		if a.ResponseHeaders != storable(a.ResponseHeaders) || len(a.ResponseBody) > keptBody {
			t.Errorf("described as %+v", a)
		}
	})
}

// rule compiles a regular expression as when it is saved, nil if it is not accepted.
func rule(regex string) *regexp.Regexp {
	compiled, err := configure.CompileRegex(regex)
	if err != nil || regex == "" {
		return nil
	}
	return compiled
}
