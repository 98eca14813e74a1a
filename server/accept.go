package server

import (
	"cmp"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// The media types of answers. Of the first two, only the one made for GraphQL has a status that speaks of the operation.
const (
	typeGraphQL = "application/graphql-response+json"
	typeJSON    = "application/json"
	typeStream  = "text/event-stream"
)

// acceptable returns the media types that the client accepts, the one that it prefers first: by quality, and of the same
// quality in the order of the header (https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1). A range that takes in more
// than one stands for typeJSON, as no header at all does: GraphQL over HTTP asks for it.
func acceptable(accept []string) []string {
	if len(accept) == 0 {
		return []string{typeJSON}
	}
	type item struct {
		mediaType string
		quality   float64
	}
	var items []item
	refused := make(map[string]bool)
	for text := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		mediaType, params, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		switch mediaType {
		case "*/*", "application/*":
			mediaType = typeJSON
		case "text/*":
			mediaType = typeStream
		case typeGraphQL, typeJSON, typeStream:
			if quality(params) == 0 {
				refused[mediaType] = true
			}
		default:
			continue
		}
		items = append(items, item{mediaType, quality(params)})
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(b.quality, a.quality) })
	var types []string
	for _, i := range items {
		if i.quality > 0 && !refused[i.mediaType] && !slices.Contains(types, i.mediaType) {
			types = append(types, i.mediaType)
		}
	}
	return types
}

// quality is the weight of a media range, 1 if it names none, and 0 if it makes no sense.
func quality(params map[string]string) float64 {
	text, given := params["q"]
	if !given {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || !(q > 0 && q <= 1) {
		return 0
	}
	return q
}

// answerType returns the media type to answer an operation with; empty if the client accepts none that fits. Only a
// stream has room for the many answers of a subscription.
func answerType(accepted []string, subscription bool) string {
	switch {
	case subscription && slices.Contains(accepted, typeStream):
		return typeStream
	case len(accepted) == 0:
		return ""
	default:
		return accepted[0]
	}
}
