// Package token gets the access tokens that auth settings of type OAUTH2 ask for (RFC 6749) and keeps them in memory until
// shortly before they expire: one request to the token server serves all deliveries that wait for it.
package token

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/mask"
)

// The times of a token.
const (
	// fetchTimeout bounds all that asking for one token takes.
	fetchTimeout = 30 * time.Second
	// earliest is how long before it expires a token is not used any more; a tenth of its life, if that is shorter.
	earliest = 30 * time.Second
	// standardLife is that of a token whose server does not say how long it lives.
	standardLife = time.Hour
	// freshFor is how long a token that an endpoint refuses is kept nevertheless, so that an endpoint that refuses
	// every token does not make us ask for one with every delivery.
	freshFor = time.Minute
	// firstPause is how long the server is left alone after a failure; it doubles with each up to longestPause.
	firstPause   = time.Second
	longestPause = time.Minute
)

// Keeper is the database behind a Source.
type Keeper interface {
	// Note notes why the setting's last token could not be had, an empty text that it could; and when it expires, the zero time when that is not
	// known.
	Note(ctx context.Context, setting id.ID, failure string, expires time.Time) error
	// Renew calls ask with the setting's present credentials, and stores the refresh token that it returns, unless that is
	// empty. No other process may renew the same setting's meanwhile: many servers let a refresh token be used only once.
	Renew(ctx context.Context, setting id.ID, ask func(*credentials.Credentials) (refreshToken string, err error)) error
}

// Config is what a Source needs.
type Config struct {
	Client *egress.Client // whose address guard the token URL passes, too
	Keeper Keeper
	Log    *slog.Logger
	Now    func() time.Time // nil means time.Now
}

// Source has the tokens of all settings. It is safe for concurrent use.
type Source struct {
	client *egress.Client
	keeper Keeper
	log    *slog.Logger
	now    func() time.Time

	asking  singleflight.Group
	running sync.WaitGroup

	mu   sync.Mutex
	held map[id.ID]*held
}

// held is what is known of a setting's token.
type held struct {
	setAt    time.Time // of the credentials that it is for
	token    *Token    // the last one, nil for none
	failure  *Error    // why there is no other
	failures int       // in a row
	again    time.Time // not before then is the server asked again
	noted    *noted    // what the database has been told last; nil for nothing yet
}

// noted is what the database is told of the last request for a token.
type noted struct {
	failure string
	expires time.Time
}

// Token is an access token.
type Token struct {
	header  string
	from    time.Time
	usable  time.Time // until then
	expires time.Time // zero if the server does not say
	refused bool
	mask    *strings.Replacer
}

// Header returns the value of the header Authorization. It is a secret.
func (t *Token) Header() string { return t.header }

// Mask replaces the token in what an endpoint answers.
func (t *Token) Mask() *strings.Replacer { return t.mask }

// Fresh reports whether the token has been asked for so recently that another one would serve no better.
func (t *Token) Fresh(now time.Time) bool { return now.Sub(t.from) < freshFor }

