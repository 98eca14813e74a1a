package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// Fingerprint is the SHA-256 of a certificate, in hexadecimal digits.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Serial is the serial number of a certificate, in hexadecimal digits.
func Serial(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// Subject and Issuer are names of a certificate as RFC 4514 writes them.
func Subject(c *x509.Certificate) string { return storable(c.Subject.String()) }

// Issuer is the name of who signed the certificate; see Subject.
func Issuer(c *x509.Certificate) string { return storable(c.Issuer.String()) }

// SANs are the other names of a certificate, each with its kind: `DNS:…`, `IP:…`, `email:…`, `URI:…`.
func SANs(c *x509.Certificate) []string {
	names := []string{}
	for _, name := range c.DNSNames {
		names = append(names, "DNS:"+storable(name))
	}
	for _, address := range c.IPAddresses {
		names = append(names, "IP:"+address.String())
	}
	for _, address := range c.EmailAddresses {
		names = append(names, "email:"+storable(address))
	}
	for _, uri := range c.URIs {
		names = append(names, "URI:"+storable(uri.String()))
	}
	return names
}

// DaysLeft is how many whole days a certificate is valid from a time on; negative for the days since its end.
func DaysLeft(c *x509.Certificate, now time.Time) int {
	const day = 24 * time.Hour
	left := c.NotAfter.Sub(now)
	if left < 0 {
		left -= day - 1 // down, not towards zero
	}
	return int(left / day)
}

// storable makes a name that a certificate holds one that can be shown and stored anywhere: UTF-8 without NUL.
func storable(name string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD")
}
