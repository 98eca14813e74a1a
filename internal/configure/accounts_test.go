package configure_test

import (
	"strings"
	"testing"
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
