// Package egress holds Hookline's only HTTP client for hosts that customers choose. Every dial passes the address guard
// after the name lookup; proxies, redirects and decompression are off; time, header and body are bounded; and a request
// that has a body is sent at most once.
package egress

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"

	"github.com/hookline/hookline/internal/addrguard"
)

// Config is what a Client needs. Only Policy matters to most callers.
type Config struct {
	Policy    addrguard.Policy
	UserAgent string         // of requests that bring none; empty means "Hookline"
	Resolver  *net.Resolver  // nil means the system's
	RootCAs   *x509.CertPool // nil means the system's
}

// Client sends requests. It is safe for concurrent use.
type Client struct {
	policy     addrguard.Policy
	userAgent  []string
	transports *transports
}

// New returns a Client. It holds no connections until it is used.
func New(config Config) *Client {
	if config.UserAgent == "" {
		config.UserAgent = "Hookline"
	}
	return &Client{
		policy:    config.Policy,
		userAgent: []string{config.UserAgent},
		transports: newTransports(maxTransports,
			&dialer{control: config.Policy.Control, resolver: config.Resolver, pacer: newPacer(dialPatience)}, config.RootCAs),
	}
}

// Close closes the connections that are idle; those of requests under way close when they are done. No Do may follow.
func (c *Client) Close() { c.transports.close() }

// Forget lets go of what the client keeps for requests with a certificate of this identity: its connections that are idle are
// closed, and those of requests under way soon after these are done.
func (c *Client) Forget(identity string) { c.transports.forget(identity) }

// Do sends the request and reads the answer, within the request's limits and until ctx ends. It follows no redirect
// and sends nothing twice: if a connection turns out to be closed, that is the outcome. (For a request without a body
// net/http may choose another connection if the server has certainly not acted on it.)
func (c *Client) Do(ctx context.Context, req Request) Response {
	req.setDefaults(c.userAgent)
	call := newCall(ctx, &req)
	defer call.end()

	var resp Response
	err := c.roundTrip(call, &req, &resp)
	call.describe(&resp)
	if err != nil {
		resp.Err = call.fail(err, &resp)
	}
	return resp
}

// roundTrip fills resp with as much of an answer as comes.
func (c *Client) roundTrip(call *call, req *Request, resp *Response) error {
	// The policy may have changed since the URL was saved.
	u, err := c.policy.ParseURL(req.URL)
	if err != nil {
		return err
	}
	out := &http.Request{
		Method: req.Method, URL: u, Header: req.Header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(req.Body) > 0 {
		// No GetBody: without it net/http cannot send the body again.
		out.Body = call.requestBody()
		out.ContentLength = int64(len(req.Body))
	}
	in, err := c.transports.get(req.TLS).RoundTrip(out.WithContext(httptrace.WithClientTrace(call, &call.trace)))
	if err != nil {
		return err
	}
	defer in.Body.Close()
	resp.StatusCode, resp.Header = in.StatusCode, in.Header
	if in.StatusCode < http.StatusOK {
		// net/http passes over the informational statuses but 101, and takes 099 for a status.
		return fmt.Errorf("status %03d is not a final answer", in.StatusCode)
	}
	resp.Body, resp.BodyTruncated, err = readBody(in.Body, in.ContentLength, req.MaxBody, call.moved)
	return err
}

var errAsked = errors.New("the endpoint asked for a client certificate and closed the connection")

// fail explains err and adds what a failed dial learned.
func (c *call) fail(err error, resp *Response) *Error {
	if stopped := c.refused(); stopped != nil {
		return &Error{Kind: KindCancelled, Err: stopped}
	}
	at := c.stage()
	dial := (*dialError)(nil)
	if errors.As(err, &dial) {
		at = dial.stage
		resp.RemoteAddr = dial.remote
		resp.Timing.DNS, resp.Timing.Connect, resp.Timing.TLS = dial.made.dns, dial.made.connect, dial.made.tls
	}
	if ended := c.Err(); ended != nil {
		// What net/http reports is but a consequence.
		err = context.Cause(c)
		if limit := (*timeoutError)(nil); !errors.As(err, &limit) && !errors.Is(err, ended) {
			err = fmt.Errorf("%w: %w", ended, err)
		}
	}
	kind := classify(err, at)
	if kind == KindTLS && dial == nil && !isTLS(err) {
		return &Error{Kind: kind, Err: fmt.Errorf("%w: %w", errAsked, plain(err))}
	}
	return &Error{Kind: kind, Err: plain(err)}
}
