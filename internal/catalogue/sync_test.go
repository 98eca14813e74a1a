package catalogue_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/ent/eventtype"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
)

// open returns a fresh, migrated database.
func open(t *testing.T, databaseURL string) *ent.Client {
	t.Helper()
	s, err := store.Open(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Ent
}

// listed returns what catalogue.yaml lists: event types by category.
func listed(t *testing.T) map[string][]string {
	t.Helper()
	file, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, c := range file.Categories {
		all[c.Key] = slices.Sorted(slices.Values(c.EventTypes()))
	}
	return all
}

// check says how the database differs from catalogue.yaml.
func check(t *testing.T, client *ent.Client) {
	t.Helper()
	want := listed(t)
	categories, err := client.Category.Query().WithEventTypes(func(q *ent.EventTypeQuery) {
		q.Order(ent.Asc(eventtype.FieldName))
	}).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(categories) != len(want) {
		t.Errorf("%d categories, want %d", len(categories), len(want))
	}
	for _, c := range categories {
		var got []string
		for _, e := range c.Edges.EventTypes {
			got = append(got, e.Name)
		}
		if !slices.Equal(got, want[c.Key]) {
			t.Errorf("%s has the event types %v, want %v", c.Key, got, want[c.Key])
		}
	}
}

func TestSyncFillsAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		client := open(t, b.DatabaseURL)
		if err := catalogue.Sync(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		check(t, client)
		numbers, err := client.Category.Query().Where(category.Key("numbers")).Only(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if numbers.Group != "Numbers & Senders" || numbers.Filters == nil || len(numbers.Filters) != 0 || numbers.Attributes == nil {
			t.Errorf("numbers is %v", numbers)
		}
		channels, err := client.Category.Query().Where(category.Key("channels")).Only(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(channels.Filters) != 4 || len(channels.Attributes) != 6 || channels.Name != "Channel messages" {
			t.Errorf("channels is %v", channels)
		}
	})
}

func TestSyncLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		ctx := t.Context()
		client := open(t, b.DatabaseURL)
		// A category that was made at run time before a later version shipped it, and one that nobody ships.
		sms := client.Category.Create().SetKey("sms").SetName("Our SMS").SetGroup("Custom").
			SetFilters([]string{"users"}).SetAttributes([]string{}).SaveX(ctx)
		client.EventType.Create().SetName("sms.delivery").SetDescription("ours").SetCategory(sms).SaveX(ctx)
		orders := client.Category.Create().SetKey("orders").SetName("Orders").SetGroup("Custom").
			SetFilters([]string{}).SetAttributes([]string{}).SaveX(ctx)
		client.EventType.Create().SetName("orders.paid").SetCategory(orders).SaveX(ctx)

		if err := catalogue.Sync(ctx, client); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, client)
		if err := catalogue.Sync(ctx, client); err != nil {
			t.Fatal(err)
		}
		if after := snapshot(t, client); !slices.Equal(after, before) {
			t.Errorf("the second time changed %v to %v", before, after)
		}
		if got := client.Category.GetX(ctx, sms.ID); got.Name != "Our SMS" || len(got.Filters) != 1 {
			t.Errorf("sms became %v", got)
		}
		types := sms.QueryEventTypes().Order(ent.Asc(eventtype.FieldName)).AllX(ctx)
		if len(types) != 2 || types[0].Name != "sms.click" || types[1].Description != "ours" {
			t.Errorf("sms has %v, want its own sms.delivery and the shipped sms.click", types)
		}
		if n := orders.QueryEventTypes().CountX(ctx); n != 1 {
			t.Errorf("orders has %d event types, want 1", n)
		}
	})
}

// snapshot returns the ids and names of all event types.
func snapshot(t *testing.T, client *ent.Client) []string {
	t.Helper()
	var rows []string
	for _, e := range client.EventType.Query().Order(ent.Asc(eventtype.FieldName)).AllX(t.Context()) {
		rows = append(rows, e.ID.String()+" "+e.Name+" "+e.Description)
	}
	return rows
}

func TestSyncByManyAtOnce(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		client := open(t, b.DatabaseURL)
		failed := make(chan error, 6)
		for range cap(failed) {
			go func() { failed <- catalogue.Sync(t.Context(), client) }()
		}
		for range cap(failed) {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		check(t, client)
	})
}

// TestSyncBeginsAnewWhenAnotherIsFirst: another process enters everything after this one has read what there is. On
// SQLite that cannot happen.
func TestSyncBeginsAnewWhenAnotherIsFirst(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	client, other := open(t, url), open(t, url)
	var once sync.Once
	client.Category.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			once.Do(func() {
				if err := catalogue.Sync(ctx, other); err != nil {
					t.Error(err)
				}
			})
			return next.Mutate(ctx, m)
		})
	})
	if err := catalogue.Sync(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	check(t, client)
}
