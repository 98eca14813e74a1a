package testenv

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// NameServer is a DNS server on loopback that knows the names that a test tells it. It is safe for concurrent use.
type NameServer struct {
	server net.PacketConn

	mu    sync.Mutex
	names map[string][]string
}

// NewNameServer starts a name server, which ends with the test.
func NewNameServer(t testing.TB) *NameServer {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &NameServer{server: server, names: make(map[string][]string)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.serve()
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return s
}

// Set says what a name stands for from now on: IPv4 and IPv6 addresses, or one other name, of which it is an alias (CNAME). A name that has never
// been set does not exist.
func (s *NameServer) Set(name string, standsFor ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = standsFor
}

// Resolver returns a resolver that asks this server alone.
func (s *NameServer) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.server.LocalAddr().String())
	}}
}

func (s *NameServer) serve() {
	buf := make([]byte, 1500)
	for {
		n, client, err := s.server.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		var query dnsmessage.Message
		if query.Unpack(buf[:n]) != nil || len(query.Questions) != 1 {
			continue
		}
		reply := s.answer(query.ID, query.Questions[0])
		if packed, err := reply.Pack(); err == nil {
			_, _ = s.server.WriteTo(packed, client)
		}
	}
}

func (s *NameServer) answer(query uint16, question dnsmessage.Question) dnsmessage.Message {
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: query, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := question.Name
	standsFor, known := s.names[strings.TrimSuffix(owner.String(), ".")]
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	add := func(body dnsmessage.ResourceBody) {
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET} // with a TTL of 0
		reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	for aliases := 0; len(standsFor) == 1 && aliases < 8; aliases++ {
		if _, err := netip.ParseAddr(standsFor[0]); err == nil {
			break
		}
		target := dnsmessage.MustNewName(standsFor[0] + ".")
		add(&dnsmessage.CNAMEResource{CNAME: target})
		owner, standsFor = target, s.names[standsFor[0]]
	}
	for _, text := range standsFor {
		ip, err := netip.ParseAddr(text)
		switch {
		case err != nil:
		case ip.Is4() && question.Type == dnsmessage.TypeA:
			add(&dnsmessage.AResource{A: ip.As4()})
		case ip.Is6() && question.Type == dnsmessage.TypeAAAA:
			add(&dnsmessage.AAAAResource{AAAA: ip.As16()})
		}
	}
	return reply
}
