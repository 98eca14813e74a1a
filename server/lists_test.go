package server_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

// row is an object of a list: its id as the API shows it, and what else lists are sorted by.
type row struct{ id, key, name, changed, ends string }

// sortable is a list whose order can be chosen.
type sortable struct {
	list, order, key string // key is the API key that may read it
	fields           []string
	add              func(key, name string, changed time.Time) (added row, remove func())
}

// sortables are all lists whose order can be chosen, in the account of ctx.
func (w *world) sortables(ctx context.Context, apiKey string) []sortable {
	db, system := w.store.Ent, access.WithSystem(w.t.Context())
	return []sortable{
		{"eventSubscriptions", "EventSubscriptionOrder", apiKey, []string{"CREATED_AT", "UPDATED_AT", "NAME", "KEY"},
			func(key, name string, changed time.Time) (row, func()) {
				s := w.subscribe(ctx, key, "sms.*")
				must(s.Update().SetName(name + key).SetUpdatedAt(changed).Save(ctx))
				return row{id: id.Format(id.EventSubscription, s.ID), key: key, name: name + key, changed: changed.String()},
					func() { must(w.configure.DeleteEventSubscription(ctx, configure.Ref{Key: &key}, true)) }
			}},
		{"notificationProfiles", "NotificationProfileOrder", apiKey, []string{"CREATED_AT", "UPDATED_AT", "NAME", "KEY"},
			func(key, name string, changed time.Time) (row, func()) {
				p := must(w.configure.CreateNotificationProfile(ctx, configure.ProfileInput(key, "https://203.0.113.7/")))
				must(p.Update().SetName(name).SetUpdatedAt(changed).Save(ctx))
				return row{id: id.Format(id.NotificationProfile, p.ID), key: key, name: name, changed: changed.String()},
					func() { check(w.t, db.NotificationProfile.DeleteOne(p.NotificationProfile).Exec(ctx)) }
			}},
		{"authSettings", "AuthSettingOrder", apiKey, []string{"CREATED_AT", "UPDATED_AT", "NAME", "KEY"},
			func(key, name string, changed time.Time) (row, func()) {
				a := must(w.configure.CreateAuthSetting(ctx, configure.CreateAuthSettingInput{
					Key: key, Name: &name, Credentials: configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "p"}},
				}))
				must(a.Update().SetUpdatedAt(changed).Save(ctx))
				return row{id: id.Format(id.AuthSetting, a.ID), key: key, name: name, changed: changed.String()},
					func() { check(w.t, db.AuthSetting.DeleteOne(a.AuthSetting).Exec(ctx)) }
			}},
		{"certificates", "CertificateOrder", apiKey, []string{"CREATED_AT", "NOT_AFTER", "NAME", "KEY"},
			func(key, name string, changed time.Time) (row, func()) {
				owner := must(accountOf(ctx))
				c := db.Certificate.Create().SetAccountID(owner).SetKey(key).SetName(name).SetChain([]byte{1}).SetPrivateKey([]byte{1}).
					SetFingerprint("f").SetNotBefore(changed).SetNotAfter(changed).SaveX(ctx)
				return row{id: id.Format(id.Certificate, c.ID), key: key, name: name, ends: changed.String()},
					func() { check(w.t, db.Certificate.DeleteOne(c).Exec(ctx)) }
			}},
		{"apiKeys", "ApiKeyOrder", apiKey, []string{"CREATED_AT", "NAME"},
			func(_, name string, _ time.Time) (row, func()) {
				k, _, err := w.configure.CreateAPIKey(ctx, name, []access.Scope{access.LogRead}, nil)
				check(w.t, err)
				return row{id: id.Format(id.APIKey, k.ID), name: name}, func() { check(w.t, db.APIKey.DeleteOne(k).Exec(system)) }
			}},
		{"resourceRoutes", "ResourceRouteOrder", apiKey, []string{"CREATED_AT", "RESOURCE"},
			func(key, _ string, _ time.Time) (row, func()) {
				set := must(w.configure.SetResourceRoute(ctx, key, configure.ToNobody, nil))
				return row{id: id.Format(id.ResourceRoute, set.Route.ID), key: key},
					func() { check(w.t, db.ResourceRoute.DeleteOne(set.Route).Exec(ctx)) }
			}},
		{"accounts", "AccountOrder", adminKey, []string{"CREATED_AT", "NAME", "KEY"},
			func(key, name string, _ time.Time) (row, func()) {
				a := must(w.configure.CreateAccount(system, key, name))
				return row{id: id.Format(id.Account, a.ID), key: key, name: name}, func() { check(w.t, db.Account.DeleteOne(a).Exec(system)) }
			}},
	}
}

