package graphqlws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/gorilla/websocket"
)

// BenchmarkNext measures what a message costs from the resolver to the kernel, for one socket and for many that get the
// same messages. One iteration is one message on one socket; the clients only count bytes.
func BenchmarkNext(b *testing.B) {
	for _, sockets := range []int{1, 100} {
		for _, size := range []int{200, 2000} {
			b.Run(fmt.Sprintf("sockets=%d/bytes=%d", sockets, size), func(b *testing.B) { benchmarkNext(b, sockets, size) })
		}
	}
}

func benchmarkNext(b *testing.B, sockets, size int) {
	data := json.RawMessage(`{"feed":"` + strings.Repeat("x", size-len(`{"feed":""}`)) + `"}`)
	each := b.N/sockets + 1
	begin := make(chan struct{})
	s := start(b, &Transport{}, schema{"feed": func(context.Context) graphql.ResponseHandler {
		n := 0
		return func(context.Context) *graphql.Response {
			<-begin
			if n++; n > each {
				return nil
			}
			return &graphql.Response{Data: data}
		}
	}})
	var reading sync.WaitGroup
	for range sockets {
		c := s.open(b)
		_ = c.SetReadDeadline(time.Time{})
		c.subscribe("1", `subscription { feed }`)
		reading.Go(func() {
			const header = 4 // of frames of 126 to 65,535 bytes
			frame := header + len(`{"id":"1","type":"next","payload":{"data":}}`) + size
			_, err := io.CopyN(io.Discard, c.NetConn(), int64(each*frame))
			if err != nil {
				b.Error(err)
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	close(begin)
	reading.Wait()
	b.ReportMetric(float64(each*sockets)/b.Elapsed().Seconds(), "messages/s")
}

// BenchmarkIdleSocket measures the memory that a socket with one silent subscription takes, on the server's side alone.
func BenchmarkIdleSocket(b *testing.B) {
	const sockets = 1000
	for range b.N {
		s := start(b, &Transport{}, schema{"feed": func(context.Context) graphql.ResponseHandler {
			return func(ctx context.Context) *graphql.Response {
				<-ctx.Done()
				return nil
			}
		}})
		conns := make([]net.Conn, sockets)
		before := memoryInUse()
		for i := range conns {
			conn, _, err := websocket.DefaultDialer.Dial(s.url, http.Header{"Sec-Websocket-Protocol": {subprotocol}})
			if err != nil {
				b.Fatal(err)
			}
			c := client{Conn: conn, t: b}
			c.send(initMessage)
			c.expect(ackMessage)
			c.subscribe("1", `subscription { feed }`)
			c.send(`{"type":"ping"}`)
			c.expect(`{"type":"pong"}`)
			conns[i] = conn.NetConn() // and nothing else of the client
		}
		b.ReportMetric(float64(memoryInUse()-before)/sockets/1024, "KiB/socket")
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

func memoryInUse() uint64 {
	for range 4 { // each halves the stacks that are mostly free
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
