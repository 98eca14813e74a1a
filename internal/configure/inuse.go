package configure

import (
	"context"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// Object names an object of the account by its type and id.
type Object = usererror.Ref

// deletable is a type of objects that can be deleted, or that only uses others: exists is nil then.
type deletable struct {
	kind   string // what people call one
	exists func(ctx context.Context, db *ent.Client, object id.ID) (bool, error)
	remove func(ctx context.Context, db *ent.Client, object id.ID) error
	// followed says that every process knows the type's objects, and is told when one goes.
	followed bool
}

// deletables are all types that references has, and those that have none.
var deletables = map[id.Prefix]deletable{
	id.EventSubscription: {
		kind: subscriptionKind, followed: true,
		exists: func(ctx context.Context, db *ent.Client, object id.ID) (bool, error) {
			return db.EventSubscription.Query().Where(eventsubscription.ID(object)).Exist(ctx)
		},
		remove: func(ctx context.Context, db *ent.Client, object id.ID) error {
			return db.EventSubscription.DeleteOneID(object).Exec(ctx)
		},
	},
	id.NotificationProfile: {
		kind: profileKind, followed: true,
		exists: func(ctx context.Context, db *ent.Client, object id.ID) (bool, error) {
			return db.NotificationProfile.Query().Where(notificationprofile.ID(object)).Exist(ctx)
		},
		remove: func(ctx context.Context, db *ent.Client, object id.ID) error {
			return db.NotificationProfile.DeleteOneID(object).Exec(ctx)
		},
	},
	id.AuthSetting: {
		kind: authSettingKind,
		exists: func(ctx context.Context, db *ent.Client, object id.ID) (bool, error) {
			return db.AuthSetting.Query().Where(authsetting.ID(object)).Exist(ctx)
		},
		remove: func(ctx context.Context, db *ent.Client, object id.ID) error {
			return db.AuthSetting.DeleteOneID(object).Exec(ctx)
		},
	},
	id.Certificate: {
		kind: certificateKind,
		exists: func(ctx context.Context, db *ent.Client, object id.ID) (bool, error) {
			return db.Certificate.Query().Where(certificate.ID(object)).Exist(ctx)
		},
		remove: func(ctx context.Context, db *ent.Client, object id.ID) error {
			if err := settleSuccessors(ctx, db, time.Now(), object); err != nil {
				return err
			}
			return db.Certificate.DeleteOneID(object).Exec(ctx)
		},
	},
	id.ResourceRoute: {kind: "resource route"},
}

// reference is a column by which objects use others. What is in use is not deleted; what is not used any more goes with
// its last user if that is asked for.
type reference struct {
	user, used id.Prefix
	// users counts those of an object, and returns the first few.
	users func(ctx context.Context, db *ent.Client, used id.ID) (n int, first []id.ID, err error)
	// uses returns what an object uses.
	uses func(ctx context.Context, db *ent.Client, user id.ID) ([]id.ID, error)
}

// references are all columns by which objects use others: nothing else says what is in use.
var references = []reference{
	{
		user: id.EventSubscription, used: id.NotificationProfile,
		users: func(ctx context.Context, db *ent.Client, used id.ID) (int, []id.ID, error) {
			return countUsers(ctx, db.EventSubscription.Query().Where(eventsubscription.ProfileID(used)))
		},
		uses: func(ctx context.Context, db *ent.Client, user id.ID) ([]id.ID, error) {
			return db.EventSubscription.Query().Where(eventsubscription.ID(user)).QueryProfile().IDs(ctx)
		},
	},
	{
		user: id.ResourceRoute, used: id.NotificationProfile,
		users: func(ctx context.Context, db *ent.Client, used id.ID) (int, []id.ID, error) {
			return countUsers(ctx, db.ResourceRoute.Query().Where(resourceroute.ProfileID(used)))
		},
		uses: func(ctx context.Context, db *ent.Client, user id.ID) ([]id.ID, error) {
			return db.ResourceRoute.Query().Where(resourceroute.ID(user)).QueryProfile().IDs(ctx)
		},
	},
	{
		user: id.NotificationProfile, used: id.AuthSetting,
		users: func(ctx context.Context, db *ent.Client, used id.ID) (int, []id.ID, error) {
			return countUsers(ctx, db.NotificationProfile.Query().Where(notificationprofile.AuthSettingID(used)))
		},
		uses: func(ctx context.Context, db *ent.Client, user id.ID) ([]id.ID, error) {
			return db.NotificationProfile.Query().Where(notificationprofile.ID(user)).QueryAuthSetting().IDs(ctx)
		},
	},
	{
		user: id.NotificationProfile, used: id.Certificate,
		users: func(ctx context.Context, db *ent.Client, used id.ID) (int, []id.ID, error) {
			return countUsers(ctx, db.NotificationProfile.Query().Where(usesCertificate(time.Now(), used)))
		},
		uses: certificatesOf,
	},
}

// maxBlockedBy is how many of the objects that stand in the way are listed, of those that use an object by one column.
const maxBlockedBy = 10

// userQuery is what ent's queries have in common.
type userQuery[Q any, O ~func(*sql.Selector)] interface {
	Clone() Q
	Order(...O) Q
	Limit(int) Q
	Count(context.Context) (int, error)
	IDs(context.Context) ([]id.ID, error)
}

// countUsers counts what q selects, and returns the first maxBlockedBy.
func countUsers[Q userQuery[Q, O], O ~func(*sql.Selector)](ctx context.Context, q Q) (n int, first []id.ID, err error) {
	n, err = q.Clone().Count(ctx)
	if err != nil || n == 0 {
		return 0, nil, err
	}
	first, err = q.Order(ent.Asc("id")).Limit(maxBlockedBy).IDs(ctx)
	return n, first, err
}

// users are those that use an object by one column.
type users struct {
	of    reference
	n     int
	first []id.ID
}

// usersOf returns who uses an object: nothing for a column by which nobody does.
func usersOf(ctx context.Context, db *ent.Client, object Object) (all []users, err error) {
	for _, r := range references {
		if r.used != object.Prefix {
			continue
		}
		n, first, err := r.users(ctx, db, object.ID)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			all = append(all, users{r, n, first})
		}
	}
	return all, nil
}

