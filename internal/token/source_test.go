package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/egress"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/token"
)

// rig is a Source with a token server, a clock, and a keeper in memory.
type rig struct {
	t      *testing.T
	source *token.Source
	server *httptest.Server
	of     *credentials.Credentials
	id     id.ID

	mu     sync.Mutex
	now    time.Time
	asked  []asked
	answer func(n int) (status int, body any)
	errors []string
	expire []time.Time   // noted beside the errors
	hold   chan struct{} // the server answers when it is closed; nil for at once
	broken error         // with which the keeper keeps nothing
}

// asked is a request for a token.
type asked struct {
	user, password string
	form           url.Values
	header         http.Header
}

func newRig(t *testing.T, change ...func(*credentials.OAuth2)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Now(), id: id.New()}
	r.answer = func(n int) (int, any) {
		return 200, map[string]any{"access_token": fmt.Sprintf("token-%d", n), "token_type": "bearer", "expires_in": 3600}
	}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	r.of = &credentials.Credentials{SetAt: time.Now(), OAuth2: &credentials.OAuth2{
		TokenURL: r.server.URL + "/token?tenant=hidden", Grant: credentials.GrantClientCredentials, ClientID: "me", ClientSecret: "s3cret&more",
	}}
	for _, c := range change {
		c(r.of.OAuth2)
	}
	r.source = r.another()
	return r
}

// another returns another process' source.
func (r *rig) another() *token.Source {
	client := egress.New(egress.Config{Policy: addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}})
	r.t.Cleanup(client.Close)
	source := token.New(token.Config{Client: client, Keeper: r, Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}})
	r.t.Cleanup(source.Stop)
	return source
}

func (r *rig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm()
	user, password, _ := req.BasicAuth()
	r.mu.Lock()
	r.asked = append(r.asked, asked{user, password, req.PostForm, req.Header})
	status, body := r.answer(len(r.asked))
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-req.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (r *rig) Note(ctx context.Context, setting id.ID, failure string, expires time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil || r.broken != nil {
		return errors.Join(err, r.broken)
	}
	if setting != r.id {
		r.t.Errorf("an error of another setting: %s", failure)
	}
	r.errors, r.expire = append(r.errors, failure), append(r.expire, expires)
	return nil
}

func (r *rig) Renew(_ context.Context, _ id.ID, renew func(*credentials.Credentials) (bool, error)) error {
	present, o := *r.of, *r.of.OAuth2
	present.OAuth2 = &o
	changed, err := renew(&present)
	if err != nil || !changed {
		return err
	}
	if r.broken == nil {
		r.of.OAuth2 = present.OAuth2
	}
	return r.broken
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

// want expects a token by the value of its header.
func (r *rig) want(header string) *token.Token {
	r.t.Helper()
	got, err := r.source.Token(r.t.Context(), r.id, r.of)
	if err != nil || got.Header() != header {
		r.t.Fatalf("got %v, %v, want %s", got, err, header)
	}
	return got
}

// wantError expects none.
func (r *rig) wantError(parts ...string) *token.Error {
	r.t.Helper()
	got, err := r.source.Token(r.t.Context(), r.id, r.of)
	var failure *token.Error
	if got != nil || !errors.As(err, &failure) || failure.Hint() == "" {
		r.t.Fatalf("got %v, %v", got, err)
	}
	for _, part := range parts {
		if !strings.Contains(failure.Error(), part) {
			r.t.Errorf("%q does not contain %q", failure.Error(), part)
		}
	}
	for _, secret := range []string{"s3cret", "hidden", "hunter2", "refresh-"} {
		if strings.Contains(failure.Error(), secret) {
			r.t.Errorf("%q contains %s", failure.Error(), secret)
		}
	}
	return failure
}

func TestToken(t *testing.T) {
	t.Parallel()
	t.Run("is asked for once, however many wait for it", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.hold = make(chan struct{})
		var group errgroup.Group
		for range 50 {
			group.Go(func() error {
				got, err := r.source.Token(t.Context(), r.id, r.of)
				if err == nil && got.Header() != "Bearer token-1" {
					err = errors.New(got.Header())
				}
				return err
			})
		}
		close(r.hold)
		if err := group.Wait(); err != nil || r.requests() != 1 {
			t.Errorf("%d requests, %v", r.requests(), err)
		}
		r.want("Bearer token-1")
	})

	t.Run("is used until shortly before it expires", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.want("Bearer token-1")
		r.pass(time.Hour - 40*time.Second)
		r.want("Bearer token-1")
		r.pass(15 * time.Second)
		r.want("Bearer token-2")
		r.answer = func(n int) (int, any) { // without expires_in
			return 200, map[string]any{"access_token": fmt.Sprintf("token-%d", n), "token_type": "Bearer"}
		}
		r.pass(2 * time.Hour)
		r.want("Bearer token-3")
		r.pass(59 * time.Minute)
		r.want("Bearer token-3")
		r.pass(2 * time.Minute)
		r.want("Bearer token-4")
	})

	t.Run("is asked for anew when an endpoint refuses it, but not a fresh one", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.source.Refuse(r.want("Bearer token-1"))
		old := r.want("Bearer token-1")
		r.pass(2 * time.Minute)
		r.source.Refuse(old)
		r.want("Bearer token-2")
		r.source.Refuse(old)
		r.want("Bearer token-2")
	})

	t.Run("does not wait longer than its context, while the request goes on for others", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.hold = make(chan struct{})
		ctx, cancel := context.WithCancelCause(t.Context())
		stopping := errors.New("stopping")
		cancel(stopping)
		if got, err := r.source.Token(ctx, r.id, r.of); got != nil || !errors.Is(err, stopping) {
			t.Errorf("%v, %v", got, err)
		}
		close(r.hold)
		r.want("Bearer token-1")
		if n := r.requests(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})

	t.Run("is another one when the credentials change", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.want("Bearer token-1")
		before := r.of
		r.of = &credentials.Credentials{SetAt: before.SetAt.Add(time.Second), OAuth2: before.OAuth2}
		r.want("Bearer token-2")
		r.of = before // of a delivery that began earlier
		r.want("Bearer token-2")
	})
}

