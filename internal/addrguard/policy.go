// Package addrguard decides which network addresses and webhook URLs Hookline may talk to. It is policy alone: it opens
// no sockets and looks up no names. [Policy.CheckURL] judges a URL when it is saved; [Policy.Control] judges the address
// of every dial, after the name lookup, so a name that later points somewhere else (DNS rebinding) is caught too.
package addrguard

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// Policy says what is allowed beyond public unicast addresses over https. The zero value allows nothing more.
type Policy struct {
	// Allow lists networks that are allowed whatever their kind (HOOKLINE_ALLOW_CIDRS). Of IPv6 addresses that lead to an IPv4 address
	// that one must be allowed as well.
	Allow []netip.Prefix
	// AllowAddrs lists single addresses that are allowed with exactly this port, over http as well as https: receivers
	// that Hookline itself runs.
	AllowAddrs []netip.AddrPort
	// AllowHTTP permits plain http URLs (HOOKLINE_ALLOW_HTTP).
	AllowHTTP bool
}

// BlockedError says which address the policy refuses, and why.
type BlockedError struct {
	Address string // as it was to be dialled, without the port
	Reason  string // kind of address, such as "private network"
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("address %s is blocked: %s", e.Address, e.Reason)
}

// publicOnly refuses all that IANA's special-purpose registries list, and any IPv6 outside 2000::/3.
var publicOnly = ssrf.New(ssrf.WithAnyPort())

// Check returns nil if addr may be dialled and a [*BlockedError] otherwise. An IPv4-mapped IPv6 address counts as the
// IPv4 address in it. Addresses with a zone are never allowed.
func (p Policy) Check(addr netip.AddrPort) error {
	ip := addr.Addr().Unmap()
	blocked := func(reason string) error { return &BlockedError{Address: ip.String(), Reason: reason} }
	switch {
	case !ip.IsValid():
		return blocked("not an IP address")
	case addr.Addr().Zone() != "":
		return blocked("it names a network interface (zone)")
	case p.allows(ip, addr.Port()):
		if inner := translated(ip); inner.IsValid() { // a network of translated addresses is allowed, not all that they lead to
			return p.Check(netip.AddrPortFrom(inner, addr.Port()))
		}
		return nil
	}
	if reason := specialPurpose(ip); reason != "" {
		return blocked(reason)
	}
	if !ip.IsGlobalUnicast() || publicOnly.SafeAddr(ip) != nil {
		return blocked("reserved, not a public address")
	}
	return nil
}

func (p Policy) allows(ip netip.Addr, port uint16) bool {
	return p.allowsAddr(ip, port) || slices.ContainsFunc(p.Allow, func(n netip.Prefix) bool { return n.Contains(ip) })
}

func (p Policy) allowsAddr(ip netip.Addr, port uint16) bool {
	return slices.ContainsFunc(p.AllowAddrs, func(a netip.AddrPort) bool {
		return a.Port() == port && a.Addr().Unmap() == ip
	})
}

// Control is a [net.Dialer] Control function: it lets a socket connect only over TCP and only to an address that
// [Policy.Check] allows.
func (p Policy) Control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return &BlockedError{Address: address, Reason: "network " + network + " is not TCP"}
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return &BlockedError{Address: address, Reason: "not an IP address with a port"}
	}
	return p.Check(addr)
}
