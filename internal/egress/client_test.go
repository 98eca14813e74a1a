package egress_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestDoSendsTheRequestAndReturnsTheAnswer(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 2)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		seen <- r
		w.Header().Set("X-Answer", "42")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("thanks"))
	})
	client := newClient(t, egress.Config{UserAgent: "Hookline/1.2"})

	resp := do(t, client, url, egress.Request{Header: http.Header{"X-Custom": {"a", "b"}}, Body: []byte("hello")})
	if resp.Err != nil || resp.StatusCode != http.StatusAccepted || string(resp.Body) != "thanks" || resp.BodyTruncated ||
		resp.Header.Get("X-Answer") != "42" {
		t.Fatalf("answer: %+v", resp)
	}
	if host := strings.TrimPrefix(url, "http://"); resp.RemoteAddr != host || resp.TLSVersion != 0 {
		t.Errorf("RemoteAddr %q, TLSVersion %x; want %q, 0", resp.RemoteAddr, resp.TLSVersion, host)
	}
	timing := resp.Timing
	if timing.Reused || timing.Connect <= 0 || timing.TLS != 0 || timing.FirstByte < timing.Connect ||
		timing.Total < timing.FirstByte {
		t.Errorf("timing of a new connection: %+v", timing)
	}
	r := <-seen
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || string(body) != "hello" || r.ContentLength != 5 || r.UserAgent() != "Hookline/1.2" ||
		len(r.Header["X-Custom"]) != 2 || r.URL.RawQuery != "token="+secret {
		t.Errorf("request: %s %s %v, body %q", r.Method, r.URL, r.Header, body)
	}
	if encoding, ok := r.Header["Accept-Encoding"]; ok {
		t.Errorf("Accept-Encoding: %v", encoding)
	}

	resp = do(t, client, url, egress.Request{Method: http.MethodPut, Header: http.Header{"User-Agent": {"other"}}})
	timing = resp.Timing
	if resp.Err != nil || !timing.Reused || timing.Connect != 0 || timing.FirstByte <= 0 {
		t.Errorf("timing of a reused connection: %+v, %v", timing, resp.Err)
	}
	if r := <-seen; r.Method != http.MethodPut || r.UserAgent() != "other" {
		t.Errorf("request: %s by %s", r.Method, r.UserAgent())
	}
}

func TestDoFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				t.Errorf("redirect followed to %s", r.URL)
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		resp := do(t, newClient(t, egress.Config{}), url, egress.Request{})
		if resp.Err != nil || resp.StatusCode != status || resp.Header.Get("Location") != "/elsewhere" {
			t.Errorf("answer %d, %v; want %d", resp.StatusCode, resp.Err, status)
		}
	}
}

func TestDoNeverDecompresses(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "not gzip at all")
	})
	resp := do(t, newClient(t, egress.Config{}), url, egress.Request{})
	if resp.Err != nil || string(resp.Body) != "not gzip at all" || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("answer: %q, %v", resp.Body, resp.Err)
	}
}

func TestDoBoundsTheBody(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		size      int
		declared  bool
		maxBody   int
		kept      int
		truncated bool
	}{
		{name: "empty", size: 0, maxBody: 10, kept: 0},
		{name: "shorter", size: 9, maxBody: 10, kept: 9},
		{name: "exact", size: 10, maxBody: 10, kept: 10},
		{name: "exact_declared", size: 10, declared: true, maxBody: 10, kept: 10},
		{name: "longer", size: 20, maxBody: 10, kept: 10, truncated: true},
		{name: "longer_declared", size: 20, declared: true, maxBody: 10, kept: 10, truncated: true},
		{name: "grows", size: 60_000, maxBody: 60_000, kept: 60_000},
		{name: "grows_declared", size: 60_000, declared: true, maxBody: 60_000, kept: 60_000},
		{name: "default", size: 100_000, maxBody: 0, kept: egress.DefaultMaxBody, truncated: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.declared {
					w.Header().Set("Content-Length", fmt.Sprint(test.size))
				}
				w.WriteHeader(http.StatusOK)
				if !test.declared {
					_ = http.NewResponseController(w).Flush() // chunked
				}
				_, _ = w.Write(bytes.Repeat([]byte("x"), test.size))
			})
			client := newClient(t, egress.Config{})
			resp := do(t, client, url, egress.Request{MaxBody: test.maxBody})
			if resp.Err != nil || len(resp.Body) != test.kept || resp.BodyTruncated != test.truncated {
				t.Fatalf("kept %d bytes, truncated %v, %v; want %d, %v",
					len(resp.Body), resp.BodyTruncated, resp.Err, test.kept, test.truncated)
			}
			// A connection with an unread rest is dropped, any other used again.
			resp = do(t, client, url, egress.Request{MaxBody: test.maxBody})
			if resp.Err != nil || resp.Timing.Reused == test.truncated {
				t.Errorf("second request: reused %v, %v", resp.Timing.Reused, resp.Err)
			}
		})
	}
}

