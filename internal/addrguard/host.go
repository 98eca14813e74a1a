package addrguard

import (
	"errors"
	"net/netip"
	"strings"
)

// checkHost judges the host of a URL as far as that is possible without looking its name up.
func (p Policy) checkHost(host string, port uint16) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		return blockedURL(p.Check(netip.AddrPortFrom(ip, port)))
	}
	for _, r := range host {
		if r >= 0x80 { // before lower-casing, which maps the Kelvin sign to k
			return invalid("the URL's host has the character %q: write the host in punycode (xn--…)", r)
		}
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if err := checkName(name); err != nil {
		return err
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return blockedURL(p.checkLocalhost(port))
	}
	return nil
}

// checkLocalhost allows the name localhost if one of the addresses that it stands for is allowed.
func (p Policy) checkLocalhost(port uint16) error {
	if p.Check(netip.AddrPortFrom(netip.IPv6Loopback(), port)) == nil {
		return nil
	}
	return p.Check(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
}

func blockedURL(err error) error {
	if err == nil {
		return nil
	}
	var blocked *BlockedError
	if !errors.As(err, &blocked) {
		return err
	}
	return &URLError{Code: Blocked, Err: blocked, Reason: blocked.Error() +
		"; use a public address, or let the operator allow this one with HOOKLINE_ALLOW_CIDRS"}
}

// checkName accepts DNS names (RFC 1123, and underscores, which are in use) and refuses whatever an old parser
// (inet_aton) or a browser takes for an IPv4 address.
func checkName(name string) error {
	if len(name) > 253 {
		return invalid("the URL's host has %d characters: a host name has at most 253", len(name))
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if err := checkLabel(label); err != nil {
			return err
		}
		last = label
	}
	if isNumber(last) {
		return invalid("the URL's host %q is a number or an unusual way to write an IPv4 address: "+
			"use a host name, or four decimal numbers such as 192.0.2.1", name)
	}
	return nil
}

func checkLabel(label string) error {
	for _, r := range label {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return invalid("the URL's host has the character %q: a host name has only letters, digits, - and _", r)
		}
	}
	switch {
	case label == "":
		return invalid("the URL's host has an empty part between its dots: check the host name")
	case len(label) > 63:
		return invalid("the URL's host has a part of %d characters between its dots: at most 63 are allowed", len(label))
	case label[0] == '-' || label[len(label)-1] == '-':
		return invalid("the URL's host has a part that starts or ends with a hyphen: check the host name")
	}
	return nil
}

// isNumber reports whether a label is decimal, octal or hexadecimal: a host whose last label is one is taken for an
// IPv4 address (WHATWG URL standard, "ends in a number").
func isNumber(label string) bool {
	digits := "0123456789"
	if rest, hex := strings.CutPrefix(label, "0x"); hex {
		label, digits = rest, "0123456789abcdef"
	}
	return strings.Trim(label, digits) == ""
}
