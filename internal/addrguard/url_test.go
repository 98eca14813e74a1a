package addrguard_test

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/addrguard"
)

func TestCheckURLAccepts(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"https://example.com",
		"https://example.com/webhook?token=a%20b&x=%23",
		"HTTPS://EXAMPLE.com:8443/Webhook",
		"https://example.com.:443/",
		"https://my_host.internal.example/",
		"https://xn--bcher-kva.example/",
		"https://1.1.1.1/",
		"https://[2606:4700::1111]:8443/",
		"https://4ever.example/",
		"https://0x7f.example/",
		"https://1.2.3.4.example/",
		"https://intranet/",
		"https://example.com:65535/",
		"https://example.com/grüße",
		"https://example.com/" + strings.Repeat("a", addrguard.MaxURLLength-len("https://example.com/")),
	} {
		if err := (addrguard.Policy{}).CheckURL(raw); err != nil {
			t.Errorf("CheckURL(%q) = %v", raw, err)
		}
	}
}

func TestCheckURLRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for _, test := range []struct {
		raw  string
		code addrguard.Code
		says string
	}{
		{"", addrguard.Invalid, "no scheme"},
		{"example.com/webhook", addrguard.Invalid, "no scheme"},
		{"//example.com/webhook", addrguard.Invalid, "no scheme"},
		{"ftp://example.com/", addrguard.Invalid, "use https"},
		{"javascript:alert(1)", addrguard.Invalid, "use https"},
		{"http://example.com/", addrguard.Invalid, "HOOKLINE_ALLOW_HTTP"},
		{"https:///webhook", addrguard.Invalid, "no host"},
		{"https:example.com", addrguard.Invalid, "no host"},
		{"https://:443/", addrguard.Invalid, "no host"},
		{"https://user@example.com/", addrguard.Invalid, "auth setting"},
		{"https://user:hunter2@example.com/", addrguard.Invalid, "auth setting"},
		{"https://example.com/#x", addrguard.Invalid, "fragment"},
		{"https://example.com/#", addrguard.Invalid, "fragment"},
		{"https://example.com:/", addrguard.Invalid, "remove the colon"},
		{"https://example.com:0/", addrguard.Invalid, "from 1 to 65535"},
		{"https://example.com:65536/", addrguard.Invalid, "from 1 to 65535"},
		{"https://example.com:https/", addrguard.Invalid, "invalid port"},
		{"https://example.com:-1/", addrguard.Invalid, "invalid port"},
		{"https://example.com/\x00", addrguard.Invalid, "%00"},
		{"https://example.com/a b", addrguard.Invalid, "%20"},
		{" https://example.com/", addrguard.Invalid, "space"},
		{"https://example.com/\r\nX: y", addrguard.Invalid, "control character"},
		{"https://example.com/\u00a0", addrguard.Invalid, "%C2%A0"},
		{"https://example.com/\u2028", addrguard.Invalid, "space"},
		{"https://example.com/\xff", addrguard.Invalid, "UTF-8"},
		{`https://example.com\@127.0.0.1/`, addrguard.Invalid, "backslash"},
		{"https://example.com/%zz", addrguard.Invalid, "invalid URL escape"},
		{"https://example.com/" + strings.Repeat("a", addrguard.MaxURLLength), addrguard.Invalid, "at most 2048"},

		{"https://bücher.example/", addrguard.Invalid, "punycode"},
		{"https://%E3%81%82.example/", addrguard.Invalid, "punycode"},
		{"https://\u212aube.example/", addrguard.Invalid, "punycode"},                       // Kelvin sign, k in lower case
		{"https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", addrguard.Invalid, "punycode"}, // full-width digits
		{"https://127\u30020\u30020\u30021/", addrguard.Invalid, "punycode"},                // ideographic full stops
		{"https://exa*mple.com/", addrguard.Invalid, "only letters"},
		{"https://a,b/", addrguard.Invalid, "only letters"},
		{"https://a..example/", addrguard.Invalid, "empty part"},
		{"https://.example/", addrguard.Invalid, "empty part"},
		{"https://./", addrguard.Invalid, "empty part"},
		{"https://example.com../", addrguard.Invalid, "empty part"},
		{"https://-a.example/", addrguard.Invalid, "hyphen"},
		{"https://a-.example/", addrguard.Invalid, "hyphen"},
		{"https://" + long + ".example/", addrguard.Invalid, "at most 63"},
		{"https://" + strings.Repeat("a.", 127) + "example/", addrguard.Invalid, "at most 253"},

		{"https://2130706433/", addrguard.Invalid, "unusual way to write an IPv4 address"},
		{"https://0x7f000001/", addrguard.Invalid, "unusual way"},
		{"https://0x7f.1/", addrguard.Invalid, "unusual way"},
		{"https://0X7F.0.0.0X1/", addrguard.Invalid, "unusual way"},
		{"https://0177.0.0.1/", addrguard.Invalid, "unusual way"},
		{"https://127.1/", addrguard.Invalid, "unusual way"},
		{"https://127.0.0.1./", addrguard.Invalid, "unusual way"},
		{"https://127.1./", addrguard.Invalid, "unusual way"},
		{"https://0/", addrguard.Invalid, "unusual way"},
		{"https://1.2.3.4.5/", addrguard.Invalid, "unusual way"},
		{"https://256.256.256.256/", addrguard.Invalid, "unusual way"},
		{"https://example.0x/", addrguard.Invalid, "unusual way"},
		{"https://[127.0.0.1]/", addrguard.Invalid, "cannot be read"},
		{"https://[::1/", addrguard.Invalid, "cannot be read"},
		{"https://::1/", addrguard.Invalid, "cannot be read"},

		{"https://127.0.0.1/", addrguard.Blocked, "loopback"},
		{"https://10.0.0.1:8443/", addrguard.Blocked, "HOOKLINE_ALLOW_CIDRS"},
		{"https://169.254.169.254/latest/meta-data/", addrguard.Blocked, "cloud metadata"},
		{"https://[::1]/", addrguard.Blocked, "loopback"},
		{"https://[::ffff:127.0.0.1]/", addrguard.Blocked, "loopback"},
		{"https://[fe80::1%25eth0]/", addrguard.Blocked, "zone"},
		{"https://[::]/", addrguard.Blocked, "unspecified"},
		{"https://localhost/", addrguard.Blocked, "loopback"},
		{"https://LOCALHOST.:8443/", addrguard.Blocked, "loopback"},
		{"https://app.localhost/", addrguard.Blocked, "loopback"},
	} {
		err := addrguard.Policy{}.CheckURL(test.raw)
		var refused *addrguard.URLError
		if !errors.As(err, &refused) {
			t.Errorf("CheckURL(%.60q) = %v, want a URLError", test.raw, err)
			continue
		}
		if refused.Code != test.code || !strings.Contains(refused.Reason, test.says) {
			t.Errorf("CheckURL(%.60q) = code %d, %q; want code %d and %q",
				test.raw, refused.Code, refused.Reason, test.code, test.says)
		}
		var blocked *addrguard.BlockedError
		if errors.As(err, &blocked) != (test.code == addrguard.Blocked) {
			t.Errorf("CheckURL(%.60q): code %d with wrapped error %v", test.raw, refused.Code, refused.Err)
		}
		if strings.Contains(refused.Reason, "hunter2") {
			t.Errorf("CheckURL(%.60q) repeats the password: %s", test.raw, refused.Reason)
		}
	}
}

