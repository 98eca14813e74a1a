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
	// noteTimeout bounds noting what came of it.
	noteTimeout = 5 * time.Second
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
	// Renew calls renew with the setting's present credentials and, if it returns true, stores what it has made of them. No other
	// process may renew the same setting's meanwhile: many servers let a refresh token be used only once. An error after renew has
	// returned true says that they are not stored.
	Renew(ctx context.Context, setting id.ID, renew func(*credentials.Credentials) (bool, error)) error
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
	limit  time.Duration // fetchTimeout

	asking   singleflight.Group
	running  sync.WaitGroup
	requests context.Context //nolint:containedctx // that of the requests for tokens, which outlive whoever waits for them
	breakOff context.CancelCauseFunc

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
	unstored *renewal  // what the database has not got; nil for nothing
}

// renewal is a refresh token and the one that its server has put in its place.
type renewal struct{ used, next string }

// noted is what the database is told of the last request for a token.
type noted struct {
	failure string
	expires time.Time
}

// Token is an access token.
type Token struct {
	credentials.Issued
	refused bool
	mask    *strings.Replacer
}

func tokenOf(issued *credentials.Issued) *Token {
	return &Token{Issued: *issued, mask: mask.New([]string{issued.Token})}
}

// Header returns the value of the header Authorization. It is a secret.
func (t *Token) Header() string { return t.Scheme + " " + t.Issued.Token }

// Mask replaces the token in what an endpoint answers.
func (t *Token) Mask() *strings.Replacer { return t.mask }

// Fresh reports whether the token has been asked for so recently that another one would serve no better.
func (t *Token) Fresh(now time.Time) bool { return now.Sub(t.From) < freshFor }

// New returns a Source without tokens.
func New(config Config) *Source {
	s := &Source{client: config.Client, keeper: config.Keeper, log: config.Log, now: config.Now, limit: fetchTimeout, held: make(map[id.ID]*held)}
	if s.now == nil {
		s.now = time.Now
	}
	s.requests, s.breakOff = context.WithCancelCause(context.Background())
	return s
}

var errStopping = errors.New("no more access tokens are asked for")

// Stop breaks the requests under way off, and waits for their end. No Token may follow.
func (s *Source) Stop() {
	s.breakOff(errStopping)
	s.running.Wait()
}

// Token returns a token for a setting of type OAUTH2, asking its server if need be. Without one it returns an *Error, or
// why ctx ended.
func (s *Source) Token(ctx context.Context, setting id.ID, c *credentials.Credentials) (*Token, error) {
	if token, err := s.known(setting, c); token != nil || err != nil {
		return token, err
	}
	// The request serves others, too: it goes on when ctx ends, until Stop.
	done := s.asking.DoChan(setting.String()+c.SetAt.String(), func() (any, error) {
		s.running.Add(1)
		defer s.running.Done()
		if token, err := s.known(setting, c); token != nil || err != nil { // got since we looked
			return token, err
		}
		return s.fetch(s.requests, setting, c)
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
	case h.token != nil && !h.token.refused && now.Before(h.token.Usable):
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
		token, present, err = s.renew(ctx, setting, c)
		asked = present != nil
	} else {
		token, _, err = s.ask(ctx, c)
	}
	switch {
	case err != nil && ctx.Err() != nil: // our doing, which is not noted
		return nil, context.Cause(ctx)
	case !asked:
		s.log.Warn("an auth setting's refresh token could not be read", "auth_setting", id.Format(id.AuthSetting, setting), "error", err)
		err, present = &Error{text: "no access token: the auth setting's refresh token could not be read", hint: "The delivery is tried again."}, c
	}
	failure := failureOf(err, mask.New(present.Secrets()))
	if now, news := s.note(setting, c, token, failure); news && asked && ctx.Err() == nil {
		noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
		defer cancel()
		if err := s.keeper.Note(noting, setting, now.failure, now.expires); err != nil {
			s.log.Warn("what came of an auth setting's access token could not be noted", "auth_setting", id.Format(id.AuthSetting, setting), "error", err)
		} else {
			s.told(setting, c, now)
		}
	}
	if failure != nil {
		return nil, failure
	}
	return token, nil
}

// renew gets a token for the refresh token that the keeper has: the one that another process has got with it, or a new one. used are the
// credentials with which the server was asked, or that other process' ones; nil if it did not come to that.
func (s *Source) renew(ctx context.Context, setting id.ID, c *credentials.Credentials) (token *Token, used *credentials.Credentials, err error) {
	var made *renewal
	err = s.keeper.Renew(ctx, setting, func(present *credentials.Credentials) (bool, error) {
		if present.OAuth2 == nil || !present.SetAt.Equal(c.SetAt) {
			return false, errors.New("it has been changed meanwhile")
		}
		used = present
		o := present.OAuth2
		if s.isNews(setting, c, o.Issued) {
			token = tokenOf(o.Issued)
			return false, nil
		}
		stored := o.RefreshToken
		if known := s.unstored(setting, c); known != nil && known.used == stored {
			o.RefreshToken = known.next
		}
		got, next, err := s.ask(ctx, present)
		if err != nil {
			return false, err
		}
		if next != "" {
			o.RefreshToken = next
		}
		token, made, o.Issued = got, &renewal{stored, o.RefreshToken}, &got.Issued
		return true, nil
	})
	if token == nil {
		return nil, used, err
	}
	if err == nil {
		made = nil
	} else {
		s.log.Error("a new refresh token could not be stored; this process goes on with it",
			"auth_setting", id.Format(id.AuthSetting, setting), "error", err)
	}
	s.setUnstored(setting, c, made)
	return token, used, nil
}

// isNews reports whether a token that another process has got can be used, and is not the one that is held.
func (s *Source) isNews(setting id.ID, c *credentials.Credentials, issued *credentials.Issued) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.of(setting, c)
	return issued != nil && s.now().Before(issued.Usable) && (h.token == nil || h.token.Issued.Token != issued.Token)
}

// unstored returns what the database has not got.
func (s *Source) unstored(setting id.ID, c *credentials.Credentials) *renewal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(setting, c).unstored
}

func (s *Source) setUnstored(setting id.ID, c *credentials.Credentials, r *renewal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.of(setting, c); h.setAt.Equal(c.SetAt) {
		h.unstored = r
	}
}

// note remembers how a request went. news says that the database does not know yet what came of it.
func (s *Source) note(setting id.ID, c *credentials.Credentials, token *Token, failure *Error) (came noted, news bool) {
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
		came.expires = token.Expires
	}
	return came, h.noted == nil || *h.noted != came
}

// told remembers what the database has been told.
func (s *Source) told(setting id.ID, c *credentials.Credentials, came noted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.of(setting, c); h.setAt.Equal(c.SetAt) {
		h.noted = &came
	}
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
