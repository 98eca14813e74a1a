package configure

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/internal/catalogue"
	"github.com/hookline/hookline/internal/usererror"
)

// The limits of a category.
const (
	maxCategoryKey        = 100 // characters
	maxCategoryAttributes = 50  // keys that attribute filters may use
)

// customGroup is where new categories are listed if nothing else is said.
const customGroup = "Custom"

// UpsertCategory creates a category, or changes the one that has the key. Those that Hookline ships with keep their name and
// group, and the filters and attributes that they come with.
func (s *Service) UpsertCategory(ctx context.Context, in CategoryInput) (*ent.Category, error) {
	file, err := catalogue.Load()
	if err != nil {
		return nil, err
	}
	var row *ent.Category
	err = s.changeCatalogue(ctx, func(c *change) error {
		checkCategory(&c.wrong, in)
		if len(c.wrong) > 0 {
			return nil
		}
		query := c.Category.Query().Where(category.Key(in.Key))
		if !s.Store.Embedded() {
			query.ForUpdate()
		}
		found, err := query.Only(ctx)
		switch {
		case ent.IsNotFound(err):
			row, err = c.createCategory(ctx, in)
		case err == nil:
			row, err = c.updateCategory(ctx, file, found, in)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return row.Unwrap(), nil
}

// checkCategory says what is wrong with the fields that are given.
func checkCategory(wrong *usererror.List, in CategoryInput) {
	switch {
	case in.Key == "":
		wrong.Add(usererror.Required, "input.key", "a key is needed: 1–%d of a–z, 0–9 and _", maxCategoryKey)
	case utf8.RuneCountInString(in.Key) > maxCategoryKey:
		wrong.Add(usererror.OutOfRange, "input.key", "the key has %d characters: at most %d are allowed", utf8.RuneCountInString(in.Key), maxCategoryKey)
	case strings.ContainsFunc(in.Key, notInSegment):
		wrong.Add(usererror.Invalid, "input.key", "the key %s has characters that are not allowed: use a–z, 0–9 and _", quote(in.Key))
	}
	if in.Name != nil {
		checkName(wrong, "input.name", *in.Name)
	}
	if in.Group != nil && !slices.Contains(catalogue.Groups, *in.Group) {
		wrong.Add(usererror.Invalid, "input.group", "there is no group %s: the groups are %s", quote(*in.Group), listed(catalogue.Groups))
	}
	for i, name := range in.Filters {
		at := "input.filters." + strconv.Itoa(i)
		if !slices.Contains(catalogue.Filters, name) {
			wrong.Add(usererror.Invalid, at, "there is no standard filter %s: there are %s", quote(name), listed(catalogue.Filters))
		} else if slices.Contains(in.Filters[:i], name) {
			wrong.Add(usererror.Invalid, at, "the filter %s is given twice: remove one of them", quote(name))
		}
	}
	checkAttributeKeys(wrong, "input.attributes", in.Attributes)
}

// checkAttributeKeys says what is wrong with the keys that attribute filters may use.
func checkAttributeKeys(wrong *usererror.List, path string, keys []string) {
	if len(keys) > maxCategoryAttributes {
		wrong.Add(usererror.OutOfRange, path, "there are %d attributes: at most %d are allowed", len(keys), maxCategoryAttributes)
		return
	}
	for i, key := range keys {
		at := path + "." + strconv.Itoa(i)
		switch n := utf8.RuneCountInString(key); {
		case n == 0 || n > maxText:
			wrong.Add(usererror.OutOfRange, at, "the attribute's key has %d characters: 1 to %d are allowed", n, maxText)
		case !storable(key):
			wrong.Add(usererror.Invalid, at, "the attribute's key %s has NUL characters or is not UTF-8: remove them", quote(key))
		case slices.Contains(keys[:i], key):
			wrong.Add(usererror.Invalid, at, "the attribute %s is given twice: remove one of them", quote(key))
		}
	}
}

// notInSegment reports whether a segment of an event type's name cannot have the character.
func notInSegment(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }

func (c *change) createCategory(ctx context.Context, in CategoryInput) (*ent.Category, error) {
	if in.Name == nil {
		c.wrong.Add(usererror.Required, "input.name", "there is no category %s yet: to create it, a name is needed", quote(in.Key))
		return nil, nil
	}
	create := c.Category.Create().SetKey(in.Key).SetName(*in.Name).SetGroup(customGroup).
		SetFilters(catalogue.Filters).SetAttributes([]string{})
	setCategory(create.Mutation(), in)
	return create.Save(ctx)
}

func (c *change) updateCategory(ctx context.Context, file *catalogue.File, found *ent.Category, in CategoryInput) (*ent.Category, error) {
	if shipped, is := file.Category(in.Key); is {
		c.checkShipped(file, shipped, found, in)
	}
	if len(c.wrong) > 0 {
		return nil, nil
	}
	update := found.Update()
	setCategory(update.Mutation(), in)
	return update.Save(ctx)
}

func setCategory(m *ent.CategoryMutation, in CategoryInput) {
	if in.Name != nil {
		m.SetName(*in.Name)
	}
	if in.Group != nil {
		m.SetGroup(*in.Group)
	}
	if in.Filters != nil {
		m.SetFilters(in.Filters)
	}
	if in.Attributes != nil {
		m.SetAttributes(in.Attributes)
	}
}

// checkShipped says what the input would take from a category that Hookline ships with.
func (c *change) checkShipped(file *catalogue.File, shipped catalogue.Category, found *ent.Category, in CategoryInput) {
	if in.Name != nil && *in.Name != found.Name {
		c.wrong.Add(usererror.Immutable, "input.name", "Hookline ships with the category %s, whose name stays %s: leave it out", quote(in.Key), quote(found.Name))
	}
	if in.Group != nil && *in.Group != found.Group {
		c.wrong.Add(usererror.Immutable, "input.group", "Hookline ships with the category %s, whose group stays %s: leave it out", quote(in.Key), quote(found.Group))
	}
	for _, list := range []struct {
		path         string
		given, needs []string
	}{{"input.filters", in.Filters, file.AllowedFilters(shipped)}, {"input.attributes", in.Attributes, shipped.Attributes}} {
		if list.given == nil {
			continue
		}
		for _, name := range list.needs {
			if !slices.Contains(list.given, name) {
				c.wrong.Add(usererror.Immutable, list.path, "Hookline ships with %s for the category %s, which stays: add it to the list", quote(name), quote(in.Key))
			}
		}
	}
}
