package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/graph-gophers/dataloader/v7"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/gather"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// keptBody is how many bytes of a response's body an attempt keeps.
const keptBody = 16 << 10

// attempt makes one attempt of a delivery and returns what became of it.
func (w *Worker) attempt(ctx context.Context, j *job) *stream.Result {
	if instead := w.calledOff(ctx, j); instead != nil {
		return instead
	}
	started := time.Now()
	a := &stream.Attempt{
		Trigger: j.target.Trigger, StartedAt: started.UnixMicro(), QueuedUs: max(started.UnixMicro()-j.target.DueAt, 0),
		URL: j.profile.ShownURL, PayloadFormat: string(j.profile.Format),
	}
	v := w.send(ctx, j, started, a)
	ended := time.Now()
	j.wait = v.wait
	a.ID, a.Outcome, a.Error, a.Hint = id.New(), v.outcome, storable(v.err), v.hint
	a.TotalUs = ended.Sub(started).Microseconds()
	result := j.result(after(v, j.target, j.profile.Retry, ended, rand.Float64())) //nolint:gosec // jitter
	result.Attempt = a
	return result
}

// How whether deliveries have been called off is looked up: for many attempts that are about to begin at once.
const (
	gatherFor = time.Millisecond
	gatherMax = 256
)

// newCancelled returns what looks up whether a delivery has been called off.
func newCancelled(s *store.Store) *dataloader.Loader[id.ID, bool] {
	return dataloader.NewBatchedLoader(gather.Func(s.Cancelled), dataloader.WithWait[id.ID, bool](gatherFor), dataloader.WithBatchCapacity[id.ID, bool](gatherMax),
		dataloader.WithCache[id.ID, bool](&dataloader.NoCache[id.ID, bool]{}))
}

// calledOff returns what is written in place of an attempt of a delivery that has been called off; nil if it has not. Only one whose row
// says QUEUED can be called off while it has a work entry, so those that have no row yet, which are nearly all, are not looked up.
func (w *Worker) calledOff(ctx context.Context, j *job) *stream.Result {
	if j.target.QueuedAt == 0 {
		return nil
	}
	cancelled, err := w.cancelled.Load(ctx, id.ForDelivery(j.entry.Event.ID, j.target.SubscriptionID))()
	switch {
	case err != nil: // the database is away
		return j.putOff(time.Now().Add(putOffLeast))
	case cancelled:
		return j.result(standing{status: stream.StatusCancelled, attempts: j.target.Attempts, failures: j.target.Failures})
	}
	return nil
}

// send builds the request, sends it and judges the answer; it notes in a what is to be seen of it.
func (w *Worker) send(ctx context.Context, j *job, started time.Time, a *stream.Attempt) verdict {
	if err := errors.Join(j.subscription.Problem, j.profile.Problem); err != nil {
		return verdict{outcome: stream.OutcomeAuth, err: err.Error(), hint: problemHint}
	}
	certificate, err := certificateOf(j.profile, started)
	if err != nil {
		return verdict{outcome: stream.OutcomeTLS, err: err.Error(), hint: certificateHint}
	}
	data, err := j.entry.payload(ctx, w.store)
	if ent.IsNotFound(err) {
		return verdict{outcome: stream.OutcomeCancelled, err: "the event is no longer kept", hint: "Keep events for longer than their retries take."}
	}
	if err != nil {
		return verdict{outcome: stream.OutcomeInterrupted, err: "the event's payload could not be read", hint: "The attempt is made again at once."}
	}
	event := &j.entry.Event
	eventID := id.Format(id.Event, event.ID)
	body, err := payload.Render(nil, j.profile.Format, renderable(event, eventID, data))
	if err != nil {
		return verdict{outcome: stream.OutcomeAuth, err: "the notification could not be rendered: " + err.Error(), hint: "Choose another payload format for the profile."}
	}
	header := make(http.Header, len(j.profile.Headers)+6)
	maps.Copy(header, j.profile.Headers)
	own := [...]struct{ name, value string }{
		{"Content-Type", payload.ContentType(j.profile.Format)},
		{"User-Agent", w.userAgent},
		{signing.HeaderID, eventID},
		{signing.HeaderTimestamp, strconv.FormatInt(started.Unix(), 10)},
		{signing.HeaderSignature, signing.Sign(eventID, started, body, j.subscription.Secrets(started)...)},
	}
	var lines strings.Builder
	for i := range own {
		header[own[i].name] = []string{own[i].value}
		lines.WriteString(own[i].name)
		lines.WriteString(": ")
		lines.WriteString(own[i].value)
		lines.WriteByte('\n')
	}
	lines.WriteString(j.profile.HeaderLines)
	token, failed := w.authenticate(ctx, j, header, &lines, started, body)
	if failed != nil {
		return *failed
	}
	a.RequestHeaders = lines.String()

	p := j.profile
	resp := w.client.Do(ctx, egress.Request{
		URL: p.URL, Header: header, Body: body,
		ConnectTimeout: p.ConnectTimeout, ReadTimeout: p.ReadTimeout, TotalTimeout: p.TotalTimeout,
		TLS: egress.TLS{MinVersion: p.MinTLS, MaxVersion: p.MaxTLS, Certificate: certificate.TLS, Identity: certificate.Identity},
	})
	masks := []*strings.Replacer{p.Mask}
	if token != nil {
		masks = append(masks, token.Mask())
	}
	describe(a, &resp, masks...)
	v := judge(p, &resp, time.Now())
	if v.outcome == stream.OutcomeTLS && certificate.TLS != nil && !started.Before(certificate.NotAfter) {
		v.hint = "The profile's client certificate has expired: upload the renewed one, and change the profile over to it."
	}
	if token != nil && resp.StatusCode == http.StatusUnauthorized {
		v.atOnce = !token.Fresh(started)
		w.tokens.Refuse(token)
	}
	return v
}

