package configure

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/usererror"
)

// CreateAccount creates an account. It is not work in an account: whoever calls it has made sure that the caller may.
func (s *Service) CreateAccount(ctx context.Context, key, name string) (*ent.Account, error) {
	var wrong usererror.List
	checkKey(&wrong, "key", key)
	checkName(&wrong, "name", name)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	var made *ent.Account
	err := s.inTx(ctx, func(tx *ent.Tx) (err error) {
		made, err = tx.Account.Create().SetKey(key).SetName(name).Save(ctx)
		return err
	})
	if ent.IsConstraintError(err) { // the key is all that is unique about an account
		wrong.Add(usererror.Taken, "key", "another account has the key %s: choose another one", quote(key))
		return nil, wrong
	}
	if err != nil {
		return nil, err
	}
	return made.Unwrap(), nil
}
