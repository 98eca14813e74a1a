package worker

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/outcome"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/retry"
	"github.com/hookline/hookline/internal/stream"
)

// verdict is how an attempt went.
type verdict struct {
	outcome stream.Outcome
	err     string          // what went wrong; empty if nothing did
	hint    string          // what to do about it, in plain words
	wait    time.Duration   // what the endpoint asked for with Retry-After; 0 for nothing
	gone    bool            // the endpoint wants no more requests, now or later
	failed  map[string]bool // ids of the events of a bucket that the endpoint named as failed, the others succeeded
	lapsed  bool            // nothing was sent: others may have got the lane's share of the window
	atOnce  bool            // something else is to be tried: another access token, if that was refused and may only have been too old, or smaller buckets
}

// searchedBody is in how many bytes of a response's body the profile's responseBodyRegex is looked for: as many as are read of it, unless it
// answers a bucket.
const searchedBody = egress.DefaultMaxBody

// judge decides how an attempt went, from the profile's rules and what came back. Of a bucket, judgeBucket has the last word.
func judge(p *registry.Profile, resp *egress.Response, now time.Time) verdict {
	if resp.Err != nil {
		return verdict{outcome: outcome.Of(resp.Err.Kind), err: resp.Err.Error(), hint: resp.Err.Hint()}
	}
	if !statusHolds(p, resp.StatusCode) {
		v := verdict{
			outcome: stream.OutcomeHTTPError,
			err:     strings.TrimSpace(fmt.Sprintf("the endpoint answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))),
			hint:    statusHint(resp.StatusCode),
			gone:    resp.StatusCode == http.StatusGone,
		}
		// RFC 9110 defines it for 503 and redirects, RFC 6585 for 429; others send it with other statuses, and mean the same.
		v.wait, _ = retry.ParseRetryAfter(resp.Header.Get("Retry-After"), now)
		return v
	}
	if p.HeaderRegex != nil && !p.HeaderRegex.MatchString(headerLines(resp.Header)) {
		return mismatch("headers", "responseHeaderRegex")
	}
	if p.BodyRegex != nil && !p.BodyRegex.Match(resp.Body[:min(len(resp.Body), searchedBody)]) {
		return mismatch("body", "responseBodyRegex")
	}
	return verdict{outcome: stream.OutcomeSuccess}
}

// of is how the attempt went for one delivery of the request.
func (v verdict) of(j *job) verdict {
	switch {
	case j.lost:
		return verdict{outcome: stream.OutcomeCancelled, err: "the event is no longer kept", hint: "Keep events for longer than their retries take."}
	case len(v.failed) > 0 && v.failed[id.Format(id.Event, j.entry.Event.ID)]:
		return verdict{
			outcome: stream.OutcomeResponseMismatch, err: "the endpoint named this event of the bucket as failed",
			hint: "The event is sent again, the others of the bucket are not: the endpoint's own log should say why.",
		}
	}
	return v
}

func statusHolds(p *registry.Profile, code int) bool {
	if p.StatusRegex != nil {
		return p.StatusRegex.MatchString(fmt.Sprint(code))
	}
	return code >= 200 && code < 300
}

func mismatch(part, rule string) verdict {
	return verdict{
		outcome: stream.OutcomeResponseMismatch,
		err:     fmt.Sprintf("the response's %s do not match the profile's %s", strings.Replace(part, "body", "body's contents", 1), rule),
		hint:    fmt.Sprintf("Change what the endpoint answers, or the profile's %s.", rule),
	}
}

func statusHint(code int) string {
	switch {
	case code >= 300 && code < 400:
		return "Redirects are not followed: set the profile's webhook URL to the final address."
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return "The endpoint refused the request: check the credentials and that it verifies the signature with this subscription's secret."
	case code == http.StatusNotFound:
		return "The endpoint does not know this path: check the profile's webhook URL."
	case code == http.StatusMethodNotAllowed:
		return "The endpoint must accept POST."
	case code == http.StatusGone:
		return "The endpoint says that it is gone: nothing is retried, and the subscription, if one sent this, is disabled. Change the profile's webhook URL before you enable it again, or delete it."
	case code == http.StatusRequestEntityTooLarge:
		return "The endpoint refuses a body of this size: raise its limit."
	case code == http.StatusTooManyRequests:
		return "The endpoint is asked too often: raise its limit."
	case code >= 400 && code < 500:
		return "The endpoint refused the notification: its own log should say why."
	case code >= 500:
		return "The endpoint failed: its own log should say why."
	default:
		return "Success is a status of 200–299, or what the profile's responseStatusRegex matches."
	}
}

// headerLines writes headers as `Name: value` lines, by name.
func headerLines(header http.Header) string {
	var b strings.Builder
	_ = header.Write(&b) // a Builder does not fail
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

// standing is how a delivery stands after an attempt.
type standing struct {
	status   stream.Status
	attempts int
	failures int
	next     time.Time // zero unless RETRYING
}

// interruptedPause is when an attempt that the worker itself broke off is made again.
const interruptedPause = time.Second

// after decides how a delivery stands after an attempt of it. random, in [0,1), is for the jitter.
func after(v verdict, target stream.Target, policy retry.Policy, now time.Time, random float64) standing {
	s := standing{attempts: target.Attempts + 1, failures: target.Failures}
	switch v.outcome {
	case stream.OutcomeSuccess:
		s.status = stream.StatusSucceeded
	case stream.OutcomeInterrupted:
		// Our doing, not the endpoint's: it does not use up a retry.
		s.status, s.next = stream.StatusRetrying, now.Add(interruptedPause)
	case stream.OutcomeCancelled:
		s.status = stream.StatusCancelled
	case stream.OutcomeBlocked:
		s.status, s.failures = stream.StatusExhausted, target.Failures+1
	default:
		if v.atOnce { // nor is this
			s.status, s.next = stream.StatusRetrying, now
			break
		}
		s.failures++
		delay, again := policy.Next(target.Failures, random)
		if !again || v.gone {
			s.status = stream.StatusExhausted
			break
		}
		s.status, s.next = stream.StatusRetrying, now.Add(max(delay, v.wait))
	}
	return s
}
