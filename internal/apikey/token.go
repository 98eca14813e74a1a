// Package apikey makes API keys, `hk_<id>_<secret>`, and finds out who is asking by them. The database holds a key's id
// and the SHA-256 of its secret, never the secret: 32 random bytes need no slower hash.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Prefix begins every API key.
const Prefix = "hk_"

// The limits of a key's parts, in characters.
const (
	maxTokenID = 32
	minSecret  = 32
	maxSecret  = 256
)

// tokenIDLength is the length of the ids that Generate makes: 8 random bytes in base 32.
const tokenIDLength = 13

// ErrToken is wrapped by the errors of ParseToken.
var ErrToken = errors.New("not an API key")

// Generate makes a key of 32 random bytes: the key itself, which is to be shown once and not kept, its id, and the hash
// of its secret.
func Generate() (token, tokenID string, hash []byte) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	tokenID = strings.ToLower(rand.Text())[:tokenIDLength]
	secret := hex.EncodeToString(random[:])
	return Prefix + tokenID + "_" + secret, tokenID, hashSecret(secret)
}

// ParseToken splits a key into its id, 1–32 of a-z and 0-9, and its secret, 32–256 characters of those that RFC 6750
// allows in a bearer token. Its errors wrap ErrToken and show nothing of the key.
func ParseToken(token string) (tokenID, secret string, err error) {
	rest, found := strings.CutPrefix(token, Prefix)
	tokenID, secret, foundSecret := strings.Cut(rest, "_")
	switch {
	case !found || !foundSecret:
		return "", "", fmt.Errorf("%w: it must have the form hk_<id>_<secret>", ErrToken)
	case tokenID == "" || len(tokenID) > maxTokenID || strings.ContainsFunc(tokenID, notInTokenID):
		return "", "", fmt.Errorf("%w: the id in hk_<id>_<secret> must be 1 to %d of a-z and 0-9", ErrToken, maxTokenID)
	case len(secret) < minSecret || len(secret) > maxSecret:
		return "", "", fmt.Errorf("%w: the secret in hk_<id>_<secret> has %d characters, it must have %d to %d",
			ErrToken, len(secret), minSecret, maxSecret)
	case strings.ContainsFunc(secret, notInSecret):
		return "", "", fmt.Errorf("%w: the secret in hk_<id>_<secret> may have letters, digits and -._~+/= only", ErrToken)
	}
	return tokenID, secret, nil
}

// ValidateAdminKey says what is wrong with a key that an operator chose as HOOKLINE_ADMIN_KEY, nil if nothing is.
func ValidateAdminKey(token string) error {
	if _, _, err := ParseToken(token); err != nil {
		return fmt.Errorf("HOOKLINE_ADMIN_KEY: %w", err)
	}
	return nil
}

// TokenPrefix is how the key with this id begins: what may be shown of it.
func TokenPrefix(tokenID string) string { return Prefix + tokenID + "_" }

func notInTokenID(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }

func notInSecret(r rune) bool {
	return notInTokenID(r) && (r < 'A' || r > 'Z') && !strings.ContainsRune("-._~+/=", r)
}

func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
