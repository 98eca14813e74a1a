// Package gather reads together, with one statement, what many ask for one by one.
package gather

import (
	"context"

	"github.com/graph-gophers/dataloader/v7"
)

// Func returns a dataloader's function for reading a batch: read returns what it has found, and what is missing loads as the zero value.
// When read fails, so does each load of the batch.
func Func[K comparable, V any](read func(context.Context, []K) (map[K]V, error)) dataloader.BatchFunc[K, V] {
	return func(ctx context.Context, keys []K) []*dataloader.Result[V] {
		found, err := read(ctx, keys)
		results := make([]*dataloader.Result[V], len(keys))
		for i, key := range keys {
			results[i] = &dataloader.Result[V]{Data: found[key], Error: err}
		}
		return results
	}
}
