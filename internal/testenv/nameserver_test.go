package testenv_test

import (
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

func TestNameServer(t *testing.T) {
	t.Parallel()
	names := testenv.NewNameServer(t)
	resolver := names.Resolver()
	expect := func(name string, want ...string) {
		t.Helper()
		got, err := resolver.LookupHost(t.Context(), name)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || (err != nil) != (len(want) == 0) {
			t.Errorf("%s stands for %v, %v; want %v", name, got, err, want)
		}
	}
	names.Set("a.test", "192.0.2.1", "2001:db8::1")
	names.Set("alias.test", "second.test")
	names.Set("second.test", "a.test")
	names.Set("loop.test", "loop.test")
	names.Set("empty.test")
	expect("a.test", "192.0.2.1", "2001:db8::1")
	expect("alias.test", "192.0.2.1", "2001:db8::1")
	expect("loop.test")
	expect("empty.test")
	names.Set("a.test", "192.0.2.2")
	expect("alias.test", "192.0.2.2")
	var missing *net.DNSError
	if _, err := resolver.LookupHost(t.Context(), "missing.test"); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("missing.test: %v", err)
	}
}
