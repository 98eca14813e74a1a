package worker_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/credentials"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// authenticated gives a profile new credentials.
func authenticated(in configure.CredentialsInput) func(*configure.CreateEventSubscriptionInput, *configure.CreateNotificationProfileInput) {
	return func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
		p.Auth = &configure.AuthChoice{Create: &configure.CreateAuthSettingInput{Key: p.Key, Credentials: in}}
	}
}

func hexSum(key, message string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	onEach(t, "sends user name and password, in place of a header of the same name, and does not log them", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(_ int, got *testenv.Received) testenv.Response {
			return testenv.Response{Status: http.StatusOK, Body: []byte("you sent " + got.Header.Get("Authorization") + " for open sesame")}
		})
		r.subscribe("crm", receiver.URL(), authenticated(configure.CredentialsInput{Basic: &configure.BasicInput{Username: "Aladdin", Password: "open sesame"}}),
			func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
				p.Headers = []configure.HeaderInput{{Name: "authorization", Value: "Bearer old"}, {Name: "X-A", Value: "b"}}
			})
		r.startWorker()
		r.publish(1)
		got := receiver.Wait(t.Context(), 1)[0]
		if a := got.Header.Values("Authorization"); len(a) != 1 || a[0] != "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" || got.Header.Get("X-A") != "b" {
			t.Errorf("headers %v", got.Header)
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		logged := r.attempts(r.deliveries()[0].ID)[0].RequestHeaders
		if strings.Count(logged, "Authorization: ***\n") != 1 || strings.Contains(logged, "QWxh") || strings.Contains(logged, "Bearer") {
			t.Errorf("logged %s", logged)
		}
		if body := string(r.attempts(r.deliveries()[0].ID)[0].ResponseBody); body != "you sent Basic *** for ***" {
			t.Errorf("the logged answer is %q", body)
		}

		setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
		_, err := r.configure.UpdateAuthSetting(r.ctx(), configure.Ref{Key: &setting.Key}, configure.UpdateAuthSettingInput{
			Credentials: &configure.CredentialsInput{Basic: &configure.BasicInput{Username: "Aladdin", Password: "changed"}},
		})
		must(t, err)
		r.publish(1)
		if _, password, _ := (&http.Request{Header: receiver.Wait(t.Context(), 2)[1].Header}).BasicAuth(); password != "changed" {
			t.Errorf("the password is %q after the change", password)
		}
	})

	onEach(t, "signs by the conventions of receivers", func(t *testing.T, b testenv.Backend) {
		const key = "It's a Secret to Everybody"
		r := newRig(t, b, 1)
		github, stripe, own := testenv.NewReceiver(t), testenv.NewReceiver(t), testenv.NewReceiver(t)
		r.subscribe("github", github.URL(), authenticated(configure.CredentialsInput{HMAC: &configure.HMACInput{Secret: new(key), Preset: new("GITHUB")}}))
		r.subscribe("stripe", stripe.URL(), authenticated(configure.CredentialsInput{HMAC: &configure.HMACInput{Secret: new(key), Preset: new("STRIPE")}}))
		r.subscribe("own", own.URL(), authenticated(configure.CredentialsInput{HMAC: &configure.HMACInput{
			Secret: new(key), HeaderName: new("x-own"), SignedContent: new("ID_TIMESTAMP_BODY"),
		}}))
		r.startWorker()
		r.publish(1)
		got := github.Wait(t.Context(), 1)[0]
		if signature, want := got.Header.Get("X-Hub-Signature-256"), "sha256="+hexSum(key, string(got.Body)); signature != want {
			t.Errorf("like GitHub: %q, want %q", signature, want)
		}
		got = stripe.Wait(t.Context(), 1)[0]
		timestamp := got.Header.Get("webhook-timestamp")
		if signature, want := got.Header.Get("Stripe-Signature"), "t="+timestamp+",v1="+hexSum(key, timestamp+"."+string(got.Body)); signature != want {
			t.Errorf("like Stripe: %q, want %q", signature, want)
		}
		got = own.Wait(t.Context(), 1)[0]
		message := got.ID + "." + got.Header.Get("webhook-timestamp") + "." + string(got.Body)
		if signature, want := got.Header.Get("X-Own"), hexSum(key, message); signature != want {
			t.Errorf("own: %q, want %q", signature, want)
		}
	})

	onEach(t, "sends nothing without the authentication that the profile asks for", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		r.subscribe("token", receiver.URL(), retries(), authenticated(configure.CredentialsInput{OAuth2: &configure.OAuth2Input{
			TokenURL: closedURL(t), GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new("s3cret"),
		}}))
		r.subscribe("damaged", receiver.URL(), retries(), authenticated(configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "p"}}),
			func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
				in.EventTypes = []string{"sms.delivery"}
			})
		// What is sealed for another place does not open.
		r.store.Ent.AuthSetting.Update().SetCredentials([]byte{1, 1, 'x'}).Where(authsetting.Key("damaged")).ExecX(r.ctx())
		_, err := r.configure.UpdateNotificationProfile(r.ctx(), configure.Ref{Key: new("damaged")}, configure.UpdateNotificationProfileInput{WindowSize: new(30)})
		must(t, err)
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 2})
		for _, d := range r.deliveries() {
			for _, a := range r.attempts(d.ID) {
				if a.Outcome != "AUTH" || !strings.Contains(a.Error, "auth setting") && !strings.Contains(a.Error, "no access token") || a.Hint == "" || a.RequestHeaders != "" {
					t.Errorf("attempt %+v", a)
				}
			}
		}
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}

// closedURL is a token URL where nobody answers.
func closedURL(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	return server.URL
}

