package clientcert

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// checkKey says why a private key cannot be used.
func checkKey(key any) (crypto.Signer, error) {
	switch key := key.(type) {
	case nil:
		return nil, errorf(Incomplete, "there is no private key in it: give the certificate's private key too")
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < MinRSABits {
			return nil, errorf(Unusable, "the RSA key has %d bits: at least %d are needed", bits, MinRSABits)
		}
		return key, nil
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return key, nil
		}
		return nil, errorf(Unusable, "the key is of the curve %s: TLS needs P-256, P-384 or P-521", key.Curve.Params().Name)
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errorf(Unusable, "the private key is of a kind that TLS does not use: it must be RSA, ECDSA or Ed25519")
}

// sameKey reports whether a private key is that of a certificate.
func sameKey(key any, c *x509.Certificate) bool {
	private, ok := key.(crypto.Signer)
	if !ok {
		return false
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

// KeyAlgorithm names the kind and size of a certificate's key: `RSA 2048`, `ECDSA P-256`, `Ed25519`.
func KeyAlgorithm(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}
