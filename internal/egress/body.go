package egress

import (
	"bytes"
	"io"
)

// requestBody returns the body for net/http to send. If it is small, net/http is shown that it is in memory, and puts
// header and body into one packet. If it is larger than the window with which HTTP/2 begins, its being read is
// progress: nothing else shows that an endpoint takes in a long request.
func (c *call) requestBody() io.ReadCloser {
	if c.body.Size() <= 65535 {
		return io.NopCloser(&c.body)
	}
	return upload{&c.body, c.moved}
}

// upload calls moved after each read.
type upload struct {
	body  *bytes.Reader
	moved func()
}

func (u upload) Read(p []byte) (int, error) {
	defer u.moved()
	return u.body.Read(p)
}

func (u upload) Close() error { return nil }

// readBody reads up to limit bytes, and one more to see whether there are more; it calls moved after each read. length
// is what the header declares, or -1. Memory grows with what comes, not with what is declared. With an error it
// returns what came before it.
func readBody(body io.Reader, length int64, limit int, moved func()) (read []byte, truncated bool, err error) {
	if length == 0 {
		return nil, false, nil
	}
	size := 512
	if length > 0 {
		size = int(min(length, 4095)) + 1 // room to see the end without growing
	}
	buf := make([]byte, 0, min(size, limit+1))
	for err == nil && len(buf) <= limit {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		var n int
		n, err = body.Read(buf[len(buf):min(cap(buf), limit+1)])
		buf = buf[:len(buf)+n]
		moved()
	}
	if len(buf) > limit {
		return buf[:limit], true, nil
	}
	if err == io.EOF {
		err = nil
	}
	return buf, false, err
}
