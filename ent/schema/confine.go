package schema

import (
	"context"
	"fmt"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/hookline/hookline/internal/access"
)

// accountMutation is what the generated mutations of an account's tables have in common.
type accountMutation interface {
	ent.Mutation
	AccountID() (uuid.UUID, bool)
	WhereP(...func(*sql.Selector))
}

func confineMutations(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		account, all, err := access.Confinement(ctx)
		if err != nil {
			return nil, err
		}
		mutation, ok := m.(accountMutation)
		if !ok {
			return nil, fmt.Errorf("%s: not a table of an account", m.Type())
		}
		switch {
		case all:
		case m.Op().Is(ent.OpCreate):
			if given, _ := mutation.AccountID(); given != account {
				return nil, fmt.Errorf("create %s: outside the account of the context", m.Type())
			}
		default:
			mutation.WhereP(sql.FieldEQ("account_id", account))
		}
		return next.Mutate(ctx, m)
	})
}
