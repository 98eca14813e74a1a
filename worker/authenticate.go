package worker

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/mask"
	"github.com/hookline/hookline/internal/registry"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/token"
	"github.com/hookline/hookline/internal/vault"
)

// authenticate adds the header of the profile's credentials to a request, and a line to those that are shown. It returns the
// access token, if there is one; or a verdict, if the request must not be sent.
func (w *Worker) authenticate(
	ctx context.Context, p *registry.Profile, messageID string, header http.Header, shown *strings.Builder, at time.Time, body []byte,
) (*token.Token, *verdict) {
	c := p.Credentials
	if c == nil {
		return nil, nil
	}
	if c.Type() == credentials.TypeOAuth2 {
		got, err := w.tokens.Token(ctx, p.AuthSettingID, c)
		if err != nil {
			return nil, withoutToken(err)
		}
		header["Authorization"] = []string{got.Header()}
		shown.WriteString("Authorization: " + mask.Shown + "\n")
		return got, nil
	}
	name, value, secret, err := c.Header(messageID, at, body)
	if err != nil {
		return nil, &verdict{outcome: stream.OutcomeAuth, err: err.Error(), hint: problemHint}
	}
	header[name] = []string{value}
	if secret {
		value = mask.Shown
	}
	shown.WriteString(name + ": " + value + "\n")
	return nil, nil
}

// withoutToken judges an attempt for which there is no access token.
func withoutToken(err error) *verdict {
	var failure *token.Error
	switch {
	case !errors.As(err, &failure):
		return &verdict{outcome: stream.OutcomeInterrupted, err: "the access token could not be waited for: " + err.Error(), hint: "The attempt is made again at once."}
	case failure.Blocked():
		return &verdict{outcome: stream.OutcomeBlocked, err: failure.Error(), hint: failure.Hint()}
	}
	return &verdict{outcome: stream.OutcomeAuth, err: failure.Error(), hint: failure.Hint()}
}

// tokenKeeper keeps what becomes of access tokens in the database.
type tokenKeeper struct {
	store *store.Store
	vault *vault.Vault
}

// Note notes what came of asking for a setting's token.
func (k tokenKeeper) Note(ctx context.Context, setting id.ID, failure string, expires time.Time) error {
	return k.store.NoteToken(ctx, setting, failure, expires)
}

// Renew lets ask use up a setting's refresh token, and stores the one that it returns.
func (k tokenKeeper) Renew(ctx context.Context, setting id.ID, ask func(*credentials.Credentials) (string, error)) error {
	return k.store.ReplaceCredentials(ctx, setting, func(sealed []byte) ([]byte, error) {
		present, err := credentials.Open(k.vault, setting, sealed)
		if err != nil {
			return nil, err
		}
		refreshToken, err := ask(present)
		if err != nil || refreshToken == "" {
			return nil, err
		}
		present.OAuth2.RefreshToken = refreshToken
		return credentials.Seal(k.vault, setting, present)
	})
}
