package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/server"
)

func TestGraphQLOverHTTP(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) {
		c.MaxGraphQLBody = 10_000
	})
	_, key := w.customer("acme")
	post := func(body, accept string) reply {
		header := bearer(key)
		if accept != "" {
			header.Set("Accept", accept)
		}
		return w.send(request{method: "POST", path: "/graphql", body: body, header: header})
	}
	const viewer = `{"query":"{viewer {version}}"}`

	t.Run("answers in the media type that is asked for", func(t *testing.T) {
		t.Parallel()
		for accept, want := range map[string]string{
			"":                                    "application/json",
			"*/*":                                 "application/json",
			"application/json":                    "application/json",
			"application/graphql-response+json":   "application/graphql-response+json",
			"application/json, text/event-stream": "application/json",
			"application/json;q=0.9, application/graphql-response+json": "application/graphql-response+json",
		} {
			got := post(viewer, accept)
			if got.status != 200 || got.body != `{"data":{"viewer":{"version":"1.2.3"}}}` ||
				!strings.HasPrefix(got.header.Get("Content-Type"), want+";") {
				t.Errorf("Accept: %s: %d %s %s", accept, got.status, got.header.Get("Content-Type"), got.body)
			}
		}
		if got := post(viewer, "text/html"); got.status != http.StatusNotAcceptable {
			t.Errorf("text/html: %d %s", got.status, got.body)
		}
	})

	t.Run("refuses what is no request, with a code and the place", func(t *testing.T) {
		t.Parallel()
		for body, c := range map[string]struct {
			status int
			says   string
		}{
			`{"query":`:                          {400, "ends too early"},
			`{"query":"{viewer {version}}"} x`:   {400, "there is more after the end"},
			`{"query" "x"}`:                      {400, "invalid character '\\\"' after object key (at byte 10)"},
			`[{"query":"{viewer {version}}"}]`:   {400, "the body cannot be a array"},
			`{"query":7}`:                        {400, "query cannot be a number"},
			`{"query":"{a}","variables":[]}`:     {400, "variables cannot be a array"},
			``:                                   {400, "ends too early"},
			`{"variables":{}}`:                   {400, "the request has no query"},
			strings.Repeat(" ", 10_001):          {413, "larger than the limit of 10000 bytes"},
			`{"query":"{viewer {nothing}}"}`:     {400, "Cannot query field"},
			`{"query":"{viewer {version}"}`:      {400, "Expected Name"},
			`{"query":"{viewer {version}} {a}"}`: {400, "anonymous operation"},
			`{"query":"subscription {deliveryAttempts {cursor}}"}`: {400, "subscriptions are served over graphql-transport-ws"},
		} {
			got := post(body, "application/graphql-response+json")
			var code string
			if got.status == c.status {
				code = at(t, []byte(got.body), "errors.0.extensions.code")
			}
			if code == "" || !strings.Contains(got.body, c.says) {
				t.Errorf("%.60s: %d %.300s, want %d %s", body, got.status, got.body, c.status, c.says)
			}
		}
	})

	t.Run("never shows the body in an error", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		if got := post(`{"query":"{viewer {version}}","variables":{"secret":"whsec_abc"`, ""); strings.Contains(got.body, "whsec") {
			t.Error(got.body)
		}
		if strings.Contains(w.log.String(), "whsec_abc") {
			t.Error("the log has the body")
		}
	})

	t.Run("refuses other methods and media types", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for _, method := range []string{"PUT", "DELETE", "PATCH"} {
			if got := w.send(request{method: method, path: "/graphql", body: viewer, header: bearer(key)}); got.status != 405 || got.header.Get("Allow") != "GET, POST" {
				t.Errorf("%s: %d", method, got.status)
			}
		}
		for _, contentType := range []string{"", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "multipart/form-data; boundary=x"} {
			header := bearer(key)
			header.Set("Content-Type", contentType)
			if got := w.send(request{method: "POST", path: "/graphql", body: viewer, header: header}); got.status != 415 {
				t.Errorf("%s: %d", contentType, got.status)
			}
		}
		header := bearer(key)
		header.Set("Content-Type", "text/plain")
		if got := w.send(request{method: "POST", path: "/graphql", body: viewer, header: header}); got.status != 415 {
			t.Errorf("text/plain: %d", got.status)
		}
	})

	t.Run("serves GET, for what changes nothing", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		get := func(parameters url.Values, accept string) reply {
			header := bearer(key)
			header.Del("Content-Type")
			header.Set("Accept", accept)
			return w.send(request{method: "GET", path: "/graphql?" + parameters.Encode(), header: header})
		}
		got := get(url.Values{
			"query":         {`query A($i: ID!) {node(id: $i) {id}} query B($i: ID!) {viewer {version} node(id: $i) {id}}`},
			"operationName": {"B"}, "variables": {`{"i":"x"}`},
		}, "application/json")
		if got.status != 200 || got.body != `{"data":{"viewer":{"version":"1.2.3"},"node":null}}` {
			t.Errorf("%d %s", got.status, got.body)
		}
		got = get(url.Values{"query": {`mutation {createAccount(key: "x", name: "x") {account {id}}}`}}, "application/json")
		if got.status != 405 || got.header.Get("Allow") != "POST" || !strings.Contains(got.body, "mutations are served by POST only") {
			t.Errorf("mutation: %d %s", got.status, got.body)
		}
		for _, variables := range []string{"{", "[]", `"x"`, "{} {}"} {
			got := get(url.Values{"query": {"{viewer {version}}"}, "variables": {variables}}, "application/json")
			if got.status != 400 || !strings.Contains(got.body, "the parameter variables") {
				t.Errorf("%s: %d %s", variables, got.status, got.body)
			}
		}
		if got := get(url.Values{}, "application/json"); got.status != 400 || !strings.Contains(got.body, "the request has no query") {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got := w.send(request{method: "GET", path: "/graphql?query={viewer{version}}"}); got.status != 401 {
			t.Errorf("without a key: %d %s", got.status, got.body)
		}
	})

	t.Run("status of application/json is 200 but for what may be tried again", func(t *testing.T) {
		t.Parallel()
		if got := post(`{"query":"{nothing}"}`, "application/json"); got.status != 200 || !strings.Contains(got.body, "GRAPHQL_VALIDATION_FAILED") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})

	t.Run("a fragment bomb ends with an error", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var bomb strings.Builder
		bomb.WriteString("{...f0}")
		for i := range 30 {
			fmt.Fprintf(&bomb, " fragment f%d on Query {...f%d ...f%d}", i, i+1, i+1)
		}
		bomb.WriteString(" fragment f30 on Query {viewer {version}}")
		if a := w.query(key, bomb.String(), nil); a.code() != "GRAPHQL_VALIDATION_FAILED" || !strings.Contains(a.Errors[0].Message, "the limit is") {
			t.Errorf("got %+v", a)
		}
	})

	t.Run("lists count with their size", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		const document = `query($n: Int) {notificationProfiles(first: $n) {nodes {subscriptions(first: $n) {nodes {profile {subscriptions(first: $n) {nodes {id}}}}}}}}`
		if a := w.query(key, document, map[string]any{"n": 100}); a.code() != "COMPLEXITY_LIMIT_EXCEEDED" {
			t.Errorf("got %+v", a)
		}
		if a := w.query(key, document, map[string]any{"n": 5}); len(a.Errors) > 0 {
			t.Errorf("got %+v", a)
		}
	})

	t.Run("lists say which size is wrong", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for arguments, says := range map[string]string{
			"first: 0":          "first: 0 is outside its limits, 1 to 100",
			"last: 1000":        "last: 1000 is outside its limits, 1 to 100",
			"first: 1, last: 1": "give only one of them",
			`after: "x"`:        `after: "x" is not a cursor`,
		} {
			for _, list := range []string{"events", "deliveries", "deliveryAttempts", "eventSubscriptions", "notificationProfiles", "apiKeys"} {
				a := w.query(key, fmt.Sprintf(`{%s(%s) {pageInfo {hasNextPage}}}`, list, arguments), nil)
				if a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, says) || fmt.Sprint(a.Errors[0].Path) != "["+list+"]" {
					t.Errorf("%s(%s): %+v", list, arguments, a)
				}
			}
		}
	})

	t.Run("an operation without its scope is refused as a whole", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		ctx, _ := w.account("narrow")
		narrow := bearer(w.key(ctx, access.EventsPublish))
		narrow.Set("Accept", "application/graphql-response+json")
		got := w.send(request{method: "POST", path: "/graphql", body: `{"query":"{viewer {version} events {nodes {id}}}"}`, header: narrow})
		if got.status != 403 || at(t, []byte(got.body), "errors.0.extensions.code") != "FORBIDDEN" ||
			at(t, []byte(got.body), "errors.0.extensions.missing.0.anyOf") != `["LOG_READ"]` || strings.Contains(got.body, "data") {
			t.Errorf("%d %s", got.status, got.body)
		}
	})

	t.Run("scalars say what is wrong with a variable", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		a := w.query(key, `query($f: EventLogFilter) {events(filter: $f) {nodes {id}}}`, map[string]any{"f": map[string]any{"since": "yesterday"}})
		if a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, `"yesterday" is not a DateTime`) {
			t.Errorf("got %+v", a)
		}
	})
}

