package store_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/ent/event"
	"github.com/hookline/hookline/ent/idempotencykey"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
)

// storable generates texts that every database can hold.
func storable() *rapid.Generator[string] {
	return rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 }))
}

func TestCommitEvents(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T, *db){
		"keeps all that there is to an event": func(t *testing.T, d *db) {
			rapid.Check(t, func(rt *rapid.T) {
				text := func(name string) string { return storable().Draw(rt, name) }
				var events []*store.NewEvent
				for range rapid.IntRange(1, 4).Draw(rt, "events") {
					at := time.UnixMicro(rapid.Int64Range(0, 253402300799_000_000).Draw(rt, "occurred at")).UTC()
					e := newEvent(time.Now(), rapid.IntRange(0, 3).Draw(rt, "matched"))
					e.OccurredAt, e.Type, e.Application, e.Entity, e.User = at, text("type"), text("application"), text("entity"), text("user")
					e.Resource, e.Intermediate, e.IdempotencyKey = text("resource"), rapid.Bool().Draw(rt, "intermediate"), text("key")
					e.Payload = rapid.SampledFrom([]string{`null`, `{"a": [1.0, 12345678901234567890]}`, `"ü\u0000🙂"`, "  {}\n"}).Draw(rt, "payload")
					e.Attributes = rapid.SampledFrom([]string{"", `[{"key":"channel","value":"ü"}]`}).Draw(rt, "attributes")
					events = append(events, e)
				}
				must(t, d.CommitEvents(t.Context(), events))
				for _, e := range events {
					row := d.event(e.ID)
					if row == nil {
						rt.Fatalf("event %v is not there", e.ID)
					}
					var attributes []types.Attribute
					if e.Attributes != "" {
						attributes = []types.Attribute{{Key: "channel", Value: "ü"}}
					}
					if row.AccountID != e.AccountID || row.Type != e.Type || !row.OccurredAt.Equal(e.OccurredAt) || row.Application != e.Application ||
						row.Entity != e.Entity || row.User != e.User || row.Resource != e.Resource || row.Intermediate != e.Intermediate ||
						row.IdempotencyKey != e.IdempotencyKey || row.Payload != e.Payload || !slices.Equal(row.Attributes, attributes) ||
						string(row.Targets) != string(e.Targets) {
						rt.Fatalf("row %+v of event %+v", row, e)
					}
				}
			})
		},

		"commits all or nothing": func(t *testing.T, d *db) {
			known, fresh := newEvent(time.Now(), 0), newEvent(time.Now(), 0)
			d.commit(known)
			fresh.KeyID = newKeys()(1)
			if err := d.CommitEvents(t.Context(), []*store.NewEvent{fresh, known}); err == nil {
				t.Fatal("committed an event twice")
			}
			if d.event(fresh.ID) != nil {
				t.Error("half of a failed commit is there")
			}
			again := newEvent(time.Now(), 0)
			again.KeyID = fresh.KeyID
			d.commit(again)
			if again.First != id.Nil || d.event(again.ID) == nil {
				t.Error("the idempotency key of a failed commit is known")
			}
		},
	})
}

