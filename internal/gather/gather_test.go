package gather_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hookline/hookline/internal/gather"
)

func TestFunc(t *testing.T) {
	t.Parallel()
	t.Run("answers each key with what was found, in their order", func(t *testing.T) {
		t.Parallel()
		read := gather.Func(func(_ context.Context, keys []int) (map[int]string, error) {
			if !slices.Equal(keys, []int{3, 1, 2}) {
				t.Errorf("read %v", keys)
			}
			return map[int]string{1: "one", 3: "three"}, nil
		})
		var got []string
		for _, result := range read(t.Context(), []int{3, 1, 2}) {
			if result.Error != nil {
				t.Error(result.Error)
			}
			got = append(got, result.Data)
		}
		if !slices.Equal(got, []string{"three", "one", ""}) {
			t.Errorf("loaded %q", got)
		}
	})
	t.Run("fails for each key when reading fails", func(t *testing.T) {
		t.Parallel()
		away := errors.New("the database is away")
		results := gather.Func(func(context.Context, []int) (map[int]string, error) { return nil, away })(t.Context(), []int{1, 2})
		if len(results) != 2 || !errors.Is(results[0].Error, away) || !errors.Is(results[1].Error, away) {
			t.Errorf("results %v", results)
		}
	})
}
