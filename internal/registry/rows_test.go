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

// TestStatements: a change costs one statement for the lines, and one for each kind of object that they name.
func TestStatements(t *testing.T) {
	t.Parallel()
	onEach(t, "are no more than a change needs", func(t *testing.T, p *process) {
		var asked []string
		p.Store.Ent.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, query ent.Query) (ent.Value, error) {
				asked = append(asked, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%T", query), "*ent."), "Query"))
				return next.Query(ctx, query)
			})
		}))
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
			asked = nil
			must(t, r.Refresh(t.Context()))
			if want := append([]string{ent.TypeConfigChange}, change.want...); !slices.Equal(asked, want) {
				t.Errorf("a change of %s asks for %q, want %q", change.of, asked, want)
			}
		}
		asked = nil
		must(t, r.load(p.system()))
		want := []string{
			ent.TypeEventType, ent.TypeNotificationProfile, ent.TypeAuthSetting, ent.TypeEventSubscription, ent.TypeResourceRoute, ent.TypeAccountSecret,
		}
		if !slices.Equal(asked, want) {
			t.Errorf("loading asks for %q, want %q", asked, want)
		}
	})
}
