package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hookline/hookline/internal/testenv"
)

// What the README says to type does what it says.
func TestReadme(t *testing.T) {
	t.Parallel()
	curl := testenv.Program(t, "curl")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	server := installEmbedded(t).start("serve")
	var answers []string
	for _, command := range examples(string(readme), "curl ") {
		script := strings.ReplaceAll(strings.Replace(command, "curl", curl, 1), "localhost:8080", strings.TrimPrefix(server.url, "http://"))
		cmd := exec.CommandContext(soon(t), "sh", "-c", script)
		cmd.Env = []string{"KEY=" + adminKey}
		answer, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", command, err, answer)
		}
		answers = append(answers, string(answer))
	}
	if len(answers) != 2 || !strings.Contains(answers[0], `{"createdSecret":"whsec_`) || !strings.Contains(answers[0], `"userErrors":[]`) ||
		!strings.Contains(answers[1], `"duplicate":false,"matched":1}]`) {
		t.Errorf("answers %q, want a secret, and an event that matched", answers)
	}

	api := server.api()
	api.must(`mutation { createAccount(key: "acme", name: "Acme") { userErrors { message } } }`, nil, new(any))
	mutations := examples(string(readme), "mutation ")
	for _, mutation := range mutations {
		var made map[string]struct{ UserErrors []json.RawMessage }
		if err := api.query(mutation, nil, &made); err != nil || len(made["createPortalSession"].UserErrors) > 0 {
			t.Errorf("%s\n%v: %s", mutation, err, made)
		}
	}
	if len(mutations) != 1 {
		t.Errorf("%d mutations", len(mutations))
	}
}

// examples returns the indented blocks of a Markdown text that begin with a word.
func examples(markdown, word string) (blocks []string) {
	const indent = "    "
	open := false
	for line := range strings.Lines(markdown) {
		code, indented := strings.CutPrefix(line, indent)
		switch {
		case !indented:
			open = false
		case open:
			blocks[len(blocks)-1] += code
		case strings.HasPrefix(code, word):
			blocks, open = append(blocks, code), true
		}
	}
	return blocks
}
