package testenv

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestReceiverResponds(t *testing.T) {
	t.Parallel()
	t.Run("200_by_default", func(t *testing.T) {
		t.Parallel()
		res, body := send(t, http.DefaultTransport, newRequest(t, NewReceiver(t).URL(), "evt_1", "{}"))
		if res.StatusCode != 200 || body != "" {
			t.Errorf("got %d %q", res.StatusCode, body)
		}
	})
	t.Run("with_status,_headers_and_body", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.Respond(func(int, *Received) Response {
			return Response{Status: 503, Header: http.Header{"retry-after": {"7"}}, Body: []byte("busy")}
		})
		res, body := send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}"))
		if res.StatusCode != 503 || res.Header.Get("Retry-After") != "7" || body != "busy" {
			t.Errorf("got %d %v %q", res.StatusCode, res.Header, body)
		}
	})
	t.Run("by_number_and_by_request", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.Respond(func(n int, req *Received) Response { return Response{Status: 200 + n, Body: []byte(req.ID)} })
		for n, id := range []string{"evt_a", "evt_b"} {
			res, body := send(t, http.DefaultTransport, newRequest(t, r.URL(), id, "{}"))
			if res.StatusCode != 201+n || body != id {
				t.Errorf("got %d %q", res.StatusCode, body)
			}
		}
	})
	t.Run("when_it_is_released", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		release := make(chan struct{})
		r.Respond(func(int, *Received) Response { return Response{Release: release} })
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}"))
		}()
		r.Wait(t.Context(), 1)
		select {
		case <-answered:
			t.Error("answered before")
		default:
		}
		close(release)
		<-answered
	})
	t.Run("after_a_delay", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.Respond(func(int, *Received) Response { return Response{Delay: 50 * time.Millisecond} })
		start := time.Now()
		send(t, http.DefaultTransport, newRequest(t, r.URL(), "evt_1", "{}"))
		if took := time.Since(start); took < 50*time.Millisecond {
			t.Errorf("after %v", took)
		}
	})
	t.Run("never,_until_the_client_leaves", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.Respond(func(int, *Received) Response { return Response{Hang: true} })
		ctx, cancel := context.WithCancel(t.Context())
		req := newRequest(t, r.URL(), "evt_1", "{}").WithContext(ctx)
		failed := make(chan error, 1)
		go func() {
			_, err := http.DefaultTransport.RoundTrip(req)
			failed <- err
		}()
		r.Wait(t.Context(), 1)
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("never,_until_the_test_ends", func(t *testing.T) {
		t.Parallel()
		failed := make(chan error, 1)
		t.Run("test", func(t *testing.T) {
			r := NewReceiver(t)
			r.Respond(func(int, *Received) Response { return Response{Hang: true} })
			req := newRequest(t, r.URL(), "evt_1", "{}").WithContext(context.WithoutCancel(t.Context()))
			go func() {
				_, err := http.DefaultTransport.RoundTrip(req)
				failed <- err
			}()
			r.Wait(t.Context(), 1)
		})
		if err := <-failed; err == nil {
			t.Error("answered")
		}
	})
	t.Run("byte_by_byte", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		tick := make(chan time.Time)
		r.Respond(func(int, *Received) Response { return Response{Body: []byte("ab"), Tick: tick} })
		res, err := http.DefaultTransport.RoundTrip(newRequest(t, r.URL(), "evt_1", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body := bufio.NewReader(res.Body)
		for _, want := range []byte("ab") {
			tick <- time.Time{}
			if got, err := body.ReadByte(); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		if _, err := body.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v at the end", err)
		}
	})
	t.Run("by_cutting_the_connection", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		r.Respond(func(int, *Received) Response { return Response{Abort: true} })
		if _, err := http.DefaultTransport.RoundTrip(newRequest(t, r.URL(), "evt_1", "{}")); err == nil {
			t.Error("answered")
		}
	})
	t.Run("by_cutting_the_body", func(t *testing.T) {
		t.Parallel()
		r := NewReceiver(t)
		tick := make(chan time.Time, 2)
		tick <- time.Time{}
		tick <- time.Time{}
		r.Respond(func(int, *Received) Response {
			return Response{Header: http.Header{"Content-Length": {"2"}}, Body: []byte("ab"), Tick: tick, Abort: true}
		})
		res, err := http.DefaultTransport.RoundTrip(newRequest(t, r.URL(), "evt_1", "{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != "a" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}
