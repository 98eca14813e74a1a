package clientcert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"
)

// order finds the key's certificate among those given and sets the chain: that certificate, its issuer, and so on. What
// does not belong to the chain is left out.
func (b *Bundle) order(given []*x509.Certificate, now time.Time) error {
	given = slices.CompactFunc(slices.Clone(given), (*x509.Certificate).Equal)
	own := b.own(given, now)
	if own == nil {
		return errorf(Unusable, "the private key does not match the certificate %s: give the key that the certificate was requested with", subjects(given))
	}
	b.Chain = []*x509.Certificate{own}
	for {
		issuer := issuerOf(b.Chain[len(b.Chain)-1], given)
		if issuer == nil || slices.ContainsFunc(b.Chain, issuer.Equal) {
			break
		}
		b.Chain = append(b.Chain, issuer)
	}
	if len(b.Chain) > MaxChain {
		return errorf(TooLarge, "the chain has %d certificates: at most %d are allowed", len(b.Chain), MaxChain)
	}
	var unused []*x509.Certificate
	for _, c := range given {
		if !slices.ContainsFunc(b.Chain, c.Equal) {
			unused = append(unused, c)
		}
	}
	if len(unused) > 0 {
		b.Warnings = append(b.Warnings, "left out, as it does not belong to the certificate's chain: "+subjects(unused))
	}
	kept := slices.DeleteFunc(given, func(c *x509.Certificate) bool { return slices.ContainsFunc(unused, c.Equal) })
	if !slices.EqualFunc(kept, b.Chain, (*x509.Certificate).Equal) {
		b.Warnings = append(b.Warnings, "the certificates were not in the order of the chain, and were put in order: the client's own first, then each one's issuer")
	}
	return nil
}

// own returns the key's certificate; of several (a renewal with the same key) the one that holds, and the longest.
func (b *Bundle) own(given []*x509.Certificate, now time.Time) (own *x509.Certificate) {
	for _, c := range given {
		if !sameKey(b.Key, c) {
			continue
		}
		if own == nil || checkValidity(own, now) != nil || checkValidity(c, now) == nil && c.NotAfter.After(own.NotAfter) {
			own = c
		}
	}
	return own
}

// issuerOf returns the certificate that issued c; nil if it is not there or is c itself.
func issuerOf(c *x509.Certificate, given []*x509.Certificate) *x509.Certificate {
	for _, issuer := range given {
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) || issuer.Equal(c) {
			continue
		}
		err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
		if _, old := errors.AsType[x509.InsecureAlgorithmError](err); err == nil || old { // judging SHA-1 is up to the endpoint
			return issuer
		}
	}
	return nil
}

// checkValidity says that a certificate does not hold at a time.
func checkValidity(c *x509.Certificate, now time.Time) error {
	switch {
	case !now.Before(c.NotAfter):
		return errorf(OutOfDate, "the certificate %s expired on %s: give the renewed one", subject(c), date(c.NotAfter))
	case now.Before(c.NotBefore):
		return errorf(OutOfDate, "the certificate %s is not yet valid, it begins on %s: give it then", subject(c), date(c.NotBefore))
	}
	return nil
}

// warn notes what endpoints may not like.
func (b *Bundle) warn(now time.Time) {
	own := b.Chain[0]
	if (len(own.ExtKeyUsage) > 0 || len(own.UnknownExtKeyUsage) > 0) &&
		!slices.Contains(own.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(own.ExtKeyUsage, x509.ExtKeyUsageAny) {
		b.Warnings = append(b.Warnings, "the certificate is not for client authentication (its extended key usage lacks clientAuth): many endpoints will refuse it")
	}
	if own.KeyUsage != 0 && own.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		b.Warnings = append(b.Warnings, "the certificate is not for signatures (its key usage lacks digitalSignature): many endpoints will refuse it")
	}
	for _, c := range b.Chain[1:] {
		if err := checkValidity(c, now); err != nil {
			b.Warnings = append(b.Warnings, "of the chain: "+err.Error())
		}
	}
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// maxShown is how much of a subject is shown in a message, in bytes.
const maxShown = 200

// subject names a certificate in a message.
func subject(c *x509.Certificate) string {
	name := c.Subject.String()
	if name == "" {
		name = "with the serial number " + c.SerialNumber.Text(16)
	}
	if len(name) > maxShown {
		name = name[:maxShown] + "…"
	}
	return strings.ToValidUTF8(strings.ReplaceAll(name, "`", "'"), "\uFFFD")
}

func subjects(all []*x509.Certificate) string {
	var names []string
	for i, c := range all {
		if i == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, subject(c))
	}
	return strings.Join(names, "; ")
}