// sorted returns the ids of the rows in the order of a list.
func sorted(rows []row, field, direction string) []string {
	value := map[string]func(row) string{
		"CREATED_AT": func(row) string { return "" }, "UPDATED_AT": func(r row) string { return r.changed },
		"RESOURCE": func(r row) string { return r.key },
		"NAME":     func(r row) string { return r.name }, "KEY": func(r row) string { return r.key }, "NOT_AFTER": func(r row) string { return r.ends },
	}[field]
	rows = slices.SortedFunc(slices.Values(rows), func(a, b row) int {
		return cmp.Or(strings.Compare(value(a), value(b)), strings.Compare(a.id, b.id))
	})
	if direction == "DESC" {
		slices.Reverse(rows)
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.id
	}
	return ids
}

// listed is a page of a list.
type listed struct {
	Nodes    []struct{ ID string }
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       string
	}
	TotalCount int
}

func (w *world) page(s sortable, vars map[string]any) listed {
	w.t.Helper()
	document := fmt.Sprintf(`query($order: %s, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
		%s(order: $order, first: $first, after: $after, last: $last, before: $before) {
			nodes {id} pageInfo {hasNextPage hasPreviousPage startCursor endCursor} totalCount}}`, s.order, s.list)
	var got listed
	check(w.t, json.Unmarshal([]byte(w.get(s.key, document, vars, s.list)), &got))
	return got
}

// walk pages through a whole list, and calls between after every page.
func (w *world) walk(s sortable, order map[string]any, size int, backward bool, between func()) (ids []string) {
	w.t.Helper()
	vars := map[string]any{"order": order, "first": size}
	if backward {
		vars = map[string]any{"order": order, "last": size}
	}
	for {
		p := w.page(s, vars)
		page := make([]string, len(p.Nodes))
		for i, node := range p.Nodes {
			page[i] = node.ID
		}
		if backward {
			ids = slices.Concat(page, ids)
			vars["before"] = p.PageInfo.StartCursor
		} else {
			ids = append(ids, page...)
			vars["after"] = p.PageInfo.EndCursor
		}
		if backward && !p.PageInfo.HasPreviousPage || !backward && !p.PageInfo.HasNextPage {
			return ids
		}
		between()
	}
}

