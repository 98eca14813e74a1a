// Package catalogue is the event catalogue that Hookline ships with, and enters it into the database.
package catalogue

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hookline/hookline/internal/match"
)

//go:embed catalogue.yaml
var embedded []byte

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
	Filters *[]string `yaml:"filters"`
	// Attributes are the keys that attribute filters of its subscriptions may use.
	Attributes []string `yaml:"attributes"`
	// Events are its event types, each without the category's key and the dot that begin the full name.
	Events []string `yaml:"events"`
	// Details are what is known of some of Events, by their names there.
	Details map[string]Details `yaml:"details"`
}

// Details describe an event type.
type Details struct {
	Description string `yaml:"description"`
	Example     string `yaml:"example"` // a payload, in JSON
}

// EventTypes returns the full names of the category's event types.
func (c Category) EventTypes() []string {
	names := make([]string, len(c.Events))
	for i, event := range c.Events {
		names[i] = c.Key + "." + event
	}
	return names
}

// AllowedFilters returns the standard filters that subscriptions to a category of this file may use.
func (f *File) AllowedFilters(c Category) []string {
	if c.Filters != nil {
		return *c.Filters
	}
	return f.StandardFilters
}

// Groups are the names of the groups that categories can be in.
var Groups = []string{"Channels", "Numbers & Senders", "Tools", "Custom"}

// Load returns the catalogue that this version ships with.
func Load() (*File, error) { return parse(embedded) }

// Category returns the category of the key; ok is false if the file has none.
func (f *File) Category(key string) (c Category, ok bool) {
	i := slices.IndexFunc(f.Categories, func(c Category) bool { return c.Key == key })
	if i < 0 {
		return Category{}, false
	}
	return f.Categories[i], true
}

// parse reads a catalogue; a field that it does not know is an error.
func parse(text []byte) (*File, error) {
	var f File
	if err := yaml.UnmarshalWithOptions(text, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if err := f.validate(); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return &f, nil
}

// Filters are the standard filters that there are.
var Filters = []string{"users", "entities", "applications", "resources"}

func (f *File) validate() error {
	errs := []error{known("standardFilters", f.StandardFilters)}
	if len(f.Categories) == 0 {
		errs = append(errs, errors.New("no categories"))
	}
	seen := map[string]bool{}
	for _, c := range f.Categories {
		if seen[c.Key] {
			errs = append(errs, fmt.Errorf("category %q is listed twice", c.Key))
		}
		seen[c.Key] = true
		if err := f.validateCategory(c); err != nil {
			errs = append(errs, fmt.Errorf("category %q: %w", c.Key, err))
		}
	}
	return errors.Join(errs...)
}

func (f *File) validateCategory(c Category) error {
	var errs []error
	if strings.ContainsAny(c.Key, ".*") || match.ValidatePattern(c.Key) != nil {
		errs = append(errs, errors.New("its key must consist of a-z, 0-9 and _"))
	}
	if c.Name == "" {
		errs = append(errs, errors.New("it has no name"))
	}
	if name := f.Groups[c.Group]; name != "" && !slices.Contains(Groups, name) {
		errs = append(errs, fmt.Errorf("its group %q is none of %s", name, strings.Join(Groups, ", ")))
	} else if name == "" {
		errs = append(errs, fmt.Errorf("its group %q has no name", c.Group))
	}
	errs = append(errs, known("filters", f.AllowedFilters(c)), unique("attributes", c.Attributes), unique("events", c.Events))
	for name, details := range c.Details {
		if !slices.Contains(c.Events, name) {
			errs = append(errs, fmt.Errorf("details of %q, which is none of its events", name))
		}
		if details.Example != "" && !json.Valid([]byte(details.Example)) {
			errs = append(errs, fmt.Errorf("the example of %q is not JSON", name))
		}
	}
	for _, name := range c.EventTypes() {
		if err := match.ValidatePattern(name); err != nil {
			errs = append(errs, err)
		} else if strings.Contains(name, "*") {
			errs = append(errs, fmt.Errorf("event type %q is a wildcard", name))
		}
	}
	return errors.Join(errs...)
}

// known says which values of a list are not standard filters, or are repeated.
func known(list string, values []string) error {
	for _, v := range values {
		if !slices.Contains(Filters, v) {
			return fmt.Errorf("%s: %q is none of %s", list, v, strings.Join(Filters, ", "))
		}
	}
	return unique(list, values)
}

// unique says which value of a list is empty or repeated.
func unique(list string, values []string) error {
	for i, v := range values {
		if v == "" || slices.Contains(values[:i], v) {
			return fmt.Errorf("%s: %q is empty or listed twice", list, v)
		}
	}
	return nil
}
