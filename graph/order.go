package graph

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/id"
)

// Order is how to sort a list. In the schema each list has an input of its own, with the fields that it can be sorted by.
type Order struct {
	Field     string
	Direction string
}

// The fields of orders, and the columns that they stand for. Rows with the same value are sorted by id, and ids sort by
// the time that they were made, which is all that sortByCreation needs.
//
//	event_subscriptions    (account_id, id), (account_id, updated_at, id), (account_id, name) and (account_id, key)
//	notification_profiles  (account_id, id), (account_id, updated_at, id), (account_id, name, id) and (account_id, key)
//	auth_settings          (account_id, id), (account_id, updated_at, id), (account_id, name, id) and (account_id, key)
//	resource_routes        (account_id, id) and (account_id, resource)
//	api_keys               (account_id, id) and (account_id, name, id)
//	accounts               (id), (name, id) and (key)
//	certificates           (account_id, id), (account_id, not_after, id), (account_id, name, id) and (account_id, key)
const (
	sortByCreation = "CREATED_AT"
	sortByChange   = "UPDATED_AT"
	sortByName     = "NAME"
	sortByKey      = "KEY"
	sortByEnd      = "NOT_AFTER"
	sortByResource = "RESOURCE"
)

var columns = map[string]string{
	sortByChange: "updated_at", sortByName: "name", sortByKey: "key", sortByEnd: "not_after", sortByResource: "resource",
}

// sorting is the order of a list. Zero is the newest first.
type sorting struct {
	by        string // a key of columns; empty: by creation
	ascending bool
}

func sortingOf(o *Order) sorting {
	if o == nil {
		return sorting{}
	}
	by := o.Field
	if by == sortByCreation {
		by = ""
	}
	return sorting{by: by, ascending: o.Direction == "ASC"}
}

// String names the order as clients write it.
func (o sorting) String() string {
	by, direction := o.by, "DESC"
	if by == "" {
		by = sortByCreation
	}
	if o.ascending {
		direction = "ASC"
	}
	return by + " " + direction
}

// names returns the columns that o sorts by, from the most significant to the least.
func (o sorting) names(column func(string) string) []string {
	if o.by == "" {
		return []string{column("id")}
	}
	return []string{column(columns[o.by]), column("id")}
}

// place is where a row stands in a list: the value that the list is sorted by, and the id. The zero value is nowhere.
type place struct {
	value string // empty in lists by creation; a time in microseconds since 1970
	id    id.ID
}

// arguments are the values of sorting.names at the place.
func (at place) arguments(o sorting) []any {
	switch o.by {
	case "":
		return []any{at.id}
	case sortByChange, sortByEnd:
		micros, _ := strconv.ParseInt(at.value, 10, 64) // readCursor has read it
		return []any{time.UnixMicro(micros).UTC(), at.id}
	default:
		return []any{at.value, at.id}
	}
}

// beyond selects the rows that follow a place.
func (o sorting) beyond(s *sql.Selector, at place) *sql.Predicate {
	if o.ascending {
		return sql.CompositeGT(o.names(s.C), at.arguments(o)...)
	}
	return sql.CompositeLT(o.names(s.C), at.arguments(o)...)
}

// Cursors are base64 of their version, the id, and, but in the list that is sorted as it is by default, the order and
// the value.
const (
	cursorVersion       = 1
	sortedCursorVersion = 2
)

func (o sorting) cursor(at place) string {
	raw := append([]byte{cursorVersion}, at.id[:]...)
	if o != (sorting{}) {
		raw[0] = sortedCursorVersion
		raw = append(raw, o.String()+"="+at.value...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// readCursor reads a cursor of a list in the order o.
func (o sorting) readCursor(argument string, cursor *string) (place, error) {
	if cursor == nil {
		return place{}, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*cursor)
	const header = 1 + len(id.Nil)
	if err != nil || len(raw) < header || raw[0] > sortedCursorVersion || raw[0] < cursorVersion ||
		raw[0] == cursorVersion && len(raw) > header {
		return place{}, notCursor(argument, *cursor)
	}
	at, of := place{id: id.ID(raw[1:header])}, sorting{}.String()
	if raw[0] == sortedCursorVersion {
		of, at.value, _ = strings.Cut(string(raw[header:]), "=")
	}
	switch {
	case at.id == id.Nil || !knownOrder(of):
		return place{}, notCursor(argument, *cursor)
	case of != o.String():
		return place{}, inputErrorf("%s: the cursor is of a list in the order %s, and this one is in the order %s: begin again without it",
			argument, of, o)
	case !validValue(o, at.value):
		return place{}, notCursor(argument, *cursor)
	}
	return at, nil
}

func notCursor(argument, cursor string) error {
	return inputErrorf("%s: %.64q is not a cursor of a list", argument, cursor)
}

// knownOrder reports whether the text is what sorting.String makes.
func knownOrder(text string) bool {
	by, direction, _ := strings.Cut(text, " ")
	return (by == sortByCreation || columns[by] != "") && (direction == "ASC" || direction == "DESC")
}

// lastMicros is about the year 5138, in microseconds since 1970.
const lastMicros = 100_000_000_000_000_000

// validValue reports whether the database can be asked for the value.
func validValue(o sorting, value string) bool {
	if o.by == sortByChange || o.by == sortByEnd {
		micros, err := strconv.ParseUint(value, 10, 64)
		return err == nil && micros < lastMicros
	}
	return utf8.ValidString(value) && !strings.ContainsRune(value, 0)
}

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

// The values that rows are sorted by.

func accountValue(a *ent.Account, by string) string {
	switch by {
	case sortByName:
		return a.Name
	case sortByKey:
		return a.Key
	}
	return ""
}

func apiKeyValue(k *ent.APIKey, by string) string {
	if by == sortByName {
		return k.Name
	}
	return ""
}

func authSettingValue(a *ent.AuthSetting, by string) string {
	switch by {
	case sortByChange:
		return micros(a.UpdatedAt)
	case sortByName:
		return a.Name
	case sortByKey:
		return a.Key
	}
	return ""
}

func profileValue(p *ent.NotificationProfile, by string) string {
	switch by {
	case sortByChange:
		return micros(p.UpdatedAt)
	case sortByName:
		return p.Name
	case sortByKey:
		return p.Key
	}
	return ""
}

func resourceRouteValue(r *ent.ResourceRoute, by string) string {
	if by == sortByResource {
		return r.Resource
	}
	return ""
}

func certificateValue(c *ent.Certificate, by string) string {
	switch by {
	case sortByEnd:
		return micros(c.NotAfter)
	case sortByName:
		return c.Name
	case sortByKey:
		return c.Key
	}
	return ""
}

func subscriptionValue(s *ent.EventSubscription, by string) string {
	switch by {
	case sortByChange:
		return micros(s.UpdatedAt)
	case sortByName:
		return s.Name
	case sortByKey:
		return s.Key
	}
	return ""
}

// sortedList reads a page of all that q selects, in the page's order. valueOf returns what a row is sorted by, other than
// its creation.
func sortedList[Q query[Q, T, P, O], T any, P, O ~func(*sql.Selector)](
	ctx context.Context, q Q, p page, idOf func(*T) id.ID, valueOf func(row *T, by string) string,
) (*Connection[T], error) {
	rows, err := q.Clone().Where(p.restrict).Order(p.order).Limit(p.size + 1).All(ctx)
	if err != nil {
		return nil, err
	}
	placeOf := func(row *T) place { return place{id: idOf(row), value: valueOf(row, p.sorting.by)} }
	return connectAt(rows, p, placeOf, q.Count), nil
}
