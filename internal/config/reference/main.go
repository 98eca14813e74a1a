// Command reference writes the page of all settings to a file.
package main

import (
	"log"
	"os"

	"github.com/hookline/hookline/internal/config"
)

func main() {
	if err := os.WriteFile(os.Args[1], []byte(config.Reference()), 0o644); err != nil { //nolint:gosec // a page for everybody
		log.Fatal(err)
	}
}
