package worker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// inBuckets makes a profile send up to size events in a request, which waits for so long to be filled.
func inBuckets(size int, delay time.Duration) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	return func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.MaxBucketSize, p.MaxBucketDelayMs = size, int(delay.Milliseconds())
	}
}

// eventsIn returns the ids of the events that a bucket in the envelope format carries.
func eventsIn(t *testing.T, body []byte) (ids []string) {
	t.Helper()
	var bucket struct{ Results []struct{ ID string } }
	must(t, json.Unmarshal(body, &bucket))
	for _, event := range bucket.Results {
		ids = append(ids, event.ID)
	}
	return ids
}

// shown returns events' ids as endpoints see them.
func shown(events []id.ID) []string {
	ids := make([]string, len(events))
	for i, event := range events {
		ids[i] = id.Format(id.Event, event)
	}
	return ids
}

func sameIDs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func TestBucketsSent(t *testing.T) {
	t.Parallel()
	onEach(t, "are one signed request in each format, with an attempt for each event", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 2)
		receivers := map[string]*testenv.Receiver{}
		for _, format := range []string{"ENVELOPE", "RAW", "CLOUDEVENTS", "XML"} {
			receivers[format] = testenv.NewReceiver(t)
			made := r.subscribe(strings.ToLower(format), receivers[format].URL(), inBuckets(3, time.Minute),
				func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
					p.PayloadFormat = format
				})
			receivers[format].SetSecret(made.Secret)
		}
		r.startWorker()
		events := shown(r.publish(3))
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 12})
		for format, contentType := range map[string]string{
			"ENVELOPE": "application/json", "RAW": "application/json", "CLOUDEVENTS": "application/cloudevents-batch+json", "XML": "application/xml",
		} {
			received := receivers[format].Received()
			if len(received) != 1 {
				t.Fatalf("%s: %d requests for a bucket of 3 events", format, len(received))
			}
			got := received[0]
			if got.Signature != nil || !strings.HasPrefix(got.ID, "bkt_") || got.Header.Get("Content-Type") != contentType {
				t.Errorf("%s: id %s, content type %s, signature %v", format, got.ID, got.Header.Get("Content-Type"), got.Signature)
			}
			switch format {
			case "ENVELOPE":
				if ids := eventsIn(t, got.Body); !sameIDs(ids, events) {
					t.Errorf("a bucket of %v, want %v", ids, events)
				}
			case "RAW":
				var bucket struct {
					IDs     []string
					Results []struct{ N int }
				}
				if err := json.Unmarshal(got.Body, &bucket); err != nil || len(bucket.Results) != 3 || len(bucket.IDs) != 3 {
					t.Fatalf("%s: %v", got.Body, err)
				}
				for i, result := range bucket.Results {
					if bucket.IDs[i] != events[result.N] {
						t.Errorf("%s: the id of event %d is %s, want %s", got.Body, i, bucket.IDs[i], events[result.N])
					}
				}
			case "CLOUDEVENTS":
				var batch []struct{ ID, SpecVersion string }
				if err := json.Unmarshal(got.Body, &batch); err != nil || len(batch) != 3 || batch[2].SpecVersion != "1.0" {
					t.Errorf("%s: %v", got.Body, err)
				}
			case "XML":
				var results struct {
					Events []struct {
						ID string `xml:"id"`
					} `xml:"event"`
				}
				if err := xml.Unmarshal(got.Body, &results); err != nil || len(results.Events) != 3 || results.Events[0].ID == "" {
					t.Errorf("%s: %v", got.Body, err)
				}
			}
		}
		for _, d := range r.deliveries() {
			if attempts := r.attempts(d.ID); len(attempts) != 1 || attempts[0].BucketSize != 3 || attempts[0].Outcome != "SUCCESS" || attempts[0].Number != 1 {
				t.Errorf("attempts of a delivery in a bucket of 3: %+v", attempts)
			}
		}
	})

	onEach(t, "have only the events sent again that the endpoint names", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		named := make(chan []string, 1)
		receiver.Respond(func(n int, got *testenv.Received) testenv.Response {
			if n > 1 {
				return testenv.Response{}
			}
			failed := eventsIn(t, got.Body)[1:3]
			named <- failed
			return testenv.Response{Body: fmt.Appendf(nil, `{"failed": [%q, %q, %[1]q]}`, failed[0], failed[1])}
		})
		r.subscribe("partly", receiver.URL(), inBuckets(4, 300*time.Millisecond), retries(time.Second))
		r.startWorker()
		r.publish(4)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 4})
		failed := <-named
		var again []string
		for _, got := range receiver.Received()[1:] {
			again = append(again, eventsIn(t, got.Body)...)
		}
		if !sameIDs(again, failed) {
			t.Errorf("%v were sent again, want %v", again, failed)
		}
		for _, d := range r.deliveries() {
			want := []string{"SUCCESS"}
			if slices.Contains(failed, id.Format(id.Event, d.EventID)) {
				want = []string{"RESPONSE_MISMATCH", "SUCCESS"}
			}
			if got := outcomes(r.attempts(d.ID)); !slices.Equal(got, want) || d.FailureCount != len(want)-1 {
				t.Errorf("attempts %v and %d failures, want %v", got, d.FailureCount, want)
			}
		}
	})

	onEach(t, "of bare payloads have only the events sent again that the endpoint names", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, got *testenv.Received) testenv.Response {
			var bucket struct{ IDs []string }
			must(t, json.Unmarshal(got.Body, &bucket))
			if n == 1 {
				return testenv.Response{Body: fmt.Appendf(nil, `{"failed": [%q]}`, bucket.IDs[1])}
			}
			return testenv.Response{}
		})
		r.subscribe("raw", receiver.URL(), inBuckets(3, 3*time.Second), retries(time.Second), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			p.PayloadFormat = "RAW"
		})
		r.startWorker()
		r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
		var first, second struct{ IDs []string }
		received := receiver.Received()
		if len(received) != 2 {
			t.Fatalf("%d requests, want 2", len(received))
		}
		must(t, errors.Join(json.Unmarshal(received[0].Body, &first), json.Unmarshal(received[1].Body, &second)))
		if !slices.Equal(second.IDs, first.IDs[1:2]) {
			t.Errorf("%v were sent again of %v", second.IDs, first.IDs)
		}
	})

	onEach(t, "are sent again whole when the endpoint names failed events in a form that cannot be read", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, got *testenv.Received) testenv.Response {
			event := eventsIn(t, got.Body)[0]
			switch n {
			case 1:
				return testenv.Response{Body: fmt.Appendf(nil, `{"failed": %q}`, event)}
			case 2:
				var zipped bytes.Buffer
				w := gzip.NewWriter(&zipped)
				_, err := fmt.Fprintf(w, `{"failed": [%q]}`, event)
				must(t, errors.Join(err, w.Close()))
				return testenv.Response{Body: zipped.Bytes(), Header: http.Header{"Content-Encoding": {"gzip"}}}
			}
			return testenv.Response{}
		})
		r.subscribe("unclear", receiver.URL(), inBuckets(3, 10*time.Second), retries(time.Second, time.Second))
		r.startWorker()
		r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
		for _, d := range r.deliveries() {
			attempts := r.attempts(d.ID)
			if got := outcomes(attempts); !slices.Equal(got, []string{"RESPONSE_MISMATCH", "RESPONSE_MISMATCH", "SUCCESS"}) ||
				!strings.Contains(attempts[0].Error, "`failed`") || !strings.Contains(attempts[1].Error, "Content-Encoding") || attempts[1].Hint == "" {
				t.Errorf("attempts %v: %+v", got, attempts)
			}
		}
	})

	onEach(t, "have the same id when the same events are sent again", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(n int, _ *testenv.Received) testenv.Response {
			return testenv.Response{Status: []int{500, 200}[min(n-1, 1)]}
		})
		r.subscribe("failing", receiver.URL(), inBuckets(3, 10*time.Second), retries(time.Second))
		r.startWorker()
		r.publish(3)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
		if received := receiver.Received(); len(received) != 2 || received[0].ID != received[1].ID {
			t.Errorf("%d requests: %v", len(received), receiver.ByID())
		}
	})

	onEach(t, "read what the work does not carry, and leave out events that are no longer kept", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("large", receiver.URL(), inBuckets(3, time.Minute))
		r.startWorker()
		large := `"` + strings.Repeat("x", 2*stream.InlinePayload) + `"`
		first, second := r.publishOne(large), r.publishOne(large)
		r.store.Ent.Event.DeleteOneID(second).ExecX(r.ctx())
		third := r.publishOne(`"small"`)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 2, stream.StatusCancelled: 1})
		received := receiver.Received()
		if len(received) != 1 || !sameIDs(eventsIn(t, received[0].Body), shown([]id.ID{first, third})) || !strings.Contains(string(received[0].Body), large) {
			t.Fatalf("%d requests, want one with the events that are kept", len(received))
		}
		for _, d := range r.deliveries() {
			size, outcome := 2, "SUCCESS"
			if d.EventID == second {
				size, outcome = 0, "CANCELLED"
			}
			if attempts := r.attempts(d.ID); len(attempts) != 1 || attempts[0].BucketSize != size || attempts[0].Outcome != outcome || (attempts[0].StatusCode == 0) != (size == 0) {
				t.Errorf("attempts %+v, want one %s of %d events", attempts, outcome, size)
			}
		}
	})

	onEach(t, "are not sent when the subscription has been disabled while they waited", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("waiting", receiver.URL(), inBuckets(100, 3*time.Second), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.WhileDisabled = configure.Park
		})
		r.startWorker()
		r.publish(2)
		r.setEnabled("waiting", false)
		r.awaitStatuses(map[stream.Status]int{stream.StatusParked: 2})
		r.setEnabled("waiting", true)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 2})
		if received := receiver.Received(); len(received) != 1 || len(eventsIn(t, received[0].Body)) != 2 {
			t.Errorf("%d requests, want one with both, after it was enabled", len(received))
		}
	})

	onEach(t, "are sent again in smaller ones when the endpoint refuses their size", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(_ int, got *testenv.Received) testenv.Response {
			if len(eventsIn(t, got.Body)) > 2 {
				return testenv.Response{Status: http.StatusRequestEntityTooLarge}
			}
			return testenv.Response{}
		})
		r.subscribe("small", receiver.URL(), inBuckets(8, 2*time.Second), retries())
		r.startWorker()
		events := shown(r.publish(8))
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 8})
		var taken []string
		for _, got := range receiver.Received() {
			if bucket := eventsIn(t, got.Body); len(bucket) <= 2 {
				taken = append(taken, bucket...)
			}
		}
		if !sameIDs(taken, events) {
			t.Errorf("%v were taken, want each of %v once", taken, events)
		}
		for _, d := range r.deliveries() {
			attempts := r.attempts(d.ID)
			if d.FailureCount != 0 || len(attempts) < 2 || !strings.Contains(attempts[0].Hint, "smaller buckets") {
				t.Errorf("%d failures after %v: %s", d.FailureCount, outcomes(attempts), attempts[0].Hint)
			}
		}
	})

	for name, size := range map[string]int{"smaller buckets": 2, "none": 1} {
		onEach(t, "lose nothing when the profile has "+name+" by the time that they go", func(t *testing.T, b testenv.Backend) {
			r := newRig(t, b, 1)
			receiver := testenv.NewReceiver(t)
			r.subscribe("waiting", receiver.URL(), inBuckets(100, 3*time.Second))
			r.startWorker()
			events := shown(r.publish(3))
			r.awaitTaken()
			_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: new("waiting")}, configure.UpdateNotificationProfileInput{MaxBucketSize: &size})
			must(t, err)
			r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
			var came []string
			for _, got := range receiver.Received() {
				bucket := []string{got.ID}
				if size > 1 {
					bucket = eventsIn(t, got.Body)
				}
				if came = append(came, bucket...); len(bucket) > size {
					t.Errorf("a bucket of %d events, where %d are the most", len(bucket), size)
				}
			}
			if !sameIDs(came, events) {
				t.Errorf("%v came, want each of %v once", came, events)
			}
		})
	}

	onEach(t, "go to where the subscription sends by then", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		before, now := testenv.NewReceiver(t), testenv.NewReceiver(t)
		r.subscribe("moving", before.URL(), inBuckets(100, 3*time.Second))
		r.subscribe("other", now.URL(), func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
			in.EventTypes = []string{"voice.*"}
		})
		r.startWorker()
		events := shown(r.publish(3))
		r.awaitTaken()
		_, err := r.configure.UpdateEventSubscription(r.ctx(), configure.Ref{Key: new("moving")}, configure.UpdateEventSubscriptionInput{Profile: &configure.Ref{Key: new("other")}})
		must(t, err)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
		var came []string
		for _, got := range now.Received() {
			came = append(came, got.ID)
		}
		if !sameIDs(came, events) || len(before.Received()) > 0 {
			t.Errorf("%v came, want each of %v once; %d requests to where it sent before", came, events, len(before.Received()))
		}
	})

	onEach(t, "are handed back by a worker that stops, and go with another", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("handed", receiver.URL(), inBuckets(3, time.Minute))
		stop := r.startWorker()
		events := r.publish(2)
		r.awaitTaken()
		stop()
		if n := len(receiver.Received()); n != 0 {
			t.Fatalf("%d requests though the bucket was not full", n)
		}
		r.startWorker()
		events = append(events, r.publish(1)...)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 3})
		received := receiver.Received()
		if len(received) != 1 || !sameIDs(eventsIn(t, received[0].Body), shown(events)) {
			t.Errorf("%d requests, want one with all three", len(received))
		}
		for _, d := range r.deliveries() {
			if d.AttemptCount != 1 {
				t.Errorf("%d attempts of a delivery that was handed back, want 1", d.AttemptCount)
			}
		}
	})
}

