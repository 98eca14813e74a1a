package vault

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LoadOrCreateKeyFile reads the keys in the file at path, in the form of ParseKeys. If there is no file it makes one
// with a random key, readable by its owner only. Processes that do so at the same time agree on one key. Without this
// file nothing that was sealed can be read again.
func LoadOrCreateKeyFile(path string) ([]Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil {
			return nil, fmt.Errorf("make encryption key file: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read encryption key file: %w", err)
	}
	keys, err := ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("encryption key file %s: %w", path, err)
	}
	return keys, nil
}

// createKeyFile writes the whole file under another name and links it to its own, so that nobody reads half of it and
// the first of several processes wins. It leaves a file that is there as it is.
func createKeyFile(path string) (err error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(folder, ".key-*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.WriteString(NewKeyText() + "\n")
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(folder)
}

// NewKeyText returns a random key with a random id, as ParseKeys reads it: a key that is made after this one was lost has another id, and so
// the errors of Open tell that it was lost.
func NewKeyText() string {
	var random [4 + 32]byte
	_, _ = rand.Read(random[:]) // never fails, see crypto/rand
	return hex.EncodeToString(random[:4]) + ":" + base64.StdEncoding.EncodeToString(random[4:])
}

// syncFolder makes the file's name survive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
