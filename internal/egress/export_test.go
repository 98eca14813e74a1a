package egress

import (
	"errors"
	"syscall"
	"time"
)

// SetPing shortens how long a silent HTTP/2 connection is left alone. It must be called before the first Do.
func (c *Client) SetPing(after, timeout time.Duration) {
	c.transports.pingAfter, c.transports.pingTimeout = after, timeout
}

// Watch tells of every address that the guard lets through, in place of connecting to it. It must be called before the first Do.
func (c *Client) Watch(passed func(address string)) {
	guard := c.transports.dialer.control
	c.transports.dialer.control = func(network, address string, raw syscall.RawConn) error {
		if err := guard(network, address, raw); err != nil {
			return err
		}
		passed(address)
		return errors.New("watched only")
	}
}
