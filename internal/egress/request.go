package egress

import (
	"crypto/tls"
	"net/http"
	"time"
)

// The limits of a request that leaves them zero.
const (
	DefaultConnectTimeout = 10 * time.Second
	DefaultReadTimeout    = 10 * time.Second
	DefaultTotalTimeout   = 2 * time.Minute
	DefaultMaxBody        = 64 << 10
)

// Request is one HTTP request. Header and Body belong to the client from the call of [Client.Do] on and must not be
// changed afterwards, not even when Do has returned: an endpoint may answer while the request is still being sent.
type Request struct {
	Method string // empty means POST
	URL    string
	Header http.Header // may be nil; User-Agent is added if absent
	Body   []byte

	ConnectTimeout time.Duration // for DNS, TCP and TLS together, when a connection has to be made
	ReadTimeout    time.Duration // between two packets, from the connection to the end of the answer
	TotalTimeout   time.Duration // for everything

	TLS TLS

	MaxBody int // bytes of the answer's body that are read and kept; 0 means DefaultMaxBody

	// Gate, if it is not nil, is asked when everything else is ready, immediately before the first byte is sent. (On an HTTP/2 connection that
	// other requests share a refusal may come too late to keep the header back.)
	Gate Gate
}

// Gate decides at the last moment whether a request is sent. Pass may be called from another goroutine. Its error ends the request, and is found
// in the response's with errors.Is.
type Gate interface{ Pass() error }

// TLS says how to speak TLS with the endpoint. Requests that agree in it share connections.
type TLS struct {
	MinVersion  uint16 // such as tls.VersionTLS13; 0, or anything lower, means TLS 1.2
	MaxVersion  uint16 // 0 means the newest
	Certificate *tls.Certificate
	// Identity names the certificate, for instance by its fingerprint: it must differ between certificates. When it is
	// empty, connections are shared by requests with the same Certificate pointer.
	Identity string
}

// Response is what came of a request. StatusCode is 0 if no complete header came; Err can be set beside it, when the
// answer broke off in its body.
type Response struct {
	StatusCode    int
	Header        http.Header
	Body          []byte // as sent: never decompressed
	BodyTruncated bool   // the body was longer than MaxBody
	Timing        Timing
	RemoteAddr    string // address and port; empty if there was no connection
	TLSVersion    uint16 // 0 for plain http
	Err           *Error // nil if a whole answer came, whatever its status
}

// Timing says where the time went. DNS, Connect and TLS are zero if the request did not wait for a connection of its
// own; Connect does not contain DNS, nor TLS Connect. FirstByte and Total count from the start of the request.
type Timing struct {
	DNS, Connect, TLS, FirstByte, Total time.Duration
	Reused                              bool // the connection had served a request before
}

func (r *Request) setDefaults(userAgent []string) {
	if r.Method == "" {
		r.Method = http.MethodPost
	}
	if r.Header == nil {
		r.Header = make(http.Header, 1)
	}
	if _, ok := r.Header["User-Agent"]; !ok {
		r.Header["User-Agent"] = userAgent
	}
	r.ConnectTimeout = positive(r.ConnectTimeout, DefaultConnectTimeout)
	r.ReadTimeout = positive(r.ReadTimeout, DefaultReadTimeout)
	r.TotalTimeout = positive(r.TotalTimeout, DefaultTotalTimeout)
	r.MaxBody = positive(r.MaxBody, DefaultMaxBody)
}

// positive returns value, or standard if value is not positive.
func positive[T int | time.Duration](value, standard T) T {
	if value > 0 {
		return value
	}
	return standard
}
