package addrguard

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxURLLength is the greatest length of a URL, in characters.
const MaxURLLength = 2048

// Code tells why a URL is refused.
type Code int

const (
	// Invalid: the URL is malformed or of a form that is not accepted, wherever it leads.
	Invalid Code = iota + 1
	// Blocked: the URL is well formed but leads to an address that the policy refuses.
	Blocked
)

// URLError says why a URL is refused and what to do about it. It never repeats the URL's user name, password or query.
type URLError struct {
	Code   Code
	Reason string // for the person who wrote the URL, with the remedy
	Err    error  // the *BlockedError of a blocked IP address, else nil
}

func (e *URLError) Error() string { return e.Reason }
func (e *URLError) Unwrap() error { return e.Err }

func invalid(format string, args ...any) error {
	return &URLError{Code: Invalid, Reason: fmt.Sprintf(format, args...)}
}

// CheckURL reports as a [*URLError] why a webhook URL may not be saved, and returns nil if it may. It does not look
// the host up: a name that leads to a blocked address is refused when it is dialled.
func (p Policy) CheckURL(raw string) error {
	_, err := p.ParseURL(raw)
	return err
}

// ParseURL is [Policy.CheckURL] for callers that need the parsed URL.
func (p Policy) ParseURL(raw string) (*url.URL, error) {
	if err := checkText(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		// url.Error repeats the URL, which can hold secrets.
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, invalid("the URL cannot be read: %v", err)
	}
	switch {
	case u.Scheme == "":
		return nil, invalid("the URL has no scheme: write it in full, such as https://example.com/webhook")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, invalid("the URL's scheme is %q: use https", u.Scheme)
	case u.Hostname() == "":
		return nil, invalid("the URL has no host: write it in full, such as https://example.com/webhook")
	case u.User != nil:
		return nil, invalid("the URL contains a user name or password: remove it and use an auth setting")
	}
	port, err := portOf(u)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "http" && !p.AllowHTTP && !p.runsOwn(u.Hostname(), port) {
		return nil, invalid("the URL uses http: use https, or let the operator allow http with HOOKLINE_ALLOW_HTTP")
	}
	if err := p.checkHost(u.Hostname(), port); err != nil {
		return nil, err
	}
	return u, nil
}

// checkText refuses what makes two readers of a URL understand it differently.
func checkText(raw string) error {
	if n := utf8.RuneCountInString(raw); n > MaxURLLength {
		return invalid("the URL has %d characters: at most %d are allowed", n, MaxURLLength)
	}
	if !utf8.ValidString(raw) {
		return invalid("the URL is not valid UTF-8: percent-encode its bytes")
	}
	for _, r := range raw {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return invalid("the URL contains a space or control character: remove it, or write it as %s",
				url.PathEscape(string(r)))
		case r == '\\':
			return invalid("the URL contains a backslash: use / in its place, or write it as %%5C")
		case r == '#':
			return invalid("the URL contains a fragment (#…), which is never sent: remove it, or write # as %%23")
		}
	}
	return nil
}

// portOf returns the port that u is dialled on.
func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if strings.HasSuffix(u.Host, ":") {
			return 0, invalid("the URL has a colon but no port after its host: remove the colon")
		}
		if u.Scheme == "http" {
			return 80, nil
		}
		return 443, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, invalid("the URL's port is %s: it must be from 1 to 65535", text)
	}
	return uint16(port), nil
}

// runsOwn reports whether host and port name one of the receivers that Hookline runs, which speak http.
func (p Policy) runsOwn(host string, port uint16) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && p.allowsAddr(ip.Unmap(), port)
}
