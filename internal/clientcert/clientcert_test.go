package clientcert_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/hookline/hookline/internal/clientcert"
)

// noon is when all tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// issued is a certificate with its key.
type issued struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// issue makes a certificate; without an issuer it signs itself, and may sign others.
func issue(t testing.TB, name string, issuer *issued, key crypto.Signer, change ...func(*x509.Certificate)) issued {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(90 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, c := range change {
		c(template)
	}
	by := &issued{template, key}
	if issuer != nil {
		by = issuer
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return issued{made, key}
}

func p256(t testing.TB) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func (i issued) pem() string { return block("CERTIFICATE", i.certificate.Raw) }

func (i issued) keyPEM(t testing.TB) string {
	return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(i.key))(t))
}

// three makes a chain of three.
func three(t testing.TB) (client, intermediate, root issued) {
	t.Helper()
	root = issue(t, "root", nil, p256(t))
	intermediate = issue(t, "intermediate", &root, p256(t))
	client = issue(t, "client", &intermediate, p256(t), func(c *x509.Certificate) {
		c.ExtKeyUsage, c.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, x509.KeyUsageDigitalSignature
	})
	return client, intermediate, root
}

func names(chain []*x509.Certificate) (all []string) {
	for _, c := range chain {
		all = append(all, c.Subject.CommonName)
	}
	return all
}

func wantChain(t *testing.T, b *clientcert.Bundle, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got := names(b.Chain); !slices.Equal(got, want) {
		t.Fatalf("the chain is %q, want %q", got, want)
	}
	ready, err := clientcert.Load(b.ChainDER(), must(b.KeyDER())(t))
	if err != nil || len(ready.Certificate) != len(want) || !ready.Leaf.Equal(b.Chain[0]) {
		t.Fatalf("loaded %v, %v", ready, err)
	}
}

func wantError(t *testing.T, err error, code clientcert.Code, says ...string) {
	t.Helper()
	wrong, ok := errors.AsType[*clientcert.Error](err)
	if !ok || wrong.Code != code {
		t.Fatalf("%v, want code %d", err, code)
	}
	for _, part := range says {
		if !strings.Contains(wrong.Message, part) {
			t.Errorf("%q does not say %q", wrong.Message, part)
		}
	}
}

func TestKeysOfEveryKindAndForm(t *testing.T) {
	t.Parallel()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]crypto.Signer{
		"RSA 2048":    must(rsa.GenerateKey(rand.Reader, 2048))(t),
		"ECDSA P-256": p256(t),
		"ECDSA P-384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t),
		"ECDSA P-521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t),
		"Ed25519":     ed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := issue(t, "client", nil, key)
			if got := clientcert.KeyAlgorithm(client.certificate); got != name {
				t.Errorf("the key is shown as %q", got)
			}
			forms := []string{client.keyPEM(t)}
			switch key := key.(type) {
			case *rsa.PrivateKey:
				forms = append(forms, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
			case *ecdsa.PrivateKey:
				parameters := block("EC PARAMETERS", must(asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}))(t))
				forms = append(forms, parameters+block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key))(t)))
			}
			for _, form := range forms {
				b, err := clientcert.FromPEM("a note\n"+form+client.pem(), "not needed", noon)
				wantChain(t, b, err, "client")
				if len(b.Warnings) > 0 {
					t.Errorf("warnings %q", b.Warnings)
				}
			}
			for _, encoder := range []*pkcs12.Encoder{pkcs12.Modern2023, pkcs12.Modern2026, pkcs12.LegacyDES, pkcs12.LegacyRC2} {
				b, err := clientcert.FromPKCS12(must(encoder.Encode(key, client.certificate, nil, "secret"))(t), "secret", noon)
				wantChain(t, b, err, "client")
			}
			b, err := clientcert.FromPKCS12(must(pkcs12.Passwordless.Encode(key, client.certificate, nil, ""))(t), "", noon)
			wantChain(t, b, err, "client")
		})
	}
}