// What Redis has lost is queued again after a while: until then it must be settled, however long its bucket may wait.
func TestBucketsAfterRedisHasLostThem(t *testing.T) {
	t.Parallel()
	redis := testenv.StartRedis(t)
	r := newRig(t, testenv.Backend{DatabaseURL: testenv.Postgres(t), RedisURL: redis.URL()}, 1)
	receiver := testenv.NewReceiver(t)
	r.subscribe("waiting", receiver.URL(), inBuckets(3, time.Minute))
	r.startWorker()
	events := shown(r.publish(2))
	r.awaitTaken()
	redis.Flush()
	r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 2})
	if received := receiver.Received(); len(received) != 1 || !sameIDs(eventsIn(t, received[0].Body), events) {
		t.Errorf("%d requests, the first one of %v; want one of %v", len(received), eventsIn(t, received[0].Body), events)
	}
}

// awaitTaken waits until workers have taken all work of the first partition, of which they settle none.
func (r *rig) awaitTaken() {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() bool {
		progress, err := r.streams.Progress(r.t.Context(), 0)
		return err == nil && progress.OldestWork != 0 && progress.Backlog == 0
	}, "the work is taken")
}

func outcomes(attempts []*ent.Attempt) (outcomes []string) {
	for _, a := range attempts {
		outcomes = append(outcomes, a.Outcome)
	}
	return outcomes
}