// TestListOrders: paging through a list visits each row once, in any order, with pages of any size, from both ends, while
// other rows come and go.
func TestListOrders(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, apiKey := w.customer("acme")
		_, stranger := w.customer("stranger")
		noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for _, field := range fieldsOf(parseSchema(t).Query) {
			// Always the newest first, or as eventSubscriptions, which reads the pages.
			others := []string{"events", "deliveries", "deliveryAttempts", "auditLog", "explainEvent"}
			sortable := slices.ContainsFunc(w.sortables(ctx, apiKey), func(s sortable) bool { return s.list == field.Name })
			if strings.HasSuffix(field.Type.Name(), "Connection") && !sortable && !slices.Contains(others, field.Name) {
				t.Errorf("%s cannot be sorted, or sortables lacks it", field.Name)
			}
		}
		for _, s := range w.sortables(ctx, apiKey) {
			var rows []row
			for i := range 7 { // names and times that several have, and keys in another order than rows are made in
				r, _ := s.add(fmt.Sprintf("%s-%d-%d", s.list, i*5%7, i), fmt.Sprintf("name %d", i%3), noon.Add(time.Duration(i%4)*1500*time.Microsecond))
				rows = append(rows, r)
			}
			others, remove := 0, func() {}
			churn := func() {
				remove()
				others++
				_, remove = s.add(fmt.Sprintf("%s-%d-other-%d", s.list, others%7, others), fmt.Sprintf("name %d x", others%3), noon.Add(time.Duration(others%5)*time.Millisecond))
			}
			for _, field := range s.fields {
				for _, direction := range []string{"ASC", "DESC"} {
					want := sorted(rows, field, direction)
					order := map[string]any{"field": field, "direction": direction}
					for _, size := range []int{1, 3, 100} {
						for _, backward := range []bool{false, true} {
							got := w.walk(s, order, size, backward, churn)
							if all := slices.Compact(slices.Sorted(slices.Values(got))); len(all) != len(got) {
								t.Errorf("%s by %s %s, pages of %d, backward %t: rows come twice", s.list, field, direction, size, backward)
							}
							got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(want, id) })
							if !slices.Equal(got, want) {
								t.Errorf("%s by %s %s, pages of %d, backward %t:\ngot  %v\nwant %v", s.list, field, direction, size, backward, got, want)
							}
						}
					}
				}
			}
			remove()

			t.Run(s.list+" counts all rows", func(t *testing.T) {
				w := w.in(t)
				if p := w.page(s, map[string]any{"first": 1}); p.TotalCount < len(rows) || len(p.Nodes) != 1 {
					t.Errorf("got %+v", p)
				}
				if p := w.page(s, map[string]any{"first": 100}); p.TotalCount != len(p.Nodes) {
					t.Errorf("counted %d, listed %d", p.TotalCount, len(p.Nodes))
				}
			})
			t.Run(s.list+" refuses a cursor of another order", func(t *testing.T) {
				w := w.in(t)
				cursor := w.page(s, map[string]any{"first": 1}).PageInfo.EndCursor
				document := fmt.Sprintf(`query($after: Cursor) {%s(after: $after, order: {field: %s, direction: ASC}) {nodes {id}}}`, s.list, s.fields[len(s.fields)-1])
				a := w.query(s.key, document, map[string]any{"after": cursor})
				if a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, "after: the cursor is of a list in the order CREATED_AT DESC") {
					t.Errorf("got %+v", a)
				}
			})
		}
		t.Run("a cursor of one account shows nothing of it to another", func(t *testing.T) {
			w := w.in(t)
			s := w.sortables(ctx, apiKey)[0]
			order := map[string]any{"field": "NAME", "direction": "ASC"}
			cursor := w.page(s, map[string]any{"first": 1, "order": order}).PageInfo.EndCursor
			s.key = stranger
			if p := w.page(s, map[string]any{"after": cursor, "order": order}); len(p.Nodes) > 0 || p.TotalCount > 0 {
				t.Errorf("got %+v", p)
			}
		})
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		w := start(t, b)
		ctx, key := w.customer("acme")
		for key, name := range map[string]string{"first_one": "100 % ÄRGER", "first-two": `back\slash`, "third": "plain"} {
			must(w.subscribe(ctx, key, "sms.*").Update().SetName(name).Save(ctx))
		}
		for text, want := range map[string]string{
			"FIRST": "2", "first_": "1", "%": "1", "ärger": "1", "Ärger": "1", `\`: "1", "": "3", "plain": "1", "first%two": "0",
		} {
			if got := w.get(key, `query($s: String) {eventSubscriptions(filter: {search: $s}) {totalCount}}`, map[string]any{"s": text}, "eventSubscriptions.totalCount"); got != want {
				t.Errorf("subscriptions with %q: %s, want %s", text, got, want)
			}
		}
		for text, want := range map[string]string{"FIRST_": "1", "203.0.113": "3", "203_0": "0", "HTTPS://203.0.113.7/T": "1"} {
			if got := w.get(key, `query($s: String) {notificationProfiles(search: $s) {totalCount}}`, map[string]any{"s": text}, "notificationProfiles.totalCount"); got != want {
				t.Errorf("profiles with %q: %s, want %s", text, got, want)
			}
		}
		for _, resource := range []string{"+49 30 1", "+49_30", "Ärger"} {
			must(w.configure.SetResourceRoute(ctx, resource, configure.ToNobody, nil))
		}
		for text, want := range map[string]string{"+49": "2", "9_3": "1", "äRG": "1", "": "3"} {
			if got := w.get(key, `query($s: String) {resourceRoutes(search: $s) {totalCount}}`, map[string]any{"s": text}, "resourceRoutes.totalCount"); got != want {
				t.Errorf("routes with %q: %s, want %s", text, got, want)
			}
		}
		long := map[string]any{"s": strings.Repeat("ä", 256)}
		for document, says := range map[string]string{
			`query($s: String) {eventSubscriptions(filter: {search: $s}) {totalCount}}`: "filter.search: 256 characters are too many, the limit is 255",
			`query($s: String) {notificationProfiles(search: $s) {totalCount}}`:         "search: 256 characters are too many, the limit is 255",
			`query($s: String) {resourceRoutes(search: $s) {totalCount}}`:               "search: 256 characters are too many, the limit is 255",
		} {
			if a := w.query(key, document, long); a.code() != "BAD_USER_INPUT" || !strings.Contains(a.Errors[0].Message, says) {
				t.Errorf("%s: %+v", document, a)
			}
		}
	})
}
