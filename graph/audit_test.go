package graph

import (
	"testing"

	"github.com/hookline/hookline/ent"
)

func TestEveryAuditedTypeHasItsName(t *testing.T) {
	t.Parallel()
	for _, entType := range ent.AuditedTypes {
		if name := graphName(entType); parsedSchema.Types[name] != nil && prefixOf(name) == "" {
			t.Errorf("ids of %s have no prefix: add it to prefixes", name)
		}
	}
}
