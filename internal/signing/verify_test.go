package signing_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/signing"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	secret, old := signing.NewSecret(), signing.NewSecret()
	body := []byte(`{"a":1}`)
	sent := noon.Truncate(time.Second)
	for name, c := range map[string]struct {
		change func(http.Header)
		body   string
		now    time.Time
		want   error
	}{
		"as sent":                    {},
		"signed with the old secret": {change: func(h http.Header) { h.Set("webhook-signature", signing.Sign("evt_1", sent, body, old, secret)) }},
		"at the edge of too old":     {now: sent.Add(5 * time.Minute)},
		"too old":                    {now: sent.Add(5*time.Minute + 1), want: signing.ErrTooOld},
		"at the edge of too new":     {now: sent.Add(-5 * time.Minute)},
		"too new":                    {now: sent.Add(-5*time.Minute - 1), want: signing.ErrTooNew},
		"another body":               {body: `{"a":2}`, want: signing.ErrSignature},
		"another id":                 {change: func(h http.Header) { h.Set("webhook-id", "evt_2") }, want: signing.ErrSignature},
		"another time":               {change: func(h http.Header) { h.Set("webhook-timestamp", "1772366401") }, want: signing.ErrSignature},
		"another secret":             {change: func(h http.Header) { h.Set("webhook-signature", signing.Sign("evt_1", sent, body, old)) }, want: signing.ErrSignature},
		"another version": {change: func(h http.Header) {
			h.Set("webhook-signature", strings.Replace(h.Get("webhook-signature"), "v1,", "v2,", 1))
		}, want: signing.ErrSignature},
		"a signature cut short": {change: func(h http.Header) { h.Set("webhook-signature", h.Get("webhook-signature")[:20]) }, want: signing.ErrSignature},
		"no id":                 {change: func(h http.Header) { h.Del("webhook-id") }, want: signing.ErrHeaders},
		"no timestamp":          {change: func(h http.Header) { h.Del("webhook-timestamp") }, want: signing.ErrHeaders},
		"no signature":          {change: func(h http.Header) { h.Del("webhook-signature") }, want: signing.ErrHeaders},
		"a timestamp in words":  {change: func(h http.Header) { h.Set("webhook-timestamp", "noon") }, want: signing.ErrHeaders},
		"a timestamp below 0":   {change: func(h http.Header) { h.Set("webhook-timestamp", "-1") }, want: signing.ErrHeaders},
		"a timestamp beyond all": {
			change: func(h http.Header) { h.Set("webhook-timestamp", "9223372036854775807") }, want: signing.ErrHeaders,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := headers("evt_1", sent, signing.Sign("evt_1", sent, body, secret))
			if c.change != nil {
				c.change(header)
			}
			got := body
			if c.body != "" {
				got = []byte(c.body)
			}
			now := sent
			if !c.now.IsZero() {
				now = c.now
			}
			if err := signing.Verify(secret, header, got, now, signing.Tolerance); !errors.Is(err, c.want) {
				t.Errorf("Verify = %v, want %v", err, c.want)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("evt_1", "1772366400", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", []byte("{}"))
	f.Add("", "-1", "v1, v1,", []byte(nil))
	secret := signing.NewSecret()
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		header := http.Header{}
		header.Set("webhook-id", id)
		header.Set("webhook-timestamp", timestamp)
		header.Set("webhook-signature", signature)
		if err := signing.Verify(secret, header, body, noon, signing.Tolerance); err == nil {
			t.Errorf("a signature made without the secret was accepted: %q", signature)
		}
	})
}
