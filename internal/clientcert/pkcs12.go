package clientcert

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// remedy is the command that converts what another program has written.
const remedy = "convert it with `openssl pkcs12 -legacy -in old.p12 -noenc | openssl pkcs12 -export -out new.p12`"

// FromPKCS12 reads a certificate, its chain and its private key from PKCS #12 (RFC 7292), which in files ends with .p12 or
// .pfx. Errors are of type *Error.
func FromPKCS12(der []byte, passphrase string, now time.Time) (*Bundle, error) {
	if err := checkSize(len(der), passphrase); err != nil {
		return nil, err
	}
	ordered, err := keyFirst(der, passphrase)
	if err != nil {
		return nil, err
	}
	key, own, others, err := pkcs12.DecodeChain(ordered, passphrase)
	if err != nil {
		return nil, explainPKCS12(err, passphrase)
	}
	return finish(append([]*x509.Certificate{own}, others...), key, now)
}

// The parts of a PKCS #12 file (RFC 7292, 4) that are looked at before anything is decrypted.
type (
	pfx struct {
		Version  int
		AuthSafe contentInfo
		MAC      macData `asn1:"optional"`
	}
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	macData struct {
		Digest struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Salt       []byte
		Iterations int `asn1:"optional,default:1"`
	}
	safeBag struct {
		Type       asn1.ObjectIdentifier
		Value      asn1.RawValue   `asn1:"tag:0,explicit"`
		Attributes []asn1.RawValue `asn1:"set,optional"`
	}
	encryptedData struct {
		Version int
		Content struct {
			Type      asn1.ObjectIdentifier
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte `asn1:"tag:0,optional"`
		}
	}
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidEncryptedKey  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
)

var errNotPKCS12 = errorf(Malformed, "it is not PKCS #12 in DER, or damaged: if another program reads it, "+remedy)

// keyFirst returns the file in another order: first what is not encrypted as a whole, which is where the private key is.
// The library decodes one key only, so that no second one, hidden in what is encrypted, makes it compute for hours; all
// else is checked here. The integrity check, which is made anew, would tell no more: whoever uploads a file vouches for it.
func keyFirst(der []byte, passphrase string) ([]byte, error) {
	var file pfx
	var content []byte
	var parts, open, closed []contentInfo
	if unmarshal(der, &file) != nil || !file.AuthSafe.Type.Equal(oidData) ||
		unmarshal(file.AuthSafe.Content.Bytes, &content) != nil || unmarshal(content, &parts) != nil {
		return nil, errNotPKCS12
	}
	keys, certificates := 0, 0
	for _, part := range parts {
		switch {
		case part.Type.Equal(oidData):
			found, of, err := checkBags(part)
			if err != nil {
				return nil, err
			}
			keys, certificates, open = keys+found, certificates+of, append(open, part)
		case part.Type.Equal(oidEncryptedData):
			if err := checkEncrypted(part); err != nil {
				return nil, err
			}
			closed = append(closed, part)
		default:
			return nil, errorf(Unsupported, "it is encrypted to a public key, not with a passphrase: %s", remedy)
		}
	}
	switch {
	case keys > 1:
		return nil, errorf(Unusable, "there is more than one private key in it: give the certificate's own only")
	case keys == 0:
		return nil, errorf(Incomplete, "there is no private key in it, or it is hidden among the certificates: export the certificate with its private key, or %s", remedy)
	case certificates > 2*MaxChain:
		return nil, errorf(TooLarge, "it has more than %d certificates: give the chain of one only", 2*MaxChain)
	}
	return reassemble(append(open, closed...), passphrase)
}

