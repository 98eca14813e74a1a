// Package catalogue is the event catalogue that Hookline ships with: which categories and event types there are.
package catalogue

import (
	"context"

	"github.com/hookline/hookline/ent"
)

// File is the catalogue as catalogue.yaml lists it.
type File struct {
	// StandardFilters are the standard filters of every category that names none itself.
	StandardFilters []string `yaml:"standardFilters"`
	// Groups are the names of the groups, by their keys.
	Groups     map[string]string `yaml:"groups"`
	Categories []Category        `yaml:"categories"`
}

// Category is a family of event types.
type Category struct {
	Key   string `yaml:"key"`
	Name  string `yaml:"name"`
	Group string `yaml:"group"` // a key of File.Groups
	// Filters are the standard filters that its subscriptions may use: those of the file when nil, none when empty.
	Filters    *[]string `yaml:"filters"`
	Attributes []string  `yaml:"attributes"`
	// Events are the names of its event types after the category and a dot.
	Events []string `yaml:"events"`
}

// Load returns the catalogue.
func Load() (*File, error) { return nil, nil }

// Sync enters what the database lacks of the catalogue.
func Sync(ctx context.Context, client *ent.Client) error { return nil }
