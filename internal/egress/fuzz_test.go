package egress_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/egress"
)

// FuzzAnswer holds that whatever bytes an endpoint answers with, Do ends with a valid status or an error of a fitting
// kind, and keeps to its bounds.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.0 500 \r\n\r\nlong answer",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "HTTP/1.1 101 \r\n\r\n",
		"HTTP/1.1 100 \r\n\r\nHTTP/1.1 204 \r\n\r\n", "\x16\x03\x01", "HTTP/2.0 200 OK\r\n\r\n",
	} {
		f.Add([]byte(answer))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	client := egress.New(egress.Config{Policy: loopback})
	f.Cleanup(func() { client.Close(); _ = listener.Close() })

	f.Fuzz(func(t *testing.T, answer []byte) {
		served := make(chan struct{})
		go func() {
			defer close(served)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if n, _ := conn.Read(make([]byte, 4096)); n > 0 {
				_, _ = conn.Write(answer)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			}
		}()
		const maxBody = 10
		resp := do(t, client, "http://"+listener.Addr().String(), egress.Request{
			Header: http.Header{"Connection": {"close"}}, MaxBody: maxBody, TotalTimeout: 10 * time.Second,
		})
		client.Close()
		<-served
		if len(resp.Body) > maxBody || resp.BodyTruncated && len(resp.Body) != maxBody {
			t.Errorf("kept %d bytes, truncated %v", len(resp.Body), resp.BodyTruncated)
		}
		switch {
		case resp.Err == nil:
			if resp.StatusCode < 200 || resp.StatusCode > 999 {
				t.Errorf("status %d", resp.StatusCode)
			}
		case resp.Err.Kind != egress.KindProtocol && resp.Err.Kind != egress.KindConnect:
			t.Errorf("error %v of kind %s", resp.Err, resp.Err.Kind)
		case len(resp.Err.Error()) > 600:
			t.Errorf("the error's text has %d bytes", len(resp.Err.Error()))
		}
	})
}
