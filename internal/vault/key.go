package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// maxKeyID is the greatest length of a key's id.
const maxKeyID = 32

// Key is an encryption key with the id by which sealed values name it. However it is printed or logged, only the id is
// seen.
type Key struct {
	ID     string
	Secret [32]byte
}

// ParseKeys reads keys in the form `id:base64,id:base64`: ids of 1–32 letters, digits, - and _, and 32 bytes each in
// padded base64. White space around them is ignored. Its errors do not contain the secrets.
func ParseKeys(text string) ([]Key, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("no encryption key: give one as id:base64 of 32 bytes")
	}
	var keys []Key
	for entry := range strings.SplitSeq(text, ",") {
		key, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("encryption key %d: %w", len(keys)+1, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(text string) (Key, error) {
	keyID, encoded, found := strings.Cut(text, ":")
	if !found {
		return Key{}, errors.New("it must have the form id:base64 of 32 bytes")
	}
	if err := checkKeyID(keyID); err != nil {
		return Key{}, err
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Key{}, fmt.Errorf("after %q: the secret must be padded base64 of 32 bytes", keyID+":")
	}
	if len(raw) != 32 {
		return Key{}, fmt.Errorf("after %q: the secret has %d bytes, it must have 32", keyID+":", len(raw))
	}
	return Key{ID: keyID, Secret: [32]byte(raw)}, nil
}

// checkKeyID does not repeat an id that it refuses, which may be a secret without its id.
func checkKeyID(keyID string) error {
	if keyID == "" || len(keyID) > maxKeyID {
		return fmt.Errorf("its id has %d characters, it must have 1 to %d", len(keyID), maxKeyID)
	}
	for _, c := range []byte(keyID) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return errors.New("its id must consist of letters, digits, - and _")
		}
	}
	return nil
}

// String names the key without its secret.
func (k Key) String() string { return "encryption key " + k.ID }

// Format makes every verb of fmt print what String returns.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue makes slog write what String returns.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText makes encoding/json and others write what String returns.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
