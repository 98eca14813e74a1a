package dashboard

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// asset is a file in memory.
type asset struct {
	contentType string
	plain       []byte
	// gzipped compresses the file when it is first asked for; nil when that would gain nothing.
	gzipped func() []byte
}

// load reads all files, by name. Hidden ones are left out.
func load(files fs.FS) (map[string]asset, error) {
	assets := map[string]asset{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		assets[name] = newAsset(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load files: %w", err)
	}
	return assets, nil
}

func newAsset(name string, content []byte) asset {
	contentType := mime.TypeByExtension(path.Ext(name))
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	a := asset{contentType: contentType, plain: content}
	if strings.HasPrefix(contentType, "text/") && len(content) > 1024 {
		a.gzipped = sync.OnceValue(func() []byte { return compress(content) })
	}
	return a
}

func compress(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(content) //nolint:errcheck // a bytes.Buffer takes everything
	w.Close()
	return out.Bytes()
}

// serve writes the file, compressed for who takes that.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", a.contentType)
	content := a.plain
	if a.gzipped != nil {
		header.Set("Vary", "Accept-Encoding")
		if takesGzip.MatchString(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
			content = a.gzipped()
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content) //nolint:errcheck // the reader has gone
}

// takesGzip matches an Accept-Encoding (RFC 9110, section 12.5.3) that names gzip, unless with the weight zero.
var takesGzip = regexp.MustCompile(`(?i)(^|,)\s*gzip\s*(,|$|;\s*q=(1|0?\.0*[1-9]))`)
