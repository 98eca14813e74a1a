package configure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

// audit returns the account's audit log as texts, oldest first, without those that were there before.
func (e *env) audit(since id.ID) (lines []*ent.AuditEntry) {
	e.Helper()
	return e.Store.Ent.AuditEntry.Query().Where(auditentry.IDGT(since)).Order(ent.Asc(auditentry.FieldID)).AllX(e.ctx())
}

func summary(lines []*ent.AuditEntry) (out []string) {
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%s %s %s", l.Actor, l.Action, l.TargetType))
	}
	return out
}

// member returns what lies in a JSON object under a name.
func member(t *testing.T, object, name string) any {
	t.Helper()
	if object == "" {
		return nil
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return members[name]
}

func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		key := id.New()
		ctx := access.WithRequestID(access.WithPrincipal(e.Context(), &access.Principal{
			KeyID: key, KeyName: "CI", AccountID: e.account, Scopes: access.AllScopes,
		}), "req-7")
		start := id.New()

		in := e.input()
		const secret, header, authorization = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5", "canary-header", "Bearer canary-open"
		in.Secret = new(secret)
		in.Profile.Create.Headers = []configure.HeaderInput{
			{Name: "X-Key", Value: header, Secret: true}, {Name: "X-Open", Value: "open"}, {Name: "Authorization", Value: authorization},
		}
		made, err := e.CreateEventSubscription(ctx, in)
		if err != nil {
			e.Fatal(err)
		}
		if _, err = e.UpdateEventSubscription(ctx, bySubscription(made.ID), configure.UpdateEventSubscriptionInput{Name: new("renamed")}); err != nil {
			e.Fatal(err)
		}
		if _, err = e.UpdateNotificationProfile(ctx, byProfile(made.ProfileID), configure.UpdateNotificationProfileInput{
			Headers: []configure.HeaderInput{{Name: "X-Key", Value: header + "2", Secret: true}},
		}); err != nil {
			e.Fatal(err)
		}
		if _, err = e.DeleteEventSubscription(ctx, bySubscription(made.ID), true); err != nil {
			e.Fatal(err)
		}

		lines := e.audit(start)
		if got, want := summary(lines), []string{
			"CI CREATE NotificationProfile", "CI CREATE EventSubscription", "CI UPDATE EventSubscription", "CI UPDATE NotificationProfile",
			"CI DELETE EventSubscription", "CI DELETE NotificationProfile",
		}; !slices.Equal(got, want) {
			e.Fatalf("got %q, want %q", got, want)
		}
		for _, l := range lines {
			if l.RequestID != "req-7" || *l.ActorID != key || (l.Before == "") != (l.Action == "CREATE") || (l.After == "") != (l.Action == "DELETE") {
				e.Errorf("%v", l)
			}
			for _, canary := range []string{secret, "Y2FuYXJ5", "canary", "Y2FuYXJ5LWhlYWRlcg"} {
				if strings.Contains(l.Before+l.After, canary) {
					e.Errorf("%s %s shows a secret: %s %s", l.Action, l.TargetType, l.Before, l.After)
				}
			}
			if strings.Contains(strings.ToLower(l.Before+l.After), "sealed") {
				e.Errorf("%s %s shows sealed bytes: %s %s", l.Action, l.TargetType, l.Before, l.After)
			}
		}
		if got := member(e.T, lines[1].After, "secret"); got != "***" {
			e.Errorf("the secret is shown as %v", got)
		}
		if got, want := member(e.T, lines[1].After, "profileId"), id.Format(id.NotificationProfile, made.ProfileID); got != want {
			e.Errorf("the profile is shown as %v, want %s", got, want)
		}
		if renamed := lines[2]; renamed.Before != fmt.Sprintf(`{"name":%q}`, in.Name) || renamed.After != `{"name":"renamed"}` || renamed.TargetID != made.ID {
			e.Errorf("renaming: %s, %s", renamed.Before, renamed.After)
		}
		if got := fmt.Sprint(member(e.T, lines[3].Before, "headers")); got != "[map[name:X-Key value:***] map[name:X-Open value:open] map[name:Authorization value:***]]" {
			e.Errorf("headers before: %s", got)
		}
	})
}

func TestRefusedChangesAreNotAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		start := id.New()
		in := e.input()
		in.Key = "not a key"
		if _, err := e.CreateEventSubscription(e.ctx(), in); err == nil {
			e.Error("no error")
		}
		if got := summary(e.audit(start)); len(got) > 0 {
			e.Errorf("audited: %q", got)
		}
	})
}

// An audit log that cannot be written stops the change: they are one transaction.
func TestChangeWithoutAuditIsNotMade(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		broken := errors.New("the audit log is full")
		e.Store.Ent.AuditEntry.Use(func(ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return nil, broken })
		})
		_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{Name: new("renamed")})
		if !errors.Is(err, broken) {
			e.Errorf("error %v", err)
		}
		if after := e.Store.Ent.EventSubscription.GetX(e.ctx(), row.ID); after.Name != row.Name {
			e.Error("the change was made")
		}
	})
}

func TestHooklinesNotesAreNotAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		key, _, err := e.CreateAPIKey(e.ctx(), "x", access.AllScopes, nil)
		if err != nil {
			e.Fatal(err)
		}
		start := id.New()
		e.Store.Ent.APIKey.UpdateOne(key).SetLastUsedAt(key.CreatedAt).ExecX(e.ctx())
		e.Store.Ent.EventSubscription.UpdateOne(row).SetSecret([]byte("sealed again")).ExecX(e.ctx())
		if got := summary(e.audit(start)); len(got) > 0 {
			e.Errorf("audited: %q", got)
		}
		e.Store.Ent.EventSubscription.Update().SetEnabled(false).AddVersion(1).ExecX(e.ctx())
		if got := summary(e.audit(start)); !slices.Equal(got, []string{"hookline UPDATE EventSubscription"}) {
			e.Errorf("of a change that Hookline makes: %q", got)
		}
	})
}

func TestAccessIsAudited(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		start := id.New()
		ctx := e.as(access.AllScopes...)
		key, token, err := e.CreateAPIKey(ctx, "x", []access.Scope{access.LogRead}, nil)
		if err != nil {
			e.Fatal(err)
		}
		for range 2 { // the second changes nothing
			if _, err := e.RevokeAPIKey(ctx, key.ID); err != nil {
				e.Fatal(err)
			}
		}
		made, err := e.CreateAccount(ctx, "other", "Other")
		if err != nil {
			e.Fatal(err)
		}
		lines := e.audit(start)
		if got := summary(lines); !slices.Equal(got, []string{" CREATE APIKey", " REVOKE APIKey", " CREATE Account"}) {
			e.Fatalf("got %q", got)
		}
		for _, l := range lines {
			if strings.Contains(l.After+l.Before, strings.SplitN(token, "_", 3)[2]) || strings.Contains(l.After, "secret_hash") {
				e.Errorf("shows the key: %s", l.After)
			}
		}
		if lines[2].TargetID != made.ID {
			e.Errorf("created account: %v", lines[2])
		}
		if n := e.Store.Ent.AuditEntry.Query().CountX(access.WithAccount(e.Context(), made.ID)); n != 0 {
			e.Errorf("another account sees %d entries", n)
		}
	})
}
