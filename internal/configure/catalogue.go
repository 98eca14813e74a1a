package configure

import (
	"context"
	"errors"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// catalogueTries is how often a change of the catalogue begins anew when another one entered the same row first.
const catalogueTries = 3

// changeCatalogue runs f in a transaction that changes the catalogue, which is one for all accounts, and commits if f neither
// returns an error nor finds a mistake. f may run more than once.
func (s *Service) changeCatalogue(ctx context.Context, f func(c *change) error) error {
	if _, err := oneAccount(ctx); err != nil {
		return err
	}
	err := errors.New("not tried")
	for range catalogueTries {
		if err = s.tryCatalogue(ctx, f); !ent.IsConstraintError(err) {
			break
		}
	}
	return err
}

func (s *Service) tryCatalogue(ctx context.Context, f func(c *change) error) error {
	tx, err := s.Store.Ent.Tx(ctx)
	if err != nil {
		return err
	}
	c := &change{Tx: tx, account: id.Nil}
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

// recordEventType tells every process that an event type has changed. The line is no account's, hence Hookline's own.
func (c *change) recordEventType(ctx context.Context, eventType id.ID) error {
	return c.record(access.WithSystem(ctx), id.EventType, eventType)
}
