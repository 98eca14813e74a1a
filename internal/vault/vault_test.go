package vault_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/vault"
)

const place = "event_subscriptions/0190aaaa-0000-7000-8000-000000000001/secret"

func newVault(t testing.TB, keys ...vault.Key) *vault.Vault {
	t.Helper()
	v, err := vault.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// key returns a key of which every byte is b.
func key(id string, b byte) vault.Key {
	return vault.Key{ID: id, Secret: [32]byte(bytes.Repeat([]byte{b}, 32))}
}

func TestOpenReturnsWhatWasSealed(t *testing.T) {
	t.Parallel()
	v := newVault(t, key("a", 1))
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		binding := rapid.String().Draw(t, "binding")
		got, err := v.Open(v.Seal(plaintext, binding), binding)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Fatalf("Open(Seal(%q)) = %q, %v", plaintext, got, err)
		}
	})
}

func TestSealHidesThePlaintext(t *testing.T) {
	t.Parallel()
	v := newVault(t, key("a", 1))
	plaintext := []byte("whsec_a canary in a coal mine")
	first, second := v.Seal(plaintext, place), v.Seal(plaintext, place)
	if bytes.Contains(first, []byte("canary")) {
		t.Error("the plaintext can be read")
	}
	if bytes.Equal(first, second) {
		t.Error("sealing twice gives the same: it tells which secrets are equal")
	}
}

func TestOpenRefusesWhatBelongsElsewhere(t *testing.T) {
	t.Parallel()
	v := newVault(t, key("a", 1))
	sealed := v.Seal([]byte("secret"), place)
	for _, other := range []string{"", place + "x", place[1:], strings.ToUpper(place)} {
		if _, err := v.Open(sealed, other); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("Open for %q: %v, want ErrSealed", other, err)
		}
	}
}

func TestOpenRefusesAnyChange(t *testing.T) {
	t.Parallel()
	v := newVault(t, key("a", 1), key("b", 2))
	sealed := v.Seal([]byte("secret"), place)
	for i := range sealed {
		for bit := range 8 {
			changed := slices.Clone(sealed)
			changed[i] ^= 1 << bit
			if _, err := v.Open(changed, place); err == nil {
				t.Errorf("opens with bit %d of byte %d changed", bit, i)
			}
		}
		if _, err := v.Open(sealed[:i], place); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("Open of the first %d bytes: %v, want ErrSealed", i, err)
		}
	}
	if _, err := v.Open(append(sealed, 0), place); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("Open with a byte too many: %v, want ErrSealed", err)
	}
}

func TestOpenNeverPanics(t *testing.T) {
	t.Parallel()
	v := newVault(t, key("a", 1))
	rapid.Check(t, func(t *rapid.T) {
		rest := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "sealed")
		for _, sealed := range [][]byte{rest, append([]byte{1}, rest...)} {
			if _, err := v.Open(sealed, place); err == nil {
				t.Fatalf("opens %x", sealed)
			}
		}
	})
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	old := newVault(t, key("old", 1))
	both := newVault(t, key("new", 2), key("old", 1))
	next := newVault(t, key("new", 2))
	before := old.Seal([]byte("before"), place)
	after := both.Seal([]byte("after"), place)

	for name, sealed := range map[string][]byte{"before": before, "after": after} {
		if got, err := both.Open(sealed, place); err != nil || string(got) != name {
			t.Errorf("with both keys: %q, %v, want %q", got, err, name)
		}
	}
	if got, err := next.Open(after, place); err != nil || string(got) != "after" {
		t.Errorf("the first key does not seal: %q, %v", got, err)
	}
	_, err := next.Open(before, place)
	if !errors.Is(err, vault.ErrUnknownKey) || !strings.Contains(err.Error(), `"old"`) {
		t.Errorf("without the old key: %v, want ErrUnknownKey that names it", err)
	}
}

func TestOpenRefusesAnotherKeyOfTheSameID(t *testing.T) {
	t.Parallel()
	sealed := newVault(t, key("a", 1)).Seal([]byte("secret"), place)
	if _, err := newVault(t, key("a", 2)).Open(sealed, place); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("Open: %v, want ErrSealed", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]vault.Key{
		"no keys":            nil,
		"two of the same id": {key("a", 1), key("a", 2)},
		"no id":              {key("", 1)},
		"long id":            {key(strings.Repeat("a", 33), 1)},
	} {
		if _, err := vault.New(keys); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	newVault(t, key(strings.Repeat("a", 32), 1))
}
