package dashboard

import (
	"crypto/rand"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
)

// Handler serves the dashboard: its files under their names, and index.html under every path without a file name extension,
// for the dashboard's own routes. Mount it on "/" behind everything else. Without a built dashboard it says how to build it.
func Handler() http.Handler {
	files, built := Files()
	if !built {
		return http.HandlerFunc(notBuilt)
	}
	return handler(files)
}

// handler serves files, of which one is index.html.
func handler(files fs.FS) http.Handler {
	assets, err := load(files)
	if err != nil {
		// Embedded files can always be read.
		panic("dashboard: " + err.Error())
	}
	index := string(assets["index.html"].plain)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !readOnly(w, r) {
			return
		}
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if name == "index.html" || path.Ext(name) == "" {
			serveIndex(w, r, index)
			return
		}
		setHeaders(w, filePolicy)
		file, ok := assets[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if strings.HasPrefix(name, "assets/") {
			// The name holds a hash of the content.
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		file.serve(w, r)
	})
}

// nonceWord stands in index.html wherever the content security policy's nonce belongs; vite.config.ts puts it there.
const nonceWord = "HOOKLINE_CSP_NONCE"

func serveIndex(w http.ResponseWriter, r *http.Request, index string) {
	nonce := rand.Text()
	setHeaders(w, pagePolicy(nonce, r.Host))
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, strings.ReplaceAll(index, nonceWord, nonce)) //nolint:errcheck // the reader has gone
}

// filePolicy is the content security policy of everything that is not a page.
const filePolicy = "default-src 'none'; frame-ancestors 'none'"

// hostname is what a Host header may hold to become part of the policy: nothing that could end a source or a directive.
var hostname = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// pagePolicy is the content security policy (CSP Level 3) of the page: all comes from the server itself, but for the style elements
// that Mantine makes, which carry the nonce, and the icon, which is in the page. Not every browser takes a websocket for 'self',
// so the host is named once more.
func pagePolicy(nonce, host string) string {
	connect := "'self'"
	if hostname.MatchString(host) {
		connect += " ws://" + host + " wss://" + host
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self' 'nonce-" + nonce + "'",
		"img-src 'self' data:",
		"connect-src " + connect,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

func setHeaders(w http.ResponseWriter, policy string) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
}

// readOnly answers requests that ask for more than to read, and reports whether there is still something to answer.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	return false
}

const notBuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hookline</title>
<h1>The dashboard is not built in</h1>
<p>This program was built without its dashboard. Run <code>make dashboard</code> and <code>make build</code>, then start it again.
<p>Everything else works: the API is at <code>/graphql</code>.
</html>
`

func notBuilt(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	setHeaders(w, filePolicy)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	io.WriteString(w, notBuiltPage) //nolint:errcheck // the reader has gone
}
