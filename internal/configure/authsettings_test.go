package configure_test

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/usererror"
)

func byAuth(i id.ID) configure.Ref { return configure.Ref{ID: new(id.Format(id.AuthSetting, i))} }

func basic(username, password string) configure.CredentialsInput {
	return configure.CredentialsInput{Basic: &configure.BasicInput{Username: username, Password: password}}
}

func hmacWith(change func(*configure.HMACInput)) configure.CredentialsInput {
	in := configure.HMACInput{Secret: new(strings.Repeat("k", 16)), HeaderName: new("X-Signature")}
	change(&in)
	return configure.CredentialsInput{HMAC: &in}
}

func oauth2With(change func(*configure.OAuth2Input)) configure.CredentialsInput {
	in := configure.OAuth2Input{
		TokenURL: "https://login.example.com/token", GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new("s3cret"),
	}
	change(&in)
	return configure.CredentialsInput{OAuth2: &in}
}

// authSetting makes an auth setting.
func (e *env) authSetting(in configure.CredentialsInput) *configure.ChangedAuthSetting {
	e.Helper()
	made, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: e.next("auth"), Credentials: in})
	if err != nil {
		e.Fatal(err)
	}
	return made
}

// opened returns the credentials of an auth setting as the database has them.
func (e *env) opened(setting id.ID) *credentials.Credentials {
	e.Helper()
	row := e.Store.Ent.AuthSetting.GetX(e.ctx(), setting)
	opened, err := credentials.Open(e.Vault, row.ID, row.Credentials)
	if err != nil {
		e.Fatal(err)
	}
	return opened
}

