package worker_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/internal/configure"
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
			TokenURL: "https://login.example.com/token", GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new("s3cret"),
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
				if a.Outcome != "AUTH" || !strings.Contains(a.Error, "auth setting") || a.Hint == "" || a.RequestHeaders != "" {
					t.Errorf("attempt %+v", a)
				}
			}
		}
		if n := len(receiver.Received()); n > 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
}
