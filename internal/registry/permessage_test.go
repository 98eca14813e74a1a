package registry

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

func TestPerMessageIsLikeAProfileOfWhichNothingIsChosen(t *testing.T) {
	t.Parallel()
	account := id.New()
	p := PerMessage(account, "https://example.com/a?token=1", false)
	standard := configure.ProfileInput("a", "https://example.com/a")
	if p.URL != "https://example.com/a?token=1" || p.ShownURL != "https://example.com/a" || string(p.Format) != standard.PayloadFormat ||
		p.Window != standard.WindowSize || p.ConnectTimeout != time.Duration(standard.ConnectTimeoutMs)*time.Millisecond ||
		p.ReadTimeout != time.Duration(standard.ReadTimeoutMs)*time.Millisecond || p.TotalTimeout != p.ConnectTimeout+3*p.ReadTimeout ||
		p.MinTLS != tls.VersionTLS12 || p.MaxTLS != tls.VersionTLS13 || p.Retry.Kind != "QUADRATIC" {
		t.Errorf("got %+v", p)
	}
	if xml := PerMessage(account, "https://example.com/a", true); xml.Format != "XML" || xml.ID != p.ID {
		t.Errorf("got %+v", xml)
	}
	for name, other := range map[string]*Profile{
		"another host":    PerMessage(account, "https://example.org/a", false),
		"another port":    PerMessage(account, "https://example.com:8443/a", false),
		"another account": PerMessage(id.New(), "https://example.com/a", false),
	} {
		if other.ID == p.ID {
			t.Errorf("%s has the same lane", name)
		}
	}
}
