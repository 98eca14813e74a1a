package configure

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/usererror"
)

// FuzzURLs holds that a URL which may be saved, for webhooks or for tokens, is one that the guard lets through, that every database can hold, and that
// net/http asks for at the host that was checked.
func FuzzURLs(f *testing.F) {
	for _, raw := range []string{
		"https://example.com/webhook?token=a%20b", "https://example.com\x00.127.0.0.1/", "https://[::ffff:10.0.0.1]:8443/", "https://a@example.com/",
		"https://example.com:443@10.0.0.1/", "https://bücher.example/", "https://xn--bcher-kva.example./", "https://0x7f.1/", "https://[fe80::1%25lo]/",
		"https://example.com:99999/", "http://example.com/", "https://example.com/#" + "a", "HTTPS://EXAMPLE.COM/%00", "//example.com", "",
	} {
		f.Add(raw)
	}
	guard := addrguard.Policy{AllowHTTP: true}
	f.Fuzz(func(t *testing.T, raw string) {
		var wrong, wrongToo usererror.List
		checkURL(&wrong, "webhookUrl", guard, raw)
		if checkURLText(&wrongToo, "tokenUrl", "tokenUrl", "https://login.example.com/token", raw) {
			checkGuard(&wrongToo, "tokenUrl", guard, raw)
		}
		if len(wrong) != len(wrongToo) {
			t.Errorf("%q is judged in two ways: %v and %v", raw, wrong, wrongToo)
		}
		if len(wrong) > 0 {
			return
		}
		if !storable(raw) || len(raw) > addrguard.MaxURLLength {
			t.Errorf("%q is accepted", raw)
		}
		checked, err := guard.ParseURL(raw)
		if err != nil {
			t.Fatalf("%q is accepted, but not by the guard: %v", raw, err)
		}
		var sent bytes.Buffer
		if err := (&http.Request{Method: http.MethodPost, URL: checked}).Write(&sent); err != nil {
			t.Fatalf("%q is accepted and cannot be sent: %v", raw, err)
		}
		got, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil {
			t.Fatalf("%q is accepted, and sent as what is no request: %v", raw, err)
		}
		if host, err := url.Parse("https://" + got.Host); err != nil || host.Hostname() != checked.Hostname() || host.Port() != checked.Port() {
			t.Errorf("%q was checked for %s, and is sent to %s", raw, checked.Host, got.Host)
		}
		if got.URL.Path != checked.Path && checked.Path != "" || got.URL.RawQuery != checked.RawQuery {
			t.Errorf("%q asks for %s", raw, got.URL)
		}
	})
}

// FuzzHeaders holds that a header which may be saved reaches the endpoint as it is, and changes nothing else of the request.
func FuzzHeaders(f *testing.F) {
	for _, header := range [][2]string{
		{"X-Tenant", "a b\tc"}, {"authorization", "Basic x"}, {"HOST", "example.org"}, {"Content-Length", "0"}, {"transfer-encoding", "chunked"}, {"TE", "trailers"},
		{"Webhook_Signature", "v1,x"}, {"Host ", "a"}, {"X\r\nHost", "a"}, {"X", "a\r\nHost: b"}, {"X", "a\x00"}, {"\u212aeep-Alive", "1"}, {"Cookie", ""}, {"", "v"},
		{"proxy-x", "v"}, {":authority", "a"}, {"Accept-Encoding", "br"}, {"Content-Encoding", "gzip"}, {"Date", "x"}, {"Http2-Settings", "x"},
	} {
		f.Add(header[0], header[1])
	}
	own := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Hookline/1"}, "Webhook-Id": {"evt_1"}, "Webhook-Signature": {"v1,a"}, "Webhook-Timestamp": {"1"},
	}
	const body = `{"id":1}`
	f.Fuzz(func(t *testing.T, name, value string) {
		var wrong usererror.List
		checkHeaderName(&wrong, "name", name, map[string]bool{})
		checkHeaderValue(&wrong, "value", HeaderInput{Name: name, Value: value})
		if len(wrong) > 0 {
			return
		}
		to := &url.URL{Scheme: "https", Host: "example.com", Path: "/webhook"}
		out := &http.Request{Method: http.MethodPost, URL: to, Header: own.Clone()}
		out.Header[http.CanonicalHeaderKey(name)] = []string{value}
		out.Body, out.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		var sent bytes.Buffer
		if err := out.Write(&sent); err != nil {
			t.Fatalf("%q: %q is accepted and cannot be sent: %v", name, value, err)
		}
		got, err := http.ReadRequest(bufio.NewReader(&sent))
		if err != nil {
			t.Fatalf("%q: %q is accepted, and sent as what is no request: %v", name, value, err)
		}
		if got.Host != to.Host || got.ContentLength != int64(len(body)) || len(got.TransferEncoding) > 0 || len(got.Trailer) > 0 || got.Close {
			t.Fatalf("%q: %q changes the request to %+v", name, value, got)
		}
		if sent := got.Header.Values(name); len(sent) != 1 || sent[0] != textproto.TrimString(value) {
			t.Errorf("%q: %q is sent as %q", name, value, sent)
		}
		got.Header.Del(name)
		got.Header.Del("Content-Length")
		for header := range own {
			if got.Header.Get(header) != own.Get(header) {
				t.Errorf("%q: %q changes %s to %q", name, value, header, got.Header.Values(header))
			}
		}
		if len(got.Header) != len(own) {
			t.Errorf("%q: %q adds to the headers: %v", name, value, got.Header)
		}
	})
}
