package vault_test

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hookline/hookline/internal/vault"
)

func TestKeyFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "encryption.keys")
	first, err := vault.LoadOrCreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := vault.LoadOrCreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 1 || !slices.Equal(first, second) {
		t.Error("the second load gives other keys than the first")
	}
	if first[0].Secret == [32]byte{} {
		t.Error("the key is all zero")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 0600", info.Mode().Perm())
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("%d files, want the key file alone", len(files))
	}
}

func TestKeyFilesDiffer(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, errA := vault.LoadOrCreateKeyFile(filepath.Join(folder, "a"))
	b, errB := vault.LoadOrCreateKeyFile(filepath.Join(folder, "b"))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a[0].ID == b[0].ID || a[0].Secret == b[0].Secret {
		t.Error("two files have the same key")
	}
}

func TestKeyFileIsTheSameForAllWhoMakeItAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "encryption.keys")
	var wait sync.WaitGroup
	keys := make([][]vault.Key, 16)
	for i := range keys {
		wait.Go(func() {
			var err error
			if keys[i], err = vault.LoadOrCreateKeyFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, k := range keys {
		if !slices.Equal(k, keys[0]) {
			t.Fatal("two of them have different keys")
		}
	}
}

func TestKeyFileMayHoldOldKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "encryption.keys")
	if err := os.WriteFile(path, []byte("new:"+encoded(2, 32)+",\nold:"+encoded(1, 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := vault.LoadOrCreateKeyFile(path)
	if err != nil || !slices.Equal(keys, []vault.Key{key("new", 2), key("old", 1)}) {
		t.Errorf("%v, %v", keys, err)
	}
}

func TestKeyFileThatCannotBeReadIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "encryption.keys")
	for _, content := range []string{"", "a:" + encoded(0xAB, 16)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := vault.LoadOrCreateKeyFile(path)
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("with %q: %v, want an error that names the file", content, err)
		}
		if left, _ := os.ReadFile(path); string(left) != content {
			t.Errorf("with %q: the file was changed", content)
		}
	}
	if _, err := vault.LoadOrCreateKeyFile(t.TempDir()); err == nil {
		t.Error("a folder in the file's place: no error")
	}
}