func TestChains(t *testing.T) {
	t.Parallel()
	client, intermediate, root := three(t)
	stranger := issue(t, "stranger", nil, p256(t))
	namesake := issue(t, "intermediate", nil, p256(t)) // another key of the same name
	renewed := issue(t, "renewed", &intermediate, client.key, func(c *x509.Certificate) { c.NotAfter = noon.Add(time.Hour) })
	expired := issue(t, "expired", &intermediate, client.key, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) })
	oldRoot := issue(t, "old root", nil, p256(t), func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) })
	ofOldRoot := issue(t, "client", &oldRoot, p256(t))
	server := issue(t, "server", nil, p256(t), func(c *x509.Certificate) {
		c.ExtKeyUsage, c.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, x509.KeyUsageKeyEncipherment
	})
	for name, c := range map[string]struct {
		of       issued
		given    []issued
		want     []string
		warnings []string
	}{
		"in order":                   {client, []issued{client, intermediate, root}, []string{"client", "intermediate", "root"}, nil},
		"without the root":           {client, []issued{client, intermediate}, []string{"client", "intermediate"}, nil},
		"alone":                      {client, []issued{client}, []string{"client"}, nil},
		"the other way round":        {client, []issued{root, intermediate, client}, []string{"client", "intermediate", "root"}, []string{"put in order"}},
		"twice":                      {client, []issued{client, client, intermediate}, []string{"client", "intermediate"}, nil},
		"with a stranger":            {client, []issued{client, stranger, intermediate}, []string{"client", "intermediate"}, []string{"left out, as it does not belong to the certificate's chain: CN=stranger"}},
		"with an issuer's namesake":  {client, []issued{client, namesake, intermediate}, []string{"client", "intermediate"}, []string{"left out"}},
		"with its own renewal":       {client, []issued{renewed, client}, []string{"client"}, []string{"left out"}},
		"with its own predecessor":   {client, []issued{expired, renewed, intermediate}, []string{"renewed", "intermediate"}, []string{"left out"}},
		"with an issuer that is old": {ofOldRoot, []issued{ofOldRoot, oldRoot}, []string{"client", "old root"}, []string{"of the chain: the certificate CN=old root expired on 2026-11-22T11:59:00Z"}},
		"that is a server's":         {server, []issued{server}, []string{"server"}, []string{"clientAuth", "digitalSignature"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := c.of.keyPEM(t)
			for _, given := range c.given {
				text += given.pem()
			}
			b, err := clientcert.FromPEM(text, "", noon)
			wantChain(t, b, err, c.want...)
			if len(b.Warnings) != len(c.warnings) {
				t.Fatalf("warnings %q, want %q", b.Warnings, c.warnings)
			}
			for i, want := range c.warnings {
				if !strings.Contains(b.Warnings[i], want) {
					t.Errorf("the warning %q does not say %q", b.Warnings[i], want)
				}
			}
		})
	}
}

