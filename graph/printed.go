package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/formatter"
)

// PrintedSchema returns the whole schema in its definition language, as one text that is always the same for the same
// schema.
func PrintedSchema() string {
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithIndent("  ")).FormatSchema(parsedSchema)
	return text.String()
}