func TestAuthSettings(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: "main", Name: new("Größe"), Credentials: basic("u", "p")})
		if err != nil {
			e.Fatal(err)
		}
		row := e.Store.Ent.AuthSetting.GetX(e.ctx(), made.ID)
		if row.Key != "main" || row.Name != "Größe" || row.Type != "BASIC" || row.Version != 1 || row.AccountID != e.account || made.Secret != "" {
			e.Errorf("the row is %v", row)
		}
		if got := *e.opened(made.ID).Basic; got != (credentials.Basic{Username: "u", Password: "p"}) {
			e.Errorf("opened %v", got)
		}
		changed, err := e.UpdateAuthSetting(e.ctx(), byKey("main"), configure.UpdateAuthSettingInput{
			ExpectedVersion: new(1), Name: new("other"), Credentials: new(hmacWith(func(in *configure.HMACInput) { in.Secret = nil })),
		})
		if err != nil {
			e.Fatal(err)
		}
		if changed.Version != 2 || changed.Name != "other" || changed.Type != "HMAC" || len(changed.Secret) < 32 {
			e.Errorf("changed to %v with a secret of %d characters", changed.AuthSetting, len(changed.Secret))
		}
		if opened := e.opened(made.ID); opened.HMAC == nil || opened.HMAC.Secret != changed.Secret || opened.Basic != nil {
			e.Errorf("opened %v", opened)
		}
		_, err = e.UpdateAuthSetting(e.ctx(), byKey("main"), configure.UpdateAuthSettingInput{ExpectedVersion: new(1), Name: new("late")})
		wants(t, "a change for version 1", err, "VERSION_CONFLICT input.expectedVersion version 2")
		if deleted, err := e.DeleteAuthSetting(e.ctx(), byAuth(made.ID)); err != nil || !slices.Equal(deleted, []configure.Object{{Prefix: id.AuthSetting, ID: made.ID}}) {
			e.Errorf("deleted %v, %v", deleted, err)
		}
		_, err = e.DeleteAuthSetting(e.ctx(), byKey("main"))
		wants(t, "a second deletion", err, "NOT_FOUND by.key no auth setting")
	})
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.Guard = addrguard.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
		for name, c := range map[string]struct {
			in   configure.CredentialsInput
			want []string
		}{
			"none": {configure.CredentialsInput{}, []string{"REQUIRED input.credentials one type"}},
			"two": {
				configure.CredentialsInput{Basic: basic("u", "p").Basic, HMAC: hmacWith(func(*configure.HMACInput) {}).HMAC},
				[]string{"REQUIRED input.credentials one type"},
			},
			"the longest user name and password": {basic(strings.Repeat("ü", 255), strings.Repeat("ü", 1024)), nil},
			"a longer user name":                 {basic(strings.Repeat("ü", 256), "p"), []string{"OUT_OF_RANGE input.credentials.basic.username 255"}},
			"a longer password":                  {basic("u", strings.Repeat("p", 1025)), []string{"OUT_OF_RANGE input.credentials.basic.password 1024"}},
			"a huge password":                    {basic("u", strings.Repeat("p", 1<<20)), []string{"OUT_OF_RANGE input.credentials.basic.password 1024"}},
			"a user name with a colon":           {basic("a:b", "p"), []string{"INVALID input.credentials.basic.username colon"}},
			"a password with a colon":            {basic("u", "a:b"), nil},
			"a user name with a control sign":    {basic("a\nb", "p"), []string{"INVALID input.credentials.basic.username control"}},
			"a password with a control sign":     {basic("u", "p\x7f"), []string{"INVALID input.credentials.basic.password control"}},
			"a password that is not UTF-8":       {basic("u", "\xff"), []string{"INVALID input.credentials.basic.password UTF-8"}},
			"no user name and no password":       {basic("", ""), []string{"REQUIRED input.credentials.basic.username", "REQUIRED input.credentials.basic.password"}},
			"the shortest HMAC secret":           {hmacWith(func(*configure.HMACInput) {}), nil},
			"a shorter one":                      {hmacWith(func(in *configure.HMACInput) { in.Secret = new(strings.Repeat("k", 15)) }), []string{"OUT_OF_RANGE input.credentials.hmac.secret 16"}},
			"the longest":                        {hmacWith(func(in *configure.HMACInput) { in.Secret = new(strings.Repeat("ü", 2048)) }), nil},
			"a longer one":                       {hmacWith(func(in *configure.HMACInput) { in.Secret = new(strings.Repeat("k", 4097)) }), []string{"OUT_OF_RANGE input.credentials.hmac.secret 4096"}},
			"one with a line break":              {hmacWith(func(in *configure.HMACInput) { in.Secret = new(strings.Repeat("k", 16) + "\n") }), []string{"INVALID input.credentials.hmac.secret line breaks"}},
			"every algorithm":                    {hmacWith(func(in *configure.HMACInput) { in.Algorithm = new("SHA384") }), nil},
			"another algorithm":                  {hmacWith(func(in *configure.HMACInput) { in.Algorithm = new("MD5") }), []string{"INVALID input.credentials.hmac.algorithm SHA512"}},
			"SHA-1":                              {hmacWith(func(in *configure.HMACInput) { in.Algorithm = new("SHA1") }), []string{"INVALID input.credentials.hmac.algorithm HOOKLINE_ALLOW_SHA1"}},
			"another encoding":                   {hmacWith(func(in *configure.HMACInput) { in.Encoding = new("hex") }), []string{"INVALID input.credentials.hmac.encoding HEX"}},
			"another content":                    {hmacWith(func(in *configure.HMACInput) { in.SignedContent = new("ALL") }), []string{"INVALID input.credentials.hmac.signedContent BODY"}},
			"no header":                          {hmacWith(func(in *configure.HMACInput) { in.HeaderName = nil }), []string{"REQUIRED input.credentials.hmac.headerName"}},
			"the longest header":                 {hmacWith(func(in *configure.HMACInput) { in.HeaderName = new(strings.Repeat("x", 255)) }), nil},
			"a longer header":                    {hmacWith(func(in *configure.HMACInput) { in.HeaderName = new(strings.Repeat("x", 256)) }), []string{"OUT_OF_RANGE input.credentials.hmac.headerName 255"}},
			"a header that is no token":          {hmacWith(func(in *configure.HMACInput) { in.HeaderName = new("X Sig") }), []string{"INVALID input.credentials.hmac.headerName X Sig"}},
			"a reserved header":                  {hmacWith(func(in *configure.HMACInput) { in.HeaderName = new("Webhook-Signature") }), []string{"INVALID input.credentials.hmac.headerName reserved"}},
			"a preset":                           {hmacWith(func(in *configure.HMACInput) { in.Preset, in.HeaderName = new("GITHUB"), nil }), nil},
			"a preset in another header":         {hmacWith(func(in *configure.HMACInput) { in.Preset = new("STRIPE") }), nil},
			"another preset":                     {hmacWith(func(in *configure.HMACInput) { in.Preset = new("ACME") }), []string{"INVALID input.credentials.hmac.preset GITHUB"}},
			"a preset and what it sets":          {hmacWith(func(in *configure.HMACInput) { in.Preset, in.Encoding = new("GITHUB"), new("HEX") }), []string{"INVALID input.credentials.hmac.encoding preset"}},
			"client credentials":                 {oauth2With(func(*configure.OAuth2Input) {}), nil},
			"without a client":                   {oauth2With(func(in *configure.OAuth2Input) { in.ClientID, in.ClientSecret = nil, nil }), []string{"REQUIRED input.credentials.oauth2.clientId", "REQUIRED input.credentials.oauth2.clientSecret"}},
			"client credentials and a user":      {oauth2With(func(in *configure.OAuth2Input) { in.Username = new("u") }), []string{"INVALID input.credentials.oauth2.username no use"}},
			"client credentials, refresh token":  {oauth2With(func(in *configure.OAuth2Input) { in.RefreshToken = new("t") }), []string{"INVALID input.credentials.oauth2.refreshToken no use"}},
			"a password": {oauth2With(func(in *configure.OAuth2Input) {
				in.GrantType, in.Username, in.Password = "PASSWORD", new("u"), new("p")
			}), nil},
			"a password without a client": {oauth2With(func(in *configure.OAuth2Input) {
				*in = configure.OAuth2Input{TokenURL: in.TokenURL, GrantType: "PASSWORD", Username: new("u"), Password: new("p")}
			}), nil},
			"a password without it": {oauth2With(func(in *configure.OAuth2Input) { in.GrantType = "PASSWORD" }), []string{"REQUIRED input.credentials.oauth2.username", "REQUIRED input.credentials.oauth2.password"}},
			"a refresh token": {oauth2With(func(in *configure.OAuth2Input) {
				in.GrantType, in.RefreshToken = "REFRESH_TOKEN", new(strings.Repeat("t", 16<<10))
			}), nil},
			"a longer refresh token": {oauth2With(func(in *configure.OAuth2Input) {
				in.GrantType, in.RefreshToken = "REFRESH_TOKEN", new(strings.Repeat("t", 16<<10+1))
			}), []string{"OUT_OF_RANGE input.credentials.oauth2.refreshToken 16384"}},
			"a refresh token without it": {oauth2With(func(in *configure.OAuth2Input) { in.GrantType = "REFRESH_TOKEN" }), []string{"REQUIRED input.credentials.oauth2.refreshToken"}},
			"a client's secret without its id": {oauth2With(func(in *configure.OAuth2Input) {
				in.GrantType, in.RefreshToken, in.ClientID = "REFRESH_TOKEN", new("t"), nil
			}), []string{"REQUIRED input.credentials.oauth2.clientId"}},
			"another grant":                {oauth2With(func(in *configure.OAuth2Input) { in.GrantType = "IMPLICIT" }), []string{"INVALID input.credentials.oauth2.grantType CLIENT_CREDENTIALS"}},
			"no token URL":                 {oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = "" }), []string{"REQUIRED input.credentials.oauth2.tokenUrl tokenUrl"}},
			"a token URL that is private":  {oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = "https://169.254.169.254/latest" }), []string{"BLOCKED_ADDRESS input.credentials.oauth2.tokenUrl"}},
			"a token URL that is allowed":  {oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = "https://203.0.113.7/token" }), nil},
			"a token URL with http":        {oauth2With(func(in *configure.OAuth2Input) { in.TokenURL = "http://203.0.113.7/token" }), []string{"INVALID input.credentials.oauth2.tokenUrl https"}},
			"a token URL that is too long": {oauth2With(func(in *configure.OAuth2Input) { in.TokenURL += strings.Repeat("x", 2048) }), []string{"OUT_OF_RANGE input.credentials.oauth2.tokenUrl 2048"}},
			"the longest scope and resource": {oauth2With(func(in *configure.OAuth2Input) {
				in.Scope, in.Resource = new(strings.Repeat("s", 1024)), new(strings.Repeat("r", 1024))
			}), nil},
			"longer ones": {oauth2With(func(in *configure.OAuth2Input) {
				in.Scope, in.Resource = new(strings.Repeat("s", 1025)), new(strings.Repeat("r", 1025))
			}), []string{"OUT_OF_RANGE input.credentials.oauth2.scope", "OUT_OF_RANGE input.credentials.oauth2.resource"}},
			"an empty scope": {oauth2With(func(in *configure.OAuth2Input) { in.Scope = new("") }), []string{"REQUIRED input.credentials.oauth2.scope"}},
			"a header": {oauth2With(func(in *configure.OAuth2Input) {
				in.Headers = []configure.HeaderInput{{Name: "X-A", Value: "b", Secret: true}}
			}), nil},
			"a reserved header for the token URL": {oauth2With(func(in *configure.OAuth2Input) { in.Headers = []configure.HeaderInput{{Name: "Host", Value: "b"}} }), []string{"INVALID input.credentials.oauth2.headers.0.name reserved"}},
			"too many headers":                    {oauth2With(func(in *configure.OAuth2Input) { in.Headers = make([]configure.HeaderInput, 51) }), []string{"OUT_OF_RANGE input.credentials.oauth2.headers 50"}},
		} {
			made, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: e.next("auth"), Credentials: c.in})
			switch {
			case c.want != nil:
				wants(t, name, err, c.want...)
			case err != nil:
				t.Errorf("%s: %v", name, err)
			default:
				e.opened(made.ID)
			}
		}
		e.Limits.AllowSHA1 = true
		e.authSetting(hmacWith(func(in *configure.HMACInput) { in.Algorithm = new("SHA1") }))
		preset := e.opened(e.authSetting(hmacWith(func(in *configure.HMACInput) { in.Preset = new("STRIPE") })).ID).HMAC
		if preset.HeaderName != "X-Signature" || preset.Content != "TIMESTAMP_BODY" || preset.Preset != "STRIPE" {
			t.Errorf("the preset is %+v", preset)
		}
	})
}

