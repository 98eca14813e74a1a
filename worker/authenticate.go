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
	"github.com/hookline/hookline/internal/pause"
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

// How one worker at a time uses up a refresh token.
const (
	// claimLife is for how long a worker that dies meanwhile keeps the others from it: longer than it takes to ask for a token and to store it.
	claimLife = time.Minute
	// claimWait bounds the wait for another worker's claim, which lapses before.
	claimWait = claimLife + 5*time.Second
	// claimPoll is how often it is looked whether a claim has ended.
	claimPoll = 200 * time.Millisecond
	// storeTimeout bounds each access to the database.
	storeTimeout = 5 * time.Second
)

// Renew lets renew use up a setting's refresh token, and stores what that makes of the credentials if it returns true. While it asks the
// token server only a claim in the database keeps others away, not a connection.
func (k tokenKeeper) Renew(ctx context.Context, setting id.ID, renew func(*credentials.Credentials) (bool, error)) error {
	claim, err := k.claim(ctx, setting)
	if err != nil {
		return err
	}
	lapses := time.Now().Add(claimLife)
	defer func() {
		limit := storeTimeout
		if ctx.Err() != nil { // a stop does not wait for long
			limit = time.Second
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		_ = k.store.EndClaim(ending, claim) // otherwise it lapses
	}()
	present, err := credentials.Open(k.vault, setting, claim.Sealed)
	if err != nil {
		return err
	}
	var used string
	if present.OAuth2 != nil {
		used = present.OAuth2.RefreshToken
	}
	if changed, err := renew(present); err != nil || !changed {
		return err
	}
	return k.keep(ctx, claim, present, used, lapses)
}

// claim waits for other workers' claims to end.
func (k tokenKeeper) claim(ctx context.Context, setting id.ID) (*store.Claim, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, claimWait, errors.New("other workers have been asking for a token for too long"))
	defer cancel()
	for {
		trying, cancel := context.WithTimeout(ctx, storeTimeout)
		claim, err := k.store.ClaimCredentials(trying, setting, claimLife)
		cancel()
		if claim != nil || err != nil {
			return claim, err
		}
		if !pause.For(ctx, claimPoll) {
			return nil, context.Cause(ctx)
		}
	}
}

// keep stores renewed credentials. The old refresh token may be worth nothing any more: so it tries again while the database is away, as long as
// the claim lasts, and once when ctx has ended; and what is sealed anew meanwhile, or otherwise the same, is replaced, too.
func (k tokenKeeper) keep(ctx context.Context, claim *store.Claim, renewed *credentials.Credentials, used string, lapses time.Time) error {
	sealed, err := credentials.Seal(k.vault, claim.Setting, renewed)
	if err != nil {
		return err
	}
	for {
		trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
		swapped, err := k.store.SwapCredentials(trying, claim, sealed)
		cancel()
		switch {
		case swapped || errors.Is(err, store.ErrGone):
			return nil
		case err != nil:
			if time.Now().After(lapses) || !pause.For(ctx, claimPoll) {
				return err
			}
			continue
		}
		present, err := credentials.Open(k.vault, claim.Setting, claim.Sealed)
		if err != nil {
			return err
		}
		if present.OAuth2 == nil || !present.SetAt.Equal(renewed.SetAt) || present.OAuth2.RefreshToken != used {
			return nil // they are other ones now
		}
	}
}
