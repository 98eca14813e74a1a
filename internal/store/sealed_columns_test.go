package store

import (
	"slices"
	"testing"

	"github.com/hookline/hookline/ent"
)

// hashes are the sensitive columns that are not sealed.
var hashes = []string{"api_keys.secret_hash"}

func TestEverySensitiveColumnIsResealed(t *testing.T) {
	t.Parallel()
	for _, sensitive := range ent.SensitiveColumns {
		known := slices.ContainsFunc(sealedColumns, func(c sealedColumn) bool { return c.table+"."+c.column == sensitive })
		if !known && !slices.Contains(hashes, sensitive) {
			t.Errorf("%s holds secrets: add it to sealedColumns, or keys rotate forgets it", sensitive)
		}
	}
}