func TestDoDropsTheConnectionOfAnEndlessBody(t *testing.T) {
	t.Parallel()
	dropped := make(chan struct{})
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		defer close(dropped)
		awaitRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{})
	if resp.Err != nil || !resp.BodyTruncated || len(resp.Body) != egress.DefaultMaxBody {
		t.Fatalf("kept %d bytes, truncated %v, %v", len(resp.Body), resp.BodyTruncated, resp.Err)
	}
	<-dropped
}

func TestDoBoundsTheHeader(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, r *http.Request) {
		size := 60_000
		if r.Header.Get("X-Size") == "large" {
			size = 70_000
		}
		w.Header().Set("X-Long", strings.Repeat("x", size))
	}
	ca := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	for name, url := range map[string]string{"http1": serve(t, answer), "http2": serveTLS(t, config, true, answer)} {
		client := newClient(t, egress.Config{RootCAs: ca.pool})
		if resp := do(t, client, url, egress.Request{}); resp.Err != nil {
			t.Errorf("%s, a header of 60,000 bytes: %v", name, resp.Err)
		}
		resp := do(t, client, url, egress.Request{Header: http.Header{"X-Size": {"large"}}})
		wantKind(t, resp, egress.KindProtocol, map[string]string{"http1": "header", "http2": "COMPRESSION"}[name])
	}
}

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
	resp := doContext(t, ctx, client, "http://"+address, egress.Request{})
	wantKind(t, resp, egress.KindCancelled, "worker stops")
	if !errors.Is(resp.Err, context.Canceled) {
		t.Errorf("error %v does not wrap context.Canceled", resp.Err)
	}

	ctx, stop := context.WithCancel(t.Context())
	go func() { <-arrived; stop() }()
	wantKind(t, doContext(t, ctx, client, "http://"+address, egress.Request{}), egress.KindCancelled, "context canceled")

	ctx, stop = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	wantKind(t, doContext(t, ctx, client, "http://"+address, egress.Request{}), egress.KindTimeout, "deadline")
}

func TestDoRefusesMalformedAnswers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"no_http":           "SSH-2.0-OpenSSH_9.9\r\n",
		"status_line":       "HTTP/1.1 abc OK\r\n\r\n",
		"status_too_long":   "HTTP/1.1 2000 OK\r\n\r\n",
		"header_line":       "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
		"length":            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"two_lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"encoding":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: weird\r\n\r\n",
		"chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"short_body":        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
		"short_chunk":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nshort",
		"cut_header":        "HTTP/1.1 200 OK\r\nX-A: ",
		"status_099":        "HTTP/1.1 099 OK\r\n\r\n",
		"switches_protocol": "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"endless_1xx":       strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 5000),
		"long_line":         "HTTP/1.1 " + strings.Repeat("9", 60_000) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := listen(t, "127.0.0.1:0", answerOnce(answer))
			resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{})
			wantKind(t, resp, egress.KindProtocol, "")
			if n := len(resp.Err.Error()); n > 600 {
				t.Errorf("the error's text has %d bytes", n)
			}
		})
	}
}

// answerOnce reads a request, writes answer and closes the connection for writing.
func answerOnce(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.(*net.TCPConn).CloseWrite()
		drain(conn)
	}
}

func TestDoPassesOverInformationalAnswers(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, "127.0.0.1:0",
		answerOnce("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{})
	if resp.Err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("answer %d, %v", resp.StatusCode, resp.Err)
	}
}

func TestDoReportsAReset(t *testing.T) {
	t.Parallel()
	reset := func(answer string) string {
		address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, answer)
			_ = conn.(*net.TCPConn).SetLinger(0) // close with RST
		})
		return "http://" + address
	}
	client := newClient(t, egress.Config{})

	resp := do(t, client, reset(""), egress.Request{})
	wantKind(t, resp, egress.KindConnect, "")
	if !strings.Contains(resp.Err.Hint(), "closed before an answer") {
		t.Errorf("hint: %s", resp.Err.Hint())
	}
	if strings.Contains(resp.Err.Error(), "->") {
		t.Errorf("the error gives our own address away: %s", resp.Err)
	}
	resp = do(t, client, reset("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), egress.Request{})
	wantKind(t, resp, egress.KindProtocol, "")
}

func TestDoReportsARefusedConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	resp := do(t, newClient(t, egress.Config{}), "http://"+listener.Addr().String(), egress.Request{})
	wantKind(t, resp, egress.KindConnect, "refused")
	if resp.Timing.Connect <= 0 || !strings.Contains(resp.Err.Hint(), "Nothing accepted the connection") {
		t.Errorf("timing %+v, hint %q", resp.Timing, resp.Err.Hint())
	}
}

