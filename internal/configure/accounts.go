package configure

import (
	"context"
	"errors"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
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

// AutoDisableInput is a change of when an account's failing subscriptions are disabled; what is nil stays as it is.
type AutoDisableInput struct {
	Enabled       *bool
	After         *time.Duration
	LeastAttempts *int
}

// AutoDisableOf returns when an account's failing subscriptions are disabled.
func AutoDisableOf(account *ent.Account) health.AutoDisable {
	return health.AutoDisable{Enabled: account.AutoDisable, After: account.AutoDisableAfter, LeastAttempts: account.AutoDisableAttempts}
}

var autoDisableAttemptsBounds = bounds{1, health.MaxAutoDisableAttempts}

func (in *AutoDisableInput) check(wrong *usererror.List) {
	if in.After != nil && (*in.After < health.MinAutoDisableAfter || *in.After > health.MaxAutoDisableAfter) {
		wrong.Add(usererror.OutOfRange, "autoDisable.after", "after is %v: it must be PT1H to P30D; to disable no subscription, set enabled to false", *in.After)
	}
	setNumber(wrong, "autoDisable", "leastAttempts", in.LeastAttempts, autoDisableAttemptsBounds, func(int) {})
}

// UpdateAccount gives an account another name, and changes when its failing subscriptions are disabled; what is nil stays as it is. Like
// CreateAccount it is not work in an account.
func (s *Service) UpdateAccount(ctx context.Context, by Ref, name *string, autoDisable *AutoDisableInput) (changed *ent.Account, err error) {
	var wrong usererror.List
	if name != nil {
		checkName(&wrong, "name", *name)
	}
	if autoDisable == nil {
		autoDisable = &AutoDisableInput{}
	}
	autoDisable.check(&wrong)
	err = s.inTx(ctx, func(tx *ent.Tx) error {
		found, err := findAccount(ctx, tx.Client(), &wrong, "by", by)
		if err != nil || len(wrong) > 0 {
			return errors.Join(err, wrong.Err())
		}
		update := found.Update().SetNillableName(name).SetNillableAutoDisable(autoDisable.Enabled).
			SetNillableAutoDisableAfter(autoDisable.After).SetNillableAutoDisableAttempts(autoDisable.LeastAttempts)
		changed, err = update.Save(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return changed.Unwrap(), nil
}

// findAccount returns nil, having said why, if there is no such account.
func findAccount(ctx context.Context, db *ent.Client, wrong *usererror.List, path string, ref Ref) (*ent.Account, error) {
	by, ok := readRef(wrong, path, ref, id.Account, accountKind)
	if !ok {
		return nil, nil
	}
	where := account.ID(by.id)
	if by.id == id.Nil {
		where = account.Key(by.key)
	}
	row, err := db.Account.Query().Where(where).Only(ctx)
	if ent.IsNotFound(err) {
		noAccount(wrong, path, ref)
		return nil, nil
	}
	return row, err
}

// noAccount says that there is no such account.
func noAccount(wrong *usererror.List, path string, ref Ref) {
	if ref.ID != nil {
		wrong.Add(usererror.NotFound, path+".id", "there is no account with the id %s", quote(*ref.ID))
		return
	}
	wrong.Add(usererror.NotFound, path+".key", "there is no account with the key %s", quote(*ref.Key))
}
