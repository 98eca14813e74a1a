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

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/testenv"
)

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
	names := testenv.NewNameServer(t)
	names.Set("hook.example", "127.0.0.1")
	client := newClient(t, egress.Config{Resolver: names.Resolver()})
	resp := do(t, client, "http://hook.example:"+port, egress.Request{})
	if resp.Err != nil || resp.StatusCode != http.StatusOK || resp.RemoteAddr != "127.0.0.1:"+port {
		t.Fatalf("first answer %d from %s, %v", resp.StatusCode, resp.RemoteAddr, resp.Err)
	}
	if resp.Timing.DNS <= 0 || resp.Timing.Connect <= 0 {
		t.Errorf("timing: %+v", resp.Timing)
	}
	names.Set("hook.example", "127.0.0.2")
	resp = do(t, client, "http://hook.example:"+port, egress.Request{})
	wantKind(t, resp, egress.KindBlocked, "blocked: address 127.0.0.2 is blocked: loopback")
	if blocked.total() != 0 {
		t.Error("the blocked address was connected to")
	}
}

func TestDoDialsOnlyTheAllowedAddressesOfAName(t *testing.T) {
	t.Parallel()
	port, blocked := twoHosts(t)
	for name, test := range map[string]struct {
		answer  []string
		allowed bool
	}{
		"blocked_first":        {[]string{"127.0.0.2", "127.0.0.1"}, true},
		"blocked_last":         {[]string{"127.0.0.1", "10.0.0.1"}, true},
		"blocked_by_IPv6":      {[]string{"127.0.0.1", "::1", "fe80::1", "64:ff9b::7f00:2"}, true},
		"mapped":               {[]string{"::ffff:127.0.0.1"}, true},
		"all_blocked":          {[]string{"127.0.0.2", "10.0.0.1", "169.254.169.254"}, false},
		"loopback_by_IPv6":     {[]string{"::1"}, false},
		"mapped_blocked":       {[]string{"::ffff:127.0.0.2"}, false},
		"translated":           {[]string{"::ffff:0:127.0.0.1"}, false},
		"NAT64":                {[]string{"64:ff9b::7f00:1"}, false},
		"local_NAT64":          {[]string{"64:ff9b:1::7f00:1"}, false},
		"6to4":                 {[]string{"2002:7f00:1::1"}, false},
		"Teredo":               {[]string{"2001::7f00:1"}, false},
		"compatible":           {[]string{"::127.0.0.1"}, false},
		"unique_local":         {[]string{"fd00:ec2::254"}, false},
		"link_local":           {[]string{"fe80::5efe:7f00:1"}, false}, // ISATAP
		"unspecified_by_IPv6":  {[]string{"::"}, false},
		"alias_to_allowed":     {[]string{"allowed.example"}, true},
		"alias_to_blocked":     {[]string{"blocked.example"}, false},
		"chain_of_aliases":     {[]string{"alias.example"}, false},
		"alias_to_unspecified": {[]string{"unspecified.example"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			names := testenv.NewNameServer(t)
			names.Set("hook.example", test.answer...)
			names.Set("allowed.example", "127.0.0.1")
			names.Set("alias.example", "blocked.example")
			names.Set("blocked.example", "127.0.0.2", "::1")
			names.Set("unspecified.example", "0.0.0.0", "::")
			client := newClient(t, egress.Config{Resolver: names.Resolver()})
			probed := client.Probe(t.Context(), egress.Probe{URL: "http://hook.example:" + port})
			if test.allowed == (probed.Err != nil) || !test.allowed && probed.Err.Kind != egress.KindBlocked {
				t.Errorf("tried out at %s: %v", probed.RemoteAddr, probed.Err)
			}
			resp := do(t, client, "http://hook.example:"+port, egress.Request{})
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
	names := testenv.NewNameServer(t)
	names.Set("hook.example", "127.0.0.2", "127.0.0.1")
	resp := do(t, newClient(t, egress.Config{Resolver: names.Resolver()}), "http://hook.example:"+port, egress.Request{})
	wantKind(t, resp, egress.KindConnect, "")
}

func TestDoReportsANameThatIsNotFound(t *testing.T) {
	t.Parallel()
	names := testenv.NewNameServer(t)
	resp := do(t, newClient(t, egress.Config{Resolver: names.Resolver()}), "http://missing.example", egress.Request{})
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