// New returns a Source without tokens.
func New(config Config) *Source {
	s := &Source{client: config.Client, keeper: config.Keeper, log: config.Log, now: config.Now, held: make(map[id.ID]*held)}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Wait waits for the requests under way. No Token may follow.
func (s *Source) Wait() { s.running.Wait() }

// Token returns a token for a setting of type OAUTH2, asking its server if need be. Without one it returns an *Error, or
// why ctx ended.
func (s *Source) Token(ctx context.Context, setting id.ID, c *credentials.Credentials) (*Token, error) {
	if token, err := s.known(setting, c); token != nil || err != nil {
		return token, err
	}
	// The request serves others, too: it goes on when ctx ends.
	done := s.asking.DoChan(setting.String()+c.SetAt.String(), func() (any, error) {
		s.running.Add(1)
		defer s.running.Done()
		if token, err := s.known(setting, c); token != nil || err != nil { // got since we looked
			return token, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		return s.fetch(ctx, setting, c)
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case result := <-done:
		token, _ := result.Val.(*Token)
		return token, result.Err
	}
}

// known returns a token that can be used, or why there is none and none is asked for at present.
func (s *Source) known(setting id.ID, c *credentials.Credentials) (*Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.of(setting, c), s.now()
	switch {
	case h.token != nil && !h.token.refused && now.Before(h.token.usable):
		return h.token, nil
	case h.failure != nil && now.Before(h.again):
		return nil, h.failure
	}
	return nil, nil
}

// of returns what is held for credentials. s.mu is held.
func (s *Source) of(setting id.ID, c *credentials.Credentials) *held {
	h := s.held[setting]
	if h == nil || h.setAt.Before(c.SetAt) { // otherwise c is what a delivery that began before the change knows
		h = &held{setAt: c.SetAt}
		s.held[setting] = h
	}
	return h
}

// Refuse says that an endpoint answered 401 to a token: another one is asked for, unless it is fresh.
func (s *Source) Refuse(token *Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !token.Fresh(s.now()) {
		token.refused = true
	}
}

// fetch asks for a token and notes what came of it.
func (s *Source) fetch(ctx context.Context, setting id.ID, c *credentials.Credentials) (token *Token, err error) {
	present, asked := c, true
	if c.OAuth2.Grant == credentials.GrantRefreshToken {
		asked = false
		err = s.keeper.Renew(ctx, setting, func(stored *credentials.Credentials) (refreshToken string, err error) {
			if stored.OAuth2 == nil || !stored.SetAt.Equal(c.SetAt) {
				return "", errors.New("it has been changed meanwhile")
			}
			present, asked = stored, true
			token, refreshToken, err = s.ask(ctx, present)
			if refreshToken == present.OAuth2.RefreshToken {
				refreshToken = ""
			}
			return refreshToken, err
		})
	} else {
		token, _, err = s.ask(ctx, c)
	}
	if err != nil && !asked {
		s.log.Warn("an auth setting's refresh token could not be read", "auth_setting", id.Format(id.AuthSetting, setting), "error", err)
		err = &Error{text: "no access token: the auth setting's refresh token could not be read", hint: "The delivery is tried again."}
	}
	failure := failureOf(err, mask.New(present.Secrets()))
	if now, changed := s.note(setting, c, token, failure); changed {
		if err := s.keeper.Note(ctx, setting, now.failure, now.expires); err != nil {
			s.log.Warn("what came of an auth setting's access token could not be noted", "auth_setting", id.Format(id.AuthSetting, setting), "error", err)
		}
	}
	if failure != nil {
		return nil, failure
	}
	return token, nil
}

// note remembers how a request went. changed says that the database is to know what came of it.
func (s *Source) note(setting id.ID, c *credentials.Credentials, token *Token, failure *Error) (came noted, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.of(setting, c), s.now()
	if !h.setAt.Equal(c.SetAt) {
		return noted{}, false // what was asked with other credentials
	}
	if failure != nil {
		came.failure = failure.Error()
		h.failures++
		h.failure, h.again = failure, now.Add(min(firstPause<<min(h.failures-1, 10), longestPause))
	} else {
		h.token, h.failure, h.failures = token, nil, 0
		came.expires = token.expires
	}
	changed = h.noted == nil || *h.noted != came
	h.noted = &came
	return came, changed
}

// Error is why there is no token. Its text holds no secret.
type Error struct {
	text, hint string
	err        error
}

func (e *Error) Error() string { return e.text }

// Hint says in plain words what to do.
func (e *Error) Hint() string { return e.hint }

func (e *Error) Unwrap() error { return e.err }

// Blocked reports whether the address guard refuses the token URL.
func (e *Error) Blocked() bool {
	var refused *egress.Error
	return errors.As(e.err, &refused) && refused.Kind == egress.KindBlocked
}