func TestKeysAndNamesOfAuthSettings(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		e.authSetting(basic("u", "p")) // auth-1
		for name, c := range map[string]struct {
			key, name string
			want      string
		}{
			"taken":               {"auth-1", "x", "TAKEN input.key another auth setting"},
			"no key":              {"", "x", "REQUIRED input.key"},
			"too long":            {strings.Repeat("k", 256), "x", "OUT_OF_RANGE input.key 255"},
			"letters beyond a-z":  {"schlüssel", "x", "INVALID input.key"},
			"a name of spaces":    {"a", "  ", "REQUIRED input.name"},
			"a long name":         {"a", strings.Repeat("ü", 256), "OUT_OF_RANGE input.name 255"},
			"a name with control": {"a", "a\x00b", "INVALID input.name"},
		} {
			_, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: c.key, Name: &c.name, Credentials: basic("u", "p")})
			wants(t, name, err, c.want)
		}
		row, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: strings.Repeat("k", 255), Name: new(strings.Repeat("ü", 255)), Credentials: basic("u", "p")})
		if err != nil || row.Name != strings.Repeat("ü", 255) {
			t.Errorf("the longest: %v", err)
		}
		if name := e.authSetting(basic("u", "p")).Name; name != "auth-2" {
			t.Errorf("the name is %q, want the key", name)
		}
	})
}

