package configure_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// shown are objects as the API shows their ids.
func shown(objects []configure.Object) []string {
	texts := make([]string, len(objects))
	for i, o := range objects {
		texts[i] = id.Format(o.Prefix, o.ID)
	}
	return texts
}

// hierarchy is a subscription and what it uses.
type hierarchy struct {
	subscription *ent.EventSubscription
	auth         *ent.AuthSetting
	certificate  *ent.Certificate
}

func (h hierarchy) profile() id.ID { return h.subscription.ProfileID }

// all are the ids of the subscription and of all that it uses, in the order in which they go.
func (h hierarchy) all() []string {
	return []string{
		id.Format(id.EventSubscription, h.subscription.ID), id.Format(id.NotificationProfile, h.profile()),
		id.Format(id.AuthSetting, h.auth.ID), id.Format(id.Certificate, h.certificate.ID),
	}
}

// hierarchy makes a subscription whose profile has an auth setting and a certificate of its own.
func (e *env) hierarchy() hierarchy {
	e.Helper()
	h := hierarchy{subscription: e.subscription(), auth: e.authSetting(basic("u", "p")).AuthSetting}
	h.certificate = e.Store.Ent.Certificate.Create().SetAccountID(e.account).SetKey(e.next("certificate")).SetName("x").
		SetChain([]byte("x")).SetPrivateKey([]byte("x")).SetFingerprint("x").
		SetNotBefore(time.Now()).SetNotAfter(time.Now().Add(time.Hour)).SaveX(e.ctx())
	e.give(h.profile(), h.auth, h.certificate)
	return h
}

// give has a profile use an auth setting and a certificate.
func (e *env) give(profile id.ID, auth *ent.AuthSetting, certificate *ent.Certificate) {
	e.Helper()
	update := e.Store.Ent.NotificationProfile.UpdateOneID(profile).AddVersion(1)
	if auth != nil {
		update.SetAuthSettingID(auth.ID)
	}
	if certificate != nil {
		update.SetCertificateID(certificate.ID)
	}
	update.ExecX(e.ctx())
}

// with makes another subscription that sends through a profile.
func (e *env) with(profile id.ID) *ent.EventSubscription {
	e.Helper()
	in := e.input()
	in.Profile = configure.ProfileChoice{Existing: new(byProfile(profile))}
	return e.create(in)
}

// TestDeletionTakesWhatIsUnused: what deletionImpact says is what happens, for every way in which a part of what a
// subscription uses is in use elsewhere.
func TestDeletionTakesWhatIsUnused(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		for name, c := range map[string]struct {
			share func(h hierarchy)
			goes  int // how many of hierarchy.all
			but   int // without this one
		}{
			"nothing is shared":          {func(hierarchy) {}, 4, -1},
			"the profile is shared":      {func(h hierarchy) { e.with(h.profile()) }, 1, -1},
			"the auth setting is shared": {func(h hierarchy) { e.give(e.profile().ID, h.auth, nil) }, 4, 2},
			"the certificate is shared":  {func(h hierarchy) { e.give(e.profile().ID, nil, h.certificate) }, 3, -1},
			"both are shared":            {func(h hierarchy) { e.give(e.profile().ID, h.auth, h.certificate) }, 2, -1},
			"by more than can be listed": {func(h hierarchy) {
				for range 12 {
					e.with(h.profile())
				}
			}, 1, -1},
			"the profile has neither one": {func(h hierarchy) {
				e.Store.Ent.NotificationProfile.UpdateOneID(h.profile()).AddVersion(1).ClearAuthSettingID().ClearCertificateID().ExecX(e.ctx())
			}, 2, -1},
		} {
			h := e.hierarchy()
			c.share(h)
			want := h.all()[:c.goes]
			if c.but >= 0 {
				want = slices.Delete(want, c.but, c.but+1)
			}
			impact, err := e.DeletionImpact(e.ctx(), id.EventSubscription, h.subscription.ID)
			if err != nil || impact.BlockedByCount != 0 || len(impact.BlockedBy) != 0 || !slices.Equal(shown(impact.Deletes), want) {
				e.Errorf("%s: the impact is %+v, %v; want %v", name, impact, err, want)
			}
			mark := id.New()
			deleted, err := e.DeleteEventSubscription(e.ctx(), bySubscription(h.subscription.ID), true)
			if err != nil || !slices.Equal(shown(deleted), want) {
				e.Errorf("%s: deleted %v, %v; want %v", name, shown(deleted), err, want)
			}
			for i, there := range []func() bool{
				func() bool { return exists(e.Store.Ent.EventSubscription.Get(e.ctx(), h.subscription.ID)) },
				func() bool { return exists(e.Store.Ent.NotificationProfile.Get(e.ctx(), h.profile())) },
				func() bool { return exists(e.Store.Ent.AuthSetting.Get(e.ctx(), h.auth.ID)) },
				func() bool { return exists(e.Store.Ent.Certificate.Get(e.ctx(), h.certificate.ID)) },
			} {
				if goes := slices.Contains(want, h.all()[i]); there() == goes {
					e.Errorf("%s: is %s there: %v", name, h.all()[i], there())
				}
			}
			if got, followed := e.recorded(mark), min(len(want), 2); !slices.Equal(got, want[:followed]) {
				e.Errorf("%s: recorded %v, want %v", name, got, want[:followed])
			}
		}
	})
}

