package egress_test

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
)

// FuzzGuard holds that, whatever a customer's URL is and whatever name servers say of its host, only public addresses are connected to, and
// only such as the URL or the name servers name. The connections themselves are not made.
func FuzzGuard(f *testing.F) {
	addresses := func(texts ...string) (all []byte) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text).AsSlice()...)
		}
		return all
	}
	for _, raw := range []string{
		"https://hook.example/", "http://hook.example:8080/x?y", "https://127.0.0.1/", "https://[::ffff:127.0.0.1]/", "https://1.1.1.1/", "https://localhost/",
		"https://a@hook.example/", "https://0x7f.1/", "https://hook.example./", "https://[fe80::1%25lo]/", "https://127.0.0.1.nip.example/", "https://[2606:4700::1111]:1/",
	} {
		f.Add(raw, addresses("127.0.0.1", "1.1.1.1", "10.0.0.1", "169.254.169.254"), addresses("::1", "::ffff:127.0.0.1", "2606:4700::1111"))
		f.Add(raw, addresses("8.8.8.8"), addresses("64:ff9b::7f00:1", "2002:7f00:1::1", "fd00:ec2::254", "::ffff:0:7f00:1"))
		f.Add(raw, []byte{}, addresses("2001::1", "fe80::1", "::", "2a00:1450::1"))
	}
	f.Fuzz(func(t *testing.T, raw string, v4, v6 []byte) {
		const most = 8 // addresses of each family
		v4, v6 = v4[:min(len(v4), most*4)], v6[:min(len(v6), most*16)]
		var mu sync.Mutex // a name's addresses of both families may be tried at once
		var passed []netip.AddrPort
		client := egress.New(egress.Config{Policy: addrguard.Policy{AllowHTTP: true}, Resolver: answering(v4, v6)})
		client.Watch(func(address string) {
			mu.Lock()
			defer mu.Unlock()
			passed = append(passed, netip.MustParseAddrPort(address))
		})
		resp := client.Do(t.Context(), egress.Request{URL: raw, Body: []byte("{}"), ConnectTimeout: 10 * time.Second})
		h := client.Probe(t.Context(), egress.Probe{URL: raw, ConnectTimeout: 10 * time.Second})
		client.Close()
		if resp.Err == nil || h.Err == nil {
			t.Fatalf("%q was connected to", raw)
		}
		u, err := addrguard.Policy{AllowHTTP: true}.ParseURL(raw)
		if err != nil {
			if len(passed) > 0 || resp.Err.Kind != egress.KindBlocked {
				t.Fatalf("%q is refused (%v), and %v was dialled: %v", raw, err, passed, resp.Err)
			}
			return
		}
		named := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")} // in /etc/hosts, and blocked
		if literal, err := netip.ParseAddr(u.Hostname()); err == nil {
			named = []netip.Addr{literal.Unmap()}
			if literal.Is4() && len(passed) != 2 {
				t.Errorf("%q is accepted, and dialled at %v by Do and Probe", raw, passed)
			}
		}
		for ip := range slices.Chunk(v4, 4) {
			if len(ip) == 4 {
				named = append(named, netip.AddrFrom4([4]byte(ip)))
			}
		}
		for ip := range slices.Chunk(v6, 16) {
			if len(ip) == 16 {
				named = append(named, netip.AddrFrom16([16]byte(ip)).Unmap())
			}
		}
		port := map[string]string{"http": "80", "https": "443"}[u.Scheme]
		if u.Port() != "" {
			port = u.Port()
		}
		for _, to := range passed {
			_, dialled, _ := net.SplitHostPort(to.String())
			switch ip := to.Addr().Unmap(); {
			case !public(ip):
				t.Errorf("%q is dialled at %v", raw, to)
			case dialled != port || !slices.Contains(named, ip):
				t.Errorf("%q is dialled at %v, of which nobody spoke", raw, to)
			}
		}
	})
}

// public reports whether an address is one of the open Internet, by what net/netip and the RFCs know, and not by our own table. An IPv4 address
// inside an IPv6 one counts.
func public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return false
	}
	within := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(ip) }
	if ip.Is4() {
		return !within("0.0.0.0/8") && !within("100.64.0.0/10") && !within("192.0.0.0/24") && !within("198.18.0.0/15") && !within("240.0.0.0/4")
	}
	return within("2000::/3") && !within("2002::/16") && !within("2001::/32") && !within("2001:db8::/32")
}

// answering returns a resolver that knows these addresses for every name, from a name server in memory.
func answering(v4, v6 []byte) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer ours.Close()
			for {
				var size [2]byte // as over TCP (RFC 1035, 4.2.2)
				if _, err := io.ReadFull(ours, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(ours, query); err != nil {
					return
				}
				reply := answer(query, v4, v6)
				if _, err := ours.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
					return
				}
			}
		}()
		return theirs, nil
	}}
}

func answer(query, v4, v6 []byte) []byte {
	var message dnsmessage.Message
	if message.Unpack(query) != nil || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	message.Response, message.Authoritative, message.RecursionAvailable, message.Additionals = true, true, true, nil
	add := func(body dnsmessage.ResourceBody) {
		header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET}
		message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	switch question.Type {
	case dnsmessage.TypeA:
		for ip := range slices.Chunk(v4, 4) {
			if len(ip) == 4 {
				add(&dnsmessage.AResource{A: [4]byte(ip)})
			}
		}
	case dnsmessage.TypeAAAA:
		for ip := range slices.Chunk(v6, 16) {
			if len(ip) == 16 {
				add(&dnsmessage.AAAAResource{AAAA: [16]byte(ip)})
			}
		}
	}
	reply, err := message.Pack()
	if err != nil {
		return nil
	}
	return reply
}
