package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/vault"
)

// encoded returns n bytes of value b in base64.
func encoded(b byte, n int) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, n))
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]vault.Key{
		"a:" + encoded(1, 32): {key("a", 1)},
		" 2026-Nov_1:" + encoded(1, 32) + ",\n b:" + encoded(2, 32) + "\n": {key("2026-Nov_1", 1), key("b", 2)},
	} {
		got, err := vault.ParseKeys(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("ParseKeys(%q) = %v, %v", text, got, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	good := encoded(0xAB, 32)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "no encryption key"},
		"white space":          {" \n", "no encryption key"},
		"no id":                {good, "id:base64"},
		"an empty id":          {":" + good, "0 characters"},
		"an id too long":       {strings.Repeat("a", 33) + ":" + good, "33 characters, it must have 1 to 32"},
		"a space in the id":    {"a b:" + good, "letters, digits"},
		"too few bytes":        {"a:" + encoded(0xAB, 31), "31 bytes, it must have 32"},
		"too many bytes":       {"a:" + encoded(0xAB, 33), "33 bytes, it must have 32"},
		"no padding":           {"a:" + strings.TrimRight(good, "="), "padded base64"},
		"other characters":     {"a:" + good[:20] + "!" + good[21:], "padded base64"},
		"an empty second key":  {"a:" + good + ",", "encryption key 2"},
		"the secret as the id": {good + ":a", "id"},
	} {
		_, err := vault.ParseKeys(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), good[:12]) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

func TestKeyIsPrintedWithoutItsSecret(t *testing.T) {
	t.Parallel()
	k := key("a", 0xAB)
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("start", "key", k, "keys", []vault.Key{k})
	marshalled, err := json.Marshal(map[string]any{"key": k, "keys": []vault.Key{k}})
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%v %+v %#v %s %x %d %v %#v", k, k, k, k, k, k, []vault.Key{k}, struct{ K vault.Key }{k}) +
		logged.String() + string(marshalled)
	for _, secret := range []string{"171", "ab, ", "0xab", "abab", encoded(0xAB, 32)[:8]} {
		if strings.Contains(shown, secret) {
			t.Errorf("the secret is shown as %q in %s", secret, shown)
		}
	}
	if !strings.Contains(shown, "encryption key a") {
		t.Errorf("the id is not shown in %s", shown)
	}
}
