package configure_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/signing"
)

func TestCreateEventSubscription(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateEventSubscription(e.ctx(), configure.CreateEventSubscriptionInput{
			Key: "Receipts_1", Name: "Lieferberichte für Ärzte", Category: new("sms"), EventTypes: []string{"sms.delivery", "sms.*"},
			Filter:  &configure.EventFilterInput{Users: []string{"u2", "u1", "u2"}, Resources: []string{"+49 30 1"}},
			Profile: configure.ProfileChoice{Create: new(e.profileInput())}, Enabled: true,
		})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.EventSubscription.GetX(e.ctx(), made.ID)
		if row.Key != "Receipts_1" || row.Name != "Lieferberichte für Ärzte" || row.Category != "sms" || !row.Enabled ||
			row.DisabledReason != "" || row.Version != 1 || row.AccountID != e.account {
			e.Errorf("the row is %v", row)
		}
		if !slices.Equal(row.EventTypes, []string{"sms.delivery", "sms.*"}) {
			e.Errorf("event types %v are not as they were given", row.EventTypes)
		}
		if f := row.Filter; !slices.Equal(f.Users, []string{"u2", "u1"}) || !slices.Equal(f.Resources, []string{"+49 30 1"}) || f.Entities != nil {
			e.Errorf("filter %v, want each value once", f)
		}
		opened, err := e.Vault.Open(row.Secret, configure.SecretBinding(row.ID))
		if err != nil || string(opened) != made.Secret {
			e.Errorf("the sealed secret opens as %q, %v, want %q", opened, err, made.Secret)
		}
		secret, err := signing.ParseSecret(made.Secret)
		if err != nil || secret.Weak() || secret.Fingerprint() != row.SecretFingerprint {
			e.Errorf("secret %v, %v, with the fingerprint %s", secret, err, row.SecretFingerprint)
		}
		want := []string{id.Format(id.NotificationProfile, row.ProfileID), id.Format(id.EventSubscription, row.ID)}
		if got := e.recorded(id.Nil); !slices.Equal(got, want) {
			e.Errorf("recorded %v, want %v", got, want)
		}
		if !slices.Equal(e.changed, []string{strings.Join(want, ",")}) {
			e.Errorf("Changed was called with %v", e.changed)
		}
		// What is returned can be read on from, now that its transaction is over.
		if profile, err := made.QueryProfile().Only(e.ctx()); err != nil || profile.ID != row.ProfileID {
			e.Errorf("the profile of what was returned: %v, %v", profile, err)
		}
	})
}

func TestCreateEventSubscriptionWithAnExistingProfile(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		profile := e.profile()
		for _, ref := range []configure.Ref{byKey(profile.Key), byProfile(profile.ID)} {
			in := e.input()
			in.Profile = configure.ProfileChoice{Existing: &ref}
			if made := e.create(in); made.ProfileID != profile.ID {
				e.Errorf("profile %v, want %v", made.ProfileID, profile.ID)
			}
		}
		if n := e.Store.Ent.NotificationProfile.Query().CountX(e.ctx()); n != 1 {
			e.Errorf("%d profiles, want 1", n)
		}
	})
}

func TestCreateEventSubscriptionForACategoryAlone(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		for _, given := range [][]string{nil, {}} {
			in := e.input()
			in.Category, in.EventTypes, in.Filter = new("sms"), given, nil
			row := e.Store.Ent.EventSubscription.GetX(e.ctx(), e.create(in).ID)
			if row.EventTypes == nil || len(row.EventTypes) != 0 {
				e.Errorf("event types %v, want an empty list", row.EventTypes)
			}
		}
	})
}

func TestCreateEventSubscriptionDisabled(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.input()
		in.Enabled = false
		if made := e.create(in); made.Enabled || made.DisabledReason != "MANUAL" {
			e.Errorf("enabled %v for the reason %q", made.Enabled, made.DisabledReason)
		}
	})
}

func TestCreateEventSubscriptionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		badProfile, badSubscription := e.input(), e.input()
		badProfile.Profile.Create.WindowSize = 1
		badSubscription.Name = ""
		for name, in := range map[string]configure.CreateEventSubscriptionInput{"profile": badProfile, "subscription": badSubscription} {
			if _, err := e.CreateEventSubscription(e.ctx(), in); err == nil {
				e.Errorf("a bad %s: no error", name)
			}
		}
		// The profile has been saved when the subscription cannot be.
		e.Store.Ent.EventSubscription.Use(func(ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(context.Context, ent.Mutation) (ent.Value, error) { return nil, errors.New("disk full") })
		})
		if _, err := e.CreateEventSubscription(e.ctx(), e.input()); err == nil || !strings.Contains(err.Error(), "disk full") {
			e.Errorf("%v, want the database's error", err)
		}
		if n := e.Store.Ent.NotificationProfile.Query().CountX(e.ctx()); n != 0 {
			e.Errorf("%d profiles were left behind", n)
		}
		if got := e.recorded(id.Nil); got != nil {
			e.Errorf("recorded %v, want nothing", got)
		}
		if e.changed != nil {
			e.Error("Changed was called")
		}
	})
}

func TestCreateEventSubscriptionNamesAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		taken := e.subscription()
		takenProfile := e.Store.Ent.NotificationProfile.GetX(e.ctx(), taken.ProfileID)
		_, err := e.CreateEventSubscription(e.as(access.SubscriptionsWrite), configure.CreateEventSubscriptionInput{
			Key: taken.Key, Name: taken.Name, Category: new("numbers"),
			EventTypes: []string{"sms.delivery", "numbers.endpoit", "numbers.*"},
			Filter:     &configure.EventFilterInput{Users: []string{"u"}},
			Secret:     new("whsec_short"),
			Profile: configure.ProfileChoice{Create: &configure.CreateNotificationProfileInput{
				Key: takenProfile.Key, WebhookURL: "https://10.0.0.1/", PayloadFormat: "YAML",
				ResponseStatusRegex: new("("), ResponseHeaderRegex: new(""), ResponseBodyRegex: new(strings.Repeat("x", 1001)),
				WindowSize: 19, ConnectTimeoutMs: 299, ReadTimeoutMs: 90_001,
				Headers:     []configure.HeaderInput{{Name: "Host", Value: "a"}, {Name: "X-Token", Value: "s3cret", Secret: true}},
				RetryPolicy: &configure.RetryPolicyInput{Kind: "CUSTOM"},
			}},
		})
		wants(e, "everything wrong", err,
			"TAKEN input.key "+taken.Key,
			"TAKEN input.name "+taken.Name,
			"INVALID input.eventTypes.0 not in the subscription's category `numbers`",
			"NOT_FOUND input.eventTypes.1 unknown event type `numbers.endpoit`; did you mean `numbers.endpoint`?",
			"INVALID input.filter.users the category `numbers` does not allow the filter `users`: it allows none",
			"INVALID input.secret needs the scope SECRETS_WRITE",
			"TAKEN input.profile.create.key "+takenProfile.Key,
			"BLOCKED_ADDRESS input.profile.create.webhookUrl 10.0.0.1",
			"INVALID input.profile.create.payloadFormat `YAML`: it must be one of ENVELOPE, RAW, CLOUDEVENTS, XML",
			"INVALID input.profile.create.responseStatusRegex missing closing )",
			"INVALID input.profile.create.responseHeaderRegex empty",
			"OUT_OF_RANGE input.profile.create.responseBodyRegex 1001 characters: at most 1000",
			"OUT_OF_RANGE input.profile.create.maxBucketSize maxBucketSize is 0: it must be 1 to 2000",
			"OUT_OF_RANGE input.profile.create.windowSize windowSize is 19: it must be 20 to 10000",
			"OUT_OF_RANGE input.profile.create.connectTimeoutMs connectTimeoutMs is 299: it must be 300 to 30000",
			"OUT_OF_RANGE input.profile.create.readTimeoutMs readTimeoutMs is 90001: it must be 1000 to 90000",
			"REQUIRED input.profile.create.tlsVersions at least one of TLS_1_2, TLS_1_3",
			"INVALID input.profile.create.headers.0.name `Host` is reserved",
			"INVALID input.profile.create.headers.1.secret needs the scope SECRETS_WRITE",
			"OUT_OF_RANGE input.profile.create.retryPolicy.delays 1 to 50",
		)
		_, err = e.CreateEventSubscription(e.ctx(), configure.CreateEventSubscriptionInput{})
		wants(e, "nothing given", err,
			"REQUIRED input.key 1–255 letters",
			"REQUIRED input.name 1–255 characters",
			"REQUIRED input.eventTypes without a category",
			"REQUIRED input.profile either `existing` or `create`",
		)
	})
}

