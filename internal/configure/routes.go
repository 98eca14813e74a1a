package configure

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/resourceroute"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// The actions of resource routes.
const (
	FollowSubscriptions = "FOLLOW_SUBSCRIPTIONS" // has no row
	Forward             = "FORWARD"
	ToNobody            = "NONE"
)

// SetRoute is what became of a resource's route.
type SetRoute struct {
	// Route is nil when the resource follows the subscriptions.
	Route *ent.ResourceRoute
	// Secret is the account's signing secret, if it was made for this route: this is the only time that it is shown.
	Secret string
}

// inbound are the types, by name or by wildcard, of events that come in by a resource: what a route is for unless it says otherwise.
var inbound = []string{"*.inbound", "voice_video.call_received"}

// SetResourceRoute says what happens to events of a resource from now on: Forward sends them through a profile and ToNobody
// to nobody, in place of the subscriptions that they match; FollowSubscriptions, as without any route, to these. It is for events of the
// types given, by name or by wildcard; of inbound ones when eventTypes is nil.
func (s *Service) SetResourceRoute(ctx context.Context, resource, action string, profile *Ref, eventTypes ...string) (*SetRoute, error) {
	if eventTypes == nil {
		eventTypes = inbound
	}
	set := new(SetRoute)
	err := s.change(ctx, func(c *change) error {
		if len(eventTypes) == 0 {
			c.wrong.Add(usererror.Required, "eventTypes", "the types of the events are needed, by name or by wildcard: `*` stands for all")
		}
		if err := c.checkEventTypes(ctx, "eventTypes", eventTypes, nil); err != nil {
			return err
		}
		target, err := c.checkRoute(ctx, resource, action, profile)
		if err != nil || len(c.wrong) > 0 {
			return err
		}
		found, err := c.ResourceRoute.Query().Where(resourceroute.Resource(resource)).Only(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return err
		}
		if action == Forward {
			if set.Secret, err = s.ensureAccountSecret(ctx, c); err != nil {
				return err
			}
		}
		set.Route, err = c.putRoute(ctx, found, resource, action, target, eventTypes)
		return err
	})
	if err != nil {
		return nil, err
	}
	if set.Route != nil {
		set.Route = set.Route.Unwrap()
	}
	return set, nil
}

// checkRoute says what is wrong with a route, and returns the profile that it forwards to, nil for none.
func (c *change) checkRoute(ctx context.Context, resource, action string, profile *Ref) (*id.ID, error) {
	switch n := utf8.RuneCountInString(resource); {
	case n == 0:
		c.wrong.Add(usererror.Required, "resource", "a resource is needed, as events name it: 1–%d characters", maxText)
	case n > maxText:
		c.wrong.Add(usererror.OutOfRange, "resource", "the resource has %d characters: at most %d are allowed", n, maxText)
	case !storable(resource):
		c.wrong.Add(usererror.Invalid, "resource", "the resource %s has NUL characters or is not UTF-8: remove them", quote(resource))
	}
	checkOneOf(&c.wrong, "action", "action", action, []string{FollowSubscriptions, Forward, ToNobody})
	switch {
	case action == Forward && profile == nil:
		c.wrong.Add(usererror.Required, "profile", "`%s` needs the notification profile to forward to: name it", Forward)
	case action != Forward && profile != nil:
		c.wrong.Add(usererror.Invalid, "profile", "with %s nothing is forwarded: leave the profile out, or set the action to `%s`", quote(action), Forward)
	case profile != nil:
		found, err := c.findProfile(ctx, "profile", *profile)
		if err != nil || found == nil {
			return nil, err
		}
		return &found.ID, nil
	}
	return nil, nil
}

// putRoute makes, changes or removes a route, unless it is what it is to be.
func (c *change) putRoute(
	ctx context.Context, found *ent.ResourceRoute, resource, action string, profile *id.ID, eventTypes []string,
) (row *ent.ResourceRoute, err error) {
	object := id.New()
	if found != nil {
		object = found.ID
	}
	switch {
	case action == FollowSubscriptions && found == nil:
		return nil, nil
	case action == FollowSubscriptions:
		err = c.ResourceRoute.DeleteOne(found).Exec(ctx)
	case found == nil:
		row, err = c.ResourceRoute.Create().SetID(object).SetAccountID(c.account).SetResource(resource).SetAction(action).
			SetNillableProfileID(profile).SetEventTypes(eventTypes).Save(ctx)
	case found.Action == action && (profile == nil || *found.ProfileID == *profile) && slices.Equal(found.EventTypes, eventTypes):
		return found, nil
	case profile == nil:
		row, err = found.Update().SetAction(action).ClearProfileID().SetEventTypes(eventTypes).Save(ctx)
	default:
		row, err = found.Update().SetAction(action).SetProfileID(*profile).SetEventTypes(eventTypes).Save(ctx)
	}
	if err != nil {
		return nil, err
	}
	return row, c.record(ctx, id.ResourceRoute, object)
}
