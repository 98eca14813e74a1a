package addrguard

import "net/netip"

// ranges names the kinds of address that are never public, the most specific first. It gives the reason in an error
// and adds what IANA's registries do not know: the metadata services of clouds.
var ranges = []struct {
	prefix netip.Prefix
	reason string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "link-local (cloud metadata)"},
	{netip.MustParsePrefix("100.100.100.200/32"), "shared address space (cloud metadata)"},
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"}, // Azure: a public address that its hosts answer
	{netip.MustParsePrefix("192.0.0.192/32"), "cloud metadata"},   // Oracle
	{netip.MustParsePrefix("0.0.0.0/32"), "unspecified"},
	{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "shared address space (carrier-grade NAT)"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "IETF protocol assignment"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},

	{netip.MustParsePrefix("fd00:ec2::254/128"), "unique local (cloud metadata)"}, // Amazon
	{netip.MustParsePrefix("fd20:ce::254/128"), "unique local (cloud metadata)"},  // Google
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::/96"), "IPv4-compatible IPv6"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64, IPv4 inside IPv6"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "NAT64, IPv4 inside IPv6"},
	{netip.MustParsePrefix("100::/64"), "discard-only"},
	{netip.MustParsePrefix("2001::/32"), "Teredo, IPv4 inside IPv6"},
	{netip.MustParsePrefix("2001:2::/48"), "benchmarking"},
	{netip.MustParsePrefix("2001::/23"), "IETF protocol assignment"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4, IPv4 inside IPv6"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
	{netip.MustParsePrefix("fc00::/7"), "unique local, a private network"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local, a private network"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// nat64 are the networks that NAT64 translates (RFC 6052, RFC 8215).
var nat64 = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48")}

// translated returns the IPv4 address that an IPv6 address leads to by NAT64, 6to4 or ISATAP; not valid if it leads to none.
func translated(ip netip.Addr) netip.Addr {
	b := ip.As16()
	switch {
	case !ip.Is6():
		return netip.Addr{}
	case nat64[0].Contains(ip), nat64[1].Contains(ip), isISATAP(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return netip.Addr{}
}

// specialPurpose returns what kind of non-public address ip is, or "" if no range holds it.
func specialPurpose(ip netip.Addr) string {
	for _, r := range ranges {
		if r.prefix.Contains(ip) {
			return r.reason
		}
	}
	if isISATAP(ip) {
		return "ISATAP, IPv4 inside IPv6"
	}
	return ""
}

// isISATAP reports whether the address leads to the IPv4 address in its last four bytes, whatever its network (RFC 5214, section 6.1).
func isISATAP(ip netip.Addr) bool {
	b := ip.As16()
	return ip.Is6() && b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}