func TestCheckURLUnderPolicy(t *testing.T) {
	t.Parallel()
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	receiver := addrguard.Policy{AllowAddrs: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}}
	for _, test := range []struct {
		policy  addrguard.Policy
		raw     string
		allowed bool
	}{
		{addrguard.Policy{AllowHTTP: true}, "http://example.com/", true},
		{addrguard.Policy{AllowHTTP: true}, "http://127.0.0.1/", false},
		{addrguard.Policy{Allow: []netip.Prefix{loopback}}, "https://127.0.0.1/", true},
		{addrguard.Policy{Allow: []netip.Prefix{loopback}}, "http://127.0.0.1/", false},
		{addrguard.Policy{Allow: []netip.Prefix{loopback}}, "https://app.localhost/", true},
		{addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("::1/128")}}, "https://localhost/", true},
		{addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "https://localhost/", false},
		{receiver, "http://127.0.0.1:8080/receiver", true},
		{receiver, "https://127.0.0.1:8080/receiver", true},
		{receiver, "http://127.0.0.1:8081/receiver", false},
		{receiver, "http://127.0.0.1/receiver", false},
		{receiver, "http://example.com:8080/", false},
		{receiver, "https://localhost:8080/", true},
		{receiver, "https://localhost/", false},
	} {
		if err := test.policy.CheckURL(test.raw); (err == nil) != test.allowed {
			t.Errorf("%+v: CheckURL(%q) = %v, want allowed = %v", test.policy, test.raw, err, test.allowed)
		}
	}
}

// FuzzCheckURL proves that no accepted URL has a host that any reader of IP addresses takes for a blocked one.
func FuzzCheckURL(f *testing.F) {
	for _, raw := range []string{
		"https://example.com/webhook", "https://127.0.0.1/", "https://0x7f.1/", "https://0177.0.0.1./", "https://2130706433",
		"https://[::ffff:7f00:1]:8443/x", "https://[fe80::1%25lo]/", "https://a@127.1", "https://1.1.1.1:443?x#y",
		"https://127.0.0.1", "https://%31%32%37.1/", "http://localhost", "https://x\\@10.1",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		policy := addrguard.Policy{}
		if policy.CheckURL(raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "https" || u.User != nil {
			t.Fatalf("accepted %q, which parses to %v, %v", raw, u, err)
		}
		host := strings.TrimSuffix(u.Hostname(), ".")
		for _, r := range host {
			if r <= ' ' || r >= 0x7f {
				t.Fatalf("accepted %q with %q in its host", raw, r)
			}
		}
		for _, ip := range readings(host) {
			if err := policy.Check(netip.AddrPortFrom(ip, 443)); err != nil {
				t.Fatalf("accepted %q, whose host can be read as %v: %v", raw, ip, err)
			}
		}
	})
}

// readings returns every IP address that host is taken for by Go's dialer or by C's inet_aton.
func readings(host string) []netip.Addr {
	var out []netip.Addr
	if ip, err := netip.ParseAddr(host); err == nil {
		out = append(out, ip)
	}
	if ip, ok := netip.AddrFromSlice(net.ParseIP(host)); ok {
		out = append(out, ip)
	}
	if ip, ok := inetAton(host); ok {
		out = append(out, ip)
	}
	return out
}

// inetAton reads one to four numbers, decimal, octal (0…) or hexadecimal (0x…), of which the last fills all bytes left.
func inetAton(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		base, digits := 10, part
		if rest, hex := strings.CutPrefix(strings.ToLower(part), "0x"); hex {
			base, digits = 16, rest
		} else if len(part) > 1 && part[0] == '0' {
			base = 8
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		if i == len(parts)-1 {
			sum |= n
		} else {
			sum |= n << (24 - 8*i)
		}
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

func TestInetAton(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "0x7F000001"} {
		if ip, ok := inetAton(host); !ok || ip != netip.MustParseAddr("127.0.0.1") {
			t.Errorf("inetAton(%q) = %v, %v", host, ip, ok)
		}
	}
}
