package dashboard

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log('hello');\n", 100)

func built() http.Handler {
	return handler(fstest.MapFS{
		"index.html":           {Data: []byte(`<script nonce="HOOKLINE_CSP_NONCE"></script><meta nonce="HOOKLINE_CSP_NONCE">`)},
		"color-scheme.js":      {Data: []byte("1")},
		"assets/index-a1b2.js": {Data: []byte(script)},
		"assets/index-c3d4.css": {
			Data: []byte("body{}"),
		},
		".gitkeep": {Data: nil},
	})
}

func get(h http.Handler, target string, header ...string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	h := built()

	t.Run("serves_the_page_under_every_route", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/", "/index.html", "/signin", "/attempts/att_1?tab=request", "//signin/../"} {
			resp := get(h, "http://hookline.test"+target)
			if resp.StatusCode != http.StatusOK || !strings.HasPrefix(body(t, resp), "<script") {
				t.Errorf("%s: status %d, want the page", target, resp.StatusCode)
			}
			if got := resp.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("%s: Cache-Control %q, want no-cache", target, got)
			}
			if got := resp.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
				t.Errorf("%s: Content-Type %q", target, got)
			}
		}
	})

	t.Run("serves_files_with_their_types_and_lifetimes", func(t *testing.T) {
		t.Parallel()
		const forever = "public, max-age=31536000, immutable"
		for _, test := range []struct{ target, contentType, cache string }{
			{"/assets/index-a1b2.js", "text/javascript; charset=utf-8", forever},
			{"/assets/index-c3d4.css", "text/css; charset=utf-8", forever},
			{"/color-scheme.js", "text/javascript; charset=utf-8", "no-cache"},
		} {
			resp := get(h, test.target)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d", test.target, resp.StatusCode)
			}
			if got := resp.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("%s: Content-Type %q, want %q", test.target, got, test.contentType)
			}
			if got := resp.Header.Get("Cache-Control"); got != test.cache {
				t.Errorf("%s: Cache-Control %q, want %q", test.target, got, test.cache)
			}
		}
	})

	t.Run("answers_404_for_files_that_are_not_there", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/assets/index-old.js", "/favicon.ico", "/.gitkeep"} {
			if resp := get(h, target); resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404", target, resp.StatusCode)
			}
		}
	})

	t.Run("compresses_for_who_takes_gzip", func(t *testing.T) {
		t.Parallel()
		const target = "/assets/index-a1b2.js"
		for _, accept := range []string{"gzip", "gzip, deflate, br", "br, GZIP;q=0.5", "br , gzip ; q=1.0"} {
			resp := get(h, target, "Accept-Encoding", accept)
			if resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%q: headers %v, want gzip", accept, resp.Header)
				continue
			}
			r, err := gzip.NewReader(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != script {
				t.Errorf("%q: unpacked %d bytes, error %v", accept, len(got), err)
			}
		}
		for _, accept := range []string{"", "br", "gzip;q=0", "gzip;q=0.000", "xgzip"} {
			resp := get(h, target, "Accept-Encoding", accept)
			if got := resp.Header.Get("Content-Encoding"); got != "" || body(t, resp) != script {
				t.Errorf("%q: Content-Encoding %q, want the plain file", accept, got)
			}
		}
	})

	t.Run("refuses_everything_but_reading", func(t *testing.T) {
		t.Parallel()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("status %d, Allow %q", w.Code, w.Header().Get("Allow"))
		}
	})

	t.Run("guards_every_answer", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/", "/color-scheme.js", "/assets/index-a1b2.js", "/none.js"} {
			header := get(h, target).Header
			if !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
				!strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") ||
				header.Get("X-Content-Type-Options") != "nosniff" ||
				header.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%s: headers %v", target, header)
			}
		}
	})
}

func TestPagePolicy(t *testing.T) {
	t.Parallel()
	h := built()

	t.Run("gives_every_page_a_nonce_of_its_own", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for range 3 {
			resp := get(h, "/")
			nonce := regexp.MustCompile(`style-src 'self' 'nonce-([^']{22,})'`).FindStringSubmatch(resp.Header.Get("Content-Security-Policy"))
			if nonce == nil {
				t.Fatalf("no nonce in %q", resp.Header.Get("Content-Security-Policy"))
			}
			page := body(t, resp)
			if strings.Count(page, `nonce="`+nonce[1]+`"`) != 2 || strings.Contains(page, nonceWord) {
				t.Errorf("the page does not carry the nonce %s: %s", nonce[1], page)
			}
			seen[nonce[1]] = true
		}
		if len(seen) != 3 {
			t.Errorf("%d nonces for 3 pages", len(seen))
		}
	})

	t.Run("allows_websockets_to_the_same_host", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"127.0.0.1:8080", "hooks.example.com", "[::1]:8080"} {
			want := "connect-src 'self' ws://" + host + " wss://" + host + ";"
			if got := get(h, "http://"+host+"/").Header.Get("Content-Security-Policy"); !strings.Contains(got, want) {
				t.Errorf("%s: %q does not contain %q", host, got, want)
			}
		}
	})

	t.Run("takes_nothing_from_a_host_that_is_none", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"a;script-src", "*", "a b", "a'", ""} {
			if got := pagePolicy("n", host); !strings.Contains(got, "connect-src 'self';") {
				t.Errorf("%q: %q", host, got)
			}
		}
	})

	t.Run("allows_no_inline_script_or_style", func(t *testing.T) {
		t.Parallel()
		if got := pagePolicy("n", "a"); strings.Contains(got, "unsafe") || !strings.Contains(got, "script-src 'self';") {
			t.Error(got)
		}
	})
}

func TestNotBuilt(t *testing.T) {
	t.Parallel()
	resp := get(http.HandlerFunc(notBuilt), "/")
	if page := body(t, resp); resp.StatusCode != http.StatusNotFound || !strings.Contains(page, "make dashboard") {
		t.Errorf("status %d: %s", resp.StatusCode, page)
	}
}

// TestFiles holds for a checkout with and without a built dashboard.
func TestFiles(t *testing.T) {
	t.Parallel()
	files, ok := Files()
	if !ok {
		if files != nil {
			t.Error("files without index.html")
		}
		if page := body(t, get(Handler(), "/")); !strings.Contains(page, "make dashboard") {
			t.Errorf("the page is %s", page)
		}
		return
	}
	if page := body(t, get(Handler(), "/")); !strings.Contains(page, "/assets/") || strings.Contains(page, nonceWord) {
		t.Errorf("the page is %s", page)
	}
	index, err := files.Open("index.html")
	if err != nil {
		t.Fatal(err)
	}
	index.Close()
}
