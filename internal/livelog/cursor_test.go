package livelog

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/stream"
)

func someCursor(partitions int) *rapid.Generator[cursor] {
	positions := rapid.SliceOfN(rapid.Int64Range(0, 1<<62), partitions, partitions)
	return rapid.Custom(func(t *rapid.T) cursor {
		var c cursor
		for _, p := range positions.Draw(t, "positions") {
			c = append(c, stream.Position(p))
		}
		return c
	})
}

func TestCursor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 16).Draw(t, "partitions")
		want := someCursor(partitions).Draw(t, "cursor")
		got, err := parseCursor(want.String(), partitions)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("parsed %v, %v, want %v", got, err, want)
		}
		if _, err := parseCursor(want.String(), partitions+1); !errors.Is(err, ErrBadCursor) {
			t.Fatalf("a cursor of %d partitions among %d: %v", partitions, partitions+1, err)
		}
	})
}

func TestBadCursors(t *testing.T) {
	t.Parallel()
	raw := func(data ...byte) string { return base64.RawURLEncoding.EncodeToString(data) }
	for name, text := range map[string]string{
		"empty": "", "no base64": "***", "padded": cursor{1}.String() + "==", "of another version": raw(2, 1), "without positions": raw(1),
		"cut off": raw(1, 0x80), "with a number too large": raw(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
		"beyond all positions": raw(1, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40), "with more than positions": raw(1, 1, 1),
		"overflowing": raw(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
	} {
		if c, err := parseCursor(text, 1); !errors.Is(err, ErrBadCursor) {
			t.Errorf("cursor %s: %v, %v", name, c, err)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add(cursor{0, 1 << 40}.String())
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text, 2)
		if err != nil {
			return
		}
		if again, err := parseCursor(c.String(), 2); err != nil || !slices.Equal(c, again) {
			t.Errorf("%q reads as %v and then as %v, %v", text, c, again, err)
		}
	})
}

func TestBefore(t *testing.T) {
	t.Parallel()
	c := cursor{5, 7}
	for _, r := range []struct {
		partition int
		position  stream.Position
		want      bool
	}{{0, 5, false}, {0, 6, true}, {1, 6, false}, {1, 7, false}, {1, 8, true}, {2, 9, false}} {
		if got := c.before(stream.Logged{Partition: r.partition, Position: r.position}); got != r.want {
			t.Errorf("%v lies before %d in partition %d: %v", c, r.position, r.partition, got)
		}
	}
}
