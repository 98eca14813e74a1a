package clientcert

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// What encryption by passphrase may cost: the parameters are the uploader's, and the time is ours.
const (
	maxIterations   = 1_000_000
	maxScryptMemory = 64 << 20 // bytes
	maxScryptP      = 4
)

// Names of algorithms, for messages and for the lists of what is supported.
var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}

	algorithmNames = map[string]string{
		"1.2.840.113549.1.5.1":    "PBE-MD2-DES",
		"1.2.840.113549.1.5.3":    "PBE-MD5-DES",
		"1.2.840.113549.1.5.4":    "PBE-MD2-RC2",
		"1.2.840.113549.1.5.6":    "PBE-MD5-RC2",
		"1.2.840.113549.1.5.10":   "PBE-SHA1-DES",
		"1.2.840.113549.1.5.11":   "PBE-SHA1-RC2",
		"1.2.840.113549.1.12.1.1": "PBE-SHA1-RC4-128", "1.2.840.113549.1.12.1.2": "PBE-SHA1-RC4-40",
		"1.2.840.113549.1.12.1.3": pbes1TripleDES, "1.2.840.113549.1.12.1.4": "PBE-SHA1-2DES",
		"1.2.840.113549.1.12.1.5": pbes1RC2, "1.2.840.113549.1.12.1.6": pbes1RC240,
		"1.3.6.1.4.1.11591.4.11": "scrypt",
		"1.2.840.113549.2.7":     hmacSHA1, "1.2.840.113549.2.8": "HMAC-SHA224", "1.2.840.113549.2.9": hmacSHA256,
		"1.2.840.113549.2.10": "HMAC-SHA384", "1.2.840.113549.2.11": hmacSHA512,
		"1.3.14.3.2.7": "DES-CBC", "1.2.840.113549.3.2": "RC2-CBC", "1.2.840.113549.3.7": tripleDES,
		"2.16.840.1.101.3.4.1.2": aes128, "2.16.840.1.101.3.4.1.22": aes192, "2.16.840.1.101.3.4.1.42": aes256,
		"2.16.840.1.101.3.4.1.6": "AES-128-GCM", "2.16.840.1.101.3.4.1.26": "AES-192-GCM", "2.16.840.1.101.3.4.1.46": "AES-256-GCM",
	}
)

const (
	pbes1TripleDES = "PBE-SHA1-3DES"
	pbes1RC2       = "PBE-SHA1-RC2-128"
	pbes1RC240     = "PBE-SHA1-RC2-40"
	hmacSHA1       = "HMAC-SHA1"
	hmacSHA256     = "HMAC-SHA256"
	hmacSHA512     = "HMAC-SHA512"
	tripleDES      = "DES-EDE3-CBC"
	aes128         = "AES-128-CBC"
	aes192         = "AES-192-CBC"
	aes256         = "AES-256-CBC"
)

func nameOf(algorithm asn1.ObjectIdentifier) string {
	if name, known := algorithmNames[algorithm.String()]; known {
		return name
	}
	return "the algorithm " + algorithm.String()
}

// blockSizes of the ciphers in CBC mode; the IV is as long.
var blockSizes = map[string]int{
	tripleDES: 8, aes128: 16, aes192: 16, aes256: 16, pbes1TripleDES: 8, pbes1RC2: 8, pbes1RC240: 8,
}

// algorithms is what a library decrypts.
type algorithms struct {
	schemes []string // PBES1
	ciphers []string // PBES2
	hashes  []string // of PBKDF2
	scrypt  bool
}

var (
	pkcs8Algorithms = algorithms{
		ciphers: []string{tripleDES, aes128, aes192, aes256}, hashes: []string{hmacSHA1, hmacSHA256}, scrypt: true,
	}
	pkcs12Algorithms = algorithms{
		schemes: []string{pbes1TripleDES, pbes1RC2, pbes1RC240},
		ciphers: []string{aes128, aes192, aes256}, hashes: []string{hmacSHA1, hmacSHA256, hmacSHA512},
	}
)

