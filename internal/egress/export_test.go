package egress

import "time"

// SetPing shortens how long a silent HTTP/2 connection is left alone. It must be called before the first Do.
func (c *Client) SetPing(after, timeout time.Duration) {
	c.transports.pingAfter, c.transports.pingTimeout = after, timeout
}
