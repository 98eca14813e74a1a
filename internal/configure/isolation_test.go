package configure_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
)

// in returns a context in which an administrator works in an account.
func (e *env) in(account id.ID) context.Context {
	return access.WithPrincipal(e.Context(), &access.Principal{AccountID: account, Scopes: access.AllScopes})
}

// TestAnotherAccountsObjectsDoNotExist: whatever is done with an object of another account is answered, word by word,
// like the same with an object that nobody has.
func TestAnotherAccountsObjectsDoNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		subscription := e.subscription()
		profile := e.Store.Ent.NotificationProfile.GetX(e.ctx(), subscription.ProfileID)
		key, _, err := e.CreateAPIKey(e.ctx(), "x", access.AllScopes, nil)
		if err != nil {
			e.Fatal(err)
		}
		bank := e.in(e.newAccount("bank"))
		own, err := e.CreateEventSubscription(bank, e.input())
		if err != nil {
			e.Fatal(err)
		}
		withProfile := func(ref configure.Ref) configure.CreateEventSubscriptionInput {
			in := e.input()
			in.Profile = configure.ProfileChoice{Existing: &ref}
			return in
		}
		before := e.contents()

		for name, try := range map[string]func(there bool) error{
			"update a subscription by id": func(there bool) error {
				_, err := e.UpdateEventSubscription(bank, bySubscription(pick(there, subscription.ID)), configure.UpdateEventSubscriptionInput{Name: new("x")})
				return err
			},
			"update a subscription by key": func(there bool) error {
				_, err := e.UpdateEventSubscription(bank, byKey(pickKey(there, subscription.Key)), configure.UpdateEventSubscriptionInput{ExpectedVersion: new(9)})
				return err
			},
			"delete a subscription by id": func(there bool) error {
				_, err := e.DeleteEventSubscription(bank, bySubscription(pick(there, subscription.ID)), true)
				return err
			},
			"delete a subscription by key": func(there bool) error {
				_, err := e.DeleteEventSubscription(bank, byKey(pickKey(there, subscription.Key)), true)
				return err
			},
			"update a profile by id": func(there bool) error {
				_, err := e.UpdateNotificationProfile(bank, byProfile(pick(there, profile.ID)), configure.UpdateNotificationProfileInput{WindowSize: new(30)})
				return err
			},
			"update a profile by key": func(there bool) error {
				_, err := e.UpdateNotificationProfile(bank, byKey(pickKey(there, profile.Key)), configure.UpdateNotificationProfileInput{WindowSize: new(30)})
				return err
			},
			"delete a profile by id": func(there bool) error {
				_, err := e.DeleteNotificationProfile(bank, byProfile(pick(there, profile.ID)), true)
				return err
			},
			"delete a profile by key": func(there bool) error {
				_, err := e.DeleteNotificationProfile(bank, byKey(pickKey(there, profile.Key)), true)
				return err
			},
			"create with a profile by id": func(there bool) error {
				_, err := e.CreateEventSubscription(bank, withProfile(byProfile(pick(there, profile.ID))))
				return err
			},
			"create with a profile by key": func(there bool) error {
				_, err := e.CreateEventSubscription(bank, withProfile(byKey(pickKey(there, profile.Key))))
				return err
			},
			"give a profile by id": func(there bool) error {
				_, err := e.UpdateEventSubscription(bank, bySubscription(own.ID), configure.UpdateEventSubscriptionInput{Profile: new(byProfile(pick(there, profile.ID)))})
				return err
			},
			"give a profile by key": func(there bool) error {
				_, err := e.UpdateEventSubscription(bank, bySubscription(own.ID), configure.UpdateEventSubscriptionInput{Profile: new(byKey(pickKey(there, profile.Key)))})
				return err
			},
			"revoke a key": func(there bool) error {
				_, err := e.RevokeAPIKey(bank, pick(there, key.ID))
				return err
			},
		} {
			other, missing := try(true), try(false)
			if other == nil || missing == nil {
				e.Errorf("%s: %v for another account's, %v for nobody's", name, other, missing)
				continue
			}
			if !strings.Contains(other.Error(), "the account has no ") || masked(other) != masked(missing) {
				e.Errorf("%s: %q for another account's, %q for nobody's", name, other, missing)
			}
		}
		if after := e.contents(); after != before {
			e.Error("something was changed")
		}
	})
}

func pick(there bool, other id.ID) id.ID {
	if there {
		return other
	}
	return id.New()
}

func pickKey(there bool, other string) string {
	if there {
		return other
	}
	return "nobodys-key"
}

// masked returns a message without what it quotes.
func masked(err error) string {
	parts := strings.Split(err.Error(), "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = ""
	}
	return strings.Join(parts, "`")
}

