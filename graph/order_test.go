package graph

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/id"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	orders := []sorting{{}, {ascending: true}}
	for by := range columns {
		orders = append(orders, sorting{by: by}, sorting{by: by, ascending: true})
	}
	placeIn := func(o sorting) place {
		at := place{id: id.New()}
		switch o.by {
		case sortByChange, sortByEnd:
			at.value = "1773000000123456"
		case sortByName, sortByKey:
			at.value = "Ä = b"
		}
		return at
	}

	t.Run("leads back to its place in the order that it was made for", func(t *testing.T) {
		t.Parallel()
		for _, o := range orders {
			at := placeIn(o)
			cursor := o.cursor(at)
			if got, err := o.readCursor("after", &cursor); err != nil || got != at {
				t.Errorf("%s: got %+v, %v, want %+v", o, got, err, at)
			}
		}
	})

	t.Run("is refused in any other order, which the error names", func(t *testing.T) {
		t.Parallel()
		for _, of := range orders {
			cursor := of.cursor(placeIn(of))
			for _, in := range orders {
				if of == in {
					continue
				}
				_, err := in.readCursor("after", &cursor)
				if err == nil || !strings.Contains(err.Error(), "after: the cursor is of a list in the order "+of.String()+", and this one is in the order "+in.String()) {
					t.Errorf("a cursor of %s in %s: %v", of, in, err)
				}
			}
		}
	})

	t.Run("is refused when it was made up", func(t *testing.T) {
		t.Parallel()
		somewhere := id.New()
		header := string(append([]byte{sortedCursorVersion}, somewhere[:]...))
		for in, raws := range map[sorting][]string{
			{}: {
				"", "\x01", "\x00" + string(somewhere[:]), "\x03" + string(somewhere[:]), "\x01" + string(make([]byte, 16)),
				"\x01" + string(somewhere[:]) + "x",
			},
			{by: sortByName}:   {header, header + "NAME", header + "NAME DESC=a\x00b", header + "NAME DESC=\xff", header + "SECRET DESC=a", header + "NAME UP=a"},
			{by: sortByChange}: {header + "UPDATED_AT DESC=", header + "UPDATED_AT DESC=-1", header + "UPDATED_AT DESC=x", header + "UPDATED_AT DESC=100000000000000000"},
		} {
			for _, raw := range raws {
				cursor := base64.RawURLEncoding.EncodeToString([]byte(raw))
				if got, err := in.readCursor("before", &cursor); err == nil || !strings.Contains(err.Error(), "before: ") {
					t.Errorf("%q in %s: %+v, %v", raw, in, got, err)
				}
			}
		}
	})
}
