package configure_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/configchange"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/usererror"
)

// route sets a resource's route, which must succeed.
func (e *env) route(resource, action string, profile *ent.NotificationProfile) *configure.SetRoute {
	e.Helper()
	var ref *configure.Ref
	if profile != nil {
		ref = new(byProfile(profile.ID))
	}
	set, err := e.SetResourceRoute(e.ctx(), resource, action, ref)
	if err != nil {
		e.Fatal(err)
	}
	return set
}

// recordedOf returns the objects of a kind in the account's lines of config_changes.
func (e *env) recordedOf(kind id.Prefix) (objects []id.ID) {
	e.Helper()
	for _, row := range e.Store.Ent.ConfigChange.Query().Where(configchange.Kind(string(kind))).Order(ent.Asc(configchange.FieldID)).AllX(e.ctx()) {
		objects = append(objects, row.ObjectID)
	}
	return objects
}

func TestSetResourceRoute(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		a, b := e.profile(), e.profile()
		made := e.route("+49301234", configure.Forward, a)
		if made.Route.Resource != "+49301234" || made.Route.Action != "FORWARD" || *made.Route.ProfileID != a.ID {
			e.Errorf("made %v", made.Route)
		}
		if _, err := signing.ParseSecret(made.Secret); err != nil {
			e.Errorf("the secret is %q", made.Secret)
		}
		again := e.route("+49301234", configure.Forward, a)
		if again.Route.ID != made.Route.ID || again.Secret != "" {
			e.Errorf("again it is %v, with the secret %q", again.Route, again.Secret)
		}
		if got := e.recordedOf(id.ResourceRoute); len(got) != 1 || got[0] != made.Route.ID {
			e.Errorf("recorded %v", got)
		}
		if other := e.route("+49301234", configure.Forward, b); other.Route.ID != made.Route.ID || *other.Route.ProfileID != b.ID {
			e.Errorf("another profile makes it %v", other.Route)
		}
		if none := e.route("+49301234", configure.ToNobody, nil); none.Route.ID != made.Route.ID || none.Route.ProfileID != nil || none.Route.Action != "NONE" {
			e.Errorf("NONE makes it %v", none.Route)
		}
		if forward := e.route("+49301234", configure.Forward, a); forward.Route.ID != made.Route.ID || *forward.Route.ProfileID != a.ID {
			e.Errorf("FORWARD makes it %v", forward.Route)
		}
		if second := e.route("sender é", configure.ToNobody, nil); second.Route.ID == made.Route.ID {
			e.Errorf("another resource has the same route %v", second.Route)
		}
		for range 2 { // the second changes nothing
			if gone := e.route("+49301234", configure.FollowSubscriptions, nil); gone.Route != nil {
				e.Errorf("FOLLOW_SUBSCRIPTIONS makes it %v", gone.Route)
			}
		}
		if got := e.Store.Ent.ResourceRoute.Query().OnlyX(e.ctx()); got.Resource != "sender é" {
			e.Errorf("left is %v", got)
		}
		if got := e.recordedOf(id.ResourceRoute); len(got) != 6 || got[5] != made.Route.ID {
			e.Errorf("recorded %v", got)
		}
		if got := e.recordedOf(id.AccountSecret); len(got) != 1 {
			e.Errorf("recorded %v", got)
		}
	})
}

func TestSetResourceRouteRefuses(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := new(byProfile(e.profile().ID))
		foreign := new(byProfile(e.foreignProfile()))
		for name, c := range map[string]struct {
			resource, action string
			profile          *configure.Ref
			want             []string
			eventTypes       []string
		}{
			"no event types":         {"a", "NONE", nil, []string{"REQUIRED eventTypes `*`"}, []string{}},
			"an unknown event type":  {"a", "NONE", nil, []string{"NOT_FOUND eventTypes.1 `sms.delivry`"}, []string{"sms.*", "sms.delivry"}},
			"no pattern":             {"a", "NONE", nil, []string{"INVALID eventTypes.0 "}, []string{"sms..*"}},
			"no resource":            {"", "NONE", nil, []string{"REQUIRED resource 1–255"}, nil},
			"a long resource":        {strings.Repeat("é", 256), "NONE", nil, []string{"OUT_OF_RANGE resource 256"}, nil},
			"NUL":                    {"a\x00", "NONE", nil, []string{"INVALID resource NUL"}, nil},
			"an unknown action":      {"a", "DROP", nil, []string{"INVALID action `DROP`"}, nil},
			"nowhere":                {"a", "FORWARD", nil, []string{"REQUIRED profile `FORWARD`"}, nil},
			"NONE with a profile":    {"a", "NONE", profile, []string{"INVALID profile `NONE`"}, nil},
			"FOLLOW with a profile":  {"a", "FOLLOW_SUBSCRIPTIONS", profile, []string{"INVALID profile `FOLLOW_SUBSCRIPTIONS`"}, nil},
			"an unknown profile":     {"a", "FORWARD", new(byKey("nobody")), []string{"NOT_FOUND profile.key `nobody`"}, nil},
			"two names of a profile": {"a", "FORWARD", &configure.Ref{ID: profile.ID, Key: new("a")}, []string{"REQUIRED profile one of them"}, nil},
			"another account's":      {"a", "FORWARD", foreign, []string{"NOT_FOUND profile.id "}, nil},
		} {
			_, err := e.SetResourceRoute(e.ctx(), c.resource, c.action, c.profile, c.eventTypes...)
			wants(e, name, err, c.want...)
		}
		if n := e.Store.Ent.ResourceRoute.Query().CountX(e.ctx()); n > 0 {
			e.Errorf("%d routes", n)
		}
		if n := e.Store.Ent.AccountSecret.Query().CountX(e.ctx()); n > 0 {
			e.Errorf("%d secrets", n)
		}
	})
}

