package signing_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"github.com/hookline/hookline/internal/signing"
	"github.com/hookline/hookline/internal/testenv"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 999_999_999, time.UTC)

// TestSignKnownAnswer is the example of the specification.
func TestSignKnownAnswer(t *testing.T) {
	t.Parallel()
	got := signing.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`), parse(t, known))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

// TestSignAgreesWithTheStandardLibrary compares with the specification's own Go library, also for a second use of the
// same secret and for several secrets.
func TestSignAgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		secrets := make([]signing.Secret, rapid.IntRange(1, 3).Draw(t, "secrets"))
		theirs := make([]*standardwebhooks.Webhook, len(secrets))
		for i := range secrets {
			secrets[i] = signing.NewSecret()
			var err error
			if theirs[i], err = standardwebhooks.NewWebhook(secrets[i].Reveal()); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			id := rapid.StringMatching(`[a-z]{3}_[0-9a-z]{0,26}`).Draw(t, "id")
			at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
			body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
			var want []string
			for _, their := range theirs {
				signature, err := their.Sign(id, at, body)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, signature)
			}
			got := signing.Sign(id, at, body, secrets...)
			if got != strings.Join(want, " ") {
				t.Fatalf("Sign = %q, want %q", got, want)
			}
			header := headers(id, at, got)
			for i, their := range theirs {
				if err := their.VerifyIgnoringTimestamp(body, header); err != nil {
					t.Fatalf("their Verify of signature %d: %v", i, err)
				}
				if err := signing.Verify(secrets[i], header, body, at, signing.Tolerance); err != nil {
					t.Fatalf("our Verify of signature %d: %v", i, err)
				}
			}
		}
	})
}

func TestSignWithoutSecrets(t *testing.T) {
	t.Parallel()
	if got := signing.Sign("evt_1", noon, nil); got != "" {
		t.Errorf("Sign = %q", got)
	}
}

func TestSignRunsConcurrently(t *testing.T) {
	t.Parallel()
	secret := signing.NewSecret()
	body := []byte(`{"n":1}`)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			id := "evt_" + strconv.Itoa(g)
			for range 100 {
				header := headers(id, noon, signing.Sign(id, noon, body, secret))
				if err := signing.Verify(secret, header, body, noon, signing.Tolerance); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

//nolint:paralleltest // AllocsPerRun must not run beside others
func TestSignAllocatesOnlyItsResult(t *testing.T) {
	most := 1.0
	if testenv.RaceEnabled {
		most = 20 // under the race detector a sync.Pool forgets at random
	}
	body := bytes.Repeat([]byte("x"), 512)
	for _, secrets := range [][]signing.Secret{{signing.NewSecret()}, {signing.NewSecret(), signing.NewSecret()}} {
		if allocs := testing.AllocsPerRun(100, func() { signing.Sign("evt_1", noon, body, secrets...) }); allocs < 1 || allocs > most {
			t.Errorf("%v allocations for %d secrets", allocs, len(secrets))
		}
	}
}

func headers(id string, at time.Time, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", signature)
	return h
}

func BenchmarkSign(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 512)
	old, current := signing.NewSecret(), signing.NewSecret()
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			signing.Sign("evt_01h455vb4pex5vsknk084sn02q", noon, body, current)
		}
	})
	b.Run("two", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			signing.Sign("evt_01h455vb4pex5vsknk084sn02q", noon, body, current, old)
		}
	})
	b.Run("fresh", func(b *testing.B) {
		b.ReportAllocs()
		text := current.Reveal()
		for b.Loop() {
			secret, err := signing.ParseSecret(text)
			if err != nil {
				b.Fatal(err)
			}
			signing.Sign("evt_01h455vb4pex5vsknk084sn02q", noon, body, secret)
		}
	})
}