func TestIntrospectionOff(t *testing.T) {
	t.Parallel()
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"}, func(c *server.Config) { c.Introspection = false })
	for _, document := range []string{`{__schema {types {name}}}`, `{__type(name: "Event") {name}}`} {
		if a := w.query(adminKey, document, nil); a.code() != "GRAPHQL_VALIDATION_FAILED" || !strings.Contains(a.Errors[0].Message, "switched off") {
			t.Errorf("%s: %+v", document, a)
		}
	}
	if got := w.query(adminKey, `{__typename viewer {__typename}}`, nil); len(got.Errors) > 0 {
		t.Errorf("__typename: %+v", got)
	}
	for _, document := range []string{
		`{viewe {version}}`, `{viewer {versio}}`, `{events(frist: 1) {nodes {id}}}`, `{node(id: 1) {... on Even {id}}}`,
		`{events(filter: {tpes: []}) {nodes {id}}}`, `{deliveries(filter: {statuses: [QUEUE]}) {nodes {id}}}`,
		`query($f: EventLogFilte) {events(filter: $f) {nodes {id}}}`, `{events {...x}}`, `{viewer}`,
	} {
		a := w.query(adminKey, document, nil)
		if a.code() != "GRAPHQL_VALIDATION_FAILED" || strings.Contains(fmt.Sprint(a.Errors), "Did you mean") {
			t.Errorf("%s: %+v", document, a)
		}
	}
	if got := w.send(request{method: "GET", path: "/schema.graphql"}); got.status != 404 {
		t.Errorf("/schema.graphql: %d", got.status)
	}
}
