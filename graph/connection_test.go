package graph

import (
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/id"
)

func TestReadPage(t *testing.T) {
	t.Parallel()
	at := place{id: id.New()}
	cursor := sorting{}.cursor(at)

	t.Run("defaults to the first 20", func(t *testing.T) {
		t.Parallel()
		if p, err := readPage(nil, nil, nil, nil); err != nil || p != (page{size: 20}) {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("reads sizes and cursors", func(t *testing.T) {
		t.Parallel()
		if p, err := readPage(new(100), &cursor, nil, nil); err != nil || p != (page{size: 100, after: at}) {
			t.Errorf("got %+v, %v", p, err)
		}
		if p, err := readPage(nil, nil, new(1), &cursor); err != nil || p != (page{size: 1, backward: true, before: at}) {
			t.Errorf("got %+v, %v", p, err)
		}
	})
	t.Run("names argument, value and limits", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			first, last   *int
			after, before *string
			says          string
		}{
			{first: new(0), says: "first: 0 is outside its limits, 1 to 100"},
			{first: new(-3), says: "first: -3 is outside its limits, 1 to 100"},
			{first: new(101), says: "first: 101 is outside its limits, 1 to 100"},
			{last: new(500), says: "last: 500 is outside its limits, 1 to 100"},
			{first: new(1), last: new(1), says: "give only one"},
			{after: new("nonsense"), says: `after: "nonsense" is not a cursor`},
			{after: new(""), says: `after: "" is not a cursor`},
			{before: new("AgAAAAAAAAAAAAAAAAAAAAA"), says: "before: "}, // of another version
			{before: new(cursor + "A"), says: "before: "},
		} {
			_, err := readPage(c.first, c.after, c.last, c.before)
			if code, public := CodeOf(err); code != CodeBadInput || !public || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want %q", err, code, c.says)
			}
		}
	})
}

func TestConnect(t *testing.T) {
	t.Parallel()
	row := func(n byte) *id.ID { return &id.ID{n} }
	idOf := func(i *id.ID) id.ID { return *i }
	for name, c := range map[string]struct {
		page           page
		rows           []*id.ID
		want           []byte
		next, previous bool
	}{
		"empty":                    {page{size: 2}, nil, nil, false, false},
		"all":                      {page{size: 2}, []*id.ID{row(9), row(8)}, []byte{9, 8}, false, false},
		"more after":               {page{size: 2}, []*id.ID{row(9), row(8), row(7)}, []byte{9, 8}, true, false},
		"after a cursor":           {page{size: 2, after: place{id: *row(9)}}, []*id.ID{row(8)}, []byte{8}, false, true},
		"from the end":             {page{size: 2, backward: true}, []*id.ID{row(1), row(2)}, []byte{2, 1}, false, false},
		"from the end, more":       {page{size: 2, backward: true}, []*id.ID{row(1), row(2), row(3)}, []byte{2, 1}, false, true},
		"before a cursor":          {page{size: 2, backward: true, before: place{id: *row(1)}}, []*id.ID{row(2)}, []byte{2}, true, false},
		"before a cursor and more": {page{size: 1, backward: true, before: place{id: *row(1)}}, []*id.ID{row(2), row(3)}, []byte{2}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := connect(slices.Clone(c.rows), c.page, idOf, nil)
			if got.PageInfo.HasNextPage != c.next || got.PageInfo.HasPreviousPage != c.previous {
				t.Errorf("page info %+v", got.PageInfo)
			}
			var ids []byte
			for _, node := range got.Nodes {
				ids = append(ids, node[0])
			}
			if !slices.Equal(ids, c.want) {
				t.Errorf("nodes %v, want %v", ids, c.want)
			}
			edges := got.Edges()
			if len(edges) != len(c.want) {
				t.Fatalf("%d edges", len(edges))
			}
			if len(edges) == 0 {
				if got.PageInfo.StartCursor != nil || got.PageInfo.EndCursor != nil {
					t.Error("an empty page has cursors")
				}
				return
			}
			if edges[0].Cursor != *got.PageInfo.StartCursor || edges[len(edges)-1].Cursor != *got.PageInfo.EndCursor {
				t.Error("the page's cursors are not those of its first and last edge")
			}
			for _, edge := range edges {
				if at, err := (sorting{}).readCursor("", &edge.Cursor); err != nil || at.id != *edge.Node {
					t.Errorf("cursor %s leads to %v, %v", edge.Cursor, at, err)
				}
			}
		})
	}
}
