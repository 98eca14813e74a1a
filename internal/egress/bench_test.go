package egress_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hookline/hookline/internal/egress"
)

// BenchmarkDo compares a request with the same one through a bare net/http client. The receiver runs in this process:
// its time and allocations are in both figures.
func BenchmarkDo(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	body := bytes.Repeat([]byte("x"), 512)
	header := func() http.Header {
		return http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Hookline"}}
	}

	b.Run("egress", func(b *testing.B) {
		client := egress.New(egress.Config{Policy: loopback})
		defer client.Close()
		b.ReportAllocs()
		for b.Loop() {
			resp := client.Do(context.Background(), egress.Request{URL: server.URL, Header: header(), Body: body})
			if resp.Err != nil || string(resp.Body) != "ok" {
				b.Fatal(resp.StatusCode, resp.Err)
			}
		}
	})
	b.Run("net_http", func(b *testing.B) {
		client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
		defer client.CloseIdleConnections()
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithTimeout(context.Background(), egress.DefaultTotalTimeout)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			req.Header = header()
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "ok" {
				b.Fatal(got, err)
			}
			_ = resp.Body.Close()
			cancel()
		}
	})
}
