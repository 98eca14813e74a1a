package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/account"
	"github.com/hookline/hookline/ent/apikey"
	"github.com/hookline/hookline/ent/marker"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// DefaultAccount is the key of the account that exists from the first start.
const DefaultAccount = "default"

const (
	// adminKeyName is what the administrator's key is called.
	adminKeyName = "Administrator"
	// adminMarker is the marker whose position is the id of the administrator's key.
	adminMarker = "administrator-key"
	// bootstrapTries is how often Bootstrap begins anew when another process was first.
	bootstrapTries = 5
)

// errOvertaken is returned inside Bootstrap when another process has just set another administrator's key.
var errOvertaken = errors.New("another process has changed the administrator's key at the same time")

// Bootstrap makes what the first start needs: the account `default`, and in it the administrator's key, which has all
// scopes. Processes that start at once may all call it.
//
// The key is adminKey (HOOKLINE_ADMIN_KEY), or if that is empty one that is generated when there is none yet; only then
// it is returned, for the operator to see it this once. An adminKey that differs from that of an earlier start takes its
// place: the earlier one, given or generated, is revoked. One that is the same stays as it is, even if it was revoked
// in the meantime, which is logged. An operator who has lost every key comes in again with a new adminKey.
func (a *Authenticator) Bootstrap(ctx context.Context, adminKey string) (generated string, err error) {
	token := adminKey
	if adminKey == "" {
		token, _, _ = Generate()
	} else if err := ValidateAdminKey(adminKey); err != nil {
		return "", err
	}
	var made bool
	for range bootstrapTries {
		made, err = a.bootstrap(ctx, token, adminKey != "")
		if !ent.IsConstraintError(err) && !errors.Is(err, errOvertaken) {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	if !made || adminKey != "" {
		return "", nil
	}
	return token, nil
}

// bootstrap does the work of Bootstrap in one transaction. It reports whether token is the administrator's key now and
// was not before.
func (a *Authenticator) bootstrap(ctx context.Context, token string, given bool) (made bool, err error) {
	tx, err := a.client.Tx(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	owner, err := defaultAccount(ctx, tx)
	if err != nil {
		return false, err
	}
	current, err := currentAdminKey(ctx, tx)
	if err != nil {
		return false, err
	}
	if given || current == id.Nil {
		if made, err = setAdminKey(ctx, tx, owner, current, token); err != nil {
			return false, err
		}
	}
	return made, tx.Commit()
}

// defaultAccount returns the account `default`, which it makes if it is missing.
func defaultAccount(ctx context.Context, tx *ent.Tx) (id.ID, error) {
	found, err := tx.Account.Query().Where(account.Key(DefaultAccount)).OnlyID(ctx)
	if !ent.IsNotFound(err) {
		return found, err
	}
	made, err := tx.Account.Create().SetKey(DefaultAccount).SetName("Default").Save(ctx)
	if err != nil {
		return id.Nil, err
	}
	return made.ID, nil
}

// currentAdminKey returns the id of the administrator's key, id.Nil if there is none yet.
func currentAdminKey(ctx context.Context, tx *ent.Tx) (id.ID, error) {
	m, err := tx.Marker.Get(ctx, adminMarker)
	if ent.IsNotFound(err) {
		return id.Nil, nil
	}
	if err != nil {
		return id.Nil, err
	}
	return m.Position, nil
}

// setAdminKey makes token the administrator's key in place of the current one, which is revoked.
func setAdminKey(ctx context.Context, tx *ent.Tx, owner, current id.ID, token string) (changed bool, err error) {
	tokenID, secret, err := ParseToken(token)
	if err != nil {
		return false, err
	}
	hash := hashSecret(secret)
	key, err := tx.APIKey.Query().Where(apikey.TokenID(tokenID)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		key, err = tx.APIKey.Create().SetAccountID(owner).SetTokenID(tokenID).SetSecretHash(hash).
			SetName(adminKeyName).SetScopes(allScopes()).Save(ctx)
	case err != nil:
	case key.AccountID != owner:
		return false, errors.New("HOOKLINE_ADMIN_KEY has the id of an API key of another account: choose another id")
	case key.ID == current && subtle.ConstantTimeCompare(key.SecretHash, hash) == 1:
		if key.RevokedAt != nil {
			slog.WarnContext(ctx, "the key in HOOKLINE_ADMIN_KEY has been revoked and stays so: set another one", "key", TokenPrefix(tokenID))
		}
		return false, nil
	default: // another secret for the same id, or a key that was there before
		key, err = key.Update().SetSecretHash(hash).SetName(adminKeyName).SetScopes(allScopes()).
			ClearRevokedAt().ClearExpiresAt().Save(ctx)
	}
	if err != nil {
		return false, err
	}
	return true, moveMarker(ctx, tx, current, key.ID)
}

// moveMarker makes next the administrator's key, and revokes the current one.
func moveMarker(ctx context.Context, tx *ent.Tx, current, next id.ID) error {
	if current == id.Nil {
		return tx.Marker.Create().SetID(adminMarker).SetPosition(next).Exec(ctx)
	}
	n, err := tx.Marker.Update().Where(marker.ID(adminMarker), marker.Position(current)).SetPosition(next).Save(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return errOvertaken
	}
	if current == next {
		return nil
	}
	return tx.APIKey.Update().Where(apikey.ID(current), apikey.RevokedAtIsNil()).
		SetRevokedAt(time.Now().UTC().Truncate(time.Microsecond)).Exec(ctx)
}

func allScopes() []string {
	all := make([]string, len(access.AllScopes))
	for i, s := range access.AllScopes {
		all[i] = string(s)
	}
	return all
}