// encrypted is something encrypted by passphrase (RFC 8018; of PKCS #12, RFC 7292 appendix C).
type encrypted struct {
	algorithm pkix.AlgorithmIdentifier
	length    int // of the data, in bytes
}

// readEncrypted reads an EncryptedPrivateKeyInfo (RFC 5958).
func readEncrypted(der []byte) (encrypted, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	err := unmarshal(der, &info)
	return encrypted{info.Algorithm, len(info.Data)}, err
}

func unmarshal(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) > 0 {
		err = errors.New("there is more after it")
	}
	return err
}

// check says what is not supported, or would take too long; "" if nothing. Beyond it the libraries neither panic nor
// compute for longer than a few seconds.
func (e encrypted) check(supported algorithms) string {
	name := nameOf(e.algorithm.Algorithm)
	if !e.algorithm.Algorithm.Equal(oidPBES2) {
		var params struct {
			Salt       []byte
			Iterations int
		}
		if !slices.Contains(supported.schemes, name) {
			return name + ", which is not supported"
		}
		if unmarshal(e.algorithm.Parameters.FullBytes, &params) != nil {
			return name + " and parameters that cannot be read"
		}
		return e.checkLength(name, params.Iterations)
	}
	var params struct{ Derivation, Encryption pkix.AlgorithmIdentifier }
	if unmarshal(e.algorithm.Parameters.FullBytes, &params) != nil {
		return "PBES2 and parameters that cannot be read"
	}
	name = nameOf(params.Encryption.Algorithm)
	if !slices.Contains(supported.ciphers, name) {
		return name + ", which is not supported"
	}
	var iv []byte
	if unmarshal(params.Encryption.Parameters.FullBytes, &iv) != nil || len(iv) != blockSizes[name] {
		return name + " and parameters that cannot be read"
	}
	iterations, problem := checkDerivation(params.Derivation, supported)
	if problem != "" {
		return problem
	}
	return e.checkLength(name, iterations)
}

func (e encrypted) checkLength(name string, iterations int) string {
	switch {
	case iterations < 1 || iterations > maxIterations:
		return fmt.Sprintf("%d iterations, of which 1 to %d are allowed", iterations, maxIterations)
	case e.length == 0 || e.length%blockSizes[name] != 0:
		return name + " and is damaged: its length is not a multiple of the cipher's blocks"
	}
	return ""
}

// checkDerivation says why a key cannot be derived from the passphrase.
func checkDerivation(kdf pkix.AlgorithmIdentifier, supported algorithms) (iterations int, problem string) {
	if kdf.Algorithm.Equal(oidScrypt) && supported.scrypt {
		var params struct {
			Salt      []byte
			N, R, P   int
			KeyLength int `asn1:"optional"`
		}
		if unmarshal(kdf.Parameters.FullBytes, &params) != nil || params.N < 2 || params.R < 1 || params.P < 1 {
			return 0, "scrypt and parameters that cannot be read"
		}
		if params.N > maxScryptMemory/128 || params.R > maxScryptMemory/128/params.N || params.P > maxScryptP {
			return 0, fmt.Sprintf("scrypt with more than %d MiB or parallelism %d", maxScryptMemory>>20, maxScryptP)
		}
		return 1, ""
	}
	if !kdf.Algorithm.Equal(oidPBKDF2) {
		return 0, nameOf(kdf.Algorithm) + ", which is not supported"
	}
	var params struct {
		Salt       []byte
		Iterations int
		KeyLength  int                      `asn1:"optional"`
		Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if unmarshal(kdf.Parameters.FullBytes, &params) != nil {
		return 0, "PBKDF2 and parameters that cannot be read"
	}
	if hash := nameOf(params.Hash.Algorithm); len(params.Hash.Algorithm) > 0 && !slices.Contains(supported.hashes, hash) {
		return 0, "PBKDF2 with " + hash + ", which is not supported"
	}
	return params.Iterations, ""
}
