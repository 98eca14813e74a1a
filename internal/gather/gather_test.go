package gather_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/graph-gophers/dataloader/v7"

	"github.com/hookline/hookline/internal/gather"
)

func TestFunc(t *testing.T) {
	t.Parallel()
	t.Run("answers each key with what was found, in their order", func(t *testing.T) {
		t.Parallel()
		loader := dataloader.NewBatchedLoader(gather.Func(func(_ context.Context, keys []int) (map[int]string, error) {
			if !slices.Equal(keys, []int{3, 1, 2}) {
				t.Errorf("read %v", keys)
			}
			return map[int]string{1: "one", 3: "three"}, nil
		}))
		if got, err := loader.LoadMany(t.Context(), []int{3, 1, 2})(); err != nil || !slices.Equal(got, []string{"three", "one", ""}) {
			t.Errorf("loaded %q, error %v", got, err)
		}
	})
	t.Run("fails for each key when reading fails", func(t *testing.T) {
		t.Parallel()
		away := errors.New("the database is away")
		loader := dataloader.NewBatchedLoader(gather.Func(func(context.Context, []int) (map[int]string, error) { return nil, away }))
		if _, errs := loader.LoadMany(t.Context(), []int{1, 2})(); len(errs) != 2 || !errors.Is(errs[0], away) || !errors.Is(errs[1], away) {
			t.Errorf("errors %v", errs)
		}
	})
}
