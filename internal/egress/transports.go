package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxTransports bounds how many TLS identities keep connections open at once.
	maxTransports = 1024
	// maxIdlePerHost is enough for a fan-out to a host that many profiles share; more connections are closed after use.
	maxIdlePerHost = 1024
	maxIdle        = 4096
	// idleTimeout is below the five seconds after which common servers (Node.js, Apache) close an idle connection: a
	// POST that meets the closing of its connection fails, as it may not be sent twice.
	idleTimeout = 4 * time.Second
	// maxHeader bounds the bytes of an answer's header.
	maxHeader = 64 << 10
	// maxStreamBuffer bounds what one HTTP/2 answer may have under way to us unread.
	maxStreamBuffer = 128 << 10
	// sessionTickets bounds the TLS sessions that one transport can resume.
	sessionTickets = 256
)

// transports keeps one http.Transport per TLS identity, the least recently used of them closed first.
type transports struct {
	dialer  *dialer
	rootCAs *x509.CertPool
	// An HTTP/2 connection that has been silent for pingAfter is asked for a sign of life, and closed when none comes
	// within pingTimeout: one whose path has died silently would else fail all requests to its host for minutes.
	pingAfter, pingTimeout time.Duration

	mu    sync.Mutex
	cache *simplelru.LRU[identity, *http.Transport]
}

// identity is what connections may be shared by.
type identity struct {
	minVersion, maxVersion uint16
	name                   string
	certificate            *tls.Certificate // nil if it has a name
}

func identityOf(t TLS) identity {
	id := identity{minVersion: max(t.MinVersion, tls.VersionTLS12), maxVersion: t.MaxVersion, name: t.Identity}
	if t.Identity == "" {
		id.certificate = t.Certificate
	}
	return id
}

func newTransports(size int, d *dialer, rootCAs *x509.CertPool) *transports {
	cache, err := simplelru.NewLRU(size, func(_ identity, t *http.Transport) { t.CloseIdleConnections() })
	if err != nil {
		panic(err) // size is not positive
	}
	return &transports{
		dialer: d, rootCAs: rootCAs, cache: cache,
		pingAfter: 10 * time.Second, pingTimeout: 5 * time.Second,
	}
}

// get returns the transport for connections with the identity of t.
func (ts *transports) get(t TLS) *http.Transport {
	id := identityOf(t)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	transport, ok := ts.cache.Get(id)
	if !ok {
		transport = ts.make(id, t.Certificate)
		ts.cache.Add(id, transport)
	}
	return transport
}

// config is how TLS is spoken.
func (ts *transports) config(id identity) *tls.Config {
	return &tls.Config{
		MinVersion: id.minVersion,
		MaxVersion: id.maxVersion,
		RootCAs:    ts.rootCAs,
		NextProtos: []string{"h2", "http/1.1"},
	}
}

func (ts *transports) make(id identity, certificate *tls.Certificate) *http.Transport {
	config := ts.config(id)
	config.ClientSessionCache = tls.NewLRUClientSessionCache(sessionTickets)
	return &http.Transport{
		Proxy:       nil, // never from the environment
		DialContext: ts.dialer.dial,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return ts.dialer.dialTLS(ctx, network, addr, config, certificate)
		},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: maxStreamBuffer,
			SendPingTimeout:           ts.pingAfter,
			PingTimeout:               ts.pingTimeout,
		},
	}
}

// forget removes the transports for a certificate of this name.
func (ts *transports) forget(name string) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for _, id := range ts.cache.Keys() {
		if id.name == name {
			ts.cache.Remove(id) // which closes its idle connections
		}
	}
}

// close closes all idle connections.
func (ts *transports) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.cache.Purge()
}
