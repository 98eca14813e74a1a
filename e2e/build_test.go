package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/hookline/hookline/internal/app" // the program: go test must not take results of another one from its cache
	"github.com/hookline/hookline/internal/testenv"
)

// scratch is a folder for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "hookline-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// program returns the path of the program, built once: with the race detector if the tests have it.
func program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "hookline")
	args := []string{"build", "-buildvcs=false", "-o", path}
	if testenv.RaceEnabled {
		args = append(args, "-race")
	}
	output, err := exec.Command("go", append(args, "../cmd/hookline")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	// Its text is of a package that cannot be imported: reading it tells go test's cache.
	if _, err := os.ReadFile("../cmd/hookline/main.go"); err != nil {
		return "", errors.Join(errors.New("read the program's source"), err)
	}
	return path, nil
})
