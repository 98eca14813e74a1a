package addrguard_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"code.dny.dev/ssrf"
	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/addrguard"
)

func TestCheckBlocks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ address, reason string }{
		{"127.0.0.1", "loopback"},
		{"127.255.255.255", "loopback"},
		{"0.0.0.0", "unspecified"},
		{"0.1.2.3", "this network"},
		{"10.0.0.1", "private network"},
		{"172.16.0.1", "private network"},
		{"172.31.255.255", "private network"},
		{"192.168.1.1", "private network"},
		{"100.64.0.1", "carrier-grade NAT"},
		{"100.127.255.255", "carrier-grade NAT"},
		{"169.254.1.1", "link-local"},
		{"169.254.169.254", "link-local (cloud metadata)"},
		{"100.100.100.200", "cloud metadata"},
		{"168.63.129.16", "cloud metadata"},
		{"192.0.0.192", "cloud metadata"},
		{"192.0.0.8", "IETF protocol assignment"},
		{"192.0.2.1", "documentation"},
		{"198.51.100.1", "documentation"},
		{"203.0.113.1", "documentation"},
		{"192.88.99.1", "6to4 relay"},
		{"192.31.196.1", "reserved"},
		{"198.18.0.1", "benchmarking"},
		{"198.19.255.255", "benchmarking"},
		{"224.0.0.1", "multicast"},
		{"239.255.255.255", "multicast"},
		{"240.0.0.1", "reserved"},
		{"255.255.255.255", "broadcast"},

		{"::", "unspecified"},
		{"::1", "loopback"},
		{"::7f00:1", "IPv4-compatible"},
		{"::ffff:127.0.0.1", "loopback"},
		{"::ffff:10.0.0.1", "private network"},
		{"::ffff:169.254.169.254", "cloud metadata"},
		{"::ffff:0:7f00:1", "reserved"}, // IPv4-translated (SIIT)
		{"64:ff9b::7f00:1", "NAT64"},
		{"64:ff9b::808:808", "NAT64"},
		{"64:ff9b:1::1", "NAT64"},
		{"100::1", "discard-only"},
		{"2001::1", "Teredo"},
		{"2001:2::1", "benchmarking"},
		{"2001:20::1", "IETF protocol assignment"},
		{"2001:db8::1", "documentation"},
		{"3fff::1", "documentation"},
		{"2002:7f00:1::1", "6to4"},
		{"2606:4700::5efe:a00:1", "ISATAP"},
		{"2606:4700::200:5efe:a00:1", "ISATAP"},
		{"2606:4700::300:5efe:7f00:1", "ISATAP"},
		{"2620:4f:8000::1", "reserved"},
		{"fc00::1", "unique local"},
		{"fd12:3456::1", "unique local"},
		{"fd00:ec2::254", "cloud metadata"},
		{"fd20:ce::254", "cloud metadata"},
		{"fe80::1", "link-local"},
		{"fec0::1", "site-local"},
		{"ff02::1", "multicast"},
		{"4000::1", "reserved"},
		{"5f00::1", "reserved"},
		{"fe80::1%eth0", "zone"},
		{"2606:4700::1111%eth0", "zone"},
		{"::ffff:8.8.8.8%eth0", "zone"},
	} {
		addr := netip.AddrPortFrom(netip.MustParseAddr(test.address), 443)
		var blocked *addrguard.BlockedError
		if err := (addrguard.Policy{}).Check(addr); !errors.As(err, &blocked) {
			t.Errorf("Check(%s) = %v, want a BlockedError", test.address, err)
		} else if !strings.Contains(blocked.Reason, test.reason) {
			t.Errorf("Check(%s): reason %q, want %q", test.address, blocked.Reason, test.reason)
		}
	}
	if err := (addrguard.Policy{}).Check(netip.AddrPort{}); err == nil {
		t.Error("Check allows an invalid address")
	}
}

func TestCheckAllowsPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"1.1.1.1", "8.8.8.8", "11.0.0.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "169.253.1.1",
		"192.0.1.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450::1", "2606:4700::5eff:a00:1", "2606:4700::4:0:5efe:1",
	} {
		if err := (addrguard.Policy{}).Check(netip.AddrPortFrom(netip.MustParseAddr(address), 8443)); err != nil {
			t.Errorf("Check(%s) = %v", address, err)
		}
	}
}

