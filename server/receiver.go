package server

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/pause"
)

// The bounds of the test receiver.
const (
	keptRequests   = 100      // of each name
	keptNames      = 50       // the one that was used least lately goes
	keptBody       = 16 << 10 // bytes of each body
	maxNameLength  = 64
	maxAnswerDelay = 30 * time.Second
)

const receiverPath = "/receiver/{name}"

// Receiver takes webhooks under /receiver/{name} and shows what came: for trying Hookline out. POST takes one, and answers
// as the query says: `status` (200–599; 200) after `delayMs` (0–30,000; 0). GET shows the latest 100 of the name, the newest
// first. It keeps everything in memory, within bounds. Anyone who can reach it can use it.
type Receiver struct {
	mu    sync.Mutex
	boxes map[string]*box
}

// NewReceiver returns an empty Receiver.
func NewReceiver() *Receiver { return &Receiver{boxes: make(map[string]*box)} }

// box is what came under a name.
type box struct {
	usedAt   time.Time
	requests []receivedRequest // the newest last
}

// receivedRequest is a webhook that came.
type receivedRequest struct {
	At        time.Time   `json:"at"`
	Headers   http.Header `json:"headers"`
	Body      string      `json:"body"` // bytes that are not UTF-8 are replaced
	Truncated bool        `json:"truncated"`
	Status    int         `json:"status"` // that it was answered with
}

func (c *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	switch {
	case len(name) > maxNameLength:
		problemf(graph.CodeBadInput, "the name is longer than %d characters", maxNameLength).write(w, r)
	case r.Method == http.MethodPost:
		c.take(w, r, name)
	case r.Method == http.MethodGet:
		writeJSON(w, http.StatusOK, map[string]any{"name": name, "requests": c.requests(name)})
	default:
		w.Header().Set("Allow", "GET, POST")
		(&problem{http.StatusMethodNotAllowed, graph.CodeBadInput, "webhooks are sent by POST and shown by GET"}).write(w, r)
	}
}

func (c *Receiver) take(w http.ResponseWriter, r *http.Request, name string) {
	query := r.URL.Query()
	status, wrong := number(query, "status", http.StatusOK, 200, 599)
	if wrong != nil {
		wrong.write(w, r)
		return
	}
	delay, wrong := number(query, "delayMs", 0, 0, int(maxAnswerDelay/time.Millisecond))
	if wrong != nil {
		wrong.write(w, r)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, keptBody+1))
	if err != nil {
		problemf(graph.CodeBadInput, "the request's body could not be read").write(w, r)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it is not for what follows
	c.put(name, receivedRequest{
		At: time.Now().UTC(), Headers: r.Header, Body: text(body[:min(len(body), keptBody)]), Truncated: len(body) > keptBody, Status: status,
	})
	if delay > 0 && !pause.For(r.Context(), time.Duration(delay)*time.Millisecond) {
		return
	}
	w.WriteHeader(status)
}

// number reads a number of the query.
func number(query url.Values, name string, otherwise, least, most int) (int, *problem) {
	given := query.Get(name)
	if given == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < least || n > most {
		return 0, problemf(graph.CodeBadInput, "%s: %.32q is not a number from %d to %d", name, given, least, most)
	}
	return n, nil
}

func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	return string([]rune(string(data)))
}

func (c *Receiver) put(name string, request receivedRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.boxes[name]
	if b == nil {
		if len(c.boxes) == keptNames {
			c.dropOldest()
		}
		b = &box{}
		c.boxes[name] = b
	}
	if len(b.requests) == keptRequests {
		b.requests = append(b.requests[:0], b.requests[1:]...)
	}
	b.requests = append(b.requests, request)
	b.usedAt = request.At
}

func (c *Receiver) dropOldest() {
	oldest := ""
	for name, b := range c.boxes {
		if oldest == "" || b.usedAt.Before(c.boxes[oldest].usedAt) {
			oldest = name
		}
	}
	delete(c.boxes, oldest)
}

// requests returns what came under a name, the newest first.
func (c *Receiver) requests(name string) []receivedRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest := []receivedRequest{}
	if b := c.boxes[name]; b != nil {
		for i := range b.requests {
			newest = append(newest, b.requests[len(b.requests)-1-i])
		}
	}
	return newest
}
