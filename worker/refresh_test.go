package worker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// rotator is a token server that takes each refresh token once: the first is refresh-0.
type rotator struct {
	*httptest.Server
	life   time.Duration
	during func(n int) // called while request n is under way, the first is 1; may be nil

	mu      sync.Mutex
	asked   int
	refused int
}

func newRotator(t *testing.T, life time.Duration) *rotator {
	t.Helper()
	s := &rotator{life: life}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *rotator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	used := r.PostFormValue("refresh_token")
	s.mu.Lock()
	s.asked++
	n, fits := s.asked-s.refused, used == fmt.Sprintf("refresh-%d", s.asked-s.refused-1)
	if !fits {
		s.refused++
	}
	s.mu.Unlock()
	if s.during != nil {
		s.during(n)
	}
	w.Header().Set("Content-Type", "application/json")
	if !fits {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","refresh_token":"refresh-%d","expires_in":%d}`, n, n, int(s.life.Seconds()))
}

// counts returns how many requests there were, and how many were refused.
func (s *rotator) counts() (asked, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.refused
}

// refreshing gives a profile credentials that ask a token server by refresh token.
func refreshing(url string) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	return authenticated(configure.CredentialsInput{OAuth2: &configure.OAuth2Input{
		TokenURL: url, GrantType: "REFRESH_TOKEN", ClientID: new("me"), ClientSecret: new("s3cret"), RefreshToken: new("refresh-0"),
	}})
}

// hanging is a token server that never answers. waiting is how many requests wait for it.
func hanging(t *testing.T) (url string, waiting *atomic.Int32) {
	t.Helper()
	waiting = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // so that it is seen when the client goes away
		waiting.Add(1)
		defer waiting.Add(-1)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	return server.URL, waiting
}

func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	onEach(t, "are used once over all workers, one token for all deliveries", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newRotator(t, time.Hour)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), refreshing(tokens.URL))
		for range 3 {
			r.startWorker()
			r.publish(20)
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 60})
		stop := r.startWorker() // one that comes later uses the same
		r.publish(20)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 80})
		stop()
		if asked, refused := tokens.counts(); asked != 1 || refused != 0 {
			t.Errorf("%d requests for tokens, %d of them refused", asked, refused)
		}
	})

	onEach(t, "are used once over all workers, also when tokens live for a second only", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newRotator(t, time.Second)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), refreshing(tokens.URL), retries())
		for range 3 {
			r.startWorker()
		}
		published := 0
		testenv.Eventually(t, patience, func() bool {
			r.publish(5)
			published += 5
			asked, _ := tokens.counts()
			return asked >= 4
		}, "four tokens")
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: published})
		if asked, refused := tokens.counts(); refused != 0 {
			t.Errorf("%d of %d refresh tokens were refused", refused, asked)
		}
	})

	onEach(t, "can be used again soon after a worker has died over it", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newRotator(t, time.Hour)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), refreshing(tokens.URL), retries())
		const left = 2 * time.Second
		before := time.Now()
		claim, err := r.store.ClaimCredentials(t.Context(), r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).ID, left)
		if claim == nil || err != nil {
			t.Fatalf("claimed %v, %v", claim, err)
		}
		r.startWorker()
		r.publish(1)
		receiver.Wait(t.Context(), 1)
		if took := time.Since(before); took < left || took > patience {
			t.Errorf("a token was had after %v, while the claim was for %v", took, left)
		}
	})

	onEach(t, "are stored also when the credentials are sealed anew meanwhile", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newRotator(t, time.Hour)
		open := func() (*credentials.Credentials, error) {
			setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
			return credentials.Open(r.vault, setting.ID, setting.Credentials)
		}
		tokens.during = func(int) {
			setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
			present, err := open()
			if err != nil {
				t.Error(err)
				return
			}
			sealed, err := credentials.Seal(r.vault, setting.ID, present)
			if err != nil || setting.Update().SetCredentials(sealed).Exec(r.ctx()) != nil {
				t.Error("not sealed anew")
			}
		}
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), refreshing(tokens.URL), retries())
		r.startWorker()
		r.publish(1)
		receiver.Wait(t.Context(), 1)
		if kept, err := open(); err != nil || kept.OAuth2.RefreshToken != "refresh-1" {
			t.Errorf("kept %+v, %v", kept.OAuth2, err)
		}
	})

	onEach(t, "that are changed meanwhile stay as they are", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newRotator(t, time.Hour)
		tokens.during = func(int) {
			setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
			_, err := r.configure.UpdateAuthSetting(r.ctx(), configure.Ref{Key: &setting.Key}, configure.UpdateAuthSettingInput{
				Credentials: &configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "changed"}},
			})
			if err != nil {
				t.Error(err)
			}
		}
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), refreshing(tokens.URL), retries())
		r.startWorker()
		r.publish(1)
		receiver.Wait(t.Context(), 1)
		r.publish(1)
		if _, password, _ := (&http.Request{Header: receiver.Wait(t.Context(), 2)[1].Header}).BasicAuth(); password != "changed" {
			t.Errorf("the password is %q", password)
		}
	})
}

// Token servers that hang hold up those who need their tokens, and nobody else.
func TestHangingTokenServers(t *testing.T) {
	t.Parallel()
	onEach(t, "hold up nobody else", func(t *testing.T, b testenv.Backend) {
		const many = 40 // more than there are connections to the database
		r := newRig(t, b, 1)
		url, waiting := hanging(t)
		to, good := testenv.NewReceiver(t), testenv.NewReceiver(t)
		for i := range many {
			r.subscribe(fmt.Sprint("token", i), fmt.Sprintf("%s/%d", to.URL(), i), refreshing(url),
				func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
					in.EventTypes = append(in.EventTypes, in.Key+".*") // that no two ask for the same
				})
		}
		r.subscribe("good", good.URL())
		r.startWorker()
		r.publish(1)
		testenv.Eventually(t, patience, func() bool { return waiting.Load() >= many }, "all token servers to be asked at once, not %d", many)
		began := time.Now()
		r.publish(10)
		good.Wait(t.Context(), 11)
		if took := time.Since(began); took > 15*time.Second { // less than a token server is waited for
			t.Errorf("publishing and delivering took %v", took)
		}
	})

	onEach(t, "do not hold up a stop", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		url, waiting := hanging(t)
		to := testenv.NewReceiver(t)
		r.subscribe("refresh", to.URL(), refreshing(url))
		r.subscribe("client", to.URL(), authenticated(configure.CredentialsInput{OAuth2: &configure.OAuth2Input{
			TokenURL: url, GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new("s3cret"),
		}}))
		stop := r.startWorker()
		r.publish(1)
		testenv.Eventually(t, patience, func() bool { return waiting.Load() == 2 }, "both token servers to be asked")
		began := time.Now()
		stop()
		if took := time.Since(began); took > 10*time.Second { // the grace is a second; the servers would be waited for much longer
			t.Errorf("the stop took %v", took)
		}
		for _, d := range r.deliveries() {
			for _, a := range r.attempts(d.ID) {
				if a.Outcome != string(stream.OutcomeInterrupted) || stream.Status(d.Status) != stream.StatusRetrying {
					t.Errorf("delivery %s, attempt %+v", d.Status, a)
				}
			}
		}
		for _, setting := range r.store.Ent.AuthSetting.Query().AllX(r.ctx()) {
			if setting.LastError != "" || setting.ClaimedUntil != nil {
				t.Errorf("the setting says %q, and is claimed until %v", setting.LastError, setting.ClaimedUntil)
			}
		}
	})
}
