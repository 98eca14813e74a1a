// Package schema is the data model: the tables, written by hand. Everything else under ent is generated from it.
package schema

import (
	"context"
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"github.com/hookline/hookline/ent/intercept"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// idMixin gives a table its UUIDv7 primary key.
type idMixin struct{ mixin.Schema }

func (idMixin) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(id.New).Immutable(),
	}
}

// accountMixin makes a table an account's: every query by ent is confined to the account of its context, and nothing
// is returned without one. This is the one place where accounts are kept apart for reads through ent.
type accountMixin struct{ mixin.Schema }

func (accountMixin) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("account_id", uuid.UUID{}).Immutable(),
	}
}

func (accountMixin) Interceptors() []ent.Interceptor {
	return []ent.Interceptor{
		intercept.TraverseFunc(func(ctx context.Context, q intercept.Query) error {
			account, all, err := access.Confinement(ctx)
			if err != nil {
				return err
			}
			if !all {
				q.WhereP(sql.FieldEQ("account_id", account))
			}
			return nil
		}),
	}
}

// Hooks confine updates and deletions as the interceptor confines queries, and refuse to create for another account.
func (accountMixin) Hooks() []ent.Hook {
	return []ent.Hook{confineMutations}
}

// timesMixin adds when a row was made and last changed.
type timesMixin struct{ mixin.Schema }

func (timesMixin) Fields() []ent.Field {
	return []ent.Field{
		field.Time("created_at").Default(now).Immutable(),
		field.Time("updated_at").Default(now).UpdateDefault(now),
	}
}

// versionMixin adds the number that rises with every change, for optimistic locking. Every change is audited; what
// Hookline notes about an object without raising its version is none.
type versionMixin struct{ auditMixin }

func (versionMixin) Fields() []ent.Field {
	return []ent.Field{
		field.Int("version").Default(1),
	}
}

// now is the time in UTC to the microsecond, which every database keeps.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
