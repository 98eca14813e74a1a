package configure

import (
	"context"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// checkUnused reports whether no profile uses an object, and says which ones do.
func (c *change) checkUnused(ctx context.Context, kind, key string, using predicate.NotificationProfile) (bool, error) {
	users := c.NotificationProfile.Query().Where(using)
	n, err := users.Clone().Count(ctx)
	if err != nil || n == 0 {
		return err == nil, err
	}
	first, err := users.Order(ent.Asc(notificationprofile.FieldID)).Limit(maxBlockedBy).IDs(ctx)
	if err != nil {
		return false, err
	}
	mistake := usererror.New(usererror.InUse, "by",
		"%d notification profile(s) use the %s %s: give them another one first, or none", n, kind, quote(key))
	for _, profile := range first {
		mistake.BlockedBy = append(mistake.BlockedBy, usererror.Ref{Prefix: id.NotificationProfile, ID: profile})
	}
	c.wrong = append(c.wrong, mistake)
	return false, nil
}

// recordProfiles tells every process that what these profiles use has changed.
func (c *change) recordProfiles(ctx context.Context, using predicate.NotificationProfile) error {
	profiles, err := c.NotificationProfile.Query().Where(using).IDs(ctx)
	if err != nil {
		return err
	}
	for _, profile := range profiles {
		if err := c.record(ctx, id.NotificationProfile, profile); err != nil {
			return err
		}
	}
	return nil
}
