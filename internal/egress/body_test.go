package egress_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/hookline/hookline/internal/egress"
)

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
