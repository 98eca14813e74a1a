package e2e

import (
	"encoding/json"

	"github.com/hookline/hookline/internal/testenv"
)

// inBuckets is a profile whose requests carry several events.
func inBuckets() fields {
	profile := delays("PT1S", "PT2S")
	profile["maxBucketSize"], profile["maxBucketDelayMs"] = 10, 200
	return profile
}

// bucketOf returns the ids of the events that a request carries. One that cannot be read as a bucket counts as an event of its own, which
// nobody has published.
func bucketOf(r *testenv.Received) (ids []string) {
	var bucket struct{ Results []struct{ ID string } }
	if json.Unmarshal(r.Body, &bucket) != nil || len(bucket.Results) == 0 {
		return []string{r.ID}
	}
	for _, event := range bucket.Results {
		ids = append(ids, event.ID)
	}
	return ids
}

// respondBucket takes a request's events, but for those that it names as failed. e.mu is held.
func (e *endpoint) respondBucket(r *testenv.Received) (body []byte) {
	var failed []string
	for _, event := range bucketOf(r) {
		if !e.takes(event) {
			failed = append(failed, event)
		}
	}
	if len(failed) > 0 {
		body, _ = json.Marshal(fields{"failed": failed}) // texts: cannot fail
	}
	return body
}
