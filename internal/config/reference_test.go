package config_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/hookline/hookline/internal/config"
)

func TestReferenceIsWhatTheSettingsSay(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := config.Reference(); !bytes.Equal(got, []byte(want)) {
		t.Error("docs/configuration.md is not what the settings say: run `make generate`")
	}
}