// problemHint says what to do about a profile or subscription with which nothing may be sent.
const problemHint = "Nothing is sent without its signature and authentication: the operator must restore the encryption key, or the secret must be set anew."

// describe notes what is to be seen of a response, without the secrets in it that masks, which may be nil, replace.
func describe(a *stream.Attempt, resp *egress.Response, masks ...*strings.Replacer) {
	t := &resp.Timing
	a.DNSUs, a.ConnectUs, a.TLSUs = t.DNS.Microseconds(), t.Connect.Microseconds(), t.TLS.Microseconds()
	a.FirstByteUs, a.ConnectionReused = t.FirstByte.Microseconds(), t.Reused
	a.RemoteAddress, a.StatusCode = resp.RemoteAddr, resp.StatusCode
	switch resp.TLSVersion {
	case tls.VersionTLS12:
		a.TLSVersion = "TLS_1_2"
	case tls.VersionTLS13:
		a.TLSVersion = "TLS_1_3"
	}
	if resp.StatusCode == 0 {
		return
	}
	headers := headerLines(resp.Header)
	a.ResponseBody, a.ResponseTruncated = resp.Body, resp.BodyTruncated
	for _, mask := range masks {
		if mask != nil {
			headers = mask.Replace(headers)
			a.ResponseBody = []byte(mask.Replace(string(a.ResponseBody)))
		}
	}
	a.ResponseHeaders = storable(headers)
	if len(a.ResponseBody) > keptBody {
		a.ResponseBody, a.ResponseTruncated = a.ResponseBody[:keptBody:keptBody], true
	}
}

// storable makes a text of what an endpoint sent one that every database can hold: UTF-8 without NUL.
func storable(text string) string {
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func renderable(e *stream.Event, eventID string, data []byte) payload.Event {
	r := payload.Event{
		ID: eventID, Type: e.Type, OccurredAt: stream.FromMicros(e.OccurredAt),
		Application: e.Application, Entity: e.Entity, User: e.User, Resource: e.Resource, CallbackData: e.CallbackData, Data: data,
	}
	for _, attribute := range e.Attributes {
		r.Attributes = append(r.Attributes, payload.Attribute{Key: attribute.Key, Value: attribute.Value})
	}
	return r
}

// job is a delivery that is to be attempted now.
type job struct {
	entry        *inflight
	place        int // of the target in the entry
	target       stream.Target
	subscription *registry.Subscription
	profile      *registry.Profile
	wait         time.Duration // what the endpoint asked for with Retry-After, once it has been attempted; 0 for nothing
}

// result returns what is written of the delivery when it stands so.
func (j *job) result(s standing) *stream.Result {
	event := &j.entry.Event
	return &stream.Result{
		AccountID: event.AccountID, DeliveryID: id.ForDelivery(event.ID, j.target.SubscriptionID), EventID: event.ID,
		SubscriptionID: j.target.SubscriptionID, EventType: event.Type,
		Status: s.status, Attempts: s.attempts, Failures: s.failures, NextAttemptAt: stream.Micros(s.next), QueuedAt: j.target.QueuedAt,
	}
}
