package graph

import (
	"context"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/payload"
)

// HTTPMessage is a request or a response. Its body is read only where it is selected.
type HTTPMessage struct {
	Headers []*Header
	body    func(context.Context) (*Body, error)
}

// Body reads the body; nil when it is no longer kept.
func (m *HTTPMessage) Body(ctx context.Context) (*Body, error) { return m.body(ctx) }

// masked is what is stored in place of secret header values.
const masked = "***"

// parseHeaders reads `Name: value` lines.
func parseHeaders(lines string) []*Header {
	headers := []*Header{}
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		if name == "" {
			continue
		}
		header := &Header{Name: name, Secret: strings.TrimSpace(value) == masked}
		if !header.Secret {
			value = strings.TrimSpace(value)
			header.Value = &value
		}
		headers = append(headers, header)
	}
	return headers
}

func contentType(headers []*Header) *string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, "Content-Type") {
			return h.Value
		}
	}
	return nil
}

// newBody shows data as text if it is UTF-8, else as base64. A truncated text may end within a character, which is left
// out of the text.
func newBody(contentType *string, data []byte, truncated bool) *Body {
	body := &Body{ContentType: contentType, SizeBytes: len(data), Truncated: truncated}
	text := data
	for cut := 1; truncated && cut < utf8.UTFMax && len(data) >= cut; cut++ {
		if tail := data[len(data)-cut:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				text = data[:len(data)-cut]
			}
			break
		}
	}
	if utf8.Valid(text) {
		shown := string(text)
		body.Text = &shown
		return body
	}
	shown := base64.StdEncoding.EncodeToString(data)
	body.Base64 = &shown
	return body
}

// requestOf shows what an attempt sent. Only its headers are kept: the body is made again from the event.
func requestOf(a *ent.Attempt) *HTTPMessage {
	return &HTTPMessage{
		Headers: parseHeaders(a.RequestHeaders),
		body:    func(ctx context.Context) (*Body, error) { return requestBody(ctx, a) },
	}
}

func requestBody(ctx context.Context, a *ent.Attempt) (*Body, error) {
	l := loadersOf(ctx)
	e, err := l.event.load(ctx, a.EventID)
	if e == nil || err != nil {
		return nil, err
	}
	published, err := l.payload.load(ctx, a.EventID)
	if published == nil || err != nil {
		return nil, err
	}
	attributes := make([]payload.Attribute, len(e.Attributes))
	for i, attribute := range e.Attributes {
		attributes[i] = payload.Attribute(attribute)
	}
	callbackData := ""
	if e.Webhook != nil {
		callbackData = e.Webhook.CallbackData
	}
	format := payload.Format(a.PayloadFormat)
	told := payload.Event{
		ID: id.Format(id.Event, e.ID), Type: e.Type, OccurredAt: e.OccurredAt, Application: e.Application, Entity: e.Entity,
		User: e.User, Resource: e.Resource, Attributes: attributes, CallbackData: callbackData,
		Data: []byte(*published),
	}
	mediaType := payload.ContentType(format)
	rendered, err := payload.Render(nil, format, told)
	if a.BucketSize > 0 {
		mediaType = payload.BucketContentType(format)
		rendered, err = payload.RenderBucket(nil, format, []payload.Event{told})
	}
	if err != nil {
		return nil, err
	}
	return newBody(&mediaType, rendered, false), nil
}

// responseOf shows what was answered; nil without a response.
func responseOf(a *ent.Attempt) *HTTPMessage {
	if a.StatusCode == 0 {
		return nil
	}
	headers := parseHeaders(a.ResponseHeaders)
	return &HTTPMessage{Headers: headers, body: func(ctx context.Context) (*Body, error) {
		data := a.ResponseBody
		if data == nil { // not read with the row, see reads.attemptQuery
			var err error
			if data, err = loadersOf(ctx).responseBody.load(ctx, a.ID); err != nil {
				return nil, err
			}
		}
		return newBody(contentType(headers), data, a.ResponseTruncated), nil
	}}
}

// timingOf shows how long the parts of an attempt took.
func timingOf(a *ent.Attempt) *AttemptTiming {
	return &AttemptTiming{
		QueuedMs: ms(a.QueuedUs), TotalMs: ms(a.TotalUs), ConnectionReused: a.ConnectionReused,
		DNSMs: orNull(ms(a.DNSUs)), ConnectMs: orNull(ms(a.ConnectUs)), TLSMs: orNull(ms(a.TLSUs)),
		FirstByteMs: orNull(ms(a.FirstByteUs)),
	}
}

func ms(us int64) float64 { return float64(us) / 1000 }
