package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
)

// zone answers the question for a host's IPv4 addresses: the n-th time, from 1, it is asked. It may return a CNAME
// before them, and nothing for a name that does not exist.
type zone func(n int) []dnsmessage.ResourceBody

// resolver returns one that knows the name hook.example alone, from a name server of its own on loopback.
func resolver(t *testing.T, answers zone) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serveDNS(server, answers)
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
		},
	}
}

func serveDNS(server net.PacketConn, answers zone) {
	buf := make([]byte, 1500)
	for asked := 0; ; {
		n, client, err := server.ReadFrom(buf)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buf[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		question := query.Questions[0]
		reply := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionAvailable: true},
			Questions: query.Questions,
		}
		if question.Name.String() != "hook.example." {
			reply.RCode = dnsmessage.RCodeNameError
		} else if question.Type == dnsmessage.TypeA {
			asked++
			owner := question.Name
			for _, body := range answers(asked) {
				header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 0}
				reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: body})
				if alias, ok := body.(*dnsmessage.CNAMEResource); ok {
					owner = alias.CNAME
				}
			}
		}
		if packed, err := reply.Pack(); err == nil {
			_, _ = server.WriteTo(packed, client)
		}
	}
}

func a(address string) dnsmessage.ResourceBody {
	return &dnsmessage.AResource{A: netip.MustParseAddr(address).As4()}
}

// twoHosts listens on the same port of 127.0.0.1, which tests may call, and 127.0.0.2, which is blocked.
func twoHosts(t *testing.T) (port string, blocked *connCount) {
	t.Helper()
	answer := func(conn net.Conn) {
		buf := make([]byte, 4096)
		if _, err := conn.Read(buf); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
	}
	address, _ := listen(t, "127.0.0.1:0", answer)
	_, port, _ = net.SplitHostPort(address)
	_, blocked = listen(t, "127.0.0.2:"+port, answer)
	return port, blocked
}

func TestDoBlocksARebindingName(t *testing.T) {
	t.Parallel()
	port, blocked := twoHosts(t)
	names := resolver(t, func(n int) []dnsmessage.ResourceBody {
		if n == 1 {
			return []dnsmessage.ResourceBody{a("127.0.0.1")}
		}
		return []dnsmessage.ResourceBody{a("127.0.0.2")}
	})
	client := newClient(t, egress.Config{Resolver: names})
	resp := do(t, client, "http://hook.example:"+port, egress.Request{})
	if resp.Err != nil || resp.StatusCode != http.StatusOK || resp.RemoteAddr != "127.0.0.1:"+port {
		t.Fatalf("first answer %d from %s, %v", resp.StatusCode, resp.RemoteAddr, resp.Err)
	}
	if resp.Timing.DNS <= 0 || resp.Timing.Connect <= 0 {
		t.Errorf("timing: %+v", resp.Timing)
	}
	resp = do(t, client, "http://hook.example:"+port, egress.Request{})
	wantKind(t, resp, egress.KindBlocked, "blocked: address 127.0.0.2 is blocked: loopback")
	if blocked.total() != 0 {
		t.Error("the blocked address was connected to")
	}
}

func TestDoDialsOnlyTheAllowedAddressesOfAName(t *testing.T) {
	t.Parallel()
	port, blocked := twoHosts(t)
	alias := &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("target.example.")}
	for name, test := range map[string]struct {
		answer  []dnsmessage.ResourceBody
		allowed bool
	}{
		"blocked_first":        {[]dnsmessage.ResourceBody{a("127.0.0.2"), a("127.0.0.1")}, true},
		"blocked_last":         {[]dnsmessage.ResourceBody{a("127.0.0.1"), a("10.0.0.1")}, true},
		"all_blocked":          {[]dnsmessage.ResourceBody{a("127.0.0.2"), a("10.0.0.1"), a("169.254.169.254")}, false},
		"alias_to_allowed":     {[]dnsmessage.ResourceBody{alias, a("127.0.0.1")}, true},
		"alias_to_blocked":     {[]dnsmessage.ResourceBody{alias, a("127.0.0.2")}, false},
		"alias_to_unspecified": {[]dnsmessage.ResourceBody{alias, a("0.0.0.0")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := resolver(t, func(int) []dnsmessage.ResourceBody { return test.answer })
			resp := do(t, newClient(t, egress.Config{Resolver: names}), "http://hook.example:"+port, egress.Request{})
			if !test.allowed {
				wantKind(t, resp, egress.KindBlocked, "is blocked")
			} else if resp.Err != nil || resp.RemoteAddr != "127.0.0.1:"+port {
				t.Errorf("answer from %s, %v", resp.RemoteAddr, resp.Err)
			}
		})
	}
	t.Cleanup(func() {
		if blocked.total() != 0 {
			t.Error("the blocked address was connected to")
		}
	})
}