func TestKeysAndNames(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		long, tooLong := strings.Repeat("k", 255), strings.Repeat("k", 256)
		for _, key := range []string{"k", "0", "-", "_", "aZ09-_", long} {
			in := e.input()
			in.Key = key
			e.create(in)
		}
		for key, want := range map[string]string{
			"":                "REQUIRED input.key ",
			tooLong:           "OUT_OF_RANGE input.key 256 characters: at most 255",
			"a b":             "INVALID input.key `a b`",
			"ä":               "INVALID input.key `ä`",
			"key.with.dots":   "INVALID input.key letters",
			"line\nbreak":     "INVALID input.key \"line\\nbreak\"",
			"nul\x00":         "INVALID input.key \"nul\\x00\"",
			"\xff":            "INVALID input.key ",
			"Ⅷ":               "INVALID input.key ",
			"\u202ereversed":  "INVALID input.key \"\\u202ereversed\"",
			"'; DROP TABLE x": "INVALID input.key ",
		} {
			in := e.input()
			in.Key = key
			_, err := e.CreateEventSubscription(e.ctx(), in)
			wants(e, "key "+key, err, want)
		}
		for _, name := range []string{"n", " n ", "'; DROP TABLE x", "名前 🚚", "a`b", strings.Repeat("n", 255)} {
			in := e.input()
			in.Name = name
			if made, err := e.CreateEventSubscription(e.ctx(), in); err != nil || made.Name != name {
				e.Errorf("name %.20q: %v", name, err)
			}
		}
		for name, want := range map[string]string{
			"":                       "REQUIRED input.name ",
			" \t\n\u00a0":            "REQUIRED input.name ",
			strings.Repeat("🚚", 256): "OUT_OF_RANGE input.name 256 characters: at most 255",
			"two\nlines":             "INVALID input.name \"two\\nlines\"",
			"nul\x00":                "INVALID input.name ",
			"c1 \u0085 control":      "INVALID input.name ",
			"not UTF-8 \xff":         "INVALID input.name ",
		} {
			in := e.input()
			in.Name = name
			_, err := e.CreateEventSubscription(e.ctx(), in)
			wants(e, "name "+name, err, want)
		}
	})
}

func TestNamesHave255CharactersOfAnyScript(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		long := strings.Repeat("🚚", 255)
		in := e.input()
		in.Name = long
		made := e.create(in)
		if row := e.Store.Ent.EventSubscription.GetX(e.ctx(), made.ID); row.Name != long {
			e.Errorf("the name became %q", row.Name)
		}
		if _, err := e.UpdateEventSubscription(e.ctx(), bySubscription(made.ID), configure.UpdateEventSubscriptionInput{Name: new(strings.Repeat("ü", 255))}); err != nil {
			e.Error(err)
		}
		if _, err := e.CreateAccount(e.Context(), "bank", long); err != nil {
			e.Error(err)
		}
		if _, _, err := e.CreateAPIKey(e.ctx(), long, access.AllScopes, nil); err != nil {
			e.Error(err)
		}
	})
}

func TestKeyAndNameAreTakenByOneOfManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		for field, set := range map[string]func(in *configure.CreateEventSubscriptionInput){
			"input.key":                func(in *configure.CreateEventSubscriptionInput) { in.Key = "same" },
			"input.name":               func(in *configure.CreateEventSubscriptionInput) { in.Name = "Same" },
			"input.profile.create.key": func(in *configure.CreateEventSubscriptionInput) { in.Profile.Create.Key = "same" },
		} {
			inputs := make([]configure.CreateEventSubscriptionInput, 6)
			for i := range inputs {
				inputs[i] = e.input()
				set(&inputs[i])
			}
			failed := together(len(inputs), func(i int) error {
				_, err := e.CreateEventSubscription(e.ctx(), inputs[i])
				return err
			})
			if len(failed) != len(inputs)-1 {
				e.Errorf("%s: %d of %d were refused, want all but one", field, len(failed), len(inputs))
			}
			for _, err := range failed {
				wants(e, field, err, "TAKEN "+field+" ")
			}
		}
	})
}

