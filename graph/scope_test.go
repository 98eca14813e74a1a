package graph

import (
	"context"
	"slices"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/hookline/hookline/internal/access"
)

// operationOf parses and validates a document with one operation.
func operationOf(t testing.TB, document string) *graphql.OperationContext {
	t.Helper()
	parsed, err := gqlparser.LoadQueryWithRules(parsedSchema, document, rules.NewDefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	return &graphql.OperationContext{Doc: parsed, Operation: parsed.Operations[0]}
}

// missing returns the scopes that are missing, by field.
func missing(t *testing.T, document string, has ...access.Scope) []missingScope {
	t.Helper()
	ctx := access.WithPrincipal(context.Background(), &access.Principal{Scopes: has})
	err := new(scopeCheck).MutateOperationContext(ctx, operationOf(t, document))
	if err == nil {
		return nil
	}
	if err.Extensions["code"] != CodeForbidden {
		t.Fatalf("code %v", err.Extensions["code"])
	}
	return err.Extensions["missing"].([]missingScope)
}

func TestScopes(t *testing.T) {
	t.Parallel()

	t.Run("each operation is refused without any one of its scopes", func(t *testing.T) {
		t.Parallel()
		for document, needs := range map[string][]access.Scope{
			`{accounts {nodes {id}}}`:                                                                     {access.AccountsAdmin},
			`{apiKeys {nodes {id}}}`:                                                                      {access.KeysAdmin},
			`{eventSubscriptions {nodes {id profile {id}}}}`:                                              {access.SubscriptionsRead},
			`{notificationProfiles {nodes {subscriptions {totalCount}}}}`:                                 {access.SubscriptionsRead},
			`{event(id: "x") {id payload {text}}}`:                                                        {access.LogRead, access.PayloadsRead},
			`{deliveryAttempts {edges {node {response {body {text}}}}}}`:                                  {access.LogRead, access.PayloadsRead},
			`{deliveries {nodes {subscription {key profile {key}}}}}`:                                     {access.LogRead, access.SubscriptionsRead},
			`mutation {publishEvents(events: []) {results {id}}}`:                                         {access.EventsPublish},
			`mutation {createAccount(key: "a", name: "a") {account {id}}}`:                                {access.AccountsAdmin},
			`mutation {revokeApiKey(id: "x") {apiKey {id}}}`:                                              {access.KeysAdmin},
			`mutation {deleteEventSubscription(by: {key: "a"}) {deletedId}}`:                              {access.SubscriptionsWrite},
			`mutation {deleteNotificationProfile(by: {key: "a"}) {userErrors {blockedBy {id}}}}`:          {access.SubscriptionsWrite},
			`subscription {deliveryAttempts {attempts {id request {headers {name}}}}}`:                    {access.LogRead},
			`subscription {deliveryAttempts {attempts {request {body {sizeBytes}}}}}`:                     {access.LogRead, access.PayloadsRead},
			`{node(id: "x") {... on Event {type payload {text}}}}`:                                        {access.LogRead, access.PayloadsRead},
			`query {...a} fragment a on Query {events {...b}} fragment b on EventConnection {nodes {id}}`: {access.LogRead},
		} {
			if got := missing(t, document, access.AllScopes...); got != nil {
				t.Errorf("%s: refused with all scopes: %v", document, got)
			}
			for _, without := range needs {
				has := slices.DeleteFunc(slices.Clone(access.AllScopes), func(s access.Scope) bool {
					return s == without || (s == access.SubscriptionsRead && without == access.LogRead && !slices.Contains(needs, s))
				})
				got := missing(t, document, has...)
				if len(got) == 0 {
					t.Errorf("%s: allowed without %s", document, without)
				}
				for _, m := range got {
					if !slices.Contains(m.AnyOf, without) {
						t.Errorf("%s without %s: asks for %v of %s", document, without, m.AnyOf, m.Field)
					}
				}
			}
		}
	})

	t.Run("one of several scopes is enough", func(t *testing.T) {
		t.Parallel()
		const document = `{node(id: "x") {... on EventSubscription {key}}}`
		for _, scope := range []access.Scope{access.SubscriptionsRead, access.LogRead} {
			if got := missing(t, document, scope); got != nil {
				t.Errorf("with %s: %v", scope, got)
			}
		}
		if got := missing(t, document, access.EventsPublish); len(got) != 1 {
			t.Errorf("with neither: %v", got)
		}
	})

	t.Run("a key without scopes sees what asks for none", func(t *testing.T) {
		t.Parallel()
		if got := missing(t, `{viewer {version} categories {key} __schema {types {name}} __typename}`); got != nil {
			t.Errorf("refused: %v", got)
		}
	})

	t.Run("the error names path, field and scopes of each field", func(t *testing.T) {
		t.Parallel()
		got := missing(t, `{mine: event(id: "x") {...f} viewer {version}} fragment f on Event {kind: type payload {text}}`, access.LogRead)
		want := []missingScope{
			{Path: []string{"mine", "payload"}, Field: "Event.payload", AnyOf: []access.Scope{access.PayloadsRead}},
			{Path: []string{"mine", "payload", "text"}, Field: "Body.text", AnyOf: []access.Scope{access.PayloadsRead}},
		}
		if !slices.EqualFunc(got, want, func(a, b missingScope) bool {
			return slices.Equal(a.Path, b.Path) && a.Field == b.Field && slices.Equal(a.AnyOf, b.AnyOf)
		}) {
			t.Errorf("got %v, want %v", got, want)
		}
	})

	t.Run("nobody is refused as unauthenticated", func(t *testing.T) {
		t.Parallel()
		err := new(scopeCheck).MutateOperationContext(t.Context(), operationOf(t, `{viewer {version}}`))
		if err == nil || err.Extensions["code"] != CodeUnauthenticated {
			t.Errorf("got %v", err)
		}
	})
}
