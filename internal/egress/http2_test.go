package egress_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/hookline/hookline/internal/egress"
)

// serveFrames speaks bare HTTP/2: it passes every frame to handle, which may answer through the framer. It returns the
// server's URL, and a channel that gets a value whenever a connection has ended.
func serveFrames(t *testing.T, ca *authority, handle func(*http2.Framer, http2.Frame)) (url string, ended chan struct{}) {
	t.Helper()
	config := &tls.Config{
		NextProtos: []string{"h2"}, Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())},
	}
	ended = make(chan struct{}, 10)
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		defer func() { ended <- struct{}{} }()
		secure := tls.Server(conn, config)
		if _, err := io.ReadFull(secure, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(secure, secure)
		if framer.WriteSettings() != nil {
			return
		}
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			handle(framer, frame)
		}
	})
	return "https://" + address, ended
}

// endsRequest reports whether frame is the last of a request.
func endsRequest(frame http2.Frame) bool {
	switch frame := frame.(type) {
	case *http2.HeadersFrame:
		return frame.StreamEnded()
	case *http2.DataFrame:
		return frame.StreamEnded()
	}
	return false
}

// net/http sends a refused HTTP/2 request again if it can.
func TestDoSendsOnceWhenHTTP2RefusesTheStream(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	for name, refuse := range map[string]func(*http2.Framer, uint32) error{
		"REFUSED_STREAM": func(f *http2.Framer, stream uint32) error {
			return f.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		},
		"PROTOCOL_ERROR": func(f *http2.Framer, stream uint32) error {
			return f.WriteRSTStream(stream, http2.ErrCodeProtocol)
		},
		"GOAWAY": func(f *http2.Framer, _ uint32) error { return f.WriteGoAway(0, http2.ErrCodeNo, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			url, _ := serveFrames(t, ca, func(framer *http2.Framer, frame http2.Frame) {
				if endsRequest(frame) {
					requests.Add(1)
					_ = refuse(framer, frame.Header().StreamID)
				}
			})
			header := http.Header{"Idempotency-Key": {"1"}}
			resp := do(t, newClient(t, egress.Config{RootCAs: ca.pool}), url, egress.Request{Header: header})
			wantKind(t, resp, egress.KindConnect, "")
			if text := resp.Err.Error(); strings.Contains(text, "GetBody") || !strings.Contains(text, name) {
				t.Errorf("error: %s", text)
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%d requests arrived, want 1", n)
			}
		})
	}
}

// An HTTP/2 connection whose path has died takes every request to its host with it, until it is found out.
func TestDoDropsAnHTTP2ConnectionThatShowsNoLife(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	url, ended := serveFrames(t, ca, func(*http2.Framer, http2.Frame) {}) // not even pings are answered
	client := newClient(t, egress.Config{RootCAs: ca.pool})
	client.SetPing(100*time.Millisecond, 100*time.Millisecond)
	resp := do(t, client, url, egress.Request{ReadTimeout: time.Minute})
	wantKind(t, resp, egress.KindConnect, "connection lost")
	<-ended
}

// Packets of one request do not hide the silence of another on the same connection.
func TestDoTimesOutOneHTTP2RequestAmongOthers(t *testing.T) {
	t.Parallel()
	const readTimeout = 400 * time.Millisecond
	ca := newAuthority(t)
	started := make(chan struct{})
	timedOut := make(chan struct{})
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	url := serveTLS(t, config, true, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-Behaviour") {
		case "hang":
			<-r.Context().Done()
		case "trickle":
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for first := true; ; first = false {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				if first {
					close(started)
				}
				select {
				case <-timedOut:
					return
				case <-tick.C:
				}
			}
		}
	})
	client := newClient(t, egress.Config{RootCAs: ca.pool})
	if resp := do(t, client, url, egress.Request{}); resp.Err != nil {
		t.Fatal(resp.Err)
	}
	trickled := make(chan egress.Response)
	go func() {
		header := http.Header{"X-Behaviour": {"trickle"}}
		trickled <- do(t, client, url, egress.Request{Header: header, ReadTimeout: readTimeout})
	}()
	<-started
	resp := do(t, client, url, egress.Request{Header: http.Header{"X-Behaviour": {"hang"}}, ReadTimeout: readTimeout})
	close(timedOut)
	if other := <-trickled; other.Err != nil || !other.Timing.Reused || len(other.Body) == 0 {
		t.Errorf("the other request: %q, reused %v, %v", other.Body, other.Timing.Reused, other.Err)
	}
	wantKind(t, resp, egress.KindTimeout, "read timeout")
	if !resp.Timing.Reused {
		t.Error("the requests did not share a connection")
	}
}

// What an endpoint may send unread is bounded for each request.
func TestDoBoundsTheWindowOfAnHTTP2Stream(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	windows := make(chan uint32, 1)
	url, _ := serveFrames(t, ca, func(framer *http2.Framer, frame http2.Frame) {
		if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
			size, _ := settings.Value(http2.SettingInitialWindowSize)
			windows <- size
		}
		if endsRequest(frame) {
			_ = framer.WriteRSTStream(frame.Header().StreamID, http2.ErrCodeInternal)
		}
	})
	do(t, newClient(t, egress.Config{RootCAs: ca.pool}), url, egress.Request{})
	if size := <-windows; size == 0 || size > 128<<10 {
		t.Errorf("the window of a stream is %d bytes", size)
	}
}

func TestDoBoundsTheBodyOverHTTP2(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	stopped := make(chan struct{})
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	url := serveTLS(t, config, true, func(w http.ResponseWriter, _ *http.Request) {
		defer close(stopped)
		for {
			if _, err := w.Write(make([]byte, 16<<10)); err != nil {
				return
			}
		}
	})
	resp := do(t, newClient(t, egress.Config{RootCAs: ca.pool}), url, egress.Request{})
	if resp.Err != nil || !resp.BodyTruncated || len(resp.Body) != egress.DefaultMaxBody {
		t.Errorf("kept %d bytes, truncated %v, %v", len(resp.Body), resp.BodyTruncated, resp.Err)
	}
	<-stopped
}
