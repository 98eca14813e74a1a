package graph

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/validator"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	const (
		byRef  = `query($v: Ref!) {eventSubscription(by: $v) {id}}`
		create = `mutation($v: CreateEventSubscriptionInput!) {createEventSubscription(input: $v) {warnings}}`
		filter = `query($v: AttemptFilter) {deliveryAttempts(filter: $v) {nodes {id}}}`
		events = `mutation($v: [PublishEventInput!]!) {publishEvents(events: $v) {userErrors {code}}}`
	)
	profile := func(choice map[string]any) map[string]any {
		return map[string]any{"key": "k", "name": "n", "profile": choice}
	}
	for name, c := range map[string]struct {
		document string
		value    any
		says     string // empty: allowed
	}{
		"one field":            {byRef, map[string]any{"key": "a"}, ""},
		"both fields":          {byRef, map[string]any{"key": "a", "id": "b"}, "a Ref must have exactly one field"},
		"no field":             {byRef, map[string]any{}, "a Ref must have exactly one field"},
		"null field":           {byRef, map[string]any{"key": nil}, "must not be null"},
		"nested, one field":    {create, profile(map[string]any{"existing": map[string]any{"key": "a"}}), ""},
		"nested, both fields":  {create, profile(map[string]any{"existing": map[string]any{"key": "a", "id": "b"}}), "a Ref must have exactly one field"},
		"nested, none":         {create, profile(map[string]any{}), "a ProfileChoice must have exactly one field"},
		"enum":                 {filter, map[string]any{"outcomes": []any{"SUCCESS"}}, ""},
		"enum in lower case":   {filter, map[string]any{"outcomes": []any{"success"}}, "success is not a AttemptOutcome"},
		"enum not in a list":   {filter, map[string]any{"outcomes": "Tls"}, "Tls is not a AttemptOutcome"},
		"null":                 {filter, nil, ""},
		"single item as list":  {events, map[string]any{"type": "a", "payload": map[string]any{"any": nil}}, ""},
		"payload is not typed": {events, []any{map[string]any{"type": "a", "payload": map[string]any{"by": map[string]any{}}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			operation := operationOf(t, c.document)
			var err error
			if operation.Variables, err = validator.VariableValues(parsedSchema, operation.Operation, map[string]any{"v": c.value}); err != nil {
				t.Fatal(err)
			}
			got := (&variableCheck{schema: parsedSchema}).MutateOperationContext(t.Context(), operation)
			switch {
			case c.says == "" && got != nil:
				t.Errorf("refused: %v", got)
			case c.says != "" && (got == nil || !strings.Contains(got.Message, c.says)):
				t.Errorf("got %v, want %q", got, c.says)
			case got != nil && got.Extensions["code"] != codeValidationFailed:
				t.Errorf("code %v", got.Extensions["code"])
			}
		})
	}
}