// foreignProfile makes a profile of another account.
func (e *env) foreignProfile() id.ID {
	e.Helper()
	made, err := e.CreateNotificationProfile(access.WithAccount(e.Context(), e.newAccount(e.next("account"))), e.profileInput())
	if err != nil {
		e.Fatal(err)
	}
	return made.ID
}

func TestRoutesOfAccountsAreApart(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		own := e.route("+49301234", configure.ToNobody, nil).Route
		bank := e.in(e.newAccount("bank"))
		set, err := e.SetResourceRoute(bank, "+49301234", configure.FollowSubscriptions, nil)
		if err != nil || set.Route != nil {
			e.Errorf("%v, %v", set, err)
		}
		if set, err = e.SetResourceRoute(bank, "+49301234", configure.ToNobody, nil); err != nil || set.Route.ID == own.ID {
			e.Errorf("%v, %v", set, err)
		}
		if !slices.Contains(e.Store.Ent.ResourceRoute.Query().IDsX(e.ctx()), own.ID) {
			e.Error("the other account has removed it")
		}
	})
}

func TestProfilesThatRoutesUseAreNotDeleted(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateEventSubscription(e.ctx(), e.input())
		if err != nil {
			e.Fatal(err)
		}
		profile := e.Store.Ent.NotificationProfile.GetX(e.ctx(), made.ProfileID)
		route := e.route("+49301234", configure.Forward, profile).Route
		if _, err := e.DeleteEventSubscription(e.ctx(), bySubscription(made.ID), true); err != nil {
			e.Fatal(err)
		}
		_, err = e.DeleteNotificationProfile(e.ctx(), byProfile(profile.ID), false)
		wants(e, "deleting its profile", err, "IN_USE by 1 resource route(s)")
		var wrong usererror.List
		if !errors.As(err, &wrong) || fmt.Sprint(wrong[0].BlockedBy) != fmt.Sprint([]usererror.Ref{{Prefix: id.ResourceRoute, ID: route.ID}}) {
			e.Errorf("blocked by %v", wrong[0].BlockedBy)
		}
		e.route("+49301234", configure.ToNobody, nil)
		if _, err := e.DeleteNotificationProfile(e.ctx(), byProfile(profile.ID), false); err != nil {
			e.Error(err)
		}
		if impact, err := e.DeletionImpact(e.ctx(), id.ResourceRoute, route.ID); impact != nil || err != nil {
			e.Errorf("impact %v, %v", impact, err)
		}
	})
}

func TestRoutesAreAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		start := id.New()
		secret := e.route("+49301234", configure.Forward, profile).Secret
		e.route("+49301234", configure.Forward, profile)
		e.route("+49301234", configure.ToNobody, nil)
		e.route("+49301234", configure.FollowSubscriptions, nil)
		lines := e.audit(start)
		if got, want := summary(lines), []string{
			"hookline CREATE AccountSecret", "hookline CREATE ResourceRoute", "hookline UPDATE ResourceRoute", "hookline DELETE ResourceRoute",
		}; !slices.Equal(got, want) {
			e.Fatalf("got %q, want %q", got, want)
		}
		if shown := lines[0].After; strings.Contains(shown, secret) || member(e.T, shown, "secret") != "***" {
			e.Errorf("the secret is shown: %s", shown)
		}
		if got, want := member(e.T, lines[1].After, "profileId"), id.Format(id.NotificationProfile, profile.ID); got != want {
			e.Errorf("the profile is shown as %v, want %s", got, want)
		}
	})
}

func TestRoutesSetAtOnceAreOne(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		failed := together(4, func(int) error {
			_, err := e.SetResourceRoute(e.ctx(), "+49301234", configure.Forward, new(byProfile(profile.ID)))
			return err
		})
		if len(failed) > 0 {
			e.Error(failed)
		}
		if routes, secrets := e.Store.Ent.ResourceRoute.Query().CountX(e.ctx()), e.Store.Ent.AccountSecret.Query().CountX(e.ctx()); routes != 1 || secrets != 1 {
			e.Errorf("%d routes, %d secrets", routes, secrets)
		}
	})
}
