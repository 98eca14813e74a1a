package registry

import (
	"testing"
	"time"

	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
)

func (p *process) route(resource, action string, profile *configure.Ref) *configure.SetRoute {
	p.t.Helper()
	set, err := p.SetResourceRoute(p.ctx(), resource, action, profile, "*")
	must(p.t, err)
	return set
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	onEach(t, "are followed", func(t *testing.T, p *process) {
		r := p.registry()
		row := p.subscribe()
		other := p.subscribe()
		profile := func(row *configure.CreatedEventSubscription) *configure.Ref {
			return &configure.Ref{ID: new(id.Format(id.NotificationProfile, row.ProfileID))}
		}
		route := func() Route {
			t.Helper()
			must(t, r.Refresh(t.Context()))
			found, _ := r.Route(p.account, "+49", "sms.delivery")
			if again, _ := p.registry().Route(p.account, "+49", "sms.delivery"); again != found {
				t.Errorf("after a restart it is %v, before %v", again, found)
			}
			return found
		}
		if got := route(); got != (Route{}) {
			t.Errorf("before there is one: %v", got)
		}
		made := p.route("+49", configure.Forward, profile(row))
		if got := route(); got != (Route{ID: made.Route.ID, ProfileID: row.ProfileID}) {
			t.Errorf("got %v", got)
		}
		s, sentThrough, found := r.Subscription(p.account, made.Route.ID)
		if !found || s.ID != made.Route.ID || !s.Enabled || s.Problem != nil || sentThrough.ID != row.ProfileID || s.ProfileID != row.ProfileID {
			t.Fatalf("%v: %+v, %+v", found, s, sentThrough)
		}
		if secrets := s.Secrets(time.Now()); len(secrets) != 1 || secrets[0].Reveal() != made.Secret {
			t.Errorf("it signs with %d secrets", len(secrets))
		}
		if _, _, found := r.Subscription(p.newAccount("bank"), made.Route.ID); found {
			t.Error("another account has it")
		}

		rotated, err := p.RotateAccountSecret(p.ctx(), time.Hour, nil)
		must(t, err)
		p.route("+49", configure.Forward, profile(other))
		if got := route(); got.ProfileID != other.ProfileID {
			t.Errorf("to another profile: %v", got)
		}
		s, _, _ = r.Subscription(p.account, made.Route.ID)
		if now := s.Secrets(time.Now()); len(now) != 2 || now[0].Reveal() != rotated.Secret || now[1].Reveal() != made.Secret {
			t.Errorf("after a rotation it signs with %d secrets", len(now))
		}
		if later := s.Secrets(time.Now().Add(2 * time.Hour)); len(later) != 1 {
			t.Errorf("after the overlap it signs with %d secrets", len(later))
		}

		p.route("+49", configure.ToNobody, nil)
		if got := route(); got != (Route{ID: made.Route.ID}) {
			t.Errorf("to nobody: %v", got)
		}
		if _, _, found := r.Subscription(p.account, made.Route.ID); found {
			t.Error("it still forwards")
		}
		p.route("+49", configure.FollowSubscriptions, nil)
		if got := route(); got != (Route{}) {
			t.Errorf("without: %v", got)
		}
	})

	onEach(t, "of a secret that cannot be opened send nothing", func(t *testing.T, p *process) {
		row := p.subscribe()
		made := p.route("+49", configure.Forward, &configure.Ref{ID: new(id.Format(id.NotificationProfile, row.ProfileID))})
		p.Vault = key(t, "another")
		if s, _, found := p.registry().Subscription(p.account, made.Route.ID); !found || s.Problem == nil {
			t.Errorf("%v: %+v", found, s)
		}
	})
}
