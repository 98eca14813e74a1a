package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/vault"
)

// sealedColumn is a column whose values are sealed by internal/vault for the place `table/id/column`.
type sealedColumn struct {
	table, column string
	// headers says that the column holds a profile's headers as JSON, of which each secret one is sealed by itself.
	headers bool
}

// sealedColumns are all columns with sealed values. A test proves that none of the data model is missing.
var sealedColumns = []sealedColumn{
	{table: "event_subscriptions", column: "secret"},
	{table: "event_subscriptions", column: "previous_secret"},
	{table: "notification_profiles", column: "headers", headers: true},
	{table: "auth_settings", column: "credentials"},
	{table: "certificates", column: "private_key"},
	{table: "account_secrets", column: "secret"},
	{table: "account_secrets", column: "previous_secret"},
}

// SealedCount is what became of the sealed values of a column.
type SealedCount struct {
	Place    string // `table.column`
	Keys     map[string]int
	Resealed int // sealed with the first key now
	Current  int // sealed with it already
	Changed  int // changed by somebody else meanwhile, whose change stands: the next run looks at it again
	// Failed names the values that could not be opened, which stay as they are.
	Failed []string
}

// sealedBatch is how many rows are read and written at once.
const sealedBatch = 200

// Sealed counts the sealed values of every column by the key that sealed them.
func (s *Store) Sealed(ctx context.Context) ([]SealedCount, error) { return s.eachSealed(ctx, nil) }

// Reseal seals every value that another key has sealed with the first key of the vault. It may run beside everything
// else, and again: a change by somebody else wins. It goes on over values that it cannot open, and reports them.
func (s *Store) Reseal(ctx context.Context, v *vault.Vault) ([]SealedCount, error) {
	return s.eachSealed(ctx, v)
}

// eachSealed goes through all columns, and reseals with v unless that is nil.
func (s *Store) eachSealed(ctx context.Context, v *vault.Vault) ([]SealedCount, error) {
	counts := make([]SealedCount, 0, len(sealedColumns))
	for _, c := range sealedColumns {
		walk := sealedWalk{store: s, sealedColumn: c, vault: v, count: SealedCount{Place: c.table + "." + c.column, Keys: make(map[string]int)}}
		for after, more := uuid.Nil, true; more; {
			rows, err := walk.read(ctx, after)
			if err != nil {
				return counts, fmt.Errorf("sealed values of %s: %w", walk.count.Place, err)
			}
			for _, row := range rows {
				if err := walk.row(ctx, row); err != nil {
					return counts, fmt.Errorf("sealed values of %s: %w", walk.count.Place, err)
				}
				after = row.id
			}
			more = len(rows) == sealedBatch
		}
		counts = append(counts, walk.count)
	}
	return counts, nil
}

// sealedWalk goes through the values of one column.
type sealedWalk struct {
	sealedColumn
	store *Store
	vault *vault.Vault
	count SealedCount
}

type sealedRow struct {
	id      uuid.UUID
	value   []byte
	version int
}

func (w *sealedWalk) read(ctx context.Context, after uuid.UUID) (rows []sealedRow, err error) {
	found, err := w.store.db.QueryContext(ctx, fmt.Sprintf(
		"SELECT id, %[1]s, version FROM %[2]s WHERE id > $1 AND %[1]s IS NOT NULL ORDER BY id LIMIT %[3]d", w.column, w.table, sealedBatch), after)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var row sealedRow
		if err := found.Scan(&row.id, &row.value, &row.version); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, found.Err()
}

// row counts the values of a row, and reseals them.
func (w *sealedWalk) row(ctx context.Context, row sealedRow) error {
	if !w.headers {
		sealed, again := w.value(row.value, row.id, w.column)
		if !again {
			return nil
		}
		return w.write(ctx, row, sealed, 1)
	}
	var headers []types.Header
	if err := json.Unmarshal(row.value, &headers); err != nil {
		return err
	}
	n := 0
	for i, h := range headers {
		if !h.Secret() {
			continue
		}
		if sealed, again := w.value(h.Sealed, row.id, "headers/"+strings.ToLower(h.Name)); again {
			headers[i].Sealed, n = sealed, n+1
		}
	}
	if n == 0 {
		return nil
	}
	text, err := json.Marshal(headers)
	if err != nil {
		return err
	}
	return w.write(ctx, row, text, n)
}

// value counts a value. It returns it sealed again if it is to be.
func (w *sealedWalk) value(sealed []byte, row uuid.UUID, column string) (again []byte, changed bool) {
	key, known := vault.KeyID(sealed)
	if !known {
		key = "?"
	}
	w.count.Keys[key]++
	if w.vault == nil {
		return nil, false
	}
	if key == w.vault.First() {
		w.count.Current++
		return nil, false
	}
	binding := w.table + "/" + row.String() + "/" + column
	plain, err := w.vault.Open(sealed, binding)
	if err != nil {
		w.count.Failed = append(w.count.Failed, err.Error())
		return nil, false
	}
	defer clear(plain)
	return w.vault.Seal(plain, binding), true
}

// write replaces what row holds, unless it holds something else by now. Neither its version nor its time change: its
// value is what it was.
func (w *sealedWalk) write(ctx context.Context, row sealedRow, value []byte, n int) error {
	var written int64
	err := w.store.tx(ctx, func(tx *sql.Tx) error {
		unchanged, was, is := w.column+" = $3", any(row.value), any(value)
		if w.headers { // a change of headers raises the version
			unchanged, was, is = "version = $3", row.version, string(value)
		}
		result, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s = $1 WHERE id = $2 AND %s", w.table, w.column, unchanged), is, row.id, was)
		if err != nil {
			return err
		}
		written, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return err
	}
	if written == 1 {
		w.count.Resealed += n
	} else {
		w.count.Changed += n
	}
	return nil
}

// Line shows the count as a line of text: of a rotation, or of the keys alone.
func (c *SealedCount) Line(rotated bool) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%-36s", c.Place)
	if rotated {
		fmt.Fprintf(&b, "%d sealed anew, %d already current, %d changed meanwhile, %d not opened", c.Resealed, c.Current, c.Changed, len(c.Failed))
		return b.String()
	}
	if len(c.Keys) == 0 {
		b.WriteString("none")
	}
	separator := ""
	for _, key := range slices.Sorted(maps.Keys(c.Keys)) {
		fmt.Fprintf(&b, "%s%s: %d", separator, key, c.Keys[key])
		separator = ", "
	}
	return b.String()
}
