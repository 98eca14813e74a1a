package server

import (
	"embed"
	"net/http"
)

//go:embed graphiql
var graphiqlFiles embed.FS

// graphiqlPolicy lets the page load its own files and call the API, and nothing else.
const graphiqlPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// graphiql serves a page on which people try operations out. It is small and needs nothing from elsewhere.
func graphiql(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	w.Header().Set("Content-Security-Policy", graphiqlPolicy)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeFileFS(w, r, graphiqlFiles, "graphiql/"+name) //nolint:gosec // an embedded folder, out of which no name leads
}
