package server

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hookline/hookline/graph"
	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// eventsPath is where events are published over HTTP.
const eventsPath = "/v1/events"

// ingest is POST /v1/events. Its answer has a result for each event, in their order:
//
//	202  at least one event was accepted, or is a duplicate of one that was
//	422  every event was refused; the results say why
//	400  the body as a whole is not JSON, has more events than may come at once, or contradicts a header; nothing was published
//	413  the body is too large; nothing was published
//	415  the body is not in a form, or an encoding, that is understood; nothing was published
//	503  nothing, or nothing for certain, was published: try again after Retry-After, with the same idempotency keys
func (s *Server) ingest(w http.ResponseWriter, r *http.Request) {
	var held body
	defer held.free()
	submitted, problem := s.readEvents(w, r, &held)
	if problem != nil {
		problem.write(w, r)
		return
	}
	results, err := s.publish(r, submitted)
	if err != nil {
		s.problemOf(r, err).write(w, r)
		return
	}
	body, accepted := appendResults(make([]byte, 0, 64+96*len(results)), results)
	lineOf(r.Context()).add(slog.Int("events", len(results)), slog.Int("accepted", accepted))
	status := http.StatusAccepted
	if accepted == 0 {
		status = http.StatusUnprocessableEntity
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON; fails when the client has left
}

// readEvents reads what is to be published; its payloads are slices of body.
func (s *Server) readEvents(w http.ResponseWriter, r *http.Request, body *body) (*submission, *problem) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		return nil, &problem{http.StatusMethodNotAllowed, graph.CodeBadInput, "events are published by POST"}
	}
	if !access.PrincipalFrom(r.Context()).Has(access.EventsPublish) {
		return nil, problemf(graph.CodeForbidden, "the API key lacks the scope %s", access.EventsPublish)
	}
	form, problem := formOf(r.Header)
	if problem != nil {
		return nil, problem
	}
	if problem := s.readBody(w, r, s.config.MaxEventsBody, body); problem != nil {
		return nil, problem
	}
	submitted, err := form.parse(r.Header, body.bytes)
	switch {
	case errors.Is(err, errTooMany):
		return nil, problemf(graph.CodeBadInput, "%s; nothing was published", err)
	case err != nil:
		return nil, problemf(graph.CodeBadInput, "the body is not JSON: %s; nothing was published", describe(err))
	case len(submitted.events) == 0:
		return nil, problemf(graph.CodeBadInput, "the body has no event")
	}
	return submitted, submitted.setKey(r.Header)
}

// form is how a body has its events.
type form int

const (
	formJSON form = iota
	formLines
	formCloudEvent
	formCloudEvents
	formBinaryCloudEvent
)

// formOf returns what the headers say of the body.
func formOf(header http.Header) (form, *problem) {
	contentType := header.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(contentType)
	understood := err == nil && (params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8"))
	switch {
	case understood && mediaType == typeCloudEvent:
		return formCloudEvent, nil
	case understood && mediaType == typeCloudEvents:
		return formCloudEvents, nil
	case isBinaryCloudEvent(header) && !strings.HasPrefix(mediaType, "application/cloudevents"):
		return formBinaryCloudEvent, nil
	case contentType == "":
		return formJSON, nil
	case understood && (mediaType == "application/x-ndjson" || mediaType == "application/jsonl" || mediaType == "application/ndjson"):
		return formLines, nil
	case understood && mediaType == "application/json":
		return formJSON, nil
	default:
		p := problemf(graph.CodeBadInput, "the Content-Type must be application/json, application/x-ndjson, %s or %s, in UTF-8; "+
			"other data come with the headers of a CloudEvent (Ce-Specversion: 1.0)", typeCloudEvent, typeCloudEvents)
		p.status = http.StatusUnsupportedMediaType
		return 0, p
	}
}

// parse reads the events.
func (f form) parse(header http.Header, body []byte) (*submission, error) {
	switch f {
	case formCloudEvent, formCloudEvents:
		return parseCloudEvents(body, f == formCloudEvents)
	case formBinaryCloudEvent:
		return binaryCloudEvent(header, body), nil
	default:
		return parseEvents(body, f == formLines)
	}
}

// publish publishes the events whose form is right; the results are those of all.
func (s *Server) publish(r *http.Request, submitted *submission) ([]accept.Result, error) {
	sound := submitted.events[:0:0]
	results := make([]accept.Result, len(submitted.events))
	places := make([]int, 0, len(submitted.events))
	for i, e := range submitted.events {
		if results[i].Errors = submitted.wrong[i]; len(submitted.wrong[i]) == 0 {
			sound, places = append(sound, e), append(places, i)
		}
	}
	if len(sound) == 0 {
		return results, nil
	}
	published, err := s.config.Accepter.Publish(r.Context(), access.PrincipalFrom(r.Context()).AccountID, sound)
	if err != nil {
		return nil, err
	}
	for i, result := range published {
		if submitted.cloudEvents {
			asCloudEvent(result.Errors)
		}
		results[places[i]] = result
	}
	return results, nil
}

// appendResults appends the answer's body, and counts the events that were accepted.
func appendResults(dst []byte, results []accept.Result) (body []byte, accepted int) {
	dst = append(dst, `{"results":[`...)
	for i, result := range results {
		if i > 0 {
			dst = append(dst, ',')
		}
		if len(result.Errors) > 0 {
			dst = appendError(dst, result.Errors)
			continue
		}
		accepted++
		dst = append(dst, `{"id":"`...)
		dst = append(dst, id.Format(id.Event, result.ID)...)
		dst = append(dst, `","duplicate":`...)
		dst = strconv.AppendBool(dst, result.Duplicate)
		dst = append(dst, `,"matched":`...)
		dst = strconv.AppendInt(dst, int64(result.Matched), 10)
		dst = append(dst, '}')
	}
	return append(dst, "]}\n"...), accepted
}

// appendError appends what is wrong with an event: the first mistake, and the number of the others.
func appendError(dst []byte, wrong usererror.List) []byte {
	first := wrong[0]
	message := first.Message
	if others := len(wrong) - 1; others > 0 {
		message += fmt.Sprintf(" (and %d more)", others)
	}
	dst = append(dst, `{"error":{"code":"`...)
	dst = append(dst, first.Code...)
	dst = append(dst, `","message":`...)
	dst, _ = jsontext.AppendQuote(dst, message) // its error says that bad UTF-8 was replaced
	if len(first.Path) > 0 {
		dst = append(dst, `,"path":[`...)
		for i, name := range first.Path {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, _ = jsontext.AppendQuote(dst, name) // as above
		}
		dst = append(dst, ']')
	}
	return append(dst, "}}"...)
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) }

// describe shows an error about JSON with its place, without the library's name.
func describe(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &syntax) && errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("it ends too early (at byte %d)", syntax.ByteOffset)
	case errors.As(err, &syntax):
		return fmt.Sprintf("%s (at byte %d)", syntax.Err, syntax.ByteOffset)
	case errors.Is(err, io.EOF):
		return "it ends too early"
	}
	return err.Error()
}