func TestKeysAreTakenInOneAccountOnly(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.input()
		e.create(in)
		bank := access.WithAccount(e.Context(), e.newAccount("bank"))
		if _, err := e.CreateEventSubscription(bank, in); err != nil {
			e.Errorf("the same in another account: %v", err)
		}
		upper := e.input()
		upper.Key = strings.ToUpper(in.Key)
		e.create(upper)
	})
}

func TestSigningSecrets(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		strong, weak := signing.NewSecret().Reveal(), "whsec_"+strings.Repeat("QUJD", 8) // 24 bytes
		create := func(ctx context.Context, secret *string) (*configure.CreatedEventSubscription, error) {
			in := e.input()
			in.Secret = secret
			in.Profile.Create.Headers = []configure.HeaderInput{{Name: "authorization", Value: "Bearer x"}}
			return e.CreateEventSubscription(ctx, in)
		}
		made, err := create(e.as(access.SubscriptionsWrite, access.SecretsWrite), &strong)
		if err != nil || made.Secret != strong || made.Warnings == nil || len(made.Warnings) != 0 {
			e.Errorf("a strong secret: %v, %v", made, err)
		}
		made, err = create(e.ctx(), &weak)
		if err != nil || made.Secret != weak || len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "fewer than 32 bytes") {
			e.Errorf("a weak secret: %v, %v, want a warning", made, err)
		}
		if made, err = create(e.as(access.SubscriptionsWrite), nil); err != nil || made.Secret == "" {
			e.Errorf("a generated secret without the scope: %v, %v", made, err)
		}
		_, err = create(e.as(access.SubscriptionsWrite), &strong)
		wants(e, "without the scope", err, "INVALID input.secret SECRETS_WRITE")
		for _, secret := range []string{"", "s3cret-canary", "whsec_", "whsec_s3cret-canary", "whsec_" + strings.Repeat("QUJD", 7), "whsec_" + strings.Repeat("QUJD", 22)} {
			_, err = create(e.ctx(), &secret)
			wants(e, "secret "+secret, err, "INVALID input.secret not a signing secret")
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "QUJD") {
				e.Errorf("the mistake shows the secret: %v", err)
			}
		}
	})
}

func TestAProfileWithoutAuthenticationEarnsAWarning(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateEventSubscription(e.ctx(), e.input())
		if err != nil || len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0], "no authentication") {
			e.Errorf("%v, %v, want a warning", made, err)
		}
		alone, err := e.CreateNotificationProfile(e.ctx(), configure.ProfileInput("alone", e.profileInput().WebhookURL))
		if err != nil || len(alone.Warnings) != 1 || !strings.Contains(alone.Warnings[0], "no authentication") {
			e.Errorf("%v, %v, want a warning", alone, err)
		}
		by, basic := configure.Ref{Key: new("alone")}, configure.CreateAuthSettingInput{Key: "basic", Credentials: configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "p"}}}
		if _, err := e.CreateAuthSetting(e.ctx(), basic); err != nil {
			e.Fatal(err)
		}
		for _, change := range []struct {
			auth     *configure.Ref
			warnings int
		}{{&configure.Ref{Key: new("basic")}, 0}, {nil, 1}, {nil, 0}} {
			changed, err := e.UpdateNotificationProfile(e.ctx(), by, configure.UpdateNotificationProfileInput{Auth: graphql.OmittableOf(change.auth)})
			if err != nil || len(changed.Warnings) != change.warnings {
				e.Errorf("%+v: %v, %v, want %d warnings", change, changed, err, change.warnings)
			}
		}
	})
}

