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

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/gather"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/mask"
	"github.com/hookline/hookline/internal/payload"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
)

// keptBody is how many bytes of a response's body an attempt keeps.
const keptBody = 16 << 10

// attempt makes one attempt of a request's deliveries, and notes in each of them what became of it.
func (w *Worker) attempt(ctx context.Context, r request) {
	r = w.wanted(ctx, r)
	if len(r) == 0 {
		return
	}
	started := time.Now()
	a := stream.Attempt{StartedAt: started.UnixMicro(), URL: r[0].profile.ShownURL, PayloadFormat: string(r[0].profile.Format)}
	unsent := a
	v := w.send(ctx, r, started, &a)
	ended := time.Now()
	if v.lapsed {
		for _, j := range r {
			j.became = j.putOff(ended.Add(putOffLeast))
		}
		return
	}
	a.TotalUs = ended.Sub(started).Microseconds()
	random := rand.Float64() //nolint:gosec // jitter; the same for a bucket, so that what failed together is due together
	for _, j := range r {
		own, v := &stream.Attempt{}, v.of(j)
		if *own = a; j.lost {
			*own = unsent
		}
		own.Trigger, own.QueuedUs = j.target.Trigger, max(own.StartedAt-j.target.DueAt, 0)
		own.ID, own.Outcome, own.Error, own.Hint = id.New(), v.outcome, storable(v.err), v.hint
		j.wait = v.wait
		j.became = j.result(after(v, j.target, j.profile.Retry, ended, random))
		j.became.Attempt = own
	}
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

// wanted returns the deliveries of a request that are still to be attempted, and notes in the others what is written instead. Only one whose
// row says QUEUED can be called off while it has a work entry, so those that have no row yet, which are nearly all, are not looked up.
func (w *Worker) wanted(ctx context.Context, r request) request {
	isBucket := r[0].profile.BucketSize > 1
	if !isBucket && r[0].target.QueuedAt == 0 {
		return r
	}
	found, most := true, 1
	if isBucket {
		found, most = w.lookAgain(r)
	}
	looks := make([]dataloader.Thunk[bool], len(r))
	for i, j := range r {
		if j.target.QueuedAt != 0 {
			looks[i] = w.cancelled.Load(ctx, id.ForDelivery(j.entry.Event.ID, j.target.SubscriptionID))
		}
	}
	wanted := make(request, 0, len(r))
	for i, j := range r {
		if isBucket {
			j.became = j.heldBack(found)
		}
		if look := looks[i]; look != nil && j.became == nil {
			cancelled, err := look()
			switch {
			case err != nil: // the database is away
				j.became = j.putOff(time.Now().Add(putOffLeast))
			case cancelled:
				j.became = j.unattempted(stream.StatusCancelled)
			}
		}
		switch {
		case j.became != nil:
		case len(wanted) < most:
			wanted = append(wanted, j)
		default: // it goes with another request, as the profile has it by now
			j.became = j.putOff(time.Now().Add(putOffLeast))
		}
	}
	return wanted
}

// lookAgain looks up the subscription and profile of a bucket, which may have waited for long. It returns whether there still is such a
// subscription, and how many of the events may go with this request: none if the lane is no longer that of the profile.
func (w *Worker) lookAgain(r request) (found bool, most int) {
	first := r[0]
	if found = w.find(first); !found {
		return false, 0
	}
	for _, j := range r[1:] {
		j.subscription, j.profile = first.subscription, first.profile
	}
	if first.profile.ID != first.lane.profile {
		return true, 0
	}
	return true, max(first.profile.BucketSize, 1)
}

// send builds a request, sends it and judges the answer; it notes in a what is to be seen of it.
func (w *Worker) send(ctx context.Context, r request, started time.Time, a *stream.Attempt) verdict {
	p, subscription, gate := r[0].profile, r[0].subscription, r[0]
	if err := errors.Join(subscription.Problem, p.Problem); err != nil {
		return verdict{outcome: stream.OutcomeAuth, err: err.Error(), hint: problemHint}
	}
	certificate, err := certificateOf(p, started)
	if err != nil {
		return verdict{outcome: stream.OutcomeTLS, err: err.Error(), hint: certificateHint}
	}
	r, payloads, err := w.payloads(ctx, r)
	switch {
	case err != nil:
		return verdict{outcome: stream.OutcomeInterrupted, err: "the event's payload could not be read", hint: "The attempt is made again at once."}
	case len(r) == 0:
		return verdict{}
	}
	messageID := r.messageID()
	body, contentType, err := r.render(payloads)
	if err != nil {
		return verdict{outcome: stream.OutcomeAuth, err: "the notification could not be rendered: " + err.Error(), hint: "Choose another payload format for the profile."}
	}
	header := make(http.Header, len(p.Headers)+6)
	maps.Copy(header, p.Headers)
	own := [...]struct{ name, value string }{
		{"Content-Type", contentType},
		{"User-Agent", w.userAgent},
		{signing.HeaderID, messageID},
		{signing.HeaderTimestamp, strconv.FormatInt(started.Unix(), 10)},
		{signing.HeaderSignature, signing.Sign(messageID, started, body, subscription.Secrets(started)...)},
	}
	var lines strings.Builder
	for i := range own {
		header[own[i].name] = []string{own[i].value}
		lines.WriteString(own[i].name)
		lines.WriteString(": ")
		lines.WriteString(own[i].value)
		lines.WriteByte('\n')
	}
	lines.WriteString(p.HeaderLines)
	token, failed := w.authenticate(ctx, p, messageID, header, &lines, started, body)
	if failed != nil {
		return *failed
	}
	a.RequestHeaders = lines.String()

	request := egress.Request{
		URL: p.URL, Header: header, Body: body,
		ConnectTimeout: p.ConnectTimeout, ReadTimeout: p.ReadTimeout, TotalTimeout: p.TotalTimeout,
		Gate: gate,
		TLS:  egress.TLS{MinVersion: p.MinTLS, MaxVersion: p.MaxTLS, Certificate: certificate.TLS, Identity: certificate.Identity},
	}
	if p.BucketSize > 1 {
		a.BucketSize, request.MaxBody = len(r), maxBucketResponse
	}
	resp := w.client.Do(ctx, request)
	if resp.Err != nil && errors.Is(resp.Err, errLapsed) {
		return verdict{lapsed: true}
	}
	masks := []*strings.Replacer{p.Mask}
	if token != nil {
		masks = append(masks, token.Mask())
	}
	if resp.Err != nil { // it may quote what the endpoint sent; what is too long of it is cut off later
		resp.Err = &egress.Error{Kind: resp.Err.Kind, Err: mask.Error(resp.Err.Err, masks...)}
	}
	describe(a, &resp, masks...)
	if a.BucketSize > 1 {
		shareResponse(a, a.BucketSize)
	}
	v := judge(p, &resp, time.Now())
	if p.BucketSize > 1 {
		v = judgeBucket(r, &resp, v)
	}
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
	a.ResponseHeaders = storable(mask.Text(headerLines(resp.Header), masks...))
	a.ResponseBody, a.ResponseTruncated = resp.Body, resp.BodyTruncated
	for _, m := range masks {
		if m != nil {
			a.ResponseBody = []byte(m.Replace(string(a.ResponseBody)))
		}
	}
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

func renderable(e *stream.Event, data []byte) payload.Event {
	r := payload.Event{
		ID: id.Format(id.Event, e.ID), Type: e.Type, OccurredAt: stream.FromMicros(e.OccurredAt),
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
	own          [1]*job // itself: the request of a job that goes alone
	lost         bool    // its event is no longer kept
	became       *stream.Result
	lane         *lane // in which it has begun, and its dispatcher, and the share's count then
	dispatcher   *dispatcher
	lapses       int
	wait         time.Duration // what the endpoint asked for with Retry-After, once it has been attempted; 0 for nothing
}

// alone returns the request of a job that goes alone.
func (j *job) alone() request {
	j.own[0] = j
	return j.own[:]
}

// size is how many bytes the event has: its payload and texts, as they are and not as a format has them.
func (j *job) size() int {
	e := &j.entry.Event
	size := max(len(e.Payload), e.PayloadSize) + len(e.Type) + len(e.Application) + len(e.Entity) + len(e.User) + len(e.Resource) + len(e.CallbackData)
	for _, attribute := range e.Attributes {
		size += len(attribute.Key) + len(attribute.Value)
	}
	return size
}

// unattempted is the result of a delivery that stands so without an attempt.
func (j *job) unattempted(status stream.Status) *stream.Result {
	return j.result(standing{status: status, attempts: j.target.Attempts, failures: j.target.Failures})
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