func TestMistakesInPEM(t *testing.T) {
	t.Parallel()
	client, intermediate, _ := three(t)
	other := issue(t, "other", nil, p256(t))
	small := issue(t, "small", nil, must(rsa.GenerateKey(rand.Reader, 1024))(t))
	p224 := issue(t, "p224", nil, must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))(t))
	old := issue(t, "old", nil, p256(t), func(c *x509.Certificate) { c.NotAfter = noon })
	young := issue(t, "young", nil, p256(t), func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })
	var eleven []issued
	for range 11 {
		var issuer *issued
		if len(eleven) > 0 {
			issuer = &eleven[len(eleven)-1]
		}
		eleven = append(eleven, issue(t, strings.Repeat("x", len(eleven)+1), issuer, p256(t)))
	}
	long := eleven[10].keyPEM(t)
	for _, c := range eleven {
		long += c.pem()
	}
	both := client.keyPEM(t) + client.pem()
	damaged := strings.Replace(both, "-----END CERTIFICATE", "-----END CERTIFICAT", 1)
	files := readPEM(t)
	for name, c := range map[string]struct {
		text, passphrase string
		code             clientcert.Code
		says             []string
	}{
		"nothing":                   {"", "", clientcert.Incomplete, []string{"empty"}},
		"too much":                  {strings.Repeat("x", clientcert.MaxSize+1), "", clientcert.TooLarge, []string{"65537 bytes", "65536"}},
		"a long passphrase":         {both, strings.Repeat("x", clientcert.MaxPassphrase+1), clientcert.TooLarge, []string{"1025 bytes", "1024"}},
		"no PEM":                    {"MIIKLwIBAzCC", "", clientcert.Malformed, []string{"not PEM", "base64"}},
		"a damaged block":           {damaged, "", clientcert.Malformed, []string{"damaged"}},
		"a damaged certificate":     {client.keyPEM(t) + block("CERTIFICATE", client.certificate.Raw[1:]), "", clientcert.Malformed, []string{"certificate 1"}},
		"a damaged key":             {client.pem() + block("PRIVATE KEY", []byte("x")), "", clientcert.Malformed, []string{"private key cannot be read"}},
		"no key":                    {client.pem() + intermediate.pem(), "", clientcert.Incomplete, []string{"no private key"}},
		"no certificate":            {client.keyPEM(t), "", clientcert.Incomplete, []string{"no certificate"}},
		"two keys":                  {both + other.keyPEM(t), "", clientcert.Unusable, []string{"more than one private key"}},
		"another key":               {other.keyPEM(t) + client.pem() + intermediate.pem(), "", clientcert.Unusable, []string{"does not match the certificate CN=client; CN=intermediate"}},
		"a small key":               {small.keyPEM(t) + small.pem(), "", clientcert.Unusable, []string{"1024 bits", "2048"}},
		"a small curve":             {p224.keyPEM(t) + p224.pem(), "", clientcert.Unusable, []string{"P-224", "P-256"}},
		"a huge key":                {client.pem() + block("PRIVATE KEY", make([]byte, 6001)), "", clientcert.TooLarge, []string{"6001 bytes", "6000"}},
		"an expired certificate":    {old.keyPEM(t) + old.pem(), "", clientcert.OutOfDate, []string{"CN=old expired on 2026-11-22T12:00:00Z"}},
		"one that is not yet valid": {young.keyPEM(t) + young.pem(), "", clientcert.OutOfDate, []string{"CN=young is not yet valid", "2026-11-22T12:00:01Z"}},
		"a long chain":              {long, "", clientcert.TooLarge, []string{"11 certificates", "10"}},
		"many certificates":         {client.keyPEM(t) + strings.Repeat(client.pem(), 21), "", clientcert.TooLarge, []string{"20 certificates"}},
		"a key of OpenSSH":          {client.pem() + block("OPENSSH PRIVATE KEY", []byte("x")), "", clientcert.Unsupported, []string{"ssh-keygen -p -m PKCS8"}},
		"a trusted certificate":     {block("TRUSTED CERTIFICATE", []byte("x")), "", clientcert.Unsupported, []string{"openssl x509"}},
		"a DSA key":                 {client.pem() + block("DSA PRIVATE KEY", []byte("x")), "", clientcert.Unsupported, []string{"DSA PRIVATE KEY", "openssl pkcs8"}},
		"a key for key agreement":   {client.pem() + block("PRIVATE KEY", x25519(t)), "", clientcert.Unusable, []string{"RSA, ECDSA or Ed25519"}},
		"no passphrase":             {files["aes256"], "", clientcert.PassphraseMissing, []string{"give its passphrase"}},
		"no passphrase, old form":   {files["traditional"], "", clientcert.PassphraseMissing, []string{"give its passphrase"}},
		"a wrong one":               {files["aes256"], "passphrase 1", clientcert.PassphraseWrong, []string{"does not decrypt"}},
		"a wrong one, old form":     {files["traditional"], "passphrase 1", clientcert.PassphraseWrong, []string{"does not decrypt"}},
		"HMAC-SHA512":               {files["sha512"], passphrase, clientcert.Unsupported, []string{"HMAC-SHA512", "openssl pkcs8 -topk8 -v2 aes-256-cbc"}},
		"PBES1":                     {files["md5des"], passphrase, clientcert.Unsupported, []string{"PBE-MD5-DES", "openssl pkcs8 -topk8"}},
		"a damaged encrypted key":   {client.pem() + block("ENCRYPTED PRIVATE KEY", []byte("x")), "x", clientcert.Malformed, []string{"damaged"}},
		"an unknown old cipher": {
			client.pem() + string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "CAMELLIA-128-CBC,00"}, Bytes: []byte("x")})),
			"x", clientcert.Unsupported, []string{"openssl pkcs8 -topk8"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := clientcert.FromPEM(c.text, c.passphrase, noon)
			wantError(t, err, c.code, c.says...)
			if c.passphrase != "" && strings.Contains(err.Error(), c.passphrase) && len(c.passphrase) > 1 {
				t.Error("the message shows the passphrase")
			}
		})
	}
}

// x25519 is a private key in PKCS #8 that signs nothing.
func x25519(t *testing.T) []byte {
	raw, err := asn1.Marshal(struct {
		Version   int
		Algorithm pkix.AlgorithmIdentifier
		Key       []byte
	}{0, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 101, 110}}, append([]byte{4, 32}, bytes.Repeat([]byte{1}, 32)...)})
	return must(raw, err)(t)
}

// passphrase is that of the files in testdata.
const passphrase = "pässphrase 1"

func file(t testing.TB, name string) []byte { return must(os.ReadFile("testdata/" + name))(t) }

// readPEM returns the keys of testdata, by name, each with the certificates.
func readPEM(t testing.TB) map[string]string {
	all := make(map[string]string)
	for _, name := range []string{"client", "aes256", "3des", "scrypt", "sha512", "md5des", "traditional", "pkcs1"} {
		all[name] = string(file(t, "certificates.pem")) + string(file(t, name+".key"))
	}
	return all
}

