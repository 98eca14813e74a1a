package registry_test

import (
	"context"
	"log/slog"
	"testing"

	"encoding/json"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/vault"
)

// others is a registry that follows what configure does only by what is in the database, as another process does.
type others struct {
	*registry.Registry
	store     *store.Store
	configure *configure.Service
	account   id.ID
	ctx       context.Context //nolint:containedctx // confined to account
}

func openOthers(t *testing.T, b testenv.Backend) *others {
	t.Helper()
	s, err := store.Open(t.Context(), b.DatabaseURL)
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
	v, err := vault.New([]vault.Key{{ID: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(t.Context(), s.Ent, v, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := &others{Registry: r, store: s, configure: &configure.Service{Store: s, Vault: v}}
	account, err := o.configure.CreateAccount(access.WithSystem(t.Context()), "acme", "Acme")
	if err != nil {
		t.Fatal(err)
	}
	o.account, o.ctx = account.ID, access.WithAccount(t.Context(), account.ID)
	return o
}

func (o *others) refresh(t *testing.T) {
	t.Helper()
	if err := o.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestEventTypesAreFollowed(t *testing.T) {
	t.Parallel()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) {
		o := openOthers(t, b)
		if o.EventTypeKnown("sms.delivery") {
			t.Fatal("the catalogue is entered already")
		}
		if err := catalogue.Sync(t.Context(), o.store.Ent); err != nil {
			t.Fatal(err)
		}
		o.refresh(t)
		if !o.EventTypeKnown("sms.delivery") || o.EventType("sms.delivery").Schema != nil {
			t.Error("what a newer version ships with is not followed")
		}
		upsert := func(in configure.EventTypeInput) *registry.EventType {
			t.Helper()
			if _, err := o.configure.UpsertEventType(o.ctx, in); err != nil {
				t.Fatal(err)
			}
			o.refresh(t)
			return o.EventType(in.Name)
		}
		schema := graphql.OmittableOf(json.RawMessage(`{"type":"object"}`))
		if got := upsert(configure.EventTypeInput{Name: "sms.mine", JSONSchema: schema}); got == nil || got.Schema != nil {
			t.Errorf("off: %+v", got)
		}
		if got := upsert(configure.EventTypeInput{Name: "sms.mine", Validation: new("WARN")}); got.Schema == nil || got.Reject || got.Schema.Check([]byte("7")) == "" {
			t.Errorf("warn: %+v", got)
		}
		if got := upsert(configure.EventTypeInput{Name: "sms.mine", Validation: new("REJECT")}); got.Schema == nil || !got.Reject {
			t.Errorf("reject: %+v", got)
		}
		reopened, err := registry.Open(t.Context(), o.store.Ent, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if got := reopened.EventType("sms.mine"); got == nil || got.Schema == nil || !got.Reject {
			t.Errorf("after a restart: %+v", got)
		}
	})
}