// Trying again can help a host of which one address may be called, even if that one is down.
func TestDoDoesNotCallAHostBlockedOfWhichOneAddressIsAllowed(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	names := resolver(t, func(int) []dnsmessage.ResourceBody {
		return []dnsmessage.ResourceBody{a("127.0.0.2"), a("127.0.0.1")}
	})
	resp := do(t, newClient(t, egress.Config{Resolver: names}), "http://hook.example:"+port, egress.Request{})
	wantKind(t, resp, egress.KindConnect, "")
}

func TestDoReportsANameThatIsNotFound(t *testing.T) {
	t.Parallel()
	names := resolver(t, nil)
	resp := do(t, newClient(t, egress.Config{Resolver: names}), "http://missing.example", egress.Request{})
	wantKind(t, resp, egress.KindDNS, "missing.example")
	if text := resp.Err.Error(); strings.Contains(text, "127.0.0.1") || strings.Contains(text, ":53") {
		t.Errorf("the error gives our name server away: %s", text)
	}
	if !strings.Contains(resp.Err.Hint(), "does not exist") || resp.Timing.DNS <= 0 {
		t.Errorf("hint %q, timing %+v", resp.Err.Hint(), resp.Timing)
	}
}

func TestDoTimesOutLookingUpAName(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	names := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-over // the resolver waits for it beyond the end of the lookup's context
		return nil, net.ErrClosed
	}}
	t.Cleanup(func() { close(over) })
	resp := do(t, newClient(t, egress.Config{Resolver: names}), "http://hook.example",
		egress.Request{ConnectTimeout: 150 * time.Millisecond})
	wantKind(t, resp, egress.KindDNS, "hook.example")
	if !strings.Contains(resp.Err.Hint(), "name servers") || resp.Timing.Total < 100*time.Millisecond {
		t.Errorf("hint %q, timing %+v", resp.Err.Hint(), resp.Timing)
	}
}

func TestDoTimesOutConnecting(t *testing.T) {
	t.Parallel()
	address := fullListener(t)
	resp := do(t, newClient(t, egress.Config{}), "http://"+address, egress.Request{ConnectTimeout: 150 * time.Millisecond})
	wantKind(t, resp, egress.KindTimeout, "no TCP connection within 150ms (connect timeout)")
	if !strings.Contains(resp.Err.Hint(), "connectTimeoutMs") || resp.Timing.Connect < 100*time.Millisecond {
		t.Errorf("hint %q, timing %+v", resp.Err.Hint(), resp.Timing)
	}
	// The total timeout holds while connecting, too.
	resp = do(t, newClient(t, egress.Config{}), "http://"+address,
		egress.Request{ConnectTimeout: 500 * time.Millisecond, TotalTimeout: 100 * time.Millisecond})
	wantKind(t, resp, egress.KindTimeout, "total timeout")
}

// fullListener returns the address of a listener that lets connections hang: its queue is full and nobody accepts.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(os.NewSyscallError("socket", err))
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(os.NewSyscallError("bind", err))
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(os.NewSyscallError("listen", err))
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(os.NewSyscallError("getsockname", err))
	}
	address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(name.(*syscall.SockaddrInet4).Port)).String()
	for range 64 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("the listener's queue does not fill up")
	return ""
}

// A name may resolve to a receiver that Hookline runs itself, on its own port only.
func TestDoHoldsAllowedAddressesToTheirPort(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { calls.Add(1) })
	own := netip.MustParseAddrPort(strings.TrimPrefix(url, "http://"))
	client := egress.New(egress.Config{Policy: addrguard.Policy{
		AllowAddrs: []netip.AddrPort{netip.AddrPortFrom(own.Addr(), own.Port()+1)}, AllowHTTP: true,
	}})
	t.Cleanup(client.Close)
	wantKind(t, do(t, client, url, egress.Request{}), egress.KindBlocked, "loopback")

	client = egress.New(egress.Config{Policy: addrguard.Policy{AllowAddrs: []netip.AddrPort{own}}})
	t.Cleanup(client.Close)
	if resp := do(t, client, url, egress.Request{}); resp.Err != nil || calls.Load() != 1 {
		t.Errorf("%d calls, %v", calls.Load(), resp.Err)
	}
}
