package clientcert

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"github.com/youmark/pkcs8"
)

// FromPEM reads a certificate, its chain and its private key from PEM (RFC 7468), in any order. The key may be in PKCS #1,
// SEC 1 or PKCS #8, and encrypted by PKCS #5 or in the way of old OpenSSL; a passphrase for what is not encrypted is not
// looked at. Errors are of type *Error.
func FromPEM(text, passphrase string, now time.Time) (*Bundle, error) {
	if err := checkSize(len(text), passphrase); err != nil {
		return nil, err
	}
	var (
		certificates []*x509.Certificate
		key          *pem.Block
		rest         = []byte(text)
	)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, errorf(Malformed, "certificate %d in it cannot be read: %v", len(certificates)+1, err)
			}
			if certificates = append(certificates, c); len(certificates) > 2*MaxChain {
				return nil, errorf(TooLarge, "it has more than %d certificates: give the chain of one only", 2*MaxChain)
			}
		case block.Type == "OPENSSH PRIVATE KEY":
			return nil, errorf(Unsupported, "the private key is in the form of OpenSSH: convert it with `ssh-keygen -p -m PKCS8 -f key.pem`")
		case block.Type == "TRUSTED CERTIFICATE":
			return nil, errorf(Unsupported, "the certificate is in OpenSSL's own form: convert it with `openssl x509 -in old.pem -out new.pem`")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if key != nil {
				return nil, errorf(Unusable, "there is more than one private key in it: give the certificate's own only")
			}
			key = block
		}
	}
	switch {
	case bytes.Contains(rest, []byte("-----BEGIN")):
		return nil, errorf(Malformed, "a block of PEM in it is damaged: give each whole, from its -----BEGIN line to its -----END line")
	case certificates == nil && key == nil:
		return nil, errorf(Malformed, "it is not PEM, which begins with a line like -----BEGIN CERTIFICATE-----: of a file in binary form, give PKCS #12 in base64")
	case key == nil:
		return finish(certificates, nil, now)
	}
	parsed, err := parseKeyBlock(key, passphrase)
	if err != nil {
		return nil, err
	}
	return finish(certificates, parsed, now)
}

// parseKeyBlock reads the private key in a PEM block.
func parseKeyBlock(block *pem.Block, passphrase string) (any, error) {
	if len(block.Bytes) > maxKey {
		return nil, errorf(TooLarge, "the private key has %d bytes: at most %d are allowed", len(block.Bytes), maxKey)
	}
	der, encrypted := block.Bytes, block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY"
	if encrypted && passphrase == "" {
		return nil, errorf(PassphraseMissing, "the private key is encrypted: give its passphrase")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" {
		return decryptPKCS8(der, passphrase)
	}
	if encrypted {
		var err error
		// The customers' keys are as they are. What is weak about this form is its protection at rest, which is not ours.
		if der, err = x509.DecryptPEMBlock(block, []byte(passphrase)); err != nil { //nolint:staticcheck // see above
			return nil, notDecrypted(err)
		}
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(der)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(der)
	default:
		return nil, errorf(Unsupported, "the private key is in a form that is not supported, %.40q: convert it with `openssl pkcs8 -topk8 -in key.pem -out new.pem`", block.Type)
	}
	switch {
	case err != nil && encrypted:
		return nil, errorf(PassphraseWrong, "the passphrase does not decrypt the private key: check it")
	case err != nil:
		return nil, errorf(Malformed, "the private key cannot be read: it is damaged, or of a kind that TLS does not use")
	}
	return key, nil
}

// notDecrypted explains why a key in the form of old OpenSSL was not decrypted.
func notDecrypted(err error) error {
	if errors.Is(err, x509.IncorrectPasswordError) {
		return errorf(PassphraseWrong, "the passphrase does not decrypt the private key: check it")
	}
	return errorf(Unsupported, "the private key is encrypted in a way that is not supported: convert it with `openssl pkcs8 -topk8 -in key.pem -out new.pem`")
}

// decryptPKCS8 reads a private key in encrypted PKCS #8 (RFC 5958).
func decryptPKCS8(der []byte, passphrase string) (any, error) {
	const remedy = "convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -out new.pem`"
	info, err := readEncrypted(der)
	if err != nil {
		return nil, errorf(Malformed, "the encrypted private key cannot be read: it is damaged")
	}
	if problem := info.check(pkcs8Algorithms); problem != "" {
		return nil, errorf(Unsupported, "the private key is encrypted with %s: %s", problem, remedy)
	}
	key, err := pkcs8.ParsePKCS8PrivateKey(der, []byte(passphrase))
	if err != nil {
		return nil, errorf(PassphraseWrong, "the passphrase does not decrypt the private key: check it")
	}
	return key, nil
}