func TestUpdateEventSubscription(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		before := e.subscription()
		other := e.profile()
		mark := id.New()
		e.changed = nil
		got, err := e.UpdateEventSubscription(e.ctx(), byKey(before.Key), configure.UpdateEventSubscriptionInput{
			ExpectedVersion: new(1), Name: new("Another name"), EventTypes: []string{"email.*"},
			Filter:  &configure.EventFilterInput{Entities: []string{"e"}},
			Profile: new(byKey(other.Key)), Enabled: new(false),
		})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.EventSubscription.GetX(e.ctx(), before.ID)
		if row.Name != "Another name" || !slices.Equal(row.EventTypes, []string{"email.*"}) || row.Filter.Users != nil ||
			!slices.Equal(row.Filter.Entities, []string{"e"}) || row.ProfileID != other.ID || row.Enabled || row.DisabledReason != "MANUAL" {
			e.Errorf("the row is %v", row)
		}
		if row.Version != 2 || got.Version != 2 || !row.UpdatedAt.After(before.UpdatedAt) || !row.CreatedAt.Equal(before.CreatedAt) {
			e.Errorf("version %d, updated at %v after %v", row.Version, row.UpdatedAt, before.UpdatedAt)
		}
		if lines := e.recorded(mark); !slices.Equal(lines, []string{id.Format(id.EventSubscription, row.ID)}) {
			e.Errorf("recorded %v", lines)
		}
		if !slices.Equal(e.changed, []string{id.Format(id.EventSubscription, row.ID)}) {
			e.Errorf("Changed was called with %v", e.changed)
		}
		if profile, err := got.QueryProfile().Only(e.ctx()); err != nil || profile.ID != other.ID {
			e.Errorf("the profile of what was returned: %v, %v", profile, err)
		}
	})
}

func TestUpdateEventSubscriptionLeavesWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		before := e.subscription()
		after, err := e.UpdateEventSubscription(e.ctx(), bySubscription(before.ID), configure.UpdateEventSubscriptionInput{Name: new("Name")})
		if err != nil {
			e.Fatal(err)
		}
		if !slices.Equal(after.EventTypes, before.EventTypes) || !slices.Equal(after.Filter.Users, before.Filter.Users) ||
			after.ProfileID != before.ProfileID || !after.Enabled || after.SecretFingerprint != before.SecretFingerprint {
			e.Errorf("%v became %v", before, after)
		}
		if _, err := e.UpdateEventSubscription(e.ctx(), bySubscription(before.ID), configure.UpdateEventSubscriptionInput{Name: new("Name")}); err != nil {
			e.Errorf("its own name again: %v", err)
		}
	})
}

func TestUpdateEventSubscriptionNamesAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		other, free := e.subscription(), e.subscription()
		_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(free.ID), configure.UpdateEventSubscriptionInput{
			ExpectedVersion: new(7), Name: &other.Name, EventTypes: []string{}, Filter: &configure.EventFilterInput{Users: []string{""}},
			Profile: new(byKey("nobody")),
		})
		wants(e, "a free one", err,
			"VERSION_CONFLICT input.expectedVersion for version 7, but this is version 1",
			"TAKEN input.name "+other.Name,
			"REQUIRED input.eventTypes ",
			"INVALID input.filter.users.0 empty",
			"NOT_FOUND input.profile.key `nobody`",
		)
		in := e.input()
		in.Category, in.EventTypes, in.Filter = new("numbers"), nil, nil
		bound := e.create(in)
		_, err = e.UpdateEventSubscription(e.ctx(), bySubscription(bound.ID), configure.UpdateEventSubscriptionInput{
			EventTypes: []string{"*", "sms.*"}, Filter: &configure.EventFilterInput{Resources: []string{"r"}},
		})
		wants(e, "one that is bound to a category", err,
			"INVALID input.eventTypes.0 `numbers`", "INVALID input.eventTypes.1 `numbers`", "INVALID input.filter.resources `numbers`")
		if row := e.Store.Ent.EventSubscription.GetX(e.ctx(), free.ID); row.Version != 1 {
			e.Error("a refused change was made")
		}
		if _, err = e.UpdateEventSubscription(e.ctx(), bySubscription(bound.ID), configure.UpdateEventSubscriptionInput{
			EventTypes: []string{"numbers.endpoint"}, Filter: &configure.EventFilterInput{},
		}); err != nil {
			e.Error(err)
		}
		if _, err = e.UpdateEventSubscription(e.ctx(), bySubscription(bound.ID), configure.UpdateEventSubscriptionInput{EventTypes: []string{}}); err != nil {
			e.Errorf("all of the category: %v", err)
		}
	})
}

