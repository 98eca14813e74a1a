package configure

import (
	"context"
	"strings"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/ent/certificate"
	"github.com/hookline/hookline/ent/eventsubscription"
	"github.com/hookline/hookline/ent/notificationprofile"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// resolved is a Ref that has been read: an id, or if that is id.Nil a key.
type resolved struct {
	id  id.ID
	key string
}

// readRef reads a Ref to an object of a type that people call kind. What is no id or key at all is a mistake like one
// that no object has.
func readRef(wrong *usererror.List, path string, ref Ref, prefix id.Prefix, kind string) (resolved, bool) {
	switch {
	case (ref.ID == nil) == (ref.Key == nil):
		wrong.Add(usererror.Required, path, "name the %s by its id or its key: one of them", kind)
	case ref.ID != nil:
		parsed, err := id.ParseAs(prefix, *ref.ID)
		if err == nil {
			return resolved{id: parsed}, true
		}
		wrong.Add(usererror.Invalid, path+".id", "%s is not the id of %s, which begins with `%s_`", quote(*ref.ID), a(kind), prefix)
	case validKey(*ref.Key):
		return resolved{key: *ref.Key}, true
	case kind == accountKind:
		noAccount(wrong, path, ref)
	default:
		notFound(wrong, path, ref, kind)
	}
	return resolved{}, false
}

// a puts the article before what people call an object.
func a(kind string) string {
	if strings.ContainsAny(kind[:1], "aeiouA") { // an API key, too
		return "an " + kind
	}
	return "a " + kind
}

// notFound says that the account has no such object.
func notFound(wrong *usererror.List, path string, ref Ref, kind string) {
	if ref.ID != nil {
		wrong.Add(usererror.NotFound, path+".id", "the account has no %s with the id %s", kind, quote(*ref.ID))
		return
	}
	wrong.Add(usererror.NotFound, path+".key", "the account has no %s with the key %s", kind, quote(*ref.Key))
}

// What people call the objects.
const (
	subscriptionKind = "event subscription"
	profileKind      = "notification profile"
	authSettingKind  = "auth setting"
	accountKind      = "account"
	certificateKind  = "certificate"
)

// findSubscription returns nil, having said why, if the account has no such subscription.
func (c *change) findSubscription(ctx context.Context, path string, ref Ref) (*ent.EventSubscription, error) {
	by, ok := readRef(&c.wrong, path, ref, id.EventSubscription, subscriptionKind)
	if !ok {
		return nil, nil
	}
	where := eventsubscription.ID(by.id)
	if by.id == id.Nil {
		where = eventsubscription.Key(by.key)
	}
	row, err := c.EventSubscription.Query().Where(where).Only(ctx)
	if ent.IsNotFound(err) {
		notFound(&c.wrong, path, ref, subscriptionKind)
		return nil, nil
	}
	return row, err
}

// findProfile returns nil, having said why, if the account has no such profile.
func (c *change) findProfile(ctx context.Context, path string, ref Ref) (*ent.NotificationProfile, error) {
	by, ok := readRef(&c.wrong, path, ref, id.NotificationProfile, profileKind)
	if !ok {
		return nil, nil
	}
	where := notificationprofile.ID(by.id)
	if by.id == id.Nil {
		where = notificationprofile.Key(by.key)
	}
	row, err := c.NotificationProfile.Query().Where(where).Only(ctx)
	if ent.IsNotFound(err) {
		notFound(&c.wrong, path, ref, profileKind)
		return nil, nil
	}
	return row, err
}

// findAuthSetting returns nil, having said why, if the account has no such auth setting.
func (c *change) findAuthSetting(ctx context.Context, path string, ref Ref) (*ent.AuthSetting, error) {
	by, ok := readRef(&c.wrong, path, ref, id.AuthSetting, authSettingKind)
	if !ok {
		return nil, nil
	}
	where := authsetting.ID(by.id)
	if by.id == id.Nil {
		where = authsetting.Key(by.key)
	}
	row, err := c.AuthSetting.Query().Where(where).Only(ctx)
	if ent.IsNotFound(err) {
		notFound(&c.wrong, path, ref, authSettingKind)
		return nil, nil
	}
	return row, err
}

// findCertificate returns nil, having said why, if the account has no such certificate.
func (c *change) findCertificate(ctx context.Context, path string, ref Ref) (*ent.Certificate, error) {
	by, ok := readRef(&c.wrong, path, ref, id.Certificate, certificateKind)
	if !ok {
		return nil, nil
	}
	where := certificate.ID(by.id)
	if by.id == id.Nil {
		where = certificate.Key(by.key)
	}
	row, err := c.Certificate.Query().Where(where).Only(ctx)
	if ent.IsNotFound(err) {
		notFound(&c.wrong, path, ref, certificateKind)
		return nil, nil
	}
	return row, err
}
