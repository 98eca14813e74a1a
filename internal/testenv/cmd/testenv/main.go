// Command testenv runs a command with a PostgreSQL and a Redis started for it:
//
//	testenv -- go test ./...
//
// It exits with the command's exit code, or with 1 and a message when the servers could not be started.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/hookline/hookline/internal/testenv"
)

func main() {
	command := os.Args[1:]
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	code, err := testenv.Run(context.Background(), command, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testenv:", err)
		code = 1
	}
	os.Exit(code)
}
