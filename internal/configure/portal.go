package configure

import (
	"cmp"
	"context"
	"time"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/usererror"
)

// The bounds of how long a portal session lasts.
const (
	minPortalTTL = time.Minute
	maxPortalTTL = 24 * time.Hour
)

// notForPortals are the scopes that no portal session has: with them a customer could let others in, see other accounts, or
// change what all accounts share.
var notForPortals = []access.Scope{access.KeysAdmin, access.AccountsAdmin, access.CatalogueWrite}

// CreatedPortalSession is a new portal session.
type CreatedPortalSession struct {
	*ent.APIKey
	// URL opens the dashboard for whoever has it: this is the only time that it is shown.
	URL string
}

// CreatePortalSession makes a link with which a customer works in one account in the dashboard until ttl is over. What the
// link carries is an API key of that account with these scopes: it is stored, audited and revoked like any other. Without a
// name it is called after the caller's key. Another account than that of the context asks for the scope ACCOUNTS_ADMIN;
// without it that account does not exist.
func (s *Service) CreatePortalSession(
	ctx context.Context, account Ref, scopes []access.Scope, ttl time.Duration, name *string,
) (*CreatedPortalSession, error) {
	var wrong usererror.List
	called := portalName(ctx)
	if name != nil {
		called = *name
		checkName(&wrong, "name", called)
	}
	granted := grant(ctx, &wrong, "scopes", scopes, notForPortals)
	if ttl < minPortalTTL || ttl > maxPortalTTL {
		wrong.Add(usererror.OutOfRange, "ttl", "ttl is %v: it must be PT1M to PT24H", ttl)
	}
	owner, err := s.findPortalAccount(ctx, &wrong, "account", account)
	if err := cmp.Or(err, wrong.Err()); err != nil {
		return nil, err
	}
	key, token, err := s.saveAPIKey(ctx, func(create *ent.APIKeyCreate) {
		create.SetAccountID(owner.ID).SetKind(string(access.Portal)).SetName(called).SetScopes(granted).
			SetExpiresAt(time.Now().UTC().Truncate(time.Microsecond).Add(ttl))
	})
	if err != nil {
		return nil, err
	}
	return &CreatedPortalSession{APIKey: key, URL: SignInLink(s.PublicURL, token)}, nil
}

// SignInLink returns the link with which a browser signs in to the dashboard at publicURL. The token is in the fragment,
// which browsers send to no server.
func SignInLink(publicURL, token string) string { return publicURL + "/#key=" + token }

// portalName is what a session is called that has no name.
func portalName(ctx context.Context) string {
	const name = "Portal session"
	p := access.PrincipalFrom(ctx)
	if p == nil || utf8.RuneCountInString(p.KeyName) > maxText/2 {
		return name
	}
	return name + " by " + p.KeyName
}

// findPortalAccount returns nil, having said why, if there is no such account for the caller.
func (s *Service) findPortalAccount(ctx context.Context, wrong *usererror.List, path string, ref Ref) (*ent.Account, error) {
	own, all, err := access.Confinement(ctx)
	if err != nil {
		return nil, err
	}
	found, err := findAccount(ctx, s.Store.Ent, wrong, path, ref)
	if found == nil || all || found.ID == own || mayActForAll(ctx) {
		return found, err
	}
	noAccount(wrong, path, ref)
	return nil, nil
}

// mayActForAll reports whether the caller may act for any account.
func mayActForAll(ctx context.Context) bool {
	p := access.PrincipalFrom(ctx)
	return p != nil && p.Has(access.AccountsAdmin)
}
