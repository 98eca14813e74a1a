package server

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/stream"
)

// newBodyServer returns a server that can do nothing but read bodies.
func newBodyServer(limit int64) *Server {
	return New(Config{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), MaxBodies: limit})
}

// slowly hands out a text in small pieces, and tells of each.
type slowly struct {
	text []byte
	sent int
	tell func(sent int)
}

func (s *slowly) Read(into []byte) (int, error) {
	s.tell(s.sent)
	if s.sent == len(s.text) {
		return 0, io.EOF
	}
	n := copy(into[:min(len(into), 10_000)], s.text[s.sent:])
	s.sent += n
	return n, nil
}

// TestReadBody: memory is taken as bytes come, whatever is announced, and given back.
func TestReadBody(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789"), 500_000)
	for name, announced := range map[string]int64{"announced": int64(len(text)), "not announced": -1, "announced too large": 30 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newBodyServer(0)
			var held body
			request := httptest.NewRequest(http.MethodPost, "/v1/events", nil)
			request.ContentLength = announced
			request.Body = io.NopCloser(&slowly{text: text, tell: func(sent int) {
				if taken, most := s.bodies.taken.Load(), int64(max(smallBody, 2*sent)); taken > most || taken != int64(cap(held.bytes)) {
					t.Fatalf("%d bytes are taken, and there is room for %d, after %d came", taken, cap(held.bytes), sent)
				}
			}})
			if p := s.readBody(httptest.NewRecorder(), request, 32<<20, &held); p != nil || !bytes.Equal(held.bytes, text) {
				t.Fatalf("%+v, %d bytes", p, len(held.bytes))
			}
			if taken := s.bodies.taken.Load(); announced == int64(len(text)) && taken > announced+1 {
				t.Errorf("%d bytes are taken for %d", taken, announced)
			}
			for range 2 {
				held.free()
			}
			if taken := s.bodies.taken.Load(); taken != 0 {
				t.Errorf("%d bytes are taken in the end", taken)
			}
		})
	}
}

// TestBodies: large bodies leave room for small ones.
func TestBodies(t *testing.T) {
	t.Parallel()
	s := newBodyServer(1 << 20)
	read := func(size int, into *body) *problem {
		request := httptest.NewRequest(http.MethodPost, "/v1/events", strings.NewReader(strings.Repeat("x", size)))
		return s.readBody(httptest.NewRecorder(), request, 32<<20, into)
	}
	var large, another, small, alone body
	if p := read(700<<10, &large); p != nil {
		t.Fatal(p.message)
	}
	if p := read(100<<10, &another); p == nil || p.code != "OVERLOADED" {
		t.Errorf("another large one: %+v", p)
	}
	another.free() // what there was of it
	if p := read(60<<10, &small); p != nil {
		t.Errorf("a small one: %s", p.message)
	}
	small.free()
	large.free()
	if p := read(600<<10, &alone); p != nil {
		t.Errorf("when there is room again: %s", p.message)
	}
	alone.free()
	if taken := s.bodies.taken.Load(); taken != 0 {
		t.Errorf("%d bytes are taken in the end", taken)
	}
}

// TestMaxGraphQLBody: the largest payload that is configured can be published over GraphQL, too.
func TestMaxGraphQLBody(t *testing.T) {
	t.Parallel()
	streams, err := stream.Open(stream.Config{URL: stream.Embedded, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = streams.Close() })
	for payload, want := range map[int]int64{0: 8 << 20, 4 << 20: 8 << 20, 16 << 20: 32 << 20} {
		metrics := prometheus.NewRegistry()
		s := New(Config{
			Log: slog.New(slog.DiscardHandler), Metrics: metrics,
			Accepter: accept.New(accept.Config{Streams: streams, Metrics: metrics, Limits: accept.Limits{MaxPayload: payload}}),
		})
		if got := s.config.MaxGraphQLBody; got != want {
			t.Errorf("payloads of %d bytes: bodies of %d, want %d", payload, got, want)
		}
	}
}

// BenchmarkReadBody measures reading the body of a small request.
func BenchmarkReadBody(b *testing.B) {
	s := newBodyServer(0)
	text := strings.Repeat("x", 512)
	request := httptest.NewRequest(http.MethodPost, "/v1/events", nil)
	request.ContentLength = int64(len(text))
	recorder := httptest.NewRecorder()
	from := strings.NewReader(text)
	request.Body = io.NopCloser(from)
	b.ReportAllocs()
	for b.Loop() {
		from.Reset(text)
		var held body
		if p := s.readBody(recorder, request, 32<<20, &held); p != nil {
			b.Fatal(p.message)
		}
		held.free()
	}
}