// contents returns all rows of the database as text: bytes as they are.
func (e *env) contents() string {
	e.Helper()
	driver, source := "pgx", e.databaseURL
	tables := "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
	if path, isSQLite := strings.CutPrefix(e.databaseURL, "sqlite://"); isSQLite {
		driver, source = "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()
		tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		e.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			e.Error(err)
		}
	}()
	var out strings.Builder
	for _, table := range e.rows(db, tables) {
		for _, row := range e.rows(db, `SELECT * FROM "`+table+`" ORDER BY 1`) {
			out.WriteString(table + ": " + row + "\n")
		}
	}
	return out.String()
}

// rows returns the rows of a query, each as the text of its values.
func (e *env) rows(db *sql.DB, query string) (all []string) {
	e.Helper()
	rows, err := db.QueryContext(e.Context(), query)
	if err != nil {
		e.Fatal(err)
	}
	defer func() {
		if err := rows.Close(); err != nil {
			e.Error(err)
		}
	}()
	columns, err := rows.Columns()
	if err != nil {
		e.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			e.Fatal(err)
		}
		texts := make([]string, len(values))
		for i, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			texts[i] = fmt.Sprint(v)
		}
		all = append(all, strings.Join(texts, " | "))
	}
	if err := rows.Err(); err != nil {
		e.Fatal(err)
	}
	return all
}

func TestNoSecretIsInTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		const canary = "canary in a header"
		given := signing.NewSecret().Reveal()
		in := e.input()
		in.Secret = &given
		in.Profile.Create.Headers = []configure.HeaderInput{{Name: "X-Secret", Value: canary, Secret: true}, {Name: "X-Plain", Value: "seen"}}
		if _, err := e.CreateEventSubscription(e.ctx(), in); err != nil {
			e.Fatal(err)
		}
		generated, err := e.CreateEventSubscription(e.ctx(), e.input())
		if err != nil {
			e.Fatal(err)
		}
		if _, err := e.UpdateNotificationProfile(e.ctx(), byKey(in.Profile.Create.Key), configure.UpdateNotificationProfileInput{
			Headers: []configure.HeaderInput{{Name: "X-Secret", Value: canary, Secret: true}, {Name: "X-Plain", Value: "seen"}},
		}); err != nil {
			e.Fatal(err)
		}
		_, token, err := e.CreateAPIKey(e.ctx(), "x", access.AllScopes, nil)
		if err != nil {
			e.Fatal(err)
		}
		contents := e.contents()
		if !strings.Contains(contents, "seen") || !strings.Contains(contents, in.Key) {
			e.Fatal("the rows are not all there")
		}
		for name, secret := range map[string]string{
			"the given secret": given, "the generated secret": generated.Secret, "the header": canary, "the API key": token[strings.LastIndexByte(token, '_')+1:],
		} {
			forms := map[string]string{"as it is": secret, "in base64": base64.StdEncoding.EncodeToString([]byte(secret)), "in hex": hex.EncodeToString([]byte(secret))}
			if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil {
				forms["without its prefix"], forms["as bytes"] = strings.TrimPrefix(secret, "whsec_"), string(raw)
			}
			for form, text := range forms {
				if strings.Contains(contents, text) {
					e.Errorf("%s is in the database, %s", name, form)
				}
			}
		}
	})
}

func TestRefs(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		for name, c := range map[string]struct {
			ref  configure.Ref
			want string
		}{
			"neither":               {configure.Ref{}, "REQUIRED by one of them"},
			"both":                  {configure.Ref{ID: byProfile(profile.ID).ID, Key: &profile.Key}, "REQUIRED by one of them"},
			"an id of another type": {bySubscription(profile.ID), "INVALID by.id is not the id of a notification profile, which begins with `prf_`"},
			"a UUID":                {configure.Ref{ID: new(profile.ID.String())}, "INVALID by.id "},
			"an empty id":           {configure.Ref{ID: new("")}, "INVALID by.id "},
			"a huge id":             {configure.Ref{ID: new(strings.Repeat("prf_", 100_000))}, "INVALID by.id `prf_prf_"},
			"an empty key":          {byKey(""), "NOT_FOUND by.key "},
			"a key with NUL":        {byKey("a\x00"), `NOT_FOUND by.key "a\x00"`},
			"a key not in UTF-8":    {byKey("\xff"), "NOT_FOUND by.key "},
			"an id as a key":        {byKey(id.Format(id.NotificationProfile, profile.ID)), "NOT_FOUND by.key "},
		} {
			_, err := e.DeleteNotificationProfile(e.ctx(), c.ref, true)
			wants(e, name, err, c.want)
			if err != nil && len(err.Error()) > 300 {
				e.Errorf("%s: the message has %d bytes", name, len(err.Error()))
			}
		}
		if deleted, err := e.DeleteNotificationProfile(e.ctx(), byProfile(profile.ID), false); err != nil || deleted[0].ID != profile.ID {
			e.Errorf("%v, %v", deleted, err)
		}
	})
}
