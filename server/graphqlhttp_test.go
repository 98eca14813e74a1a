package server_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// TestGraphQLOverHTTPAudit runs the audits of the npm package graphql-http, the reference of the specification, against the
// server. All of them pass, also those of what a server may do. It needs node and npm.
func TestGraphQLOverHTTPAudit(t *testing.T) {
	t.Parallel()
	folder := installAudit(t)
	w := start(t, testenv.Backend{DatabaseURL: testenv.SQLite(t), RedisURL: "embedded"})
	command := exec.CommandContext(t.Context(), "node", "audit.mjs", w.url+"/graphql", adminKey)
	command.Dir = folder
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	audits := 0
	for line := range bytes.Lines(output) {
		var audit struct{ ID, Name, Status, Reason string }
		if err := json.Unmarshal(line, &audit); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		audits++
		if audit.Status != "ok" {
			t.Errorf("%s %s: %s", audit.ID, audit.Name, audit.Reason)
		}
	}
	if audits < 50 {
		t.Errorf("only %d audits were run", audits)
	}
}

// installAudit installs the locked dependencies of the audits, and returns their folder.
func installAudit(t *testing.T) string {
	t.Helper()
	give := t.Skipf
	if os.Getenv("HOOKLINE_TEST_REQUIRE") == "1" {
		give = t.Fatalf
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			give("the audits of graphql-http can't be run: %v", err)
		}
	}
	folder := t.TempDir()
	check(t, os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "graphqlhttp"))))
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = folder
	if output, err := install.CombinedOutput(); err != nil {
		give("the audits of graphql-http can't be installed: %v\n%s", err, output)
	}
	return folder
}