func exists[T any](_ *T, err error) bool { return !ent.IsNotFound(err) }

func TestDeletionWithoutDeleteUnusedTakesOneObject(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		h := e.hierarchy()
		deleted, err := e.DeleteEventSubscription(e.ctx(), bySubscription(h.subscription.ID), false)
		if err != nil || !slices.Equal(shown(deleted), h.all()[:1]) {
			e.Errorf("deleted %v, %v", shown(deleted), err)
		}
		impact, err := e.DeletionImpact(e.ctx(), id.NotificationProfile, h.profile())
		if err != nil || !slices.Equal(shown(impact.Deletes), h.all()[1:]) {
			e.Errorf("the profile's impact is %+v, %v", impact, err)
		}
		deleted, err = e.DeleteNotificationProfile(e.ctx(), byProfile(h.profile()), true)
		if err != nil || !slices.Equal(shown(deleted), h.all()[1:]) {
			e.Errorf("deleted %v, %v", shown(deleted), err)
		}
	})
}

func TestDeletionImpactNamesWhatBlocks(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		h := e.hierarchy()
		for range 11 {
			e.with(h.profile())
		}
		for _, c := range []struct {
			prefix id.Prefix
			object id.ID
			n      int
			first  string
		}{
			{id.NotificationProfile, h.profile(), 12, h.all()[0]},
			{id.AuthSetting, h.auth.ID, 1, h.all()[1]},
			{id.Certificate, h.certificate.ID, 1, h.all()[1]},
		} {
			impact, err := e.DeletionImpact(e.ctx(), c.prefix, c.object)
			if err != nil || impact.BlockedByCount != c.n || len(impact.BlockedBy) != min(c.n, 10) || shown(impact.BlockedBy)[0] != c.first || len(impact.Deletes) != 0 {
				e.Errorf("%s: %+v, %v", c.prefix, impact, err)
			}
		}
		bank := e.in(e.newAccount("bank"))
		for name, c := range map[string]struct {
			prefix id.Prefix
			object id.ID
		}{
			"another account's": {id.EventSubscription, h.subscription.ID},
			"nobody's":          {id.EventSubscription, id.New()},
			"of another type":   {id.Account, e.account},
		} {
			if impact, err := e.DeletionImpact(bank, c.prefix, c.object); err != nil || impact != nil {
				e.Errorf("%s: %+v, %v", name, impact, err)
			}
		}
	})
}

// TestDeletionIsAllOrNothing: when a part of what is to go cannot be deleted, all of it stays.
func TestDeletionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		h := e.hierarchy()
		refused := errors.New("refused")
		e.Store.Ent.AuthSetting.Use(func(ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return nil, refused })
		})
		before := e.contents()
		if deleted, err := e.DeleteEventSubscription(e.ctx(), bySubscription(h.subscription.ID), true); !errors.Is(err, refused) || deleted != nil {
			e.Errorf("deleted %v, %v", deleted, err)
		}
		if e.contents() != before {
			e.Error("something was changed")
		}
	})
}
