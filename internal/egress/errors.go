package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
)

// Kind says what sort of failure ended a request without a whole answer.
type Kind string

const (
	// KindTimeout: a time limit of the request was reached.
	KindTimeout Kind = "timeout"
	// KindDNS: the host's name could not be looked up.
	KindDNS Kind = "dns"
	// KindConnect: there was no connection, or it was closed before the first byte of an answer.
	KindConnect Kind = "connect"
	// KindTLS: the TLS handshake failed.
	KindTLS Kind = "tls"
	// KindBlocked: the address guard refuses the URL or every address of its host. Trying again cannot help.
	KindBlocked Kind = "blocked"
	// KindCancelled: the context of the request ended.
	KindCancelled Kind = "cancelled"
	// KindProtocol: the answer was not valid HTTP, exceeded a bound, or broke off.
	KindProtocol Kind = "protocol"
)

// maxErrorText bounds the text of an error, which can quote what the endpoint sent.
const maxErrorText = 500

// Error is why a request got no whole answer. Its text holds neither the URL nor anything of the request.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string {
	text := string(e.Kind) + ": " + e.Err.Error()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// stage is how far a request came.
type stage int

const (
	preparing   stage = iota // not yet dialling
	dialling                 // looking up the name, connecting
	handshaking              // TLS
	waiting                  // connected, no byte of the answer yet
	answering                // from the first byte of the answer on
)

// classify tells the kind of an error of net/http by what it wraps and, where that does not tell, by the stage in
// which it came.
func classify(err error, at stage) Kind {
	var (
		blocked *addrguard.BlockedError
		refused *addrguard.URLError
		limit   *timeoutError
		lookup  *net.DNSError
		network net.Error
	)
	switch {
	case errors.As(err, &blocked) || errors.As(err, &refused):
		return KindBlocked
	case errors.As(err, &limit):
		return KindTimeout
	case errors.As(err, &lookup):
		return KindDNS
	case errors.Is(err, context.Canceled):
		return KindCancelled
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		return KindTimeout
	case at == handshaking || isTLS(err):
		return KindTLS
	case strings.HasPrefix(err.Error(), "connection error: "): // HTTP/2 that makes no sense; net/http hides the type
		return KindProtocol
	case at == dialling || at == waiting:
		return KindConnect
	}
	return KindProtocol
}

// isTLS finds errors of TLS that come after the handshake: with TLS 1.3 a server refuses a client certificate only
// when the client is done.
func isTLS(err error) bool {
	var (
		op     *net.OpError
		record tls.RecordHeaderError
		verify *tls.CertificateVerificationError
	)
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") ||
		errors.As(err, &record) || errors.As(err, &verify)
}

// plain rids an error of what its reader must not or need not see: our own addresses and name servers, and the
// wrappings of net/http.
func plain(err error) error {
	var (
		refused *addrguard.URLError
		blocked *addrguard.BlockedError
		lookup  *net.DNSError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &blocked):
		return blocked
	case errors.As(err, &lookup):
		public := *lookup
		public.Server = ""
		return &public
	case errors.As(err, &op):
		public := *op
		public.Source = nil
		return &public
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("connection closed in the middle of the answer: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("connection closed before the answer: %w", io.EOF)
	}
	// HTTP/2 tells its caller how to have a request sent again.
	if rest, ok := strings.CutPrefix(err.Error(), "http2: Transport: cannot retry err ["); ok {
		cause, _, _ := strings.Cut(rest, "] after ")
		return errors.New(cause)
	}
	return err
}

type limit int

const (
	connectLimit limit = iota + 1
	readLimit
	totalLimit
)

// timeoutError says which of a request's limits was reached.
type timeoutError struct {
	limit   limit
	missing string // what did not come
	after   time.Duration
}

func (e *timeoutError) Error() string {
	name := map[limit]string{connectLimit: "connect", readLimit: "read", totalLimit: "total"}[e.limit]
	return fmt.Sprintf("%s within %s (%s timeout)", e.missing, e.after, name)
}