func TestBlockedErrorNamesAddressAndReason(t *testing.T) {
	t.Parallel()
	err := addrguard.Policy{}.Check(netip.MustParseAddrPort("169.254.169.254:80"))
	if want := "address 169.254.169.254 is blocked: link-local (cloud metadata)"; err == nil || err.Error() != want {
		t.Errorf("Check = %v, want %q", err, want)
	}
}

// An IPv6-only host reaches public IPv4 addresses by NAT64, and must not reach others.
func TestAllowOfTranslatedAddresses(t *testing.T) {
	t.Parallel()
	policy := addrguard.Policy{Allow: []netip.Prefix{
		netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("2606:4700::/32"), netip.MustParsePrefix("10.1.0.0/16"),
	}}
	for address, allowed := range map[string]bool{
		"64:ff9b::808:808": true, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::a01:203": true, "64:ff9b::a02:203": false,
		"64:ff9b:1::808:808": true, "64:ff9b:1::c0a8:1": false, "2002:808:808::1": true, "2002:7f00:1::1": false,
		"2606:4700::1": true, "2606:4700::5efe:a00:1": false, "2606:4700::5efe:808:808": true,
	} {
		if err := policy.Check(netip.AddrPortFrom(netip.MustParseAddr(address), 443)); (err == nil) != allowed {
			t.Errorf("Check(%s) = %v, want allowed = %v", address, err, allowed)
		}
	}
}

func TestAllowOpensNetworks(t *testing.T) {
	t.Parallel()
	policy := addrguard.Policy{Allow: []netip.Prefix{
		netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32"), netip.MustParsePrefix("fe80::/10"),
	}}
	for address, allowed := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "fd00:1::5": true, "fd00:2::5": false,
		"fe80::1": true, "fe80::1%eth0": false,
	} {
		if err := policy.Check(netip.AddrPortFrom(netip.MustParseAddr(address), 443)); (err == nil) != allowed {
			t.Errorf("Check(%s) = %v, want allowed = %v", address, err, allowed)
		}
	}
}

func TestAllowAddrsOpensOneAddressAndPort(t *testing.T) {
	t.Parallel()
	policy := addrguard.Policy{AllowAddrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}}
	for address, allowed := range map[string]bool{
		"127.0.0.1:8080": true, "[::ffff:127.0.0.1]:8080": true, "127.0.0.1:8081": false, "127.0.0.2:8080": false,
		"[::1]:8080": false,
	} {
		if err := policy.Check(netip.MustParseAddrPort(address)); (err == nil) != allowed {
			t.Errorf("Check(%s) = %v, want allowed = %v", address, err, allowed)
		}
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		network, address string
		allowed          bool
	}{
		{"tcp4", "8.8.8.8:443", true},
		{"tcp6", "[2606:4700::1111]:443", true},
		{"tcp4", "127.0.0.1:443", false},
		{"tcp6", "[fe80::1%eth0]:443", false},
		{"udp4", "8.8.8.8:443", false},
		{"unix", "/run/docker.sock", false},
		{"tcp4", "example.com:443", false},
	} {
		err := addrguard.Policy{}.Control(test.network, test.address, nil)
		var blocked *addrguard.BlockedError
		if (err == nil) != test.allowed || err != nil && !errors.As(err, &blocked) {
			t.Errorf("Control(%s, %s) = %v, want allowed = %v", test.network, test.address, err, test.allowed)
		}
	}
}

// An address is allowed only if IANA's registries hold it public, whatever our own table of reasons says.
func TestCheckNeverAllowsWhatTheRegistriesReserve(t *testing.T) {
	t.Parallel()
	registries := ssrf.New(ssrf.WithAnyPort())
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
		ip, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "bytes"))
		err := addrguard.Policy{}.Check(netip.AddrPortFrom(ip, 443))
		if reserved := registries.SafeAddr(ip.Unmap()); err == nil && reserved != nil {
			t.Fatalf("Check(%s) allows it: %v", ip, reserved)
		}
	})
}
