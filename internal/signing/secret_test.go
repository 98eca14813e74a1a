package signing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/signing"
)

// known is the secret of the Standard Webhooks specification's examples.
const known = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func parse(t testing.TB, text string) signing.Secret {
	t.Helper()
	s, err := signing.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func secretOf(length int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xa7}, length))
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	for length, weak := range map[int]bool{24: true, 31: true, 32: false, 64: false} {
		s := parse(t, secretOf(length))
		if s.Reveal() != secretOf(length) {
			t.Errorf("Reveal of %d bytes = %s", length, s.Reveal())
		}
		if s.Weak() != weak {
			t.Errorf("Weak of %d bytes = %v", length, s.Weak())
		}
	}
	for text, want := range map[string]string{
		"":                          "must start with whsec_",
		known[6:]:                   "must start with whsec_",
		"WHSEC_" + known[6:]:        "must start with whsec_",
		"whsec_":                    "it has 0 bytes, must have 24 to 64",
		secretOf(23):                "it has 23 bytes, must have 24 to 64",
		secretOf(65):                "it has 65 bytes, must have 24 to 64",
		"whsec_!" + known[7:]:       "padded base64 of 24 to 64 bytes",
		known + "\n":                "padded base64",
		known[:20] + "\r\nAAAA":     "padded base64",
		secretOf(25)[:6+34]:         "padded base64", // its == is gone
		secretOf(25)[:6+33] + "x==": "padded base64", // w==, with bits set that are none of the key's
		parse(t, known).String():    "padded base64",
		signing.Secret{}.String():   "padded base64",
		"whsec_-_" + known[8:]:      "padded base64",
		"whsec_ " + known[6:]:       "padded base64",
	} {
		_, err := signing.ParseSecret(text)
		if !errors.Is(err, signing.ErrSecret) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSecret(%q) = %v, want %q", text, err, want)
		}
	}
}

func TestParseSecretInvertsReveal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), signing.MinLength, signing.MaxLength).Draw(t, "bytes")
		text := "whsec_" + base64.StdEncoding.EncodeToString(raw)
		s, err := signing.ParseSecret(text)
		if err != nil || s.Reveal() != text {
			t.Fatalf("Reveal(ParseSecret(%q)) = %q, %v", text, s.Reveal(), err)
		}
	})
}

func TestNewSecret(t *testing.T) {
	t.Parallel()
	a, b := signing.NewSecret(), signing.NewSecret()
	if a.Weak() || a.IsZero() || a.Reveal() == b.Reveal() || a.Fingerprint() == b.Fingerprint() {
		t.Errorf("NewSecret made %q and %q", a.Reveal(), b.Reveal())
	}
	if again := parse(t, a.Reveal()); again.Fingerprint() != a.Fingerprint() {
		t.Errorf("%q has the fingerprint %s, or %s", a.Reveal(), a.Fingerprint(), again.Fingerprint())
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	got := parse(t, known).Fingerprint()
	if !regexp.MustCompile(`^[0-9a-f]{4}(:[0-9a-f]{4}){3}$`).MatchString(got) {
		t.Errorf("Fingerprint = %q", got)
	}
	const want = "4a74:2d6a:35a3:f804" // shown to people and stored by them: it must stay as it is
	if got != want {
		t.Errorf("Fingerprint = %q, want %q", got, want)
	}
}

// TestSecretNeverLeaks prints, logs and marshals a secret in every way at hand, also from inside other values.
func TestSecretNeverLeaks(t *testing.T) {
	t.Parallel()
	secret := parse(t, known)
	signing.Sign("evt_1", noon, nil, secret) // fills what is cached
	raw, err := base64.StdEncoding.DecodeString(known[6:])
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct{ secret signing.Secret }
	type shown struct {
		Secret  signing.Secret
		Pointer *signing.Secret
		List    []signing.Secret
		ByName  map[string]signing.Secret
		BySelf  map[signing.Secret]string
	}
	outer := shown{secret, &secret, []signing.Secret{secret}, map[string]signing.Secret{"a": secret}, map[signing.Secret]string{secret: "a"}}
	texts := map[string]string{"String": secret.String(), "zero": signing.Secret{}.String()}
	for verb := range strings.FieldsSeq("%v %+v %#v %s %q %x %X %d %t %p %c %08b") {
		for _, value := range []any{secret, &secret, hidden{secret}, &hidden{secret}, outer, &outer, []any{secret}, signing.Secret{}} {
			texts[fmt.Sprintf("%s of %T", verb, value)] = fmt.Sprintf(verb, value)
		}
	}
	if got, want := fmt.Sprintf("%v|%d|%#v", secret, secret, secret), strings.Repeat(secret.String()+"|", 3); got+"|" != want {
		t.Errorf("printed as %s, want %s", got, want)
	}
	encoded, err := json.Marshal(outer)
	if err != nil || strings.Count(string(encoded), secret.String()) != 5 {
		t.Errorf("marshalled as %s, %v", encoded, err)
	}
	texts["JSON"] = string(encoded)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("m", "secret", secret, "outer", outer, "hidden", hidden{secret}, "zero", signing.Secret{})
		if !strings.Contains(b.String(), secret.Fingerprint()) {
			t.Errorf("%s: %s", name, b.String())
		}
		texts[name] = b.String()
	}
	leaks := []string{known[6:], known[6:20], hex.EncodeToString(raw[:4]), string(raw[:4]), fmt.Sprint(raw[:3])[1:8], fmt.Sprintf("%x", known[6:12])}
	for name, text := range texts {
		for _, leak := range leaks {
			if strings.Contains(strings.ToLower(text), strings.ToLower(leak)) {
				t.Errorf("%s reveals %q: %s", name, leak, text)
			}
		}
	}
}
