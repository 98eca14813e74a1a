package testenv

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

func TestReceiverRecords(t *testing.T) {
	t.Parallel()
	t.Run("requests_as_they_came", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		before := time.Now()
		req := newRequest(t, r.URL()+"/hooks?a=b", "evt_1", `{"n":1}`)
		req.Header.Set("X-Custom", "yes")
		send(t, http.DefaultTransport, req)
		got := r.Wait(t.Context(), 1)[0]
		if got.ID != "evt_1" || got.Method != "POST" || got.Path != "/hooks?a=b" || string(got.Body) != `{"n":1}` ||
			got.Header.Get("X-Custom") != "yes" || got.Proto != "HTTP/1.1" || got.TLS != nil ||
			!strings.HasPrefix(got.Remote, "127.0.0.1:") || got.At.Before(before) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("how_often_each_id_came", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		for _, id := range []string{"evt_1", "evt_2", "evt_1"} {
			send(t, http.DefaultTransport, newRequest(t, r.URL(), id, "{}"))
		}
		if got := r.ByID(); !maps.Equal(got, map[string]int{"evt_1": 2, "evt_2": 1}) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("the_most_requests_at_a_time", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		release := make(chan struct{})
		r.Respond(func(int, *Received) Response { return Response{Release: release} })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}")) })
		}
		r.Wait(t.Context(), 3)
		close(release)
		wg.Wait()
		send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}"))
		if got := r.MaxInFlight(); got != 3 {
			t.Errorf("got %d, want 3", got)
		}
	})
	t.Run("over_TLS_and_HTTP/2", func(t *testing.T) {
		t.Parallel()
		r := NewTLSReceiver(t, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 })
		client := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.CertPool()}, ForceAttemptHTTP2: true}
		defer client.CloseIdleConnections()
		send(t, client, newRequest(t, r.URL(), "evt_1", "{}"))
		got := r.Received()[0]
		if got.Proto != "HTTP/2.0" || got.TLS == nil || got.TLS.Version != tls.VersionTLS13 {
			t.Errorf("got %s, %+v", got.Proto, got.TLS)
		}
	})
}

func TestReceiverWait(t *testing.T) {
	t.Parallel()
	t.Run("returns_when_the_requests_have_come", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		var wg sync.WaitGroup
		defer wg.Wait()
		for i := range 5 {
			wg.Go(func() { send(t, http.DefaultTransport, newRequest(t, r.URL(), fmt.Sprint(i), "{}")) })
		}
		if got := r.Wait(t.Context(), 5); len(got) != 5 {
			t.Errorf("got %d", len(got))
		}
		got := r.WaitFor(t.Context(), func(all []Received) bool { return all[len(all)-1].ID != "" })
		if len(got) != 5 {
			t.Errorf("got %d", len(got))
		}
	})
	t.Run("fails_the_test_when_its_time_is_over", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("too late"))
		got := verdict(t, func(tb testing.TB) { r.t = tb; r.Wait(ctx, 1) })
		if !strings.HasPrefix(got, "fatal: ") || !strings.Contains(got, "too late") {
			t.Errorf("got %q", got)
		}
	})
}

func TestReceiverSignature(t *testing.T) {
	t.Parallel()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(t *testing.T, url string, at time.Time) *http.Request {
		req := newRequest(t, url, "evt_1", "{}")
		signature, err := signer.Sign("evt_1", at, []byte("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
		req.Header.Set("webhook-signature", signature)
		return req
	}
	for name, c := range map[string]struct {
		secret string
		at     time.Time
		want   error
	}{
		"right":                      {secret, time.Now(), nil},
		"of_another_secret":          {"whsec_" + strings.Repeat("A", 32), time.Now(), standardwebhooks.ErrNoMatchingSignature},
		"too_old":                    {secret, time.Now().Add(-time.Hour), standardwebhooks.ErrMessageTooOld},
		"not_verified_without_a_key": {"", time.Now(), ErrNotVerified},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewReceiver(t)
			if c.secret != "" {
				r.SetSecret(c.secret)
			}
			send(t, http.DefaultTransport, signed(t, r.URL(), c.at))
			if got := r.Received()[0].Signature; !errors.Is(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.SetSecret(secret)
		send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}"))
		if got := r.Received()[0].Signature; !errors.Is(got, standardwebhooks.ErrRequiredHeaders) {
			t.Errorf("got %v", got)
		}
	})
	t.Run("a_secret_that_is_none_fails_the_test", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		if got := verdict(t, func(tb testing.TB) { r.t = tb; r.SetSecret("not base64!") }); !strings.HasPrefix(got, "fatal: ") {
			t.Errorf("got %q", got)
		}
	})
}

// newRequest returns a POST with a webhook-id.
func newRequest(t *testing.T, url, id, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	return req
}

// send sends a request, which must be answered, and returns the answer and its body.
func send(t *testing.T, client http.RoundTripper, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Errorf("send: %v", err)
		return &http.Response{}, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("read the answer: %v", err)
	}
	return res, string(body)
}
