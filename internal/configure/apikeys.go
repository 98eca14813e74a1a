package configure

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/hookline/hookline/ent"
	entapikey "github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/apikey"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

// CreateAPIKey creates an API key of the account of the context. It cannot have a scope that the caller lacks. The token
// is the whole key: this is the only time that it is shown. Without expiresAt it works until it is revoked.
func (s *Service) CreateAPIKey(ctx context.Context, name string, scopes []access.Scope, expiresAt *time.Time) (key *ent.APIKey, token string, err error) {
	account, err := oneAccount(ctx)
	if err != nil {
		return nil, "", err
	}
	var wrong usererror.List
	checkName(&wrong, "name", name)
	granted := grant(ctx, &wrong, "scopes", scopes, nil)
	if expiresAt != nil && !expiresAt.After(time.Now()) {
		wrong.Add(usererror.OutOfRange, "expiresAt", "expiresAt is %s, which is over: give a time to come, or none",
			expiresAt.UTC().Format(time.RFC3339))
	}
	if err := wrong.Err(); err != nil {
		return nil, "", err
	}
	return s.saveAPIKey(ctx, func(create *ent.APIKeyCreate) {
		create.SetAccountID(account).SetName(name).SetScopes(granted)
		if expiresAt != nil {
			create.SetExpiresAt(expiresAt.UTC().Truncate(time.Microsecond))
		}
	})
}

// saveAPIKey makes a token and saves the key that set describes.
func (s *Service) saveAPIKey(ctx context.Context, set func(*ent.APIKeyCreate)) (key *ent.APIKey, token string, err error) {
	token, tokenID, hash := apikey.Generate()
	err = s.inTx(ctx, func(tx *ent.Tx) (err error) {
		create := tx.APIKey.Create().SetTokenID(tokenID).SetSecretHash(hash)
		set(create)
		key, err = create.Save(ctx)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return key.Unwrap(), token, nil
}

// grant says which scopes the caller cannot give away: those that it lacks, and those that are withheld from portal sessions. It
// returns each of those that are given once.
func grant(ctx context.Context, wrong *usererror.List, path string, scopes, withheld []access.Scope) []string {
	caller := access.PrincipalFrom(ctx)
	granted := make([]string, 0, len(access.AllScopes))
	if len(scopes) == 0 {
		wrong.Add(usererror.Required, path, "at least one scope is needed")
	}
	for i, scope := range scopes {
		switch at := path + "." + strconv.Itoa(i); {
		case !slices.Contains(access.AllScopes, scope):
			wrong.Add(usererror.Invalid, at, "there is no scope %s", quote(string(scope)))
		case slices.Contains(withheld, scope):
			wrong.Add(usererror.Invalid, at, "a portal session cannot have the scope %s, which is for more than one customer: leave it out", scope)
		case caller != nil && !caller.Has(scope):
			wrong.Add(usererror.Invalid, at, "your own API key lacks the scope %s, so that it cannot give it to another: leave it out", scope)
		case !slices.Contains(granted, string(scope)):
			granted = append(granted, string(scope))
		}
	}
	return granted
}

// ParseAPIKeyID reads the id of an API key as the API shows it. What is none is a mistake.
func ParseAPIKeyID(path, text string) (id.ID, error) {
	key, err := id.ParseAs(id.APIKey, text)
	if err != nil {
		return id.Nil, usererror.List{usererror.New(usererror.Invalid, path, "%s is not the id of an API key, which begins with `%s_`", quote(text), id.APIKey)}
	}
	return key, nil
}

// RevokeAPIKey revokes an API key of the account of the context, for good. A key may revoke itself; one that has been
// revoked stays as it is.
func (s *Service) RevokeAPIKey(ctx context.Context, key id.ID) (*ent.APIKey, error) {
	account, err := oneAccount(ctx)
	if err != nil {
		return nil, err
	}
	ofAccount := entapikey.And(entapikey.ID(key), entapikey.AccountID(account))
	err = s.inTx(ctx, func(tx *ent.Tx) error {
		return tx.APIKey.Update().Where(ofAccount, entapikey.RevokedAtIsNil()).
			SetRevokedAt(time.Now().UTC().Truncate(time.Microsecond)).Exec(ctx)
	})
	if err != nil {
		return nil, err
	}
	row, err := s.Store.Ent.APIKey.Query().Where(ofAccount).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, usererror.List{usererror.New(usererror.NotFound, "id", "the account has no API key with the id %s",
			quote(id.Format(id.APIKey, key)))}
	}
	return row, err
}
