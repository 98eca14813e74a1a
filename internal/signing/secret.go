// Package signing signs notifications by the Standard Webhooks specification 1.0 (https://www.standardwebhooks.com):
// HMAC-SHA256 over `id.timestamp.body`, in the headers webhook-id, webhook-timestamp and webhook-signature.
package signing

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// Prefix begins the text form of every secret.
const Prefix = "whsec_"

// The lengths of a secret in bytes, before base64.
const (
	MinLength  = 24
	MaxLength  = 64
	GoodLength = 32 // shorter is allowed, but weak; generated secrets have this length
)

// ErrSecret is wrapped by the errors of ParseSecret.
var ErrSecret = errors.New("not a signing secret")

// Secret is the key that notifications of a subscription are signed with. Only Reveal gives it away: however a Secret
// is printed, logged or marshalled, alone or inside another value, no more than its fingerprint is seen.
//
// Secrets come from ParseSecret and NewSecret. The zero Secret is none at all: it can be printed, but not signed with.
// A Secret is safe for concurrent use, and its copies share what they cache.
type Secret struct{ key *key }

// key is what copies of a Secret share.
type key struct {
	// bytes returns the key. It is a function, because fmt asks the unexported fields of a struct for no methods and
	// looks through a pointer if the verb does not suit it; of a function it prints no more than the address.
	bytes   func() []byte
	signers sync.Pool // of *signer
}

func newSecret(raw []byte) Secret {
	return Secret{&key{bytes: func() []byte { return raw }}}
}

// ParseSecret reads a secret in the form whsec_ and base64 (standard alphabet, padded) of 24 to 64 bytes. Its errors
// wrap ErrSecret and do not contain the text.
func ParseSecret(text string) (Secret, error) {
	encoded, found := strings.CutPrefix(text, Prefix)
	if !found {
		return Secret{}, fmt.Errorf("%w: it must start with %s", ErrSecret, Prefix)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") {
		return Secret{}, fmt.Errorf("%w: after %s it must be padded base64 of %d to %d bytes", ErrSecret, Prefix, MinLength, MaxLength)
	}
	if len(raw) < MinLength || len(raw) > MaxLength {
		return Secret{}, fmt.Errorf("%w: it has %d bytes, must have %d to %d", ErrSecret, len(raw), MinLength, MaxLength)
	}
	return newSecret(raw), nil
}

// NewSecret generates a secret of 32 random bytes.
func NewSecret() Secret {
	raw := make([]byte, GoodLength)
	rand.Read(raw) // never fails, by its documentation
	return newSecret(raw)
}

// IsZero reports whether s is the zero Secret.
func (s Secret) IsZero() bool { return s.key == nil }

// Weak reports whether the secret is shorter than 32 bytes, which is allowed but earns a warning.
func (s Secret) Weak() bool { return len(s.key.bytes()) < GoodLength }

// Reveal returns the secret in the form that ParseSecret reads, for the one time that it is shown and for encrypting it.
func (s Secret) Reveal() string { return Prefix + base64.StdEncoding.EncodeToString(s.key.bytes()) }

// Fingerprint returns a short name of the secret by which people can tell two apart, like 8c5e:01fa:97d0:b3c2. It is
// safe to show: the first 8 bytes of a SHA-256 over a text of ours and the key.
func (s Secret) Fingerprint() string {
	sum := sha256.Sum256(append([]byte("hookline signing secret fingerprint\x00"), s.key.bytes()...))
	return fmt.Sprintf("%x:%x:%x:%x", sum[0:2], sum[2:4], sum[4:6], sum[6:8])
}

// String names the secret without revealing it.
func (s Secret) String() string {
	if s.IsZero() {
		return Prefix + "[none]"
	}
	return Prefix + "[redacted " + s.Fingerprint() + "]"
}

// Format makes every verb of fmt print what String returns.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue makes slog write what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText makes encoding/json and others write what String returns. There is no way back.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
