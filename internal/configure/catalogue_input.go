package configure

import (
	"encoding/json"

	"github.com/99designs/gqlgen/graphql"
)

// CategoryInput is a new category, or a change of the one that has the key: what is nil stays as it is.
type CategoryInput struct {
	Key        string
	Name       *string
	Group      *string
	Filters    []string // empty but not nil: none
	Attributes []string // empty but not nil: none
}

// EventTypeInput is a new event type, or a change of the one that has the name: what is nil or omitted stays as it is. A schema
// or an example that is set to nil is removed.
type EventTypeInput struct {
	Name        string
	Description *string
	JSONSchema  graphql.Omittable[json.RawMessage]
	Validation  *string
	Example     graphql.Omittable[json.RawMessage]
	Deprecated  *bool
}
