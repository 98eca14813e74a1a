package egress_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
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