// checkBags counts the private keys and certificates in a part that is not encrypted as a whole, and checks what the keys
// are encrypted with.
func checkBags(part contentInfo) (keys, certificates int, err error) {
	var content []byte
	var bags []safeBag
	if unmarshal(part.Content.Bytes, &content) != nil || unmarshal(content, &bags) != nil {
		return 0, 0, errNotPKCS12
	}
	for _, bag := range bags {
		switch {
		case bag.Type.Equal(oidCertBag):
			certificates++
		case bag.Type.Equal(oidKeyBag):
			keys++
		case bag.Type.Equal(oidEncryptedKey):
			keys++
			info, err := readEncrypted(bag.Value.Bytes)
			if err != nil {
				return 0, 0, errNotPKCS12
			}
			if problem := info.check(pkcs12Algorithms); problem != "" {
				return 0, 0, errorf(Unsupported, "the private key is encrypted with %s: %s", problem, remedy)
			}
		}
		if len(bag.Value.Bytes) > maxKey && !bag.Type.Equal(oidCertBag) {
			return 0, 0, errorf(TooLarge, "the private key has %d bytes: at most %d are allowed", len(bag.Value.Bytes), maxKey)
		}
	}
	return keys, certificates, nil
}

// checkEncrypted checks what a part is encrypted with.
func checkEncrypted(part contentInfo) error {
	var data encryptedData
	if unmarshal(part.Content.Bytes, &data) != nil {
		return errNotPKCS12
	}
	if problem := (encrypted{data.Content.Algorithm, len(data.Content.Data)}).check(pkcs12Algorithms); problem != "" {
		return errorf(Unsupported, "the certificates are encrypted with %s: %s", problem, remedy)
	}
	return nil
}

// reassemble makes a file of the parts, with an integrity check that costs nothing: PBMAC1 (RFC 9579) in one iteration.
func reassemble(parts []contentInfo, passphrase string) ([]byte, error) {
	salt := make([]byte, 8)
	type algorithm = pkix.AlgorithmIdentifier
	hash := algorithm{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}}
	derivation := algorithm{Algorithm: oidPBKDF2}
	mac := algorithm{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}}
	content, err := asn1.Marshal(parts)
	if err != nil {
		return nil, errNotPKCS12
	}
	derivation.Parameters.FullBytes, err = asn1.Marshal(struct {
		Salt       []byte
		Iterations int
		KeyLength  int
		Hash       algorithm
	}{salt, 1, sha256.Size, hash})
	if err != nil {
		return nil, errNotPKCS12
	}
	if mac.Parameters.FullBytes, err = asn1.Marshal(struct{ Derivation, MAC algorithm }{derivation, hash}); err != nil {
		return nil, errNotPKCS12
	}
	key, err := pbkdf2.Key(sha256.New, passphrase, salt, 1, sha256.Size)
	if err != nil {
		return nil, errNotPKCS12
	}
	sum := hmac.New(sha256.New, key)
	sum.Write(content)
	file := pfx{Version: 3, AuthSafe: contentInfo{Type: oidData}}
	wrapped, err := asn1.Marshal(content)
	if err != nil {
		return nil, errNotPKCS12
	}
	file.AuthSafe.Content = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: wrapped}
	file.MAC.Digest.Algorithm, file.MAC.Digest.Digest = mac, sum.Sum(nil)
	file.MAC.Salt, file.MAC.Iterations = salt, 1
	out, err := asn1.Marshal(file)
	if err != nil {
		return nil, errNotPKCS12
	}
	return out, nil
}

// explainPKCS12 explains why the library did not decode a file that looks well from outside.
func explainPKCS12(err error, passphrase string) error {
	unsupported, isUnsupported := errors.AsType[pkcs12.NotImplementedError](err)
	switch text := err.Error(); {
	case isUnsupported:
		return errorf(Unsupported, "it uses what is not supported (%s): %s", strings.TrimPrefix(unsupported.Error(), "pkcs12: "), remedy)
	case strings.Contains(text, "expected exactly one key bag"):
		return errorf(Unusable, "there is more than one private key in it: give the certificate's own only")
	case strings.Contains(text, "certificate missing"):
		return errorf(Incomplete, "there is no certificate in it: export the certificate with its private key")
	case strings.Contains(text, "x509: "):
		return errorf(Malformed, "a certificate in it cannot be read: %s", text[strings.Index(text, "x509: "):])
	case passphrase == "":
		return errorf(PassphraseMissing, "it is encrypted: give its passphrase")
	}
	return errorf(PassphraseWrong, "the passphrase does not decrypt it: check it")
}