func TestFilesOfOpenSSL(t *testing.T) {
	t.Parallel()
	files := readPEM(t)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"client", "aes256", "3des", "scrypt", "traditional", "pkcs1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := clientcert.FromPEM(files[name], passphrase, now)
			wantChain(t, b, err, "client", "intermediate", "root")
		})
	}
	for name, c := range map[string]struct {
		passphrase string
		code       clientcert.Code
		says       []string // nil: it is read
	}{
		"modern":            {passphrase, 0, nil},
		"legacy-3des":       {passphrase, 0, nil},
		"legacy-rc2":        {passphrase, 0, nil},
		"sha512-mac":        {passphrase, 0, nil},
		"no-mac":            {passphrase, 0, nil},
		"open-certificates": {passphrase, 0, nil},
		"open-key":          {passphrase, 0, nil},
		"rc4":               {passphrase, clientcert.Unsupported, []string{"PBE-SHA1-RC4-128", "openssl pkcs12 -legacy"}},
		"many-iterations":   {passphrase, clientcert.Unsupported, []string{"2000001 iterations", "openssl pkcs12"}},
		"no-key":            {passphrase, clientcert.Incomplete, []string{"no private key"}},
		"no-certificate":    {passphrase, clientcert.Incomplete, []string{"no certificate"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := clientcert.FromPKCS12(file(t, name+".p12"), c.passphrase, now)
			if c.says != nil {
				wantError(t, err, c.code, c.says...)
				return
			}
			wantChain(t, b, err, "client", "intermediate", "root")
			_, err = clientcert.FromPKCS12(file(t, name+".p12"), "wrong", now)
			wantError(t, err, clientcert.PassphraseWrong, "does not decrypt")
			_, err = clientcert.FromPKCS12(file(t, name+".p12"), "", now)
			wantError(t, err, clientcert.PassphraseMissing, "give its passphrase")
		})
	}
	b, err := clientcert.FromPKCS12(file(t, "empty-passphrase.p12"), "", now)
	wantChain(t, b, err, "client")
}

func TestMistakesInPKCS12(t *testing.T) {
	t.Parallel()
	client, intermediate, _ := three(t)
	other := issue(t, "other", nil, p256(t))
	whole := must(pkcs12.Modern.Encode(client.key, client.certificate, []*x509.Certificate{intermediate.certificate}, "x"))(t)
	for name, c := range map[string]struct {
		der  []byte
		code clientcert.Code
		says string
	}{
		"nothing":           {nil, clientcert.Incomplete, "empty"},
		"too much":          {make([]byte, clientcert.MaxSize+1), clientcert.TooLarge, "65537 bytes"},
		"no DER":            {[]byte("-----BEGIN"), clientcert.Malformed, "not PKCS #12"},
		"a part of it":      {whole[:len(whole)-1], clientcert.Malformed, "damaged"},
		"more after it":     {append(slices.Clip(whole), 0), clientcert.Malformed, "damaged"},
		"only certificates": {must(pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{client.certificate}, "x"))(t), clientcert.Incomplete, "no private key"},
		"another key":       {must(pkcs12.Modern.Encode(other.key, client.certificate, nil, "x"))(t), clientcert.Unusable, "does not match the certificate CN=client"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := clientcert.FromPKCS12(c.der, "x", noon)
			wantError(t, err, c.code, c.says)
		})
	}
}

func TestLoadRefusesWhatDoesNotBelongTogether(t *testing.T) {
	t.Parallel()
	client, _, root := three(t)
	key := must(x509.MarshalPKCS8PrivateKey(client.key))(t)
	for name, c := range map[string]struct{ chain, key []byte }{
		"no chain":    {nil, key},
		"another":     {root.certificate.Raw, key},
		"no key":      {client.certificate.Raw, nil},
		"a chain cut": {client.certificate.Raw[:100], key},
	} {
		if _, err := clientcert.Load(c.chain, c.key); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzRead: nothing that is uploaded makes reading panic, compute for long, or answer something that cannot be loaded.
func FuzzRead(f *testing.F) {
	for name, text := range readPEM(f) {
		if name != "scrypt" { // takes its time
			f.Add([]byte(text), passphrase)
		}
	}
	for _, name := range []string{"modern", "legacy-3des", "legacy-rc2", "open-key", "open-certificates", "no-mac", "empty-passphrase"} {
		f.Add(file(f, name+".p12"), passphrase)
	}
	f.Fuzz(func(t *testing.T, data []byte, passphrase string) {
		for _, read := range []func() (*clientcert.Bundle, error){
			func() (*clientcert.Bundle, error) {
				return clientcert.FromPEM(string(data), passphrase, noon.AddDate(3, 0, 0))
			},
			func() (*clientcert.Bundle, error) {
				return clientcert.FromPKCS12(data, passphrase, noon.AddDate(3, 0, 0))
			},
		} {
			b, err := read()
			if err != nil {
				if _, ok := errors.AsType[*clientcert.Error](err); !ok {
					t.Errorf("%T: %v", err, err)
				}
				continue
			}
			if _, err := clientcert.Load(b.ChainDER(), must(b.KeyDER())(t)); err != nil {
				t.Error(err)
			}
		}
	})
}
