package apikey_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/apikey"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	token, tokenID, hash := apikey.Generate()
	gotID, secret, err := apikey.ParseToken(token)
	if err != nil || gotID != tokenID {
		t.Fatalf("ParseToken of a generated key: %q, %v, want %q", gotID, err, tokenID)
	}
	if sum := sha256.Sum256([]byte(secret)); !bytes.Equal(hash, sum[:]) {
		t.Error("the hash is not the SHA-256 of the secret")
	}
	if len(secret) != 64 {
		t.Errorf("the secret has %d characters, want 32 bytes in hex", len(secret))
	}
	other, otherID, _ := apikey.Generate()
	if other == token || otherID == tokenID {
		t.Error("two keys are the same")
	}
	if !strings.HasPrefix(token, apikey.TokenPrefix(tokenID)) {
		t.Errorf("the key does not begin with %s", apikey.TokenPrefix(tokenID))
	}
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, secret string }{
		{"a", strings.Repeat("x", 32)},
		{strings.Repeat("9", 32), strings.Repeat("Z", 256)},
		{"admin", "with_underscores-._~+/=_0123456789"},
	} {
		id, secret, err := apikey.ParseToken("hk_" + c.id + "_" + c.secret)
		if err != nil || id != c.id || secret != c.secret {
			t.Errorf("ParseToken(hk_%s_%s) = %q, %q, %v", c.id, c.secret, id, secret, err)
		}
	}
}

func TestParseTokenRefuses(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("S3cret", 6)
	for token, want := range map[string]string{
		"":                    "hk_<id>_<secret>",
		secret:                "hk_<id>_<secret>",
		"hk_":                 "hk_<id>_<secret>",
		"hk_admin":            "hk_<id>_<secret>",
		"HK_admin_" + secret:  "hk_<id>_<secret>",
		"hk__" + secret:       "1 to 32 of a-z and 0-9",
		"hk_Admin_" + secret:  "1 to 32 of a-z and 0-9",
		"hk_ad-min_" + secret: "1 to 32 of a-z and 0-9",
		"hk_\x00_" + secret:   "1 to 32 of a-z and 0-9",
		"hk_" + strings.Repeat("a", 33) + "_" + secret: "1 to 32 of a-z and 0-9",
		"hk_admin_":                            "0 characters, it must have 32 to 256",
		"hk_admin_" + secret[:31]:              "31 characters, it must have 32 to 256",
		"hk_admin_" + strings.Repeat("S", 257): "257 characters, it must have 32 to 256",
		"hk_admin_" + secret + " ":             "letters, digits",
		"hk_admin_" + secret + "é":             "letters, digits",
	} {
		_, _, err := apikey.ParseToken(token)
		if !errors.Is(err, apikey.ErrToken) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseToken(%q): %v, want ErrToken with %q", token, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "S3cret") {
			t.Errorf("ParseToken(%q) shows the secret: %v", token, err)
		}
		if err := apikey.ValidateAdminKey(token); err == nil || !strings.Contains(err.Error(), "HOOKLINE_ADMIN_KEY") {
			t.Errorf("ValidateAdminKey(%q): %v, want an error that names the setting", token, err)
		}
	}
}

func TestParseTokenAcceptsNoOtherForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`hk_[a-z0-9_]{0,40}_[!-~]{30,40}`)).Draw(t, "text")
		id, secret, err := apikey.ParseToken(text)
		if err == nil && "hk_"+id+"_"+secret != text {
			t.Fatalf("ParseToken(%q) = %q, %q", text, id, secret)
		}
	})
}
