package credentials_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/vault"
)

func TestHMAC(t *testing.T) {
	t.Parallel()
	const jefe, question = "Jefe", "what do ya want for nothing?" // RFC 2202 and RFC 4231, test case 2
	github, _ := credentials.PresetHMAC(credentials.PresetGitHub)
	github.Secret = "It's a Secret to Everybody" // the example of GitHub's documentation
	stripe, _ := credentials.PresetHMAC(credentials.PresetStripe)
	stripe.Secret = jefe
	of := func(algorithm, encoding, content string) credentials.HMAC {
		return credentials.HMAC{Secret: jefe, Algorithm: algorithm, Encoding: encoding, Content: content}
	}
	for name, c := range map[string]struct {
		hmac       credentials.HMAC
		id, body   string
		at         int64
		want, fail string
	}{
		"SHA1": {hmac: of("SHA1", "HEX", "BODY"), body: question, want: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		"SHA256": {
			hmac: of("SHA256", "HEX", "BODY"), body: question,
			want: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		},
		"SHA384": {
			hmac: of("SHA384", "HEX", "BODY"), body: question,
			want: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		},
		"SHA512": {
			hmac: of("SHA512", "HEX", "BODY"), body: question,
			want: "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
		},
		"in base64":             {hmac: of("SHA1", "BASE64", "BODY"), body: question, want: "7/zfauXrL6LSdBbV8YTfnCWafHk="},
		"GitHub's example":      {hmac: github, body: "Hello, World!", want: "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		"like Stripe":           {hmac: stripe, at: 1492774577, body: "{}", want: "t=1492774577,v1=" + sum(t, of("SHA256", "HEX", "BODY"), "1492774577.{}")},
		"timestamp and body":    {hmac: of("SHA256", "HEX", "TIMESTAMP_BODY"), id: "evt_1", at: 7, body: "{}", want: sum(t, of("SHA256", "HEX", "BODY"), "7.{}")},
		"id, timestamp, body":   {hmac: of("SHA256", "HEX", "ID_TIMESTAMP_BODY"), id: "evt_1", at: 7, body: "{}", want: sum(t, of("SHA256", "HEX", "BODY"), "evt_1.7.{}")},
		"an unknown algorithm":  {hmac: of("MD5", "HEX", "BODY"), fail: "MD5"},
		"an unknown encoding":   {hmac: of("SHA256", "OCTAL", "BODY"), fail: "OCTAL"},
		"an unknown content":    {hmac: of("SHA256", "HEX", "NOTHING"), fail: "NOTHING"},
		"an unknown convention": {hmac: credentials.HMAC{Algorithm: "SHA256", Encoding: "HEX", Content: "BODY", Preset: "ACME"}, fail: "ACME"},
	} {
		got, err := c.hmac.Sign(c.id, time.Unix(c.at, 999), []byte(c.body))
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) || got != "" {
				t.Errorf("%s: %q, %v", name, got, err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
}

// sum returns the signature of a body.
func sum(t *testing.T, h credentials.HMAC, body string) string {
	t.Helper()
	signature, err := h.Sign("", time.Time{}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of           credentials.Credentials
		header, want string
		secret       bool
	}{
		"the example of RFC 7617":       {credentials.Credentials{Basic: &credentials.Basic{Username: "Aladdin", Password: "open sesame"}}, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", true},
		"its example beyond ASCII":      {credentials.Credentials{Basic: &credentials.Basic{Username: "test", Password: "123£"}}, "Authorization", "Basic dGVzdDoxMjPCow==", true},
		"a header's name in lower case": {credentials.Credentials{HMAC: &credentials.HMAC{Secret: "Jefe", HeaderName: "x-sig", Algorithm: "SHA1", Encoding: "HEX", Content: "BODY"}}, "X-Sig", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79", false},
	} {
		header, value, secret, err := c.of.Header("evt_1", time.Time{}, []byte("what do ya want for nothing?"))
		if err != nil || header != c.header || value != c.want || secret != c.secret || c.of.HeaderName() != c.header {
			t.Errorf("%s: %s: %s, %v, %v", name, header, value, secret, err)
		}
	}
	oauth2 := credentials.Credentials{OAuth2: &credentials.OAuth2{}}
	if _, value, _, err := oauth2.Header("evt_1", time.Time{}, nil); err == nil || value != "" {
		t.Errorf("OAUTH2: %q, %v", value, err)
	}
}

func TestSealedCredentials(t *testing.T) {
	t.Parallel()
	v, err := vault.New([]vault.Key{{ID: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	setting := id.New()
	given := &credentials.Credentials{Basic: &credentials.Basic{Username: "u", Password: "canary"}, SetAt: time.Unix(7, 0).UTC()}
	sealed, err := credentials.Seal(v, setting, given)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(sealed), "canary") {
		t.Error("the password is in what was sealed")
	}
	opened, err := credentials.Open(v, setting, sealed)
	if err != nil || *opened.Basic != *given.Basic || !opened.SetAt.Equal(given.SetAt) {
		t.Errorf("opened %v, %v", opened, err)
	}
	if _, err := credentials.Open(v, id.New(), sealed); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("as another setting's: %v", err)
	}
	for _, unknown := range []string{"canary", "{}", `{"kerberos":{"canary":1}}`} {
		_, err := credentials.Open(v, setting, v.Seal([]byte(unknown), credentials.Binding(setting)))
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", unknown, err)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if shown := fmt.Sprintf(verb, given); shown != "credentials[BASIC]" {
			t.Errorf("%s shows %s", verb, shown)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	one, other := credentials.HMAC{Secret: "0123456789abcdef"}, credentials.HMAC{Secret: "0123456789abcdeg"}
	if one.Fingerprint() == other.Fingerprint() || one.Fingerprint() != (&credentials.HMAC{Secret: one.Secret, HeaderName: "x"}).Fingerprint() || len(one.Fingerprint()) != 19 {
		t.Errorf("%s, %s", one.Fingerprint(), other.Fingerprint())
	}
}

// What of an auth setting an endpoint or a token server could repeat, in the forms in which it is sent.
func TestSecrets(t *testing.T) {
	t.Parallel()
	o := credentials.Credentials{OAuth2: &credentials.OAuth2{
		TokenURL: "https://id.example.com/token?key=canary-1", ClientID: "me", ClientSecret: "canary 2", Password: "canary-3", RefreshToken: "canary-4",
		Headers: []credentials.Header{{Name: "X-A", Value: "canary-5", Secret: true}, {Name: "authorization", Value: "Bearer canary-6"}, {Name: "X-B", Value: "shown"}},
		Issued:  &credentials.Issued{Token: "canary-7"},
	}}
	secrets := strings.Join(o.Secrets(), "\n")
	for _, want := range []string{"key=canary-1", "canary 2", "bWU6Y2FuYXJ5KzI=", "canary-3", "canary-4", "canary-5", "\ncanary-6", "canary-7"} { // me:canary+2
		if !strings.Contains(secrets, want) {
			t.Errorf("%s is not among %q", want, secrets)
		}
	}
	if strings.Contains(secrets, "shown") {
		t.Errorf("a header that is shown is among %q", secrets)
	}
}
