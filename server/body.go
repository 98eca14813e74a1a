package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hookline/hookline/graph"
)

// The memory of bodies that are read and worked on at the same time is bounded over all requests. It is taken as bytes come, not as a
// header announces them; where there is no more, the request is refused: nobody waits for memory while holding some.
const (
	maxBodies = 256 << 20 // bytes
	smallBody = 64 << 10  // bytes; larger bodies leave a quarter of maxBodies to those that are small
)

// bodies counts the bytes of the bodies that there are.
type bodies struct {
	taken atomic.Int64
	limit int64
}

// take takes n bytes more for a body that has size bytes with them, and reports whether there was room.
func (b *bodies) take(n, size int) bool {
	limit := b.limit
	if size > smallBody {
		limit -= limit / 4
	}
	if b.taken.Add(int64(n)) <= limit {
		return true
	}
	b.taken.Add(-int64(n))
	return false
}

// body is a request's body, or the beginning of it. Whoever has read one frees it when nothing uses it any more.
type body struct {
	bytes []byte
	of    *bodies
	taken int
}

// free gives back what the body has taken. It may be called again.
func (b *body) free() {
	if b.taken > 0 {
		b.of.taken.Add(-int64(b.taken))
	}
	*b = body{}
}

// grow makes room for what comes next: as much again as there is, but no more than is announced, if that is known.
func (b *body) grow(announced int64) bool {
	size := 2 * cap(b.bytes)
	if size == 0 {
		size = bytes.MinRead
		if announced > 0 {
			size = int(min(announced+1, smallBody)) // one more, to see the end
		}
	} else if announced > 0 && int64(size) > announced {
		size = max(int(announced)+1, len(b.bytes)+bytes.MinRead)
	}
	if !b.of.take(size-b.taken, size) {
		return false
	}
	b.taken = size
	b.bytes = append(make([]byte, 0, size), b.bytes...)
	return true
}

// readBody reads a request's body of at most limit bytes.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, limit int64, into *body) *problem {
	defer func() { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }() // it is not for what follows
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		w.Header().Set("Accept-Encoding", "identity") // https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
		p := problemf(graph.CodeBadInput, "a body of the Content-Encoding %.64q is not taken: send it as it is, without that header", encoding)
		p.status = http.StatusUnsupportedMediaType
		return p
	}
	if r.ContentLength > limit {
		return tooLarge(w, r, limit)
	}
	into.of = &s.bodies
	from := http.MaxBytesReader(nil, r.Body, limit)
	for {
		if len(into.bytes) == cap(into.bytes) && !into.grow(r.ContentLength) {
			return problemf(graph.CodeOverloaded, "requests with large bodies come faster than they can be worked on, and nothing was done; try again later")
		}
		n, err := from.Read(into.bytes[len(into.bytes):cap(into.bytes)])
		into.bytes = into.bytes[:len(into.bytes)+n]
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case isTooLarge(err):
			return tooLarge(w, r, limit)
		case err != nil:
			return problemf(graph.CodeBadInput, "the request's body could not be read")
		}
	}
}

func isTooLarge(err error) bool {
	_, is := errors.AsType[*http.MaxBytesError](err)
	return is
}

func tooLarge(w http.ResponseWriter, r *http.Request, limit int64) *problem {
	w.Header().Set("Connection", "close") // the rest is not waited for
	remedy := "publish fewer events in a request"
	if r.URL.Path == graphQLPath {
		remedy += ", or by POST " + eventsPath + ", which takes larger ones"
	}
	return problemf(graph.CodeTooLarge, "the request's body is larger than the limit of %s: %s", inBytes(limit), remedy)
}

// inBytes shows a number of bytes.
func inBytes(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d bytes (%d MiB)", n, n>>20)
	}
	return fmt.Sprintf("%d bytes", n)
}

// byteOrderMark may begin a text in UTF-8. JSON does not have one, and may be read without it
// (https://www.rfc-editor.org/rfc/rfc8259#section-8.1).
var byteOrderMark = []byte("\uFEFF")
