package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/category"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// syncTries is how often Sync begins anew when another process entered the same rows first.
const syncTries = 5

// Sync enters what the database lacks of the catalogue. It neither changes nor deletes what is there: an event type
// that was added or deprecated at run time stays so. Processes that start at once may all call it; those that run already
// learn of new event types by config_changes.
func Sync(ctx context.Context, client *ent.Client) error {
	file, err := Load()
	if err != nil {
		return err
	}
	for range syncTries {
		if err = syncOnce(ctx, client, file); !ent.IsConstraintError(err) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("sync catalogue: %w", err)
	}
	return nil
}

// syncOnce enters what is missing in one transaction, by a statement for the categories and one for the event types.
func syncOnce(ctx context.Context, client *ent.Client, file *File) (err error) {
	tx, err := client.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	categories, err := syncCategories(ctx, tx, file)
	if err != nil {
		return err
	}
	if err := syncEventTypes(ctx, tx, file, categories); err != nil {
		return err
	}
	return tx.Commit()
}

// syncCategories returns the ids of all categories by key.
func syncCategories(ctx context.Context, tx *ent.Tx, file *File) (map[string]id.ID, error) {
	present, err := tx.Category.Query().Select(category.FieldID, category.FieldKey).All(ctx)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]id.ID, len(file.Categories))
	for _, c := range present {
		ids[c.Key] = c.ID
	}
	var missing []*ent.CategoryCreate
	for _, c := range file.Categories {
		if _, found := ids[c.Key]; found {
			continue
		}
		ids[c.Key] = id.New()
		missing = append(missing, tx.Category.Create().SetID(ids[c.Key]).SetKey(c.Key).SetName(c.Name).
			SetGroup(file.Groups[c.Group]).SetFilters(list(file.AllowedFilters(c))).SetAttributes(list(c.Attributes)))
	}
	return ids, tx.Category.CreateBulk(missing...).Exec(ctx)
}

// syncEventTypes enters the event types under their categories.
func syncEventTypes(ctx context.Context, tx *ent.Tx, file *File, categories map[string]id.ID) error {
	names, err := tx.EventType.Query().Select("name").Strings(ctx)
	if err != nil {
		return err
	}
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
	}
	var missing []*ent.EventTypeCreate
	for _, c := range file.Categories {
		for i, name := range c.EventTypes() {
			if !present[name] {
				details := c.Details[c.Events[i]]
				missing = append(missing, tx.EventType.Create().SetName(name).SetCategoryID(categories[c.Key]).
					SetDescription(details.Description).SetExample(strings.TrimSpace(details.Example)))
			}
		}
	}
	entered, err := tx.EventType.CreateBulk(missing...).Save(ctx)
	if err != nil {
		return err
	}
	lines := make([]*ent.ConfigChangeCreate, len(entered))
	for i, row := range entered {
		lines[i] = tx.ConfigChange.Create().SetAccountID(id.Nil).SetKind(string(id.EventType)).SetObjectID(row.ID)
	}
	return tx.ConfigChange.CreateBulk(lines...).Exec(access.WithSystem(ctx))
}

// list is never nil, so that the database has [] and not null.
func list(values []string) []string { return append([]string{}, values...) }