// keyed returns an event with an idempotency key.
func keyed(key id.ID, matched int) *store.NewEvent {
	e := newEvent(time.Now(), matched)
	e.KeyID = key
	return e
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	together(t, map[string]func(*testing.T, *db){
		"stand for the first event that had them": func(t *testing.T, d *db) {
			keys := newKeys()
			first, other, without := keyed(keys(1), 3), keyed(keys(2), 0), newEvent(time.Now(), 0)
			d.commit(first, other, without)
			for _, e := range []*store.NewEvent{first, other, without} {
				if e.First != id.Nil || d.event(e.ID) == nil {
					t.Errorf("new event %+v", e)
				}
			}
			second, fresh := keyed(keys(1), 1), keyed(keys(3), 0)
			d.commit(second, fresh)
			if second.First != first.ID || second.FirstMatched != 3 || d.event(second.ID) != nil {
				t.Errorf("second event of a key: %+v", second)
			}
			if fresh.First != id.Nil || d.event(fresh.ID) == nil {
				t.Errorf("new event beside it: %+v", fresh)
			}
			onlyKnown := keyed(keys(2), 1)
			d.commit(onlyKnown)
			if onlyKnown.First != other.ID || onlyKnown.FirstMatched != 0 {
				t.Errorf("a commit of known keys alone: %+v", onlyKnown)
			}
		},

		"stand for another event when their time is over": func(t *testing.T, d *db) {
			keys := newKeys()
			first := keyed(keys(1), 1)
			d.commit(first)
			row := d.Ent.IdempotencyKey.GetX(d.ctx, first.KeyID)
			if life := time.Until(row.ExpiresAt); life < store.IdempotencyLife-time.Minute || life > store.IdempotencyLife {
				t.Errorf("the key is known for %v, want %v", life, store.IdempotencyLife)
			}
			d.expire(first.KeyID)
			second, third := keyed(keys(1), 2), keyed(keys(1), 3)
			d.commit(second)
			d.commit(third)
			if second.First != id.Nil || d.event(second.ID) == nil {
				t.Errorf("event of an expired key: %+v", second)
			}
			if third.First != second.ID || third.FirstMatched != 2 {
				t.Errorf("event after it: %+v", third)
			}
		},

		"let one of several that publish at once through": func(t *testing.T, d *db) {
			keys := newKeys()
			for round := range 5 {
				events := make([]*store.NewEvent, 8)
				var writers sync.WaitGroup
				for i := range events {
					events[i] = keyed(keys(round), i)
					writers.Go(func() {
						if err := d.CommitEvents(t.Context(), events[i:i+1]); err != nil {
							t.Error(err)
						}
					})
				}
				writers.Wait()
				var committed []*store.NewEvent
				for _, e := range events {
					if d.event(e.ID) != nil {
						committed = append(committed, e)
					}
				}
				if len(committed) != 1 {
					t.Fatalf("%d events of one key are committed", len(committed))
				}
				for _, e := range events {
					switch {
					case e == committed[0] && e.First != id.Nil:
						t.Errorf("the committed event has First %v", e.First)
					case e != committed[0] && (e.First != committed[0].ID || e.FirstMatched != committed[0].Matched()):
						t.Errorf("duplicate %+v of %+v", e, committed[0])
					}
				}
			}
		},

		"do not lock each other up, in whatever order they come": func(t *testing.T, d *db) {
			keys := newKeys()
			const each = 20
			var committed atomic.Int64
			var writers sync.WaitGroup
			for writer := range 6 {
				writers.Go(func() {
					for round := range 10 {
						events := make([]*store.NewEvent, each)
						for i := range events {
							key := i
							if writer%2 == 1 {
								key = each - 1 - i
							}
							events[i] = keyed(keys(round*each+key), 0)
						}
						if err := d.CommitEvents(t.Context(), events); err != nil {
							t.Error(err)
						}
						for _, e := range events {
							if e.First == id.Nil {
								committed.Add(1)
							}
						}
					}
				})
			}
			writers.Wait()
			if n := committed.Load(); n != 10*each {
				t.Errorf("%d events of %d keys", n, 10*each)
			}
		},
	})
}

// expire lets the time of an idempotency key be over.
func (d *db) expire(keys ...id.ID) {
	d.t.Helper()
	must(d.t, d.Ent.IdempotencyKey.Update().Where(idempotencykey.IDIn(keys...)).SetExpiresAt(time.Now().UTC().Add(-time.Millisecond)).Exec(d.ctx))
}

func TestDropExpiredKeys(t *testing.T) {
	t.Parallel()
	onEach(t, "forgets those whose time is over, so many at a time", func(t *testing.T, d *db) {
		keys := newKeys()
		var expired []id.ID
		for i := range 5 {
			d.commit(keyed(keys(i), 0))
			if i > 0 {
				expired = append(expired, keys(i))
			}
		}
		d.expire(expired...)
		for _, want := range []int64{3, 1, 0} {
			dropped, err := d.DropExpiredKeys(t.Context(), 3)
			must(t, err)
			if dropped != want {
				t.Errorf("dropped %d, want %d", dropped, want)
			}
		}
		if left := d.Ent.IdempotencyKey.Query().IDsX(d.ctx); !slices.Equal(left, []id.ID{keys(0)}) {
			t.Errorf("left are %v", left)
		}
	})
}

func TestDropConfigChanges(t *testing.T) {
	t.Parallel()
	onEach(t, "forgets lines from before a time, so many at a time", func(t *testing.T, d *db) {
		now := time.Now()
		var kept id.ID
		for i := range 5 {
			line := idAt(now.Add(-time.Duration(i) * time.Minute))
			if i == 0 {
				kept = line
			}
			d.Ent.ConfigChange.Create().SetID(line).SetAccountID(id.New()).SetKind("sub").SetObjectID(id.New()).SaveX(d.ctx)
		}
		for _, want := range []int64{3, 1, 0} {
			dropped, err := d.DropConfigChanges(t.Context(), now.Add(-30*time.Second), 3)
			must(t, err)
			if dropped != want {
				t.Errorf("dropped %d, want %d", dropped, want)
			}
		}
		if left := d.Ent.ConfigChange.Query().IDsX(d.ctx); !slices.Equal(left, []id.ID{kept}) {
			t.Errorf("left are %v, want %v", left, kept)
		}
	})
}

// TestUnstorableText shows why publishing refuses text that a database cannot hold: it would fail the commits of others.
func TestUnstorableText(t *testing.T) {
	t.Parallel()
	onPostgres(t, "fails", func(t *testing.T, d *db) {
		for _, text := range []string{"nul \x00", "\xff"} {
			e := newEvent(time.Now(), 0)
			e.User = text
			if err := d.CommitEvents(t.Context(), []*store.NewEvent{e}); err == nil || !strings.Contains(err.Error(), "22021") {
				t.Errorf("commit of %q: %v", text, err)
			}
		}
		d.commit(newEvent(time.Now(), 0)) // the connection is as good as new
		if n := d.Ent.Event.Query().Where(event.User("")).CountX(d.ctx); n != 1 {
			t.Error(fmt.Sprint(n, " events"))
		}
	})
}