func TestAProfilesAuthSetting(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		in := e.input()
		in.Profile.Create.Auth = &configure.AuthChoice{Create: &configure.CreateAuthSettingInput{
			Key: "inline", Credentials: hmacWith(func(in *configure.HMACInput) { in.Secret = nil }),
		}}
		made, err := e.CreateEventSubscription(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		profile := e.Store.Ent.NotificationProfile.GetX(e.ctx(), made.ProfileID)
		if profile.AuthSettingID == nil || e.opened(*profile.AuthSettingID).HMAC.Secret != made.AuthSecret || made.AuthSecret == "" {
			e.Errorf("the profile is %v, the secret has %d characters", profile, len(made.AuthSecret))
		}
		if len(made.Warnings) > 0 {
			e.Errorf("warnings %v", made.Warnings)
		}

		before := e.contents()
		for name, c := range map[string]struct {
			auth configure.AuthChoice
			want string
		}{
			"neither":           {configure.AuthChoice{}, "REQUIRED input.profile.create.auth existing"},
			"one that is wrong": {configure.AuthChoice{Create: &configure.CreateAuthSettingInput{Key: "new", Credentials: basic("", "p")}}, "REQUIRED input.profile.create.auth.create.credentials.basic.username"},
			"one that is taken": {configure.AuthChoice{Create: &configure.CreateAuthSettingInput{Key: "inline", Credentials: basic("u", "p")}}, "TAKEN input.profile.create.auth.create.key"},
			"one that is not":   {configure.AuthChoice{Existing: new(byKey("nobodys"))}, "NOT_FOUND input.profile.create.auth.existing.key"},
		} {
			in := e.input()
			in.Profile.Create.Auth = &c.auth
			_, err := e.CreateEventSubscription(e.ctx(), in)
			wants(t, name, err, c.want)
		}
		in = e.input()
		in.Name = ""
		in.Profile.Create.Auth = &configure.AuthChoice{Create: &configure.CreateAuthSettingInput{Key: "new", Credentials: basic("u", "p")}}
		_, err = e.CreateEventSubscription(e.ctx(), in)
		wants(t, "with a subscription that is wrong", err, "REQUIRED input.name")
		if e.contents() != before {
			e.Error("something was created for a refused subscription")
		}

		other := e.authSetting(basic("u", "p"))
		profileIn := e.profileInput()
		profileIn.Auth = &configure.AuthChoice{Existing: new(byAuth(other.ID))}
		second, err := e.CreateNotificationProfile(e.ctx(), profileIn)
		if err != nil || second.AuthSettingID == nil || *second.AuthSettingID != other.ID || second.AuthSecret != "" {
			e.Fatalf("%v, %v", second, err)
		}
		_, err = e.DeleteAuthSetting(e.ctx(), byAuth(other.ID))
		wants(t, "deleting one in use", err, "IN_USE by 1 notification profile(s)")
		if blocked := mistakes(t, "deleting one in use", err)[0].BlockedBy; !slices.Equal(blocked, []usererror.Ref{{Prefix: id.NotificationProfile, ID: second.ID}}) {
			e.Errorf("blocked by %v", blocked)
		}
		lines := len(e.recorded(id.Nil))
		if _, err := e.UpdateAuthSetting(e.ctx(), byAuth(other.ID), configure.UpdateAuthSettingInput{Credentials: new(basic("u", "q"))}); err != nil {
			e.Fatal(err)
		}
		if got := e.recorded(id.Nil)[lines:]; !slices.Equal(got, []string{id.Format(id.NotificationProfile, second.ID)}) {
			e.Errorf("a changed auth setting recorded %v", got)
		}
		change := func(ref *configure.Ref) *ent.NotificationProfile {
			row, err := e.UpdateNotificationProfile(e.ctx(), byProfile(second.ID), configure.UpdateNotificationProfileInput{Auth: graphql.OmittableOf(ref)})
			if err != nil {
				e.Fatal(err)
			}
			return row.NotificationProfile
		}
		if row := change(nil); row.AuthSettingID != nil {
			e.Errorf("cleared to %v", row.AuthSettingID)
		}
		if row := change(new(byKey("inline"))); row.AuthSettingID == nil || *row.AuthSettingID != *profile.AuthSettingID {
			e.Errorf("set to %v", row.AuthSettingID)
		}
		if _, err := e.DeleteAuthSetting(e.ctx(), byAuth(other.ID)); err != nil {
			e.Errorf("deleting one that is free: %v", err)
		}
	})
}

