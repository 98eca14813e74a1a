package server

import (
	"slices"
	"testing"
)

func TestAcceptable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		accept              []string
		query, subscription string
	}{
		{nil, typeJSON, typeJSON},
		{[]string{"*/*"}, typeJSON, typeJSON},
		{[]string{"application/*"}, typeJSON, typeJSON},
		{[]string{typeJSON}, typeJSON, typeJSON},
		{[]string{typeGraphQL}, typeGraphQL, typeGraphQL},
		{[]string{typeStream}, typeStream, typeStream},
		{[]string{"text/*"}, typeStream, typeStream},
		{[]string{"application/json, text/event-stream"}, typeJSON, typeStream},
		{[]string{"text/event-stream, application/json"}, typeStream, typeStream},
		{[]string{"text/event-stream;q=0.5, application/json;q=0.6"}, typeJSON, typeStream},
		{[]string{"text/event-stream;q=0, application/json;q=0.6"}, typeJSON, typeJSON},
		{[]string{"text/event-stream;q=0.0, */*"}, typeJSON, typeJSON},
		{[]string{"application/json;q=0, */*"}, "", ""},
		{[]string{"application/json, application/graphql-response+json;q=0.9"}, typeJSON, typeJSON},
		{[]string{"application/graphql-response+json, application/json;q=0.9"}, typeGraphQL, typeGraphQL},
		{[]string{"application/json;q=0.8", "application/graphql-response+json"}, typeGraphQL, typeGraphQL},
		{[]string{"application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"}, typeGraphQL, typeStream},
		{[]string{"text/html, application/xhtml+xml, */*;q=0.8"}, typeJSON, typeJSON},
		{[]string{"text/html"}, "", ""},
		{[]string{""}, "", ""},
		{[]string{"nonsense/;;, application/json;q=2, application/json;q=x"}, "", ""},
	} {
		accepted := acceptable(c.accept)
		if got := answerType(accepted, false); got != c.query {
			t.Errorf("%q, a query: %q, want %q", c.accept, got, c.query)
		}
		if got := answerType(accepted, true); got != c.subscription {
			t.Errorf("%q, a subscription: %q, want %q", c.accept, got, c.subscription)
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(accepted))); len(distinct) != len(accepted) {
			t.Errorf("%q: %v", c.accept, accepted)
		}
	}
}
