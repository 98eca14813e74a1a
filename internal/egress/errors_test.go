package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/addrguard"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	blocked := &addrguard.BlockedError{Address: "10.0.0.1", Reason: "private network"}
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}
	for _, test := range []struct {
		name string
		err  error
		at   stage
		want Kind
	}{
		{"blocked_address", &net.OpError{Op: "dial", Err: blocked}, dialling, KindBlocked},
		{"blocked_url", &addrguard.URLError{Code: addrguard.Invalid}, preparing, KindBlocked},
		{"connect_timeout", &timeoutError{limit: connectLimit}, dialling, KindTimeout},
		{"handshake_timeout", &timeoutError{limit: connectLimit}, handshaking, KindTimeout},
		{"read_timeout", fmt.Errorf("http2: %w", &timeoutError{limit: readLimit}), answering, KindTimeout},
		{"callers_deadline", context.DeadlineExceeded, waiting, KindTimeout},
		{"deadline_of_a_socket", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, waiting, KindTimeout},
		{"timeout_of_the_kernel", &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, dialling, KindTimeout},
		{"no_such_host", &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}, dialling, KindDNS},
		{"dns_timeout", &net.DNSError{IsTimeout: true}, dialling, KindDNS},
		{"cancelled", fmt.Errorf("%w: shutdown", context.Canceled), waiting, KindCancelled},
		{"cancelled_in_handshake", context.Canceled, handshaking, KindCancelled},
		{"refused", refused, dialling, KindConnect},
		{"closed_before_answer", io.EOF, waiting, KindConnect},
		{"reset_before_answer", reset, waiting, KindConnect},
		{"reset_in_handshake", reset, handshaking, KindTLS},
		{"closed_in_handshake", io.EOF, handshaking, KindTLS},
		{"no_tls", tls.RecordHeaderError{Msg: "not TLS"}, handshaking, KindTLS},
		{"untrusted", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, handshaking, KindTLS},
		{"alert_after_handshake", alert, waiting, KindTLS},
		{"reset_in_answer", reset, answering, KindProtocol},
		{"short_answer", io.ErrUnexpectedEOF, answering, KindProtocol},
		{"malformed_answer", errors.New("malformed HTTP response"), answering, KindProtocol},
		{"malformed_http2", errors.New("connection error: COMPRESSION_ERROR"), waiting, KindProtocol},
		{"unsendable_request", errors.New("net/http: invalid header field name"), preparing, KindProtocol},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := classify(test.err, test.at); got != test.want {
				t.Errorf("classify(%v, %d) = %s, want %s", test.err, test.at, got, test.want)
			}
		})
	}
}

func TestHintSaysWhatToDo(t *testing.T) {
	t.Parallel()
	certificate := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for _, test := range []struct {
		err  Error
		want string
	}{
		{Error{KindTimeout, &timeoutError{limit: connectLimit}}, "connectTimeoutMs"},
		{Error{KindTimeout, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}}, "connectTimeoutMs"},
		{Error{KindTimeout, &timeoutError{limit: readLimit}}, "readTimeoutMs"},
		{Error{KindTimeout, &timeoutError{limit: totalLimit}}, "as a whole"},
		{Error{KindTimeout, context.DeadlineExceeded}, "as a whole"},
		{Error{KindDNS, &net.DNSError{IsNotFound: true}}, "does not exist"},
		{Error{KindDNS, &net.DNSError{IsTimeout: true}}, "name servers"},
		{Error{KindConnect, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, "listens on the URL's port"},
		{Error{KindConnect, &dialError{stage: dialling, err: errors.New("none of them")}}, "listens on the URL's port"},
		{Error{KindConnect, io.EOF}, "keep-alive"},
		{Error{KindTLS, certificate(x509.UnknownAuthorityError{})}, "intermediate"},
		{Error{KindTLS, certificate(x509.HostnameError{})}, "another host name"},
		{Error{KindTLS, certificate(x509.CertificateInvalidError{Reason: x509.Expired})}, "expired"},
		{Error{KindTLS, certificate(x509.CertificateInvalidError{Reason: x509.TooManyIntermediates})}, "handshake failed"},
		{Error{KindTLS, tls.RecordHeaderError{}}, "does not speak TLS"},
		{Error{KindTLS, &net.OpError{Op: "remote error"}}, "client certificate"},
		{Error{KindTLS, fmt.Errorf("%w: %w", errAsked, io.EOF)}, "client certificate"},
		{Error{KindBlocked, &addrguard.BlockedError{}}, "HOOKLINE_ALLOW_CIDRS"},
		{Error{KindCancelled, context.Canceled}, "Hookline itself"},
		{Error{KindProtocol, io.ErrUnexpectedEOF}, "not valid HTTP"},
	} {
		if hint := test.err.Hint(); !strings.Contains(hint, test.want) {
			t.Errorf("hint of %s, %#v: %q, want …%s…", test.err.Kind, test.err.Err, hint, test.want)
		}
	}
}

func TestErrorTextIsBounded(t *testing.T) {
	t.Parallel()
	err := &Error{Kind: KindProtocol, Err: errors.New(strings.Repeat("ä", maxErrorText))}
	if text := err.Error(); len(text) > maxErrorText+len("…") || !strings.HasSuffix(text, "ä…") {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestTimeoutErrorNamesTheLimit(t *testing.T) {
	t.Parallel()
	err := &timeoutError{limit: readLimit, missing: "no packet", after: 1500 * time.Millisecond}
	if want := "no packet within 1.5s (read timeout)"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}