func TestCredentialsNeedTheScopeForSecrets(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		setting := e.authSetting(basic("u", "p"))
		in := e.profileInput()
		in.Auth = &configure.AuthChoice{Existing: new(byAuth(setting.ID))}
		profile, err := e.CreateNotificationProfile(e.ctx(), in)
		if err != nil {
			e.Fatal(err)
		}
		writer := e.as(access.SubscriptionsWrite)
		_, err = e.CreateAuthSetting(writer, configure.CreateAuthSettingInput{Key: "x", Credentials: basic("u", "p")})
		wants(t, "create", err, "INVALID input.credentials needs")
		_, err = e.UpdateAuthSetting(writer, byAuth(setting.ID), configure.UpdateAuthSettingInput{Credentials: new(basic("u", "p"))})
		wants(t, "change", err, "INVALID input.credentials needs")
		again := e.profileInput()
		again.Auth = in.Auth
		_, err = e.CreateNotificationProfile(writer, again)
		wants(t, "use for a new profile", err, "INVALID input.auth.existing ")
		_, err = e.UpdateNotificationProfile(writer, byProfile(e.profile().ID), configure.UpdateNotificationProfileInput{Auth: graphql.OmittableOf(in.Auth.Existing)})
		wants(t, "use for a profile", err, "INVALID input.auth ")
		_, err = e.UpdateNotificationProfile(writer, byProfile(profile.ID), configure.UpdateNotificationProfileInput{WebhookURL: new("https://evil.example.com/")})
		wants(t, "have it sent elsewhere", err, "INVALID input.webhookUrl ")
		if _, err := e.UpdateAuthSetting(writer, byAuth(setting.ID), configure.UpdateAuthSettingInput{Name: new("renamed")}); err != nil {
			e.Errorf("rename: %v", err)
		}
		if _, err := e.UpdateNotificationProfile(writer, byProfile(profile.ID), configure.UpdateNotificationProfileInput{
			WebhookURL: new("https://other.example.com/"), Auth: graphql.OmittableOf[*configure.Ref](nil),
		}); err != nil {
			e.Errorf("without the auth setting: %v", err)
		}
	})
}

func TestTwoChangesOfAnAuthSettingAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		failed := together(4, func(i int) error {
			_, err := e.CreateAuthSetting(e.ctx(), configure.CreateAuthSettingInput{Key: "one", Credentials: basic("u", "p"+strconv.Itoa(i))})
			return err
		})
		if len(failed) != 3 {
			t.Fatalf("%d of 4 creations failed: %v", len(failed), failed)
		}
		for _, err := range failed {
			wants(t, "creation", err, "TAKEN input.key")
		}
		failed = together(4, func(i int) error {
			_, err := e.UpdateAuthSetting(e.ctx(), byKey("one"), configure.UpdateAuthSettingInput{ExpectedVersion: new(1), Name: new("n" + strconv.Itoa(i))})
			return err
		})
		if len(failed) != 3 {
			t.Errorf("%d of 4 changes failed: %v", len(failed), failed)
		}
	})
}

func TestAnotherAccountsAuthSettingsDoNotExist(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		setting := e.authSetting(basic("u", "p"))
		bank := e.in(e.newAccount("bank"))
		before := e.contents()
		for name, try := range map[string]func(there bool) error{
			"update": func(there bool) error {
				_, err := e.UpdateAuthSetting(bank, byAuth(pick(there, setting.ID)), configure.UpdateAuthSettingInput{Name: new("x")})
				return err
			},
			"delete": func(there bool) error {
				_, err := e.DeleteAuthSetting(bank, byKey(pickKey(there, setting.Key)))
				return err
			},
			"use": func(there bool) error {
				in := e.profileInput()
				in.Auth = &configure.AuthChoice{Existing: new(byAuth(pick(there, setting.ID)))}
				_, err := e.CreateNotificationProfile(bank, in)
				return err
			},
		} {
			other, missing := try(true), try(false)
			if other == nil || missing == nil || masked(other) != masked(missing) || !strings.Contains(other.Error(), "the account has no ") {
				e.Errorf("%s: %v for another account's, %v for nobody's", name, other, missing)
			}
		}
		if e.contents() != before {
			e.Error("something was changed")
		}
		var list usererror.List
		if _, err := e.DeleteAuthSetting(bank, byKey(setting.Key)); !errors.As(err, &list) || list[0].Code != usererror.NotFound {
			e.Errorf("%v", err)
		}
	})
}

func TestNoCredentialsAreInTheDatabase(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		const canary = "canary-0123456789abcdef"
		e.authSetting(basic("seen-not", canary))
		e.authSetting(hmacWith(func(in *configure.HMACInput) { in.Secret = new(canary) }))
		made := e.authSetting(hmacWith(func(in *configure.HMACInput) { in.Secret = nil }))
		for _, grant := range []func(*configure.OAuth2Input){
			func(in *configure.OAuth2Input) {
				in.ClientSecret = new(canary)
				in.Headers = []configure.HeaderInput{{Name: "X-A", Value: canary, Secret: true}}
			},
			func(in *configure.OAuth2Input) {
				in.GrantType, in.Username, in.Password = "PASSWORD", new("u"), new(canary)
			},
			func(in *configure.OAuth2Input) { in.GrantType, in.RefreshToken = "REFRESH_TOKEN", new(canary) },
		} {
			e.authSetting(oauth2With(grant))
		}
		contents := e.contents()
		if !strings.Contains(contents, "auth-6") {
			e.Fatal("the rows are not all there")
		}
		for _, secret := range []string{canary, made.Secret} {
			if strings.Contains(contents, secret) {
				e.Error("a secret is in the database in clear")
			}
		}
	})
}
