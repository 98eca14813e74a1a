package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/internal/configure"
)

// queries notes the types that are asked for, from now on.
func (p *process) queries() *[]string {
	asked := new([]string)
	p.Store.Ent.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, query ent.Query) (ent.Value, error) {
			*asked = append(*asked, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", query), "*ent."), "Query"))
			return next.Query(ctx, query)
		})
	}))
	return asked
}

// TestStatements: a change costs one statement for the lines, and one for each kind of object that they name.
func TestStatements(t *testing.T) {
	t.Parallel()
	onEach(t, "are no more than a change needs", func(t *testing.T, p *process) {
		asked := p.queries()
		auth, err := p.CreateAuthSetting(p.ctx(), configure.CreateAuthSettingInput{
			Key: "basic", Credentials: configure.CredentialsInput{Basic: &configure.BasicInput{Username: "u", Password: "p"}},
		})
		must(t, err)
		row := p.subscribe()
		r := p.registry()
		must(t, r.Refresh(t.Context())) // once more what was loaded
		for _, change := range []struct {
			of   string
			make func()
			want []string
		}{
			{"nothing", func() {}, nil},
			{
				"a subscription", func() { p.update(row, configure.UpdateEventSubscriptionInput{Enabled: new(false)}) },
				[]string{ent.TypeEventSubscription},
			},
			{"a profile", func() { p.say(row, 0) }, []string{ent.TypeNotificationProfile}},
			{
				"a profile that authenticates", func() {
					must(t, p.Store.Ent.NotificationProfile.UpdateOneID(row.ProfileID).SetAuthSettingID(auth.AuthSetting.ID).Exec(p.system()))
					p.say(row, 0)
				},
				[]string{ent.TypeNotificationProfile, ent.TypeAuthSetting},
			},
		} {
			change.make()
			*asked = nil
			must(t, r.Refresh(t.Context()))
			if want := append([]string{ent.TypeConfigChange}, change.want...); !slices.Equal(*asked, want) {
				t.Errorf("a change of %s asks for %q, want %q", change.of, *asked, want)
			}
		}
		*asked = nil
		must(t, r.load(p.system()))
		want := []string{
			ent.TypeEventType, ent.TypeNotificationProfile, ent.TypeAuthSetting, ent.TypeEventSubscription, ent.TypeResourceRoute, ent.TypeAccountSecret,
		}
		if !slices.Equal(*asked, want) {
			t.Errorf("loading asks for %q, want %q", *asked, want)
		}
	})
}

// TestApply: what this process changes costs what it changes, however much has been changed of late.
func TestApply(t *testing.T) {
	t.Parallel()
	onEach(t, "knows at once what this process has committed, and looks for nothing else", func(t *testing.T, p *process) {
		r := p.registry()
		others := p.subscribe()
		asked := p.queries()
		p.Changed = func(ctx context.Context, lines []*ent.ConfigChange) error {
			*asked = nil
			return r.Apply(ctx, lines)
		}
		row := p.subscribe()
		p.expect(r, "sms.delivery", row)
		if want := []string{ent.TypeNotificationProfile, ent.TypeEventSubscription}; !slices.Equal(*asked, want) {
			t.Errorf("creating a subscription and its profile asks for %q, want %q", *asked, want)
		}
		p.update(row, configure.UpdateEventSubscriptionInput{EventTypes: []string{"sms.click"}})
		p.expect(r, "sms.delivery")
		p.expect(r, "sms.click", row)

		must(t, r.Refresh(t.Context()))
		p.expect(r, "sms.delivery", others)
		p.changeUnsaid(row, "https://example.com/unsaid")
		must(t, r.Refresh(t.Context()))
		if got := p.url(r, row); got == "https://example.com/unsaid" {
			t.Error("a refresh reads again what has been applied")
		}

		_, err := p.DeleteEventSubscription(p.ctx(), ref(row), true)
		must(t, err)
		if _, _, found := r.Subscription(p.account, row.ID); found {
			t.Error("the deleted subscription is found")
		}
	})
}
