package worker_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hookline/hookline/ent/attempt"
	"github.com/hookline/hookline/internal/addrguard"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/stream"
	"github.com/hookline/hookline/internal/testenv"
)

// TestGuardAtDial: a name may stand for anything when it is saved, and for something else at every delivery.
func TestGuardAtDial(t *testing.T) {
	t.Parallel()
	onEach(t, "lets no name of a webhook, a per-message webhook or a token URL lead to a blocked address", func(t *testing.T, b testenv.Backend) {
		r := newRig(t, b, 1)
		r.guard = addrguard.Policy{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
		r.configure.Guard = r.guard
		names := testenv.NewNameServer(t)
		r.resolver = names.Resolver()
		// Each request comes over a connection of its own.
		receiver, tokens := testenv.NewReceiver(t), newTokenServer(t)
		tokens.Config.SetKeepAlivesEnabled(false)
		receiver.Respond(func(int, *testenv.Received) testenv.Response {
			return testenv.Response{Header: http.Header{"Connection": {"close"}}}
		})
		at := func(name, server string) string {
			u, err := url.Parse(server)
			must(t, err)
			return "http://" + net.JoinHostPort(name, u.Port())
		}
		// On the same ports, where nobody may come: what is to be protected.
		var visits atomic.Int32
		for _, server := range []string{receiver.URL(), tokens.URL} {
			hidden := httptest.NewUnstartedServer(http.NotFoundHandler())
			hidden.Config.ConnState = func(net.Conn, http.ConnState) { visits.Add(1) }
			listener, err := net.Listen("tcp", strings.TrimPrefix(at("127.0.0.2", server), "http://"))
			must(t, err)
			must(t, hidden.Listener.Close())
			hidden.Listener = listener
			hidden.Start()
			t.Cleanup(hidden.Close)
		}
		names.Set("hook.test", "127.0.0.1")
		names.Set("login.test", "127.0.0.1")
		login := tokens.input(func(in *configure.OAuth2Input) { in.TokenURL = at("login.test", tokens.URL) })
		r.subscribe("hook", at("hook.test", receiver.URL()), retries())
		r.subscribe("login", at("127.0.0.1", receiver.URL()), retries(), authenticated(login))
		r.startWorker()

		delivered, blocked := 0, 0
		deliver := func(standsFor []string, allowed bool) {
			t.Helper()
			names.Set("hook.test", standsFor...)
			names.Set("login.test", standsFor...)
			_, err := r.configure.UpdateAuthSetting(r.ctx(), configure.Ref{Key: new("login")}, configure.UpdateAuthSettingInput{Credentials: &login}) // forgets its token
			must(t, err)
			r.publish(1)
			r.publishWith(`{"n":1}`, to(at("hook.test", receiver.URL())))
			if allowed {
				delivered += 3
			} else {
				blocked += 3
			}
			want := map[stream.Status]int{}
			if delivered > 0 {
				want[stream.StatusSucceeded] = delivered
			}
			if blocked > 0 {
				want[stream.StatusExhausted] = blocked
			}
			r.awaitStatuses(want)
			n, err := r.store.Ent.Attempt.Query().Where(attempt.Outcome(string(stream.OutcomeBlocked))).Count(r.ctx())
			must(t, err)
			if n != blocked {
				t.Errorf("with %q %d attempts are blocked, want %d", standsFor, n, blocked)
			}
		}
		names.Set("alias.test", "inside.test")
		names.Set("inside.test", "127.0.0.2")
		deliver([]string{"127.0.0.1"}, true)
		for _, standsFor := range [][]string{
			{"127.0.0.2"}, {"alias.test"}, {"127.0.0.2", "10.0.0.1", "169.254.169.254"}, {"::1"}, {"::ffff:127.0.0.2"}, {"64:ff9b::7f00:1", "2002:7f00:1::1"},
		} {
			deliver(standsFor, false)
		}
		deliver([]string{"127.0.0.2", "127.0.0.1"}, true)
		if n := visits.Load(); n > 0 {
			t.Errorf("a blocked address was connected to: %d", n)
		}
	})
}