// tokenServer gives out tokens token-1, token-2, … and refuses everything while it is told to.
type tokenServer struct {
	*httptest.Server
	asked    atomic.Int32
	refusing atomic.Bool
}

func newTokenServer(t *testing.T) *tokenServer {
	t.Helper()
	s := new(tokenServer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := s.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if s.refusing.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","refresh_token":"refresh-%d","expires_in":3600}`, n, n)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) input(change ...func(*configure.OAuth2Input)) configure.CredentialsInput {
	in := &configure.OAuth2Input{TokenURL: s.URL, GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new("s3cret")}
	for _, c := range change {
		c(in)
	}
	return configure.CredentialsInput{OAuth2: in}
}

func TestAccessTokens(t *testing.T) {
	t.Parallel()
	onEach(t, "are sent, one for many deliveries, and not logged", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newTokenServer(t)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(_ int, got *testenv.Received) testenv.Response {
			return testenv.Response{Status: http.StatusOK, Body: []byte("you sent " + got.Header.Get("Authorization"))}
		})
		r.subscribe("crm", receiver.URL(), authenticated(tokens.input()))
		r.startWorker()
		r.publish(40)
		for _, got := range receiver.Wait(t.Context(), 40) {
			if a := got.Header.Values("Authorization"); len(a) != 1 || a[0] != "Bearer token-1" {
				t.Errorf("sent with %v", a)
			}
		}
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 40})
		if n := tokens.asked.Load(); n != 1 {
			t.Errorf("%d tokens were asked for", n)
		}
		logged := r.attempts(r.deliveries()[0].ID)[0]
		if !strings.Contains(logged.RequestHeaders, "Authorization: ***\n") || string(logged.ResponseBody) != "you sent Bearer ***" {
			t.Errorf("logged %s, %s", logged.RequestHeaders, logged.ResponseBody)
		}
	})

	onEach(t, "that cannot be had keep everything back, and the setting says why until there is one", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newTokenServer(t)
		tokens.refusing.Store(true)
		receiver := testenv.NewReceiver(t)
		made := r.subscribe("crm", receiver.URL(), authenticated(tokens.input()), retries(time.Second, time.Second, time.Second, 24*time.Hour))
		version := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).Version
		r.startWorker()
		r.publish(1)
		deliveryID := id.ForDelivery(r.store.Ent.Event.Query().OnlyX(r.ctx()).ID, made.ID)
		testenv.Eventually(t, patience, func() bool { return len(r.attempts(deliveryID)) >= 2 }, "a second attempt")
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests were sent without a token", n)
		}
		const failure = "no access token: the token server answered 400: invalid_grant"
		if setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()); setting.LastError != failure || setting.Version != version || setting.TokenExpiresAt != nil {
			t.Errorf("last error %q, version %d, was %d, token until %v", setting.LastError, setting.Version, version, setting.TokenExpiresAt)
		}
		if a := r.attempts(deliveryID)[0]; a.Outcome != "AUTH" || a.Error != failure || a.Hint == "" || a.RequestHeaders != "" {
			t.Errorf("attempt %+v", a)
		}
		tokens.refusing.Store(false)
		r.awaitStatuses(map[stream.Status]int{stream.StatusSucceeded: 1})
		testenv.Eventually(t, patience, func() bool { return r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).LastError == "" }, "the error to be cleared")
		setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
		if at := setting.TokenExpiresAt; at == nil || time.Until(*at) > time.Hour || time.Until(*at) < time.Hour-patience || setting.Version != version {
			t.Errorf("the token is good until %v, version %d", at, setting.Version)
		}
		// The server is down again when the token is asked for anew, with other credentials: of the old token nothing is shown any more.
		tokens.refusing.Store(true)
		_, err := r.configure.UpdateAuthSetting(r.ctx(), configure.Ref{Key: &setting.Key}, configure.UpdateAuthSettingInput{Credentials: new(tokens.input())})
		must(t, err)
		if at := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).TokenExpiresAt; at != nil {
			t.Errorf("with other credentials, the token is good until %v", at)
		}
		r.publish(1)
		testenv.Eventually(t, patience, func() bool { return r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).LastError == failure }, "the error to come back")
		if at := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx()).TokenExpiresAt; at != nil {
			t.Errorf("after a refusal, the token is good until %v", at)
		}
	})

	onEach(t, "that an endpoint refuses are replaced once, and that uses up no retry", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newTokenServer(t)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(int, *testenv.Received) testenv.Response {
			return testenv.Response{Status: http.StatusUnauthorized}
		})
		r.subscribe("crm", receiver.URL(), authenticated(tokens.input()), retries())
		r.startWorker()
		r.publish(1)
		// The token is fresh: another one would be refused, too.
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		if n := tokens.asked.Load(); n != 1 {
			t.Errorf("%d tokens were asked for", n)
		}
	})

	onEach(t, "by refresh tokens that the server replaces", func(t *testing.T, b testenv.Backend) {
		r, tokens := newRig(t, b, 1), newTokenServer(t)
		receiver := testenv.NewReceiver(t)
		r.subscribe("crm", receiver.URL(), authenticated(tokens.input(func(in *configure.OAuth2Input) {
			in.GrantType, in.RefreshToken = "REFRESH_TOKEN", new("refresh-0")
		})))
		r.startWorker()
		r.publish(1)
		receiver.Wait(t.Context(), 1)
		setting := r.store.Ent.AuthSetting.Query().OnlyX(r.ctx())
		kept, err := credentials.Open(r.vault, setting.ID, setting.Credentials)
		if err != nil || kept.OAuth2.RefreshToken != "refresh-1" {
			t.Errorf("kept %v", err)
		}
	})
}
