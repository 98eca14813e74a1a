package egress

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

var epoch = time.Now()

// clock is the monotonic time of this process: cheaper to read and to store atomically than a time.Time.
func clock() time.Duration { return time.Since(epoch) }

// conn is a connection that knows how it was made and when bytes last came over it.
type conn struct {
	net.Conn
	remote string
	made   phases
	begun  time.Duration // by clock, when its dial began

	// Set before net/http gets the connection; zero for plain http.
	tlsVersion uint16
	shared     bool // HTTP/2: several requests at once
	asked      bool // the endpoint asked for a client certificate

	moved atomic.Int64         // by clock, when bytes last came
	gated atomic.Pointer[call] // asked before the next byte is sent; nil for nobody
}

// phases says how long the parts of making a connection took.
type phases struct{ dns, connect, tls time.Duration }

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.moved.Store(int64(clock()))
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if next := c.gated.Load(); next != nil {
		c.gated.Store(nil)
		if err := next.pass(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// underlying finds the conn in a connection of net/http.
func underlying(c net.Conn) *conn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	own, _ := c.(*conn)
	return own
}