// unusedWithout returns an object that nothing uses, and what nothing uses any more when it is gone: what is used after
// what uses it.
func unusedWithout(ctx context.Context, db *ent.Client, object Object) ([]Object, error) {
	going := []Object{object}
	for i := 0; i < len(going); i++ {
		for _, r := range references {
			if r.user != going[i].Prefix {
				continue
			}
			uses, err := r.uses(ctx, db, going[i].ID)
			if err != nil {
				return nil, err
			}
			for _, used := range uses {
				next := Object{Prefix: r.used, ID: used}
				others, err := usersOf(ctx, db, next)
				if err != nil {
					return nil, err
				}
				if !slices.Contains(going, next) && !slices.ContainsFunc(others, func(u users) bool { return !u.within(going) }) {
					going = append(going, next)
				}
			}
		}
	}
	return going, nil
}

// within reports whether all users are among the objects.
func (u users) within(objects []Object) bool {
	return u.n == len(u.first) && !slices.ContainsFunc(u.first, func(user id.ID) bool {
		return !slices.Contains(objects, Object{Prefix: u.of.user, ID: user})
	})
}

// delete deletes an object that nothing uses, and with deleteUnused what nothing uses any more without it. It returns
// all that was deleted, the object first. An object in use is the mistake of the input.
func (c *change) delete(ctx context.Context, object Object, key string, deleteUnused bool) ([]Object, error) {
	db := c.Client()
	using, err := usersOf(ctx, db, object)
	if err != nil || len(using) > 0 {
		for _, u := range using {
			c.wrong = append(c.wrong, u.mistake(deletables[object.Prefix].kind, key))
		}
		return nil, err
	}
	going := []Object{object}
	if deleteUnused {
		if going, err = unusedWithout(ctx, db, object); err != nil {
			return nil, err
		}
	}
	for _, o := range going {
		if err := deletables[o.Prefix].remove(ctx, db, o.ID); err != nil {
			return nil, err
		}
		if !deletables[o.Prefix].followed {
			continue
		}
		if err := c.record(ctx, o.Prefix, o.ID); err != nil {
			return nil, err
		}
	}
	return going, nil
}

// mistake is that of deleting what is in use.
func (u users) mistake(kind, key string) *usererror.Error {
	mistake := usererror.New(usererror.InUse, "by",
		"%d %s(s) use the %s %s: give them another one first, or delete them", u.n, deletables[u.of.user].kind, kind, quote(key))
	for _, user := range u.first {
		mistake.BlockedBy = append(mistake.BlockedBy, Object{Prefix: u.of.user, ID: user})
	}
	return mistake
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
