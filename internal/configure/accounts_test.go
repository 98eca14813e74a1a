package configure_test

import (
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/configure"
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
			changed, err := e.UpdateAccount(e.in(e.account), by, name)
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
			_, err := e.UpdateAccount(e.in(e.account), c.by, c.name)
			wants(e, name, err, c.want...)
		}
		if e.contents() != before {
			e.Error("something was changed")
		}
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