func TestGrants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*credentials.OAuth2)
		form   string
		user   string
	}{
		"client credentials": {
			func(o *credentials.OAuth2) { o.Scope, o.Resource = "a b", "https://api.example.com" },
			"grant_type=client_credentials&resource=https%3A%2F%2Fapi.example.com&scope=a+b", "me",
		},
		"password": {
			func(o *credentials.OAuth2) {
				o.Grant, o.Username, o.Password = credentials.GrantPassword, "ann", "hunter2"
			}, "grant_type=password&password=hunter2&username=ann", "me",
		},
		"password without a client": {
			func(o *credentials.OAuth2) {
				o.Grant, o.Username, o.Password, o.ClientID, o.ClientSecret = credentials.GrantPassword, "ann", "hunter2", "", ""
			}, "grant_type=password&password=hunter2&username=ann", "",
		},
		"refresh token of a public client": {
			func(o *credentials.OAuth2) {
				o.Grant, o.RefreshToken, o.ClientSecret = credentials.GrantRefreshToken, "refresh-1", ""
			}, "client_id=me&grant_type=refresh_token&refresh_token=refresh-1", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.change, func(o *credentials.OAuth2) {
				o.Headers = []credentials.Header{{Name: "X-Tenant", Value: "berlin", Secret: true}}
			})
			r.want("Bearer token-1")
			got := r.asked[0]
			if got.form.Encode() != c.form || got.user != c.user || got.header.Get("X-Tenant") != "berlin" {
				t.Errorf("asked with %s, user %q, %v", got.form.Encode(), got.user, got.header)
			}
		})
	}

	t.Run("a refresh token that the server replaces is kept", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(o *credentials.OAuth2) { o.Grant, o.RefreshToken = credentials.GrantRefreshToken, "refresh-0" })
		r.answer = func(n int) (int, any) {
			return 200, map[string]any{"access_token": fmt.Sprintf("token-%d", n), "refresh_token": fmt.Sprintf("refresh-%d", n), "expires_in": 60}
		}
		for n := range 3 {
			r.want(fmt.Sprintf("Bearer token-%d", n+1))
			if used := r.asked[n].form.Get("refresh_token"); used != fmt.Sprintf("refresh-%d", n) {
				t.Errorf("request %d used %s", n+1, used)
			}
			r.pass(time.Minute)
		}
	})
}

