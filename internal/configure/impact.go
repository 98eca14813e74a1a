package configure

import (
	"context"

	"github.com/hookline/hookline/internal/id"
)

// DeletionImpact is what deleting an object would do.
type DeletionImpact struct {
	// BlockedByCount is how many objects use it: while any does, it cannot be deleted.
	BlockedByCount int
	// BlockedBy are the first few of these.
	BlockedBy []Object
	// Deletes is what goes with deleteUnused: the object itself, and what nothing uses any more without it. Empty while
	// something uses it.
	Deletes []Object
}

// DeletionImpact says what deleting an object of the account would do, if nothing is changed before. It returns nil if
// the account has no such object, or if it is of a type that cannot be deleted.
func (s *Service) DeletionImpact(ctx context.Context, prefix id.Prefix, object id.ID) (*DeletionImpact, error) {
	kind := deletables[prefix]
	if kind.exists == nil {
		return nil, nil
	}
	db, target := s.Store.Ent, Object{Prefix: prefix, ID: object}
	if there, err := kind.exists(ctx, db, object); err != nil || !there {
		return nil, err
	}
	impact := &DeletionImpact{}
	using, err := usersOf(ctx, db, target)
	if err != nil {
		return nil, err
	}
	for _, u := range using {
		impact.BlockedByCount += u.n
		for _, user := range u.first {
			impact.BlockedBy = append(impact.BlockedBy, Object{Prefix: u.of.user, ID: user})
		}
	}
	if len(using) == 0 {
		impact.Deletes, err = unusedWithout(ctx, db, target)
	}
	return impact, err
}
