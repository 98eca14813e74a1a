package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// endpoint is a webhook that costs as little as possible, so that what is measured is Hookline: it reads requests by their
// Content-Length and answers 204.
type endpoint struct {
	listener net.Listener
	received atomic.Int64
	delay    time.Duration // before each answer; set before the first request
	// onBody is called with each request's body, if it is set.
	onBody atomic.Pointer[func(body []byte, at time.Time)]

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

var answer = []byte("HTTP/1.1 204 No Content\r\n\r\n")

func listen() (*endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &endpoint{listener: listener, conns: make(map[net.Conn]struct{})}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			e.mu.Lock()
			e.conns[conn] = struct{}{}
			e.mu.Unlock()
			go e.serve(conn)
		}
	}()
	return e, nil
}

func (e *endpoint) url() string { return "http://" + e.listener.Addr().String() + "/hook" }

func (e *endpoint) close() {
	_ = e.listener.Close()
	e.mu.Lock()
	defer e.mu.Unlock()
	for conn := range e.conns {
		_ = conn.Close()
	}
}

var contentLength = []byte("Content-Length: ")

func (e *endpoint) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReaderSize(conn, 16<<10)
	var body []byte
	for {
		length := 0
		for {
			row, err := reader.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(row) <= 2 {
				break
			}
			if rest, found := bytes.CutPrefix(row, contentLength); found {
				length, _ = strconv.Atoi(string(bytes.TrimSpace(rest)))
			}
		}
		if cap(body) < length {
			body = make([]byte, length)
		}
		body = body[:length]
		if _, err := io.ReadFull(reader, body); err != nil {
			return
		}
		e.received.Add(1)
		if f := e.onBody.Load(); f != nil {
			(*f)(body, time.Now())
		}
		if e.delay > 0 {
			<-time.After(e.delay)
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}
