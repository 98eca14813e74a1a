package worker

import (
	"net/http"
	"time"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// heavy is how heavy the buckets of a profile may be whose endpoint has refused one for its size (413). Each worker finds that out by the
// answers that it gets itself: what is refused is sent again at once, in buckets half as heavy, without using up a retry. An event that is
// refused alone has failed like any other, so that this comes to an end.
type heavy struct {
	most int       // bytes, as job.size counts them
	at   time.Time // when a bucket was last refused
}

// heavyFor is how long buckets are kept small. Then the profile, or the endpoint, may have changed.
const heavyFor = time.Hour

// judgeBucket judges what has been judged like the answer to any request as the answer to a bucket.
func judgeBucket(r request, resp *egress.Response, v verdict) verdict {
	switch {
	case v.outcome == stream.OutcomeSuccess:
		return judgeNamed(r, resp)
	case v.outcome == stream.OutcomeHTTPError && resp.StatusCode == http.StatusRequestEntityTooLarge && len(r) > 1:
		v.atOnce = true
		v.hint = "The endpoint refuses a body of this size: its events are sent again in smaller buckets. Raise its limit, or lower the profile's maxBucketSize."
	}
	return v
}

// isTooHeavy reports whether a bucket of several events was refused for its size.
func isTooHeavy(became *stream.Result) bool {
	a := became.Attempt
	return a != nil && a.Outcome == stream.OutcomeHTTPError && a.StatusCode == http.StatusRequestEntityTooLarge && a.BucketSize > 1
}

// tooHeavy notes that a bucket was refused for its size. d.mu is held.
func (d *dispatcher) tooHeavy(profile id.ID, refused request, now time.Time) {
	size := 0
	for _, j := range refused {
		if isTooHeavy(j.became) { // and not lost
			size += j.size()
		}
	}
	d.heavy[profile] = heavy{most: min(d.heaviest(profile), size/2), at: now}
}

// heaviest is how many bytes a bucket of several events may have. d.mu is held.
func (d *dispatcher) heaviest(profile id.ID) int {
	if h, known := d.heavy[profile]; known {
		return h.most
	}
	return maxBucketBytes
}

// forgetHeavy forgets what was refused long ago. d.mu is held.
func (d *dispatcher) forgetHeavy(now time.Time) {
	for profile, h := range d.heavy {
		if now.Sub(h.at) > heavyFor {
			delete(d.heavy, profile)
		}
	}
}
