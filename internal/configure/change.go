package configure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// change is a transaction that changes what an account configures. Until it ends no other one changes the same account,
// so that what it has found out (a key is free, a profile exists) stays true.
type change struct {
	*ent.Tx
	account id.ID
	lines   []*ent.ConfigChange // that it has written
	// deprecated are the event types that the input asks for and that should no longer be used; wildcards ask for none in particular.
	deprecated []string
	// wrong collects the mistakes of the input. With one in it the transaction is rolled back.
	wrong usererror.List
}

// change runs f in a transaction and commits if f neither returns an error nor finds a mistake.
func (s *Service) change(ctx context.Context, f func(c *change) error) error {
	owner, err := oneAccount(ctx)
	if err != nil {
		return err
	}
	tx, err := s.Store.Ent.Tx(ctx)
	if err != nil {
		return err
	}
	c := &change{Tx: tx, account: owner}
	if err := s.lock(ctx, c); err != nil {
		return c.abort(err)
	}
	if err := f(c); err != nil {
		return c.abort(err)
	}
	if err := c.wrong.Err(); err != nil {
		return c.abort(err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.tell(ctx, c)
	return nil
}

// tell says what a change that is committed has changed.
func (s *Service) tell(ctx context.Context, c *change) {
	if s.Changed == nil || len(c.lines) == 0 {
		return
	}
	if err := s.Changed(ctx, c.lines); err != nil {
		slog.WarnContext(ctx, "a change of the configuration was not followed at once", "account", c.account, "error", err)
	}
}

// inTx runs f in a transaction, for what no registry knows: a change of it and its line of the audit log are one.
func (s *Service) inTx(ctx context.Context, f func(tx *ent.Tx) error) error {
	tx, err := s.Store.Ent.Tx(ctx)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // it fails only when the connection has, and then nothing is committed either
		return err
	}
	return tx.Commit()
}

// oneAccount returns the account of the context.
func oneAccount(ctx context.Context) (id.ID, error) {
	account, all, err := access.Confinement(ctx)
	if err == nil && all {
		err = errors.New("the context names no single account")
	}
	return account, err
}

// lock makes others who change the account wait. On SQLite there is one writing transaction at a time anyway.
func (s *Service) lock(ctx context.Context, c *change) error {
	query := c.Account.Query().Where(account.ID(c.account))
	if !s.Store.Embedded() {
		query.Where(planEachTime).ForUpdate()
	}
	if _, err := query.OnlyID(ctx); err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	return nil
}

// planEachTime holds, and has PostgreSQL plan the statements of the transaction for what the tables hold by then. A plan that it made when they were
// next to empty, and keeps, finds a key by reading the account's rows one by one: that is no worse then, and hopeless a minute later.
func planEachTime(where *sql.Selector) {
	where.Where(sql.ExprP("set_config('plan_cache_mode', 'force_custom_plan', true) <> ''"))
}

// abort rolls back and returns why.
func (c *change) abort(why error) error {
	_ = c.Rollback() // it fails only when the connection has, and then nothing is committed either
	return why
}

// record tells every process that an object has changed.
func (c *change) record(ctx context.Context, kind id.Prefix, object id.ID) error {
	line, err := c.ConfigChange.Create().SetAccountID(c.account).SetKind(string(kind)).SetObjectID(object).Save(ctx)
	if err != nil {
		return err
	}
	c.lines = append(c.lines, line)
	return nil
}

// checkVersion says that an object has been changed since the version that the input expects.
func (c *change) checkVersion(expected *int, version int) {
	if expected != nil && *expected != version {
		c.wrong.Add(usererror.VersionConflict, "input.expectedVersion",
			"the change was made for version %d, but this is version %d by now: read it again and repeat the change", *expected, version)
	}
}

// overtaken is the mistake of a change that was overtaken by one of Hookline's own, between its reading and its writing.
func overtaken(version int) error {
	return usererror.List{usererror.New(usererror.VersionConflict, "input.expectedVersion",
		"the object was changed while this change of version %d was made: read it again and repeat the change", version)}
}
