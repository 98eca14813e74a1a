package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// namedHint says how failed events are named.
var namedHint = fmt.Sprintf(`Answer with {"failed":["evt_…"]} and nothing else: ids of events of this bucket, in JSON of up to %d KiB without Content-Encoding. All events of the bucket are sent again.`,
	maxBucketResponse>>10)

// judgeNamed judges an answer to a bucket that is a success otherwise: which of its events does it name as failed? If it names any in a form
// that cannot be read, every event may be meant.
func judgeNamed(r request, resp *egress.Response) verdict {
	named, err := namedFailed(resp)
	v := verdict{outcome: stream.OutcomeSuccess}
	if len(named) > 0 {
		sent := make(map[string]bool, len(r))
		for _, j := range r {
			sent[id.Format(id.Event, j.entry.Event.ID)] = true
		}
		v.failed = make(map[string]bool, len(named))
		for i, event := range named {
			if !sent[event] {
				err = fmt.Errorf("number %d of the events that the response names as failed is not the id of an event of this bucket", i+1)
				break
			}
			v.failed[event] = true
		}
	}
	if err != nil {
		return verdict{outcome: stream.OutcomeResponseMismatch, err: err.Error(), hint: namedHint}
	}
	return v
}

var (
	errEncoded   = errors.New("the response has a Content-Encoding, which was not asked for, and may name failed events")
	errTooLong   = fmt.Errorf("the response is longer than the %d KiB of it that are read, and may name failed events in the rest", maxBucketResponse>>10)
	errForm      = errors.New("the response has a member `failed` that is not a list of events' ids")
	errElsewhere = errors.New("the response names failed events, but not in a member of the object that it should be")
	errNotJSON   = errors.New("the response names failed events, but is not JSON as a whole")
)

// mentionsFailed finds a member `failed` in a text that is not JSON, or not yet: JSON within a string, or with something around it.
var mentionsFailed = regexp.MustCompile(`(?i)["']failed\\*["']\s*:`)

// namedFailed returns what the response names as failed: {"failed":["evt_…"]}. It fails if there is, or may be, something named that it cannot
// read. What is no such object names nothing, and neither do members of that name further inside, unless they have events' ids: they may be the
// endpoint's own, or an echo of the request.
func namedFailed(resp *egress.Response) ([]string, error) {
	body := resp.Body
	if coding := strings.Join(resp.Header.Values("Content-Encoding"), ","); coding != "" && !strings.EqualFold(coding, "identity") && !isText(body) {
		return nil, errEncoded
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if start := bytes.TrimLeft(body, " \t\r\n"); resp.BodyTruncated && len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		return nil, errTooLong
	}
	named, err := readNamed(body)
	if errors.Is(err, errNotJSON) && !mentionsFailed.Match(bytes.ReplaceAll(body, []byte{0}, nil)) { // so it does in UTF-16
		return nil, nil
	}
	return named, err
}

// readNamed reads the members `failed` of JSON. It fails with errNotJSON for what is not JSON as a whole.
func readNamed(body []byte) (named []string, err error) {
	var wrong error // counts once all has been read
	reader := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := reader.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return named, wrong
		case err != nil:
			return nil, errNotJSON
		case token.Kind() != '"':
			continue
		}
		text, depth := token.String(), reader.StackDepth()
		if kind, length := reader.StackIndex(depth); kind != '{' || length%2 == 0 { // a value
			if strings.Contains(text, "evt_") && mentionsFailed.MatchString(text) {
				wrong = errElsewhere
			}
			continue
		}
		if !strings.EqualFold(text, "failed") {
			continue
		}
		value, err := reader.ReadValue()
		if err != nil {
			return nil, errNotJSON
		}
		var events []string
		switch {
		case depth > 1:
			if bytes.Contains(value, []byte("evt_")) {
				wrong = errElsewhere
			}
		case json.Unmarshal(value, &events) != nil:
			wrong = errForm
		default:
			named = append(named, events...)
		}
	}
}

// isText reports whether a body can be read as it is, whatever is said of its coding.
func isText(body []byte) bool {
	return utf8.Valid(body) && !bytes.ContainsFunc(body, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}
