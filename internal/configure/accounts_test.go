package configure_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/internal/configure"
	"github.com/hookline/hookline/internal/health"
	"github.com/hookline/hookline/internal/id"
)

func TestCreateAccount(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		made, err := e.CreateAccount(e.Context(), "Bank_1", "Die Bank GmbH & Co. 🏦")
		if err != nil || made.Key != "Bank_1" || made.Name != "Die Bank GmbH & Co. 🏦" {
			e.Fatalf("%v, %v", made, err)
		}
		_, err = e.CreateAccount(e.Context(), "Bank_1", "Another")
		wants(e, "the same key", err, "TAKEN key `Bank_1`")
		_, err = e.CreateAccount(e.Context(), "a key", "\x00")
		wants(e, "malformed ones", err, "INVALID key `a key`", "INVALID name ")
		_, err = e.CreateAccount(e.Context(), strings.Repeat("k", 256), strings.Repeat("ü", 256))
		wants(e, "long ones", err, "OUT_OF_RANGE key 256", "OUT_OF_RANGE name 256")
		if _, err = e.CreateAccount(e.Context(), strings.Repeat("k", 255), strings.Repeat("n", 255)); err != nil {
			e.Errorf("the longest ones: %v", err)
		}
	})
}

func TestUpdateAccount(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		bank := e.newAccount("bank")
		for name, by := range map[string]configure.Ref{"Bank 1": {ID: new(id.Format(id.Account, bank))}, "Bank 2": byKey("bank")} {
			changed, err := e.UpdateAccount(e.in(e.account), by, &name, nil)
			if err != nil || changed.ID != bank || changed.Name != name || changed.Key != "bank" {
				e.Errorf("%s: %v, %v", name, changed, err)
			}
			if got := e.Store.Ent.Account.GetX(e.Context(), bank).Name; got != name {
				e.Errorf("the name is %s, want %s", got, name)
			}
		}
		before := e.contents()
		for name, c := range map[string]struct {
			by   configure.Ref
			name string
			want []string
		}{
			"nobody's id":   {configure.Ref{ID: new(id.Format(id.Account, id.New()))}, "x", []string{"NOT_FOUND by.id there is no account"}},
			"nobody's key":  {byKey("nobody"), "x", []string{"NOT_FOUND by.key there is no account"}},
			"no key at all": {byKey("a b"), "x", []string{"NOT_FOUND by.key "}},
			"neither":       {configure.Ref{}, "x", []string{"REQUIRED by "}},
			"no name":       {byKey("bank"), " ", []string{"REQUIRED name "}},
			"a long name":   {byKey("nobody"), strings.Repeat("ü", 256), []string{"OUT_OF_RANGE name 256", "NOT_FOUND by.key "}},
		} {
			_, err := e.UpdateAccount(e.in(e.account), c.by, &c.name, nil)
			wants(e, name, err, c.want...)
		}
		if e.contents() != before {
			e.Error("something was changed")
		}
	})
}

func TestAutoDisable(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		set := func(in configure.AutoDisableInput) (health.AutoDisable, error) {
			changed, err := e.UpdateAccount(e.in(e.account), byKey("shop"), nil, &in)
			if err != nil {
				return health.AutoDisable{}, err
			}
			if changed.Name != "shop" {
				e.Errorf("the name is %s", changed.Name)
			}
			return configure.AutoDisableOf(e.Store.Ent.Account.GetX(e.Context(), e.account)), nil
		}
		want := health.AutoDisable{Enabled: true, After: 5 * 24 * time.Hour, LeastAttempts: 20}
		check := func(in configure.AutoDisableInput) {
			e.Helper()
			if got, err := set(in); err != nil || got != want {
				e.Errorf("%v, %v, want %v", got, err, want)
			}
		}
		check(configure.AutoDisableInput{})
		want.Enabled = false
		check(configure.AutoDisableInput{Enabled: new(false)})
		for _, after := range []time.Duration{time.Hour, 30 * 24 * time.Hour} {
			want.After = after
			check(configure.AutoDisableInput{After: &after})
		}
		for _, least := range []int{1, 10_000} {
			want.LeastAttempts = least
			check(configure.AutoDisableInput{LeastAttempts: &least})
		}
		entry := e.Store.Ent.AuditEntry.Query().Where(auditentry.AfterContains("autoDisableAfter")).Order(ent.Desc("id")).FirstX(e.ctx())
		if entry.Before != `{"autoDisableAfter":"PT1H"}` || entry.After != `{"autoDisableAfter":"P4W2D"}` {
			e.Errorf("the audit log says %s and then %s", entry.Before, entry.After)
		}
		_, err := set(configure.AutoDisableInput{Enabled: new(true), After: new(time.Hour - 1), LeastAttempts: new(0)})
		wants(e, "too little", err, "OUT_OF_RANGE autoDisable.after 59m59.999999999s", "OUT_OF_RANGE autoDisable.leastAttempts 0")
		_, err = set(configure.AutoDisableInput{After: new(30*24*time.Hour + 1), LeastAttempts: new(10_001)})
		wants(e, "too much", err, "OUT_OF_RANGE autoDisable.after PT1H to P30D", "OUT_OF_RANGE autoDisable.leastAttempts 10001")
		check(configure.AutoDisableInput{})
	})
}

func TestAnAccountsKeyIsTakenByOneOfManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(e *env) {
		failed := together(6, func(int) error {
			_, err := e.CreateAccount(e.Context(), "bank", "Bank")
			return err
		})
		if len(failed) != 5 {
			e.Errorf("%d of 6 were refused, want all but one", len(failed))
		}
		for _, err := range failed {
			wants(e, "another one", err, "TAKEN key ")
		}
	})
}
