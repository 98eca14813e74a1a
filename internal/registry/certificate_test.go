package registry

import (
	"slices"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/testenv"
)

func (p *process) certificate(key string) *ent.Certificate {
	p.t.Helper()
	made, err := p.UploadCertificate(p.ctx(), configure.UploadCertificateInput{
		Key: key, PEM: new(testenv.NewAuthority(p.t, "ca").PEM(p.t, key, time.Now().Add(time.Hour))),
	})
	must(p.t, err)
	return made.Certificate
}

// use has the profile of a subscription use a certificate, nil for none, and change over to another one at a time.
func (p *process) use(row *configure.CreatedEventSubscription, now, next *ent.Certificate, at time.Time) {
	p.t.Helper()
	choice := func(c *ent.Certificate) *configure.CertificateChoice {
		if c == nil {
			return nil
		}
		return &configure.CertificateChoice{Existing: &configure.Ref{Key: &c.Key}}
	}
	in := configure.UpdateNotificationProfileInput{
		Certificate: graphql.OmittableOf(choice(now)), CertificateChange: graphql.OmittableOf[*configure.CertificateChangeInput](nil),
	}
	if next != nil {
		in.CertificateChange = graphql.OmittableOf(&configure.CertificateChangeInput{Certificate: *choice(next), At: at})
	}
	_, err := p.UpdateNotificationProfile(p.ctx(), configure.Ref{ID: new(id.Format(id.NotificationProfile, row.ProfileID))}, in)
	must(p.t, err)
}

// presents returns the certificate of a subscription's profile at a time.
func (p *process) presents(r *Registry, row *configure.CreatedEventSubscription, at time.Time) *Certificate {
	p.t.Helper()
	_, profile, found := r.Subscription(p.account, row.ID)
	if !found || profile.Problem != nil {
		p.t.Fatalf("profile %+v", profile)
	}
	return profile.Certificate(at)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	onEach(t, "are opened once for all profiles, and change over at their time", func(t *testing.T, p *process) {
		a, b := p.certificate("a"), p.certificate("b")
		first, second, none := p.subscribe(), p.subscribe(), p.subscribe()
		takeover := time.Now().Add(time.Minute)
		p.use(first, a, b, takeover)
		p.use(second, b, nil, takeover)
		r := p.registry()
		before, after := p.presents(r, first, takeover.Add(-time.Second)), p.presents(r, first, takeover)
		if before.TLS == nil || before.TLS.Leaf.Subject.CommonName != "a" || before.Identity != a.ID.String() || !before.NotAfter.Equal(a.NotAfter) {
			t.Errorf("before: %+v", before)
		}
		if after.TLS == nil || after.TLS.Leaf.Subject.CommonName != "b" || after != p.presents(r, second, takeover) {
			t.Errorf("after: %+v", after)
		}
		if c := p.presents(r, none, takeover); c != nil {
			t.Errorf("one without presents %+v", c)
		}
	})

	onEach(t, "are released with the last profile that uses them", func(t *testing.T, p *process) {
		a, b, c := p.certificate("a"), p.certificate("b"), p.certificate("c")
		first, second := p.subscribe(), p.subscribe()
		r := p.registry()
		var released []string
		r.OnRelease(func(identity string) { released = append(released, identity) })
		expect := func(step string, want ...*ent.Certificate) {
			t.Helper()
			must(t, r.Refresh(t.Context()))
			var identities []string
			for _, w := range want {
				identities = append(identities, w.ID.String())
			}
			slices.Sort(released)
			slices.Sort(identities)
			if !slices.Equal(released, identities) {
				t.Errorf("%s: released %q, want %q", step, released, identities)
			}
			released = nil
		}
		later := time.Now().Add(time.Minute)
		p.use(first, a, b, later)
		p.use(second, a, nil, later)
		expect("used")
		kept := p.presents(r, first, time.Now())
		p.use(first, a, c, later)
		expect("b is staged no more", b)
		if p.presents(r, first, time.Now()) != kept {
			t.Error("a was opened anew")
		}
		p.use(second, nil, nil, later)
		expect("a is used by one still")
		_, err := p.DeleteEventSubscription(p.ctx(), ref(first), true)
		must(t, err)
		expect("its profile is deleted", a, c)
		p.use(second, b, nil, later)
		expect("b is used again")
		must(t, p.Store.Ent.NotificationProfile.UpdateOneID(second.ProfileID).ClearCertificateID().Exec(p.system()))
		r.fullAt = time.Now().Add(-time.Hour) // everything is read anew
		expect("read anew", b)
	})

	onEach(t, "that cannot be opened are a problem of their own", func(t *testing.T, p *process) {
		a, b := p.certificate("a"), p.certificate("b")
		row := p.subscribe()
		takeover := time.Now().Add(time.Minute)
		p.use(row, a, b, takeover)
		must(t, p.Store.Ent.Certificate.UpdateOne(b).SetPrivateKey([]byte{1, 1, 'x'}).Exec(p.ctx()))
		r := p.registry()
		if c := p.presents(r, row, time.Now()); c.Problem != nil || c.TLS == nil {
			t.Errorf("the one that can: %+v", c)
		}
		if c := p.presents(r, row, takeover); c.Problem == nil || c.TLS != nil {
			t.Errorf("the one that cannot: %+v", c)
		}
	})
}