func TestEnablingAndDisabling(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		set := func(enabled bool, want string) {
			e.Helper()
			got, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{Enabled: &enabled})
			if err != nil || got.Enabled != enabled || got.DisabledReason != want {
				e.Errorf("%v, %v, want the reason %q", got, err, want)
			}
		}
		set(true, "")
		set(false, "MANUAL")
		set(false, "MANUAL")
		set(true, "")
		e.Store.Ent.EventSubscription.UpdateOneID(row.ID).SetEnabled(false).SetDisabledReason("GONE").ExecX(e.ctx())
		set(false, "GONE")
		set(true, "")
	})
}

func TestOneOfManyUpdatesOfAVersionWins(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		names := []string{"a", "b", "c", "d", "e", "f"}
		failed := together(len(names), func(i int) error {
			_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{ExpectedVersion: new(1), Name: &names[i]})
			return err
		})
		if len(failed) != len(names)-1 {
			e.Errorf("%d of %d were refused, want all but one", len(failed), len(names))
		}
		for _, err := range failed {
			wants(e, "another one", err, "VERSION_CONFLICT input.expectedVersion for version 1, but this is version 2")
		}
		failed = together(len(names), func(i int) error {
			_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{Name: &names[i]})
			return err
		})
		if got := e.Store.Ent.EventSubscription.GetX(e.ctx(), row.ID); len(failed) != 0 || got.Version != 2+len(names) {
			e.Errorf("without a version: %v, version %d, want them all to be made", failed, got.Version)
		}
	})
}

func TestAChangeOfHooklinesOwnIsNotOverwritten(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		row := e.subscription()
		overtaking := false
		e.Store.Ent.EventSubscription.Use(func(next ent.Mutator) ent.Mutator {
			return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
				if !overtaking {
					overtaking = true
					m.(*ent.EventSubscriptionMutation).Client().EventSubscription.UpdateOneID(row.ID).AddVersion(1).ExecX(ctx)
				}
				return next.Mutate(ctx, m)
			})
		})
		_, err := e.UpdateEventSubscription(e.ctx(), bySubscription(row.ID), configure.UpdateEventSubscriptionInput{Name: new("Name")})
		wants(e, "overtaken", err, "VERSION_CONFLICT input.expectedVersion read it again")
	})
}

func TestDeleteEventSubscription(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		alone, kept := e.subscription(), e.subscription()
		in := e.input()
		in.Profile = configure.ProfileChoice{Existing: new(byProfile(kept.ProfileID))}
		sharing := e.create(in)

		for _, c := range []struct {
			row          *ent.EventSubscription
			deleteUnused bool
			profileGoes  bool
		}{
			{sharing, true, false}, // its profile is used by kept
			{kept, false, false},
			{alone, true, true},
		} {
			mark := id.New()
			deleted, err := e.DeleteEventSubscription(e.ctx(), byKey(c.row.Key), c.deleteUnused)
			if err != nil {
				e.Errorf("%s: %v", c.row.Key, err)
			}
			if _, err := e.Store.Ent.EventSubscription.Get(e.ctx(), c.row.ID); !ent.IsNotFound(err) {
				e.Errorf("%s: it is still there: %v", c.row.Key, err)
			}
			_, err = e.Store.Ent.NotificationProfile.Get(e.ctx(), c.row.ProfileID)
			if ent.IsNotFound(err) != c.profileGoes {
				e.Errorf("%s: its profile: %v, want it gone: %v", c.row.Key, err, c.profileGoes)
			}
			want := []string{id.Format(id.EventSubscription, c.row.ID)}
			if c.profileGoes {
				want = append(want, id.Format(id.NotificationProfile, c.row.ProfileID))
			}
			if got := shown(deleted); !slices.Equal(got, want) {
				e.Errorf("%s: deleted %v, want %v", c.row.Key, got, want)
			}
			if got := e.recorded(mark); !slices.Equal(got, want) {
				e.Errorf("%s: recorded %v, want %v", c.row.Key, got, want)
			}
			_, err = e.DeleteEventSubscription(e.ctx(), byKey(c.row.Key), c.deleteUnused)
			wants(e, "once more", err, "NOT_FOUND by.key "+c.row.Key)
		}
	})
}
