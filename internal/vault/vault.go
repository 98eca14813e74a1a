// Package vault encrypts secrets at rest with AES-256-GCM (NIST SP 800-38D).
//
// A sealed value is bound to the place where it is kept, by associated data: moved to another row or column it does not
// open. It names the key that sealed it, so that keys are rotated by putting a new one before the old ones: the first
// key of the ring seals, all of them open.
//
// A sealed value is the version 1, the length of the key's id, the id, a random nonce of 12 bytes, and the ciphertext
// with its tag of 16 bytes. Everything before the nonce is authenticated together with the binding.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"slices"
)

// version is the first byte of a sealed value.
const version = 1

// ErrUnknownKey is returned for a value that was sealed with a key that the vault does not have.
var ErrUnknownKey = errors.New("sealed with an encryption key that is not configured")

// ErrSealed is returned for a value that does not open: it was changed, cut off, or sealed for another place.
var ErrSealed = errors.New("sealed value is damaged or belongs somewhere else")

// Vault seals and opens secrets. It is safe for concurrent use.
type Vault struct {
	first string
	keys  map[string]cipher.AEAD
}

// New returns a vault with a ring of keys, of which the first one seals. There must be at least one, and no two with
// the same ID.
func New(keys []Key) (*Vault, error) {
	if len(keys) == 0 {
		return nil, errors.New("no encryption key")
	}
	v := &Vault{first: keys[0].ID, keys: make(map[string]cipher.AEAD, len(keys))}
	for _, k := range keys {
		if err := checkKeyID(k.ID); err != nil {
			return nil, err
		}
		if _, found := v.keys[k.ID]; found {
			return nil, fmt.Errorf("two encryption keys have the id %q: give each its own", k.ID)
		}
		block, err := aes.NewCipher(k.Secret[:])
		if err != nil {
			return nil, err
		}
		if v.keys[k.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Seal encrypts plaintext for the place that binding names, such as `event_subscriptions/<uuid>/secret`.
func (v *Vault) Seal(plaintext []byte, binding string) []byte {
	header := append([]byte{version, byte(len(v.first))}, v.first...)
	return v.keys[v.first].Seal(header, nil, plaintext, associated(header, binding)) //nolint:gosec // G407: this AEAD makes a random nonce itself
}

// Open decrypts what Seal made with the same binding. Its errors wrap ErrUnknownKey or ErrSealed.
func (v *Vault) Open(sealed []byte, binding string) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != version || len(sealed) < 2+int(sealed[1]) {
		return nil, fmt.Errorf("%w: %s", ErrSealed, binding)
	}
	start := 2 + int(sealed[1])
	header, body := sealed[:start], sealed[start:]
	key, found := v.keys[string(header[2:])]
	if !found {
		return nil, fmt.Errorf("%w: %s has key id %q", ErrUnknownKey, binding, header[2:])
	}
	plaintext, err := key.Open(nil, nil, body, associated(header, binding))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrSealed, binding)
	}
	return plaintext, nil
}

// First returns the id of the key that seals.
func (v *Vault) First() string { return v.first }

// KeyID returns the id of the key that sealed a value, without opening it; ok is false for what is no sealed value.
func KeyID(sealed []byte) (keyID string, ok bool) {
	if len(sealed) < 2 || sealed[0] != version || len(sealed) < 2+int(sealed[1]) {
		return "", false
	}
	return string(sealed[2 : 2+int(sealed[1])]), true
}

// associated is the associated data of a value: the header says where it ends itself and the binding begins.
func associated(header []byte, binding string) []byte {
	return append(slices.Clip(header), binding...)
}
