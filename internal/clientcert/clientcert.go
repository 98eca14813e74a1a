// Package clientcert reads the client certificates that customers upload for mutual TLS: PEM or PKCS #12, encrypted or
// not. It says what is wrong in words for those who uploaded it, decides what is ready to be presented to an endpoint,
// and knows the state of a certificate at a time. It has no clock, no files and no sockets.
package clientcert

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// The limits of what is uploaded.
const (
	MaxSize       = 64 << 10 // bytes of PEM, or of PKCS #12 as binary
	MaxPassphrase = 1024     // bytes
	MaxChain      = 10       // certificates
	MinRSABits    = 2048
	// maxKey is the length of a private key in DER, in bytes: enough for RSA with 8,192 bits. Greater ones take long to check.
	maxKey = 6000
)

// Bundle is a client certificate with its private key.
type Bundle struct {
	// Chain begins with the client's own certificate; each other one is that of the issuer of the one before it.
	Chain []*x509.Certificate
	// Key is an *rsa.PrivateKey, an *ecdsa.PrivateKey or an ed25519.PrivateKey, that of Chain[0].
	Key crypto.Signer
	// Warnings say what an endpoint may not like, and what was left out or put in order.
	Warnings []string
}

// Code is the kind of an Error.
type Code int

// The codes of errors.
const (
	// Malformed: it is not what it should be, or damaged.
	Malformed Code = iota
	// TooLarge: it exceeds a limit, which the message names.
	TooLarge
	// Unsupported: it uses what is not supported; the message has a command that converts it.
	Unsupported
	// PassphraseMissing: something is encrypted and no passphrase is given.
	PassphraseMissing
	// PassphraseWrong: the passphrase given does not decrypt.
	PassphraseWrong
	// Incomplete: there is no certificate or no private key.
	Incomplete
	// Unusable: certificate and key do not belong together, there are several keys, the key is too weak or of the wrong kind.
	Unusable
	// OutOfDate: the certificate has expired or does not hold yet.
	OutOfDate
)

// Error is what is wrong with an upload. Its message shows nothing of the private key or the passphrase.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Message }

func errorf(code Code, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// checkSize says that an upload is empty or too long.
func checkSize(size int, passphrase string) error {
	switch {
	case size == 0:
		return errorf(Incomplete, "it is empty: give the certificate, its chain and its private key")
	case size > MaxSize:
		return errorf(TooLarge, "it has %d bytes: at most %d are allowed", size, MaxSize)
	case len(passphrase) > MaxPassphrase:
		return errorf(TooLarge, "the passphrase has %d bytes: at most %d are allowed", len(passphrase), MaxPassphrase)
	}
	return nil
}

// ChainDER returns the chain as it is stored: DER certificates, the client's own first, one after the other.
func (b *Bundle) ChainDER() []byte {
	var der []byte
	for _, c := range b.Chain {
		der = append(der, c.Raw...)
	}
	return der
}

// KeyDER returns the private key in PKCS #8.
func (b *Bundle) KeyDER() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(b.Key) }

// ParseChain reads what ChainDER returned.
func ParseChain(der []byte) ([]*x509.Certificate, error) {
	chain, err := x509.ParseCertificates(der)
	if err == nil && len(chain) == 0 {
		err = errors.New("the chain is empty")
	}
	return chain, err
}

// Load makes what ChainDER and KeyDER returned ready to be presented in TLS.
func Load(chainDER, keyDER []byte) (*tls.Certificate, error) {
	chain, err := ParseChain(chainDER)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return nil, errors.New("private key: it cannot be read") // the cause might quote from it
	}
	if !sameKey(key, chain[0]) {
		return nil, errors.New("private key: it is not that of the certificate")
	}
	ready := &tls.Certificate{PrivateKey: key, Leaf: chain[0]}
	for _, c := range chain {
		ready.Certificate = append(ready.Certificate, c.Raw)
	}
	return ready, nil
}

// finish makes a bundle of what an upload holds.
func finish(certificates []*x509.Certificate, key any, now time.Time) (*Bundle, error) {
	if len(certificates) == 0 {
		return nil, errorf(Incomplete, "there is no certificate in it: give the client's certificate too")
	}
	signer, err := checkKey(key)
	if err != nil {
		return nil, err
	}
	b := &Bundle{Key: signer}
	if err := b.order(certificates, now); err != nil {
		return nil, err
	}
	if err := checkValidity(b.Chain[0], now); err != nil {
		return nil, err
	}
	b.warn(now)
	return b, nil
}
