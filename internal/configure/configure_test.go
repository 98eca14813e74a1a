package configure_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/configchange"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/store"
	"github.com/hookline/hookline/internal/testenv"
	"github.com/hookline/hookline/internal/usererror"
	"github.com/hookline/hookline/internal/vault"
)

// env is a fresh database with the catalogue and an account in it.
type env struct {
	*testing.T
	configure.Service
	databaseURL string
	account     id.ID

	mu      sync.Mutex
	changed []string // the calls of Changed: the ids of what has changed, with a comma between them
	made    int      // objects made by the test so far, for their keys
}

// each runs test on every backend.
func each(t *testing.T, test func(e *env)) {
	t.Helper()
	testenv.Each(t, func(t *testing.T, b testenv.Backend) { test(open(t, b.DatabaseURL)) })
}

func open(t *testing.T, databaseURL string) *env {
	t.Helper()
	s, err := store.Open(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := catalogue.Sync(t.Context(), s.Ent); err != nil {
		t.Fatal(err)
	}
	v, err := vault.New([]vault.Key{{ID: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	e := &env{T: t, databaseURL: databaseURL, Service: configure.Service{Store: s, Vault: v}}
	e.Changed = func(_ context.Context, lines []*ent.ConfigChange) error {
		var ids []string
		for _, line := range lines {
			ids = append(ids, id.Format(id.Prefix(line.Kind), line.ObjectID))
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.changed = append(e.changed, strings.Join(ids, ","))
		return nil
	}
	e.account = e.newAccount("shop")
	return e
}

func (e *env) newAccount(key string) id.ID {
	e.Helper()
	made, err := e.CreateAccount(e.Context(), key, key)
	if err != nil {
		e.Fatal(err)
	}
	return made.ID
}

// ctx returns a context in which Hookline itself works in the account.
func (e *env) ctx() context.Context { return access.WithAccount(e.Context(), e.account) }

// as returns a context in which an API key with these scopes asks.
func (e *env) as(scopes ...access.Scope) context.Context {
	return access.WithPrincipal(e.Context(), &access.Principal{AccountID: e.account, Scopes: scopes})
}

// next returns a key that no object has.
func (e *env) next(kind string) string {
	e.made++
	return fmt.Sprintf("%s-%d", kind, e.made)
}

func byKey(key string) configure.Ref { return configure.Ref{Key: &key} }

func bySubscription(i id.ID) configure.Ref {
	return configure.Ref{ID: new(id.Format(id.EventSubscription, i))}
}

func byProfile(i id.ID) configure.Ref {
	return configure.Ref{ID: new(id.Format(id.NotificationProfile, i))}
}

// profileInput returns a profile without mistakes.
func (e *env) profileInput() configure.CreateNotificationProfileInput {
	return configure.ProfileInput(e.next("profile"), "https://example.com/hook")
}

// input returns a subscription without mistakes, and with a new profile.
func (e *env) input() configure.CreateEventSubscriptionInput {
	key := e.next("subscription")
	return configure.CreateEventSubscriptionInput{
		Key: key, Name: key, EventTypes: []string{"sms.delivery"}, Enabled: true,
		Filter:  &configure.EventFilterInput{Users: []string{key}},
		Profile: configure.ProfileChoice{Create: new(e.profileInput())},
	}
}

func (e *env) profile() *ent.NotificationProfile {
	e.Helper()
	made, err := e.CreateNotificationProfile(e.ctx(), e.profileInput())
	if err != nil {
		e.Fatal(err)
	}
	return made.NotificationProfile
}

func (e *env) subscription() *ent.EventSubscription {
	e.Helper()
	return e.create(e.input())
}

func (e *env) create(in configure.CreateEventSubscriptionInput) *ent.EventSubscription {
	e.Helper()
	made, err := e.CreateEventSubscription(e.ctx(), in)
	if err != nil {
		e.Fatal(err)
	}
	return made.EventSubscription
}

// recorded returns the lines of config_changes since the one with the id after, as kind and object.
func (e *env) recorded(after id.ID) (lines []string) {
	e.Helper()
	for _, row := range e.Store.Ent.ConfigChange.Query().Where(configchange.IDGT(after)).Order(ent.Asc(configchange.FieldID)).AllX(e.ctx()) {
		lines = append(lines, id.Format(id.Prefix(row.Kind), row.ObjectID))
	}
	return lines
}

// wants says whether err is exactly these mistakes, in any order. Each is given as the code, the path and a part of the
// message.
func wants(t testing.TB, what string, err error, want ...string) {
	t.Helper()
	left := slices.Clone(mistakes(t, what, err))
	for _, w := range want {
		code, rest, _ := strings.Cut(w, " ")
		path, message, _ := strings.Cut(rest, " ")
		i := slices.IndexFunc(left, func(e *usererror.Error) bool {
			return string(e.Code) == code && strings.Join(e.Path, ".") == path && strings.Contains(e.Message, message)
		})
		if i < 0 {
			t.Errorf("%s: want %q; there are %s", what, w, describe(left))
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		t.Errorf("%s: besides, there are %s", what, describe(left))
	}
}

// mistakes returns the list that err has to be.
func mistakes(t testing.TB, what string, err error) usererror.List {
	t.Helper()
	list, ok := errors.AsType[usererror.List](err)
	if !ok || len(list) == 0 {
		t.Fatalf("%s: %v, want a list of mistakes", what, err)
	}
	return list
}

func describe(list usererror.List) string {
	var out strings.Builder
	for i, e := range list {
		if i == 10 {
			fmt.Fprintf(&out, "\n… and %d more", len(list)-i)
			break
		}
		fmt.Fprintf(&out, "\n\t%s %s %s", e.Code, strings.Join(e.Path, "."), e.Message)
	}
	return out.String()
}

// together runs f n times at once and returns the errors that were not nil.
func together(n int, f func(i int) error) (failed []error) {
	results := make(chan error, n)
	for i := range n {
		go func() { results <- f(i) }()
	}
	for range n {
		if err := <-results; err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}

func TestAChangeNeedsAnAccount(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		if _, err := e.CreateNotificationProfile(e.Context(), e.profileInput()); !errors.Is(err, access.ErrNoAccount) {
			e.Errorf("without an account: %v, want ErrNoAccount", err)
		}
		for name, ctx := range map[string]context.Context{
			"in the system":              access.WithSystem(e.Context()),
			"in one that does not exist": access.WithAccount(e.Context(), id.New()),
		} {
			_, err := e.CreateNotificationProfile(ctx, e.profileInput())
			if _, isMistake := errors.AsType[usererror.List](err); err == nil || isMistake {
				e.Errorf("%s: %v, want an error of Hookline's own", name, err)
			}
		}
	})
}

func TestAChangeThatIsNotFollowedIsMadeAllTheSame(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Changed = func(context.Context, []*ent.ConfigChange) error { return errors.New("Redis is gone") }
		made, err := e.CreateNotificationProfile(e.ctx(), e.profileInput())
		if err != nil {
			e.Fatal(err)
		}
		e.Store.Ent.NotificationProfile.GetX(e.ctx(), made.ID)
		e.Changed = nil
		e.profile()
	})
}
