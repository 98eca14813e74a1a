package egress_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/egress"
)

func TestDoTimesOut(t *testing.T) {
	t.Parallel()
	const short, long = 150 * time.Millisecond, time.Minute
	for _, test := range []struct {
		name    string
		answer  string // before the silence
		req     egress.Request
		says    string
		status  int
		partial string
	}{
		{
			name: "without_an_answer",
			req:  egress.Request{ReadTimeout: short}, says: "no packet within 150ms (read timeout)",
		},
		{
			name: "in_the_status_line", answer: "HTTP/1.",
			req: egress.Request{ReadTimeout: short}, says: "read timeout",
		},
		{
			name: "in_the_header", answer: "HTTP/1.1 200 OK\r\nX-A: b\r\n",
			req: egress.Request{ReadTimeout: short}, says: "read timeout",
		},
		{
			name: "in_the_body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
			req: egress.Request{ReadTimeout: short}, says: "read timeout", status: 200, partial: "hello",
		},
		{
			name: "as_a_whole", answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
			req:  egress.Request{ReadTimeout: long, TotalTimeout: short},
			says: "no whole answer within 150ms (total timeout)", status: 200, partial: "hello",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
				awaitRequest(conn)
				_, _ = io.WriteString(conn, test.answer)
				drain(conn)
			})
			resp := do(t, newClient(t, egress.Config{}), "http://"+address, test.req)
			wantKind(t, resp, egress.KindTimeout, test.says)
			if resp.StatusCode != test.status || string(resp.Body) != test.partial {
				t.Errorf("status %d, body %q; want %d, %q", resp.StatusCode, resp.Body, test.status, test.partial)
			}
			if resp.Timing.Total < short || resp.Timing.Total > long/2 || resp.RemoteAddr != address {
				t.Errorf("after %v from %s", resp.Timing.Total, resp.RemoteAddr)
			}
		})
	}
}

func TestDoWaitsForAnAnswerThatTrickles(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"header": "HTTP/1.1 200 OK\r\nX-Slow: header, arriving byte by byte\r\nContent-Length: 2\r\n\r\nok",
		"body":   "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n" + strings.Repeat("x", 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
				awaitRequest(conn)
				trickle(conn, answer, 20*time.Millisecond)
				drain(conn)
			})
			const readTimeout = time.Second
			resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{ReadTimeout: readTimeout})
			if resp.Err != nil || resp.Timing.Total < readTimeout {
				t.Errorf("after %v: %v", resp.Timing.Total, resp.Err)
			}
		})
	}
}

func TestDoCutsATrickleAtTheTotalTimeout(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		awaitRequest(conn)
		trickle(conn, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 1_000_000), 2*time.Millisecond)
	})
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{TotalTimeout: 300 * time.Millisecond})
	wantKind(t, resp, egress.KindTimeout, "total timeout")
}

// A large request that is read slowly makes progress: that is not silence.
func TestDoWaitsForARequestThatIsReadSlowly(t *testing.T) {
	t.Parallel()
	const size = 24 << 20
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for left := int64(size); left > 0; {
			<-tick.C
			n, err := io.CopyN(io.Discard, conn, min(left, 512<<10))
			if err != nil {
				return
			}
			left -= n
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		drain(conn)
	})
	const readTimeout = 800 * time.Millisecond
	req := egress.Request{Body: make([]byte, size), ReadTimeout: readTimeout}
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, req)
	if resp.Err != nil || resp.Timing.Total < readTimeout {
		t.Errorf("after %v: %v", resp.Timing.Total, resp.Err)
	}
}

func TestDoWaitsForAnHTTP2RequestThatIsReadSlowly(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	url := serveTLS(t, config, true, func(_ http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for err := error(nil); err == nil; _, err = io.CopyN(io.Discard, r.Body, 128<<10) {
			<-tick.C
		}
	})
	const readTimeout = 800 * time.Millisecond
	req := egress.Request{Body: make([]byte, 8<<20), ReadTimeout: readTimeout}
	resp := do(t, newClient(t, egress.Config{RootCAs: ca.pool}), url, req)
	if resp.Err != nil || resp.Timing.Total < readTimeout {
		t.Errorf("after %v: %v", resp.Timing.Total, resp.Err)
	}
}

func TestDoIsCancelled(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 3)
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		awaitRequest(conn)
		arrived <- struct{}{}
		drain(conn)
	})
	client := newClient(t, egress.Config{})

	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-arrived; cancel(errors.New("worker stops")) }()
	resp := doContext(ctx, t, client, "http://"+address, egress.Request{})
	wantKind(t, resp, egress.KindCancelled, "worker stops")
	if !errors.Is(resp.Err, context.Canceled) {
		t.Errorf("error %v does not wrap context.Canceled", resp.Err)
	}

	ctx, stop := context.WithCancel(t.Context())
	go func() { <-arrived; stop() }()
	wantKind(t, doContext(ctx, t, client, "http://"+address, egress.Request{}), egress.KindCancelled, "context canceled")

	ctx, stop = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	wantKind(t, doContext(ctx, t, client, "http://"+address, egress.Request{}), egress.KindTimeout, "deadline")
}
