package clientcert_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/clientcert"
)

func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	ca := issue(t, "authority", nil, p256(t))
	c := issue(t, "client", &ca, p256(t), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "client", Organization: []string{"Größe, Inc."}, Country: []string{"DE"}}
		c.DNSNames, c.EmailAddresses = []string{"client.example.com"}, []string{"a@example.com"}
		c.IPAddresses, c.URIs = []net.IP{net.IPv4(192, 0, 2, 1)}, []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/a"}}
	}).certificate
	for got, want := range map[string]string{
		clientcert.Subject(c): `CN=client,O=Größe\, Inc.,C=DE`, clientcert.Issuer(c): "CN=authority", clientcert.Serial(c): "1267",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := clientcert.SANs(c), []string{"DNS:client.example.com", "IP:192.0.2.1", "email:a@example.com", "URI:spiffe://example.com/a"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := clientcert.Fingerprint(c); len(got) != 64 {
		t.Errorf("fingerprint %q", got)
	}
	if got := clientcert.SANs(ca.certificate); got == nil || len(got) > 0 {
		t.Errorf("no names: %#v", got)
	}
}

func TestStatusAt(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	end := noon.Add(90 * day)
	for now, want := range map[time.Time]clientcert.Status{
		noon:                      clientcert.Pending,
		noon.Add(time.Second - 1): clientcert.Pending,
		noon.Add(time.Second):     clientcert.Active,
		end.Add(-30*day - 1):      clientcert.Active,
		end.Add(-30 * day):        clientcert.Expiring,
		end.Add(-1):               clientcert.Expiring,
		end:                       clientcert.Expired,
		end.Add(day):              clientcert.Expired,
	} {
		if got := clientcert.StatusAt(now, noon, end); got != want {
			t.Errorf("%v after the upload: %s, want %s", now.Sub(noon), got, want)
		}
	}
	if got := clientcert.StatusAt(noon, noon, noon.Add(time.Hour)); got != clientcert.Pending {
		t.Errorf("just uploaded and about to expire: %s", got)
	}
}

func TestDaysLeft(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for left, want := range map[time.Duration]int{
		0: 0, day - 1: 0, day: 1, 30*day + time.Hour: 30, -1: -1, -day: -1, -day - 1: -2,
	} {
		if got := clientcert.DaysLeft(&x509.Certificate{NotAfter: noon.Add(left)}, noon); got != want {
			t.Errorf("%v before its end: %d days, want %d", left, got, want)
		}
	}
}