func TestDoRefusesURLsThatThePolicyRefuses(t *testing.T) {
	t.Parallel()
	strict := egress.New(egress.Config{Policy: addrguard.Policy{}})
	t.Cleanup(strict.Close)
	for url, says := range map[string]string{
		"https://127.0.0.1":           "loopback",
		"https://169.254.169.254":     "cloud metadata",
		"https://[::ffff:127.0.0.1]":  "loopback",
		"https://2130706433":          "unusual way",
		"https://localhost":           "loopback",
		"http://example.com":          "HOOKLINE_ALLOW_HTTP",
		"https://user:pw@example.com": "auth setting",
		"://":                         "cannot be read",
	} {
		resp := do(t, strict, url, egress.Request{})
		wantKind(t, resp, egress.KindBlocked, says)
	}
}

// Each request goes out at most once, even where net/http would send it again of its own accord: over a kept
// connection that the server closes, with a header that calls the request idempotent.
func TestDoSendsOnceWhenAKeptConnectionCloses(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]http.Header{
		"plain":         {},
		"idempotent":    {"Idempotency-Key": {"1"}},
		"x_idempotent":  {"X-Idempotency-Key": {"1"}},
		"empty_key":     {"Idempotency-Key": nil},
		"get_with_body": {"X-Method": {http.MethodGet}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requests := make(chan *http.Request, 10)
			address, conns := listen(t, "127.0.0.1:0", func(conn net.Conn) {
				reader := bufio.NewReader(conn)
				for n := range 2 {
					r, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					requests <- r
					if n == 0 {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				}
			})
			client := newClient(t, egress.Config{})
			send := func() egress.Response {
				return do(t, client, "http://"+address, egress.Request{Method: header.Get("X-Method"), Header: header.Clone()})
			}
			if resp := send(); resp.Err != nil {
				t.Fatal(resp.Err)
			}
			resp := send()
			wantKind(t, resp, egress.KindConnect, "closed")
			if !resp.Timing.Reused {
				t.Error("the second request did not use the kept connection")
			}
			if resp := send(); resp.Err != nil {
				t.Errorf("third request: %v", resp.Err)
			}
			if len(requests) != 3 || conns.total() != 2 {
				t.Errorf("3 calls made %d requests on %d connections, want 3 on 2", len(requests), conns.total())
			}
		})
	}
}

func TestDoServesManyAtOnce(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hook.example", tomorrow())}}
	urls := []string{serve(t, echo), serveTLS(t, config, false, echo), serveTLS(t, config.Clone(), true, echo)}
	client := newClient(t, egress.Config{RootCAs: ca.pool})
	var wg sync.WaitGroup
	for n := range 150 {
		wg.Go(func() {
			body := fmt.Sprintf("request %d", n)
			resp := do(t, client, urls[n%len(urls)], egress.Request{Body: []byte(body)})
			if resp.Err != nil || string(resp.Body) != body {
				t.Errorf("request %d: answer %q, %v", n, resp.Body, resp.Err)
			}
		})
	}
	wg.Wait()
}

// Common servers close an idle connection after five seconds. A POST that they cross fails, so we close it before.
func TestDoClosesIdleConnectionsBeforeServersDo(t *testing.T) {
	t.Parallel()
	closed := make(chan time.Time, 1)
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		awaitRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		drain(conn)
		closed <- time.Now()
	})
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{})
	answered := time.Now()
	if resp.Err != nil {
		t.Fatal(resp.Err)
	}
	if kept := (<-closed).Sub(answered); kept < 3*time.Second || kept > 5*time.Second {
		t.Errorf("the idle connection was kept for %v", kept)
	}
}

func TestDoAnswersEarly(t *testing.T) {
	t.Parallel()
	address, _ := listen(t, "127.0.0.1:0", func(conn net.Conn) {
		awaitRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nlarge")
		<-t.Context().Done()
	})
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{Body: make([]byte, 16<<20)})
	if resp.Err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || string(resp.Body) != "large" {
		t.Errorf("answer %d %q, %v", resp.StatusCode, resp.Body, resp.Err)
	}
}
