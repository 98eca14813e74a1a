package graph

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// deletePayload answers a deletion with what was deleted, the object that was meant first.
func deletePayload(deleted []configure.Object, err error) (*DeletePayload, error) {
	wrong, err := mistakes(err)
	if wrong != nil || err != nil {
		return &DeletePayload{UserErrors: wrong}, err
	}
	texts := make([]string, len(deleted))
	for i, object := range deleted {
		texts[i] = id.Format(object.Prefix, object.ID)
	}
	return &DeletePayload{DeletedID: &texts[0], DeletedIds: texts}, nil
}

// deletionImpact says what deleting the object with the id that text shows would do.
func (r *Resolver) deletionImpact(ctx context.Context, text string) (*configure.DeletionImpact, error) {
	prefix, object, err := id.Parse(text)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing has such an id
	}
	return r.Configure.DeletionImpact(ctx, prefix, object)
}

// nodesOf loads objects, all at once, without those that are not there any more.
func nodesOf(ctx context.Context, objects []configure.Object) ([]Node, error) {
	found := make([]Node, len(objects))
	group, ctx := errgroup.WithContext(ctx)
	for i, object := range objects {
		group.Go(func() (err error) {
			found[i], err = node(ctx, object.Prefix, object.ID)
			return err
		})
	}
	err := group.Wait()
	return slices.DeleteFunc(found, func(n Node) bool { return n == nil }), err
}
