package clientcert

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"os"
	"testing"
	"time"
)

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// pbes2 is AES-256 with a key from the passphrase in so many iterations.
func pbes2(t *testing.T, iterations int) pkix.AlgorithmIdentifier {
	type algorithm = pkix.AlgorithmIdentifier
	hash := algorithm{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}}
	derivation := algorithm{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: marshal(t, struct {
		Salt       []byte
		Iterations int
		Hash       algorithm
	}{make([]byte, 8), iterations, hash})}}
	encryption := algorithm{
		Algorithm:  asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42},
		Parameters: asn1.RawValue{FullBytes: marshal(t, make([]byte, 16))},
	}
	return algorithm{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: marshal(t, struct{ Derivation, Encryption algorithm }{derivation, encryption})}}
}

// explicit wraps DER in the tag 0.
func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: der}
}

// closedPart is a part that is encrypted as a whole, with the bags in it.
func closedPart(t *testing.T, passphrase string, bags []safeBag) contentInfo {
	t.Helper()
	key, err := pbkdf2.Key(sha256.New, passphrase, make([]byte, 8), 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := marshal(t, bags)
	padding := 16 - len(plain)%16
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(plain, plain)
	var data encryptedData
	data.Content.Type, data.Content.Algorithm, data.Content.Data = oidData, pbes2(t, 1), plain
	return contentInfo{Type: oidEncryptedData, Content: explicit(marshal(t, data))}
}

// A private key among the certificates, which are encrypted as a whole, cannot be checked before it is met. It must not be
// decrypted: its parameters may ask for years of computing.
func TestAHiddenKeyIsNotDecrypted(t *testing.T) {
	t.Parallel()
	const passphrase = "pässphrase 1"
	raw, err := os.ReadFile("testdata/modern.p12")
	if err != nil {
		t.Fatal(err)
	}
	var file pfx
	var content []byte
	var parts []contentInfo
	if unmarshal(raw, &file) != nil || unmarshal(file.AuthSafe.Content.Bytes, &content) != nil || unmarshal(content, &parts) != nil {
		t.Fatal("the file cannot be read")
	}
	hidden := marshal(t, struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pbes2(t, 1<<40), make([]byte, 64)})
	trap := closedPart(t, passphrase, []safeBag{{Type: oidEncryptedKey, Value: explicit(hidden)}})
	withTrap := func(t *testing.T, parts ...contentInfo) []byte {
		file.AuthSafe.Content = explicit(marshal(t, marshal(t, parts)))
		return marshal(t, file)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		parts []contentInfo
		code  Code
	}{
		"before the key": {[]contentInfo{trap, parts[1]}, Unusable},
		"after it":       {[]contentInfo{parts[1], trap}, Unusable},
		"alone":          {[]contentInfo{trap}, Incomplete},
	} {
		_, err := FromPKCS12(withTrap(t, c.parts...), passphrase, now)
		if wrong, ok := errors.AsType[*Error](err); !ok || wrong.Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := FromPKCS12(withTrap(t, parts...), passphrase, now); err != nil {
		t.Errorf("without it: %v", err)
	}
}