// rotating makes the server put another refresh token in the place of each.
func (r *rig) rotating(t *testing.T) {
	t.Helper()
	r.answer = func(n int) (int, any) {
		if used := r.asked[n-1].form.Get("refresh_token"); used != fmt.Sprintf("refresh-%d", n-1) {
			t.Errorf("request %d used %s", n, used)
		}
		return 200, map[string]any{"access_token": fmt.Sprintf("token-%d", n), "refresh_token": fmt.Sprintf("refresh-%d", n), "expires_in": 3600}
	}
}

func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	refreshing := func(o *credentials.OAuth2) { o.Grant, o.RefreshToken = credentials.GrantRefreshToken, "refresh-0" }

	t.Run("are used once for all processes", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, refreshing)
		r.rotating(t)
		one, two := r.source, r.another()
		want := func(source *token.Source, header string) *token.Token {
			t.Helper()
			r.source = source
			return r.want(header)
		}
		first := want(one, "Bearer token-1")
		same := want(two, "Bearer token-1")
		if !same.Expires.Equal(first.Expires) || same.Mask().Replace("it was token-1") != "it was ***" {
			t.Errorf("%v, %v", same.Expires, first.Expires)
		}
		r.pass(2 * time.Minute)
		one.Refuse(first) // an endpoint did
		want(one, "Bearer token-2")
		two.Refuse(same)
		want(two, "Bearer token-2")
		r.pass(time.Hour)
		want(two, "Bearer token-3")
		want(one, "Bearer token-3")
		if n := r.requests(); n != 3 {
			t.Errorf("%d requests", n)
		}
	})

	t.Run("that cannot be stored are used by the process that has got them", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, refreshing)
		r.rotating(t)
		r.broken = errors.New("the database is away")
		for n := range 3 {
			r.want(fmt.Sprintf("Bearer token-%d", n+1))
			r.pass(time.Hour)
		}
		r.broken = nil
		r.want("Bearer token-4")
		if r.of.OAuth2.RefreshToken != "refresh-4" {
			t.Errorf("stored is %s", r.of.OAuth2.RefreshToken)
		}
		r.pass(time.Hour)
		r.want("Bearer token-5")
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hold = make(chan struct{}) // for ever
	var group errgroup.Group
	group.Go(func() error {
		var failure *token.Error
		got, err := r.source.Token(t.Context(), r.id, r.of)
		if got != nil || err == nil || errors.As(err, &failure) {
			t.Errorf("got %v, %v", got, err)
		}
		return nil
	})
	testenv.Eventually(t, 10*time.Second, func() bool { return r.requests() == 1 }, "a request")
	began := time.Now()
	r.source.Stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	_ = group.Wait()
	if len(r.errors) > 0 {
		t.Errorf("noted %q, which is our own doing", r.errors)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	refused := func(int) (int, any) {
		return 401, map[string]any{"error": "invalid_client", "error_description": "no s3cret&more\nhere: " + strings.Repeat("é", 300)}
	}

	t.Run("say what the server says, without secrets, and are noted until there is a token", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(o *credentials.OAuth2) {
			o.ClientID, o.ClientSecret, o.Grant, o.Username, o.Password = "", "", "PASSWORD", "a", "s3cret&more"
		})
		good := r.answer
		r.answer = refused
		failure := r.wantError("the token server answered 401: invalid_client: no *** here: éé", "…")
		if failure.Blocked() || len(failure.Error()) > 500 {
			t.Errorf("%v", failure)
		}
		r.pass(2 * time.Second)
		_ = r.wantError()
		r.answer = good
		r.pass(time.Hour)
		r.want("Bearer token-3")
		if want := []string{failure.Error(), ""}; !slices.Equal(r.errors, want) {
			t.Errorf("noted %q, want %q", r.errors, want)
		}
	})

	t.Run("are noted when the server takes too long", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.hold = make(chan struct{}) // for ever
		r.source.SetLimit(10 * time.Millisecond)
		failure := r.wantError("could not be reached: timeout")
		if want := []string{failure.Error()}; !slices.Equal(r.errors, want) {
			t.Errorf("noted %q, want %q", r.errors, want)
		}
	})

	t.Run("are noted later when they cannot be", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.answer, r.broken = refused, errors.New("the database is away")
		_ = r.wantError()
		r.broken = nil
		r.pass(time.Minute)
		failure := r.wantError()
		r.pass(time.Minute)
		_ = r.wantError()
		if want := []string{failure.Error()}; !slices.Equal(r.errors, want) {
			t.Errorf("noted %q, want %q", r.errors, want)
		}
	})

	t.Run("note when a token expires, if its server says, until there is none", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(o *credentials.OAuth2) { o.ClientSecret = "" }) // otherwise the library asks in two ways
		began := r.now
		good := r.answer
		r.want("Bearer token-1")
		r.want("Bearer token-1")
		r.pass(time.Hour)
		r.want("Bearer token-2")
		r.answer = func(int) (int, any) { return 401, map[string]any{"error": "invalid_client"} }
		r.pass(time.Hour)
		_ = r.wantError()
		r.answer = func(int) (int, any) { return 200, map[string]any{"access_token": "token-4", "token_type": "bearer"} }
		r.pass(time.Minute)
		r.want("Bearer token-4")
		r.answer = good
		r.pass(time.Hour)
		r.want("Bearer token-5")
		want := []time.Time{began.Add(time.Hour), began.Add(2 * time.Hour), {}, {}, began.Add(4*time.Hour + time.Minute)}
		if !slices.EqualFunc(r.expire, want, func(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Sub(b).Abs() < 10*time.Second }) {
			t.Errorf("noted %v, want %v", r.expire, want)
		}
	})

	t.Run("make pauses, of a minute at most", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(o *credentials.OAuth2) { o.ClientSecret = "" }) // otherwise the library asks in two ways
		r.answer = func(int) (int, any) { return 401, map[string]any{"error": "invalid_client"} }
		for _, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
			before := r.requests()
			_ = r.wantError()
			r.pass(pause - time.Millisecond)
			_ = r.wantError()
			if n := r.requests() - before; n != 1 {
				t.Errorf("%d requests before a pause of %v was over", n, pause)
			}
			r.pass(time.Millisecond)
		}
	})

	for name, c := range map[string]struct {
		status int
		body   any
		want   string
	}{
		"an answer that is no JSON object": {200, "s3cret&more", "holds none that can be used"},
		"an answer without a token":        {200, map[string]any{"token_type": "bearer"}, "holds none that can be used"},
		"a token that no header can carry": {200, map[string]any{"access_token": "a\nb"}, "holds none that can be used"},
		"a redirect":                       {307, nil, "answered 307"},
		"a failure":                        {500, "oops s3cret&more", "answered 500"},
		"an answer that is too long":       {200, map[string]any{"access_token": strings.Repeat("x", 70_000)}, "holds none that can be used"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.answer = func(int) (int, any) { return c.status, c.body }
			_ = r.wantError(c.want)
		})
	}

	t.Run("an address that the guard refuses", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, func(o *credentials.OAuth2) { o.TokenURL = "http://169.254.169.254/latest?hidden" })
		if failure := r.wantError("could not be reached", "blocked"); !failure.Blocked() {
			t.Error("it does not count as blocked")
		}
	})

	t.Run("no server", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.server.Close()
		_ = r.wantError("could not be reached: connect")
	})
}
