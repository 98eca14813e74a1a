package testenv

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// ErrNotVerified is the [Received.Signature] of a request that came before [Receiver.SetSecret].
var ErrNotVerified = errors.New("signature not verified: the receiver knows no secret")

// Received is one request as it came. It is not to be changed.
type Received struct {
	ID        string // the webhook-id header
	Method    string
	Path      string // with the query
	Proto     string
	Header    http.Header
	Body      []byte
	At        time.Time
	Remote    string               // host:port of the client
	TLS       *tls.ConnectionState // nil without TLS
	Signature error                // nil when the Standard Webhooks signature and its timestamp are right
}

// Receiver is an HTTP server that takes webhooks, records them and answers as it is told. It is safe for concurrent use.
type Receiver struct {
	t      testing.TB
	server *httptest.Server
	closed chan struct{}

	mu          sync.Mutex
	respond     func(n int, r *Received) Response
	verifier    *standardwebhooks.Webhook
	received    []Received    // append-only: a slice of it can be handed out
	changed     chan struct{} // closed and replaced on every request
	inFlight    int
	maxInFlight int
}

// NewReceiver starts a receiver on loopback that answers 200 until [Receiver.Respond] says otherwise. It ends with the
// test, and so do the requests that it has not answered by then.
func NewReceiver(t testing.TB) *Receiver {
	r := newReceiver(t)
	r.server.Start()
	return r
}

// NewTLSReceiver is [NewReceiver] with TLS and HTTP/2. Its certificate is its own authority, see [Receiver.CertPool].
// configure may change the settings, for example to ask for client certificates.
func NewTLSReceiver(t testing.TB, configure ...func(*tls.Config)) *Receiver {
	r := newReceiver(t)
	r.server.EnableHTTP2 = true
	r.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	for _, c := range configure {
		c(r.server.TLS)
	}
	r.server.StartTLS()
	return r
}

func newReceiver(t testing.TB) *Receiver {
	r := &Receiver{t: t, closed: make(chan struct{}), changed: make(chan struct{})}
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		close(r.closed)
		r.server.Close()
	})
	return r
}

// URL returns the address, without a path. Requests to all paths are taken.
func (r *Receiver) URL() string { return r.server.URL }

// CertPool returns the authority that a client of a TLS receiver has to trust.
func (r *Receiver) CertPool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(r.server.Certificate())
	return pool
}

// SetSecret makes the receiver verify the signatures of the requests that follow. The secret is base64, with or
// without whsec_ before it.
func (r *Receiver) SetSecret(secret string) {
	r.t.Helper()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verifier = verifier
}

// Respond sets how the requests that follow are answered. The function gets the request and its number, counted from 1
// in the order of arrival; it may be called by several goroutines at once.
func (r *Receiver) Respond(respond func(n int, r *Received) Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.respond = respond
}

// Received returns the requests up to now, in the order of arrival.
func (r *Receiver) Received() []Received {
	received, _ := r.snapshot()
	return received
}

// ByID returns how often each webhook-id has come.
func (r *Receiver) ByID() map[string]int {
	counts := make(map[string]int)
	for _, req := range r.Received() {
		counts[req.ID]++
	}
	return counts
}

// MaxInFlight returns the highest number of requests that were open at the same time.
func (r *Receiver) MaxInFlight() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.maxInFlight
}

// Wait waits for n requests and returns all up to then. It fails the test when ctx ends before: call it from the
// test's own goroutine.
func (r *Receiver) Wait(ctx context.Context, n int) []Received {
	r.t.Helper()
	return r.WaitFor(ctx, func(received []Received) bool { return len(received) >= n })
}

// WaitFor waits until cond holds for the requests that have come, and returns them. It fails the test when ctx ends
// before: call it from the test's own goroutine.
func (r *Receiver) WaitFor(ctx context.Context, cond func([]Received) bool) []Received {
	r.t.Helper()
	for {
		received, changed := r.snapshot()
		if cond(received) {
			return received
		}
		select {
		case <-changed:
		case <-ctx.Done():
			r.t.Fatalf("the receiver still waits after %d requests: %v", len(received), context.Cause(ctx))
		}
	}
}

// snapshot returns the requests up to now and a channel that is closed when a further one comes.
func (r *Receiver) snapshot() ([]Received, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.received), r.changed
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	r.enter()
	defer r.leave()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the client left in the middle of its request
	}
	received := Received{
		ID: req.Header.Get(standardwebhooks.HeaderWebhookID), Method: req.Method, Path: req.URL.RequestURI(), Proto: req.Proto,
		Header: req.Header, Body: body, At: time.Now(), Remote: req.RemoteAddr, TLS: req.TLS,
		Signature: r.verify(req.Header, body),
	}
	n, respond := r.record(&received)
	var response Response
	if respond != nil {
		response = respond(n, &received)
	}
	response.write(req.Context(), w, r.closed)
}

// verify checks the signature of a request.
func (r *Receiver) verify(header http.Header, body []byte) error {
	r.mu.Lock()
	verifier := r.verifier
	r.mu.Unlock()
	if verifier == nil {
		return ErrNotVerified
	}
	return verifier.Verify(body, header)
}

// record keeps a request and returns its number and how to answer it.
func (r *Receiver) record(received *Received) (int, func(int, *Received) Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received = append(r.received, *received)
	close(r.changed)
	r.changed = make(chan struct{})
	return len(r.received), r.respond
}

func (r *Receiver) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight++
	r.maxInFlight = max(r.maxInFlight, r.inFlight)
}

func (r *Receiver) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
}
