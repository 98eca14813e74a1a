package worker_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent/authsetting"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// An endpoint that repeats the request's headers must not bring secrets into the log.
func TestSecretsInResponsesAreMasked(t *testing.T) {
	t.Parallel()
	onEach(t, "masks them", func(t *testing.T, b testenv.Backend) {
		const secret = "canary-in-the-coal-mine"
		r := newRig(t, b, 1)
		receiver := testenv.NewReceiver(t)
		receiver.Respond(func(_ int, got *testenv.Received) testenv.Response {
			key := got.Header.Get("X-Key")
			return testenv.Response{
				Status: http.StatusForbidden, Header: http.Header{"X-Echo": {key}},
				Body: []byte("you sent " + key + " " + base64.StdEncoding.EncodeToString([]byte(key)) + " and it is wrong"),
			}
		})
		r.subscribe("crm", receiver.URL(), func(_ *configure.CreateEventSubscriptionInput, p *configure.CreateNotificationProfileInput) {
			p.Headers = []configure.HeaderInput{{Name: "X-Key", Value: secret, Secret: true}}
			p.RetryPolicy = &configure.RetryPolicyInput{Kind: "NONE"}
		})
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 1})
		if got := receiver.Received()[0].Header.Get("X-Key"); got != secret {
			t.Fatalf("the endpoint got %q", got)
		}
		a := r.attempts(r.deliveries()[0].ID)[0]
		if got := string(a.ResponseBody); got != "you sent *** *** and it is wrong" {
			t.Errorf("body %q", got)
		}
		if !strings.Contains(a.ResponseHeaders, "X-Echo: ***\n") || strings.Contains(a.RequestHeaders, secret) {
			t.Errorf("headers %q, %q", a.ResponseHeaders, a.RequestHeaders)
		}
	})
}

// garbler answers every request with what is no HTTP: a line about the request's header Authorization where a header has to be, behind
// so much else that a text of 500 bytes, with what stands before it, ends within the secret.
func garbler(t *testing.T, padding int) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
				_, password, _ := request.BasicAuth()
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nx%s you sent %s, %s\r\n\r\n", strings.Repeat("x", padding), password, request.Header.Get("Authorization"))
			}
			_ = conn.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

// An answer that is no HTTP is quoted in the error.
func TestSecretsInErrorsAreMasked(t *testing.T) {
	t.Parallel()
	onEach(t, "masks them", func(t *testing.T, b testenv.Backend) {
		const secret = `open-sesame-"forty"-thieves-and-more`
		basic := authenticated(configure.CredentialsInput{Basic: &configure.BasicInput{Username: "A", Password: secret}})
		r := newRig(t, b, 1)
		for _, padding := range []int{0, 340, 360, 380, 400, 420} { // the last ones for texts that are cut off within the secret
			r.subscribe(fmt.Sprint("basic", padding), garbler(t, padding), retries(), basic, func(in *configure.CreateEventSubscriptionInput, _ *configure.CreateNotificationProfileInput) {
				in.EventTypes = append(in.EventTypes, in.Key+".*") // that no two ask for the same
			})
		}
		r.subscribe("token", garbler(t, 0), retries(), authenticated(newTokenServer(t).input()))
		r.subscribe("none", closedURL(t), retries(), authenticated(configure.CredentialsInput{OAuth2: &configure.OAuth2Input{
			TokenURL: garbler(t, 0), GrantType: "CLIENT_CREDENTIALS", ClientID: new("me"), ClientSecret: new(secret),
		}}))
		r.startWorker()
		r.publish(1)
		r.awaitStatuses(map[stream.Status]int{stream.StatusExhausted: 8})
		for _, d := range r.deliveries() {
			a := r.attempts(d.ID)[0]
			if !strings.Contains(a.Error, "malformed MIME header") {
				t.Errorf("attempt %+v", a)
			}
			for _, leaked := range []string{"op", "token-1", "QTpv", "bWU6"} {
				if strings.Contains(a.Error+a.Hint, leaked) {
					t.Errorf("%q shows %s", a.Error, leaked)
				}
			}
		}
		testenv.Eventually(t, patience, func() bool {
			failure := r.store.Ent.AuthSetting.Query().Where(authsetting.Key("none")).OnlyX(r.ctx()).LastError
			return strings.Contains(failure, "malformed MIME header") && !strings.Contains(failure, "open") && !strings.Contains(failure, "bWU6")
		}, "the setting's last error, without the secret")
	})
}
