package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"entgo.io/ent"
	"github.com/google/uuid"
	"github.com/sosodev/duration"

	gen "github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/access"
	"github.com/hookline/hookline/internal/id"
)

// auditedMutation is what the generated mutations of audited tables have in common.
type auditedMutation interface {
	ent.Mutation
	ID() (uuid.UUID, bool)
	IDs(context.Context) ([]uuid.UUID, error)
	Client() *gen.Client // of the mutation's transaction, if it is in one
}

// itself is the actor of what Hookline changes without being asked.
const itself = "hookline"

// masked stands for a secret.
const masked = "***"

// unaudited are columns that tell nothing of a change: who and when are in the line itself, a certificate's chain is known by its
// fingerprint, and a subscription's digest follows from the rest.
var unaudited = []string{"account_id", "created_at", "updated_at", "last_used_at", "version", "chain", "untold_since", "expiry_told", "rule_digest", "claimed_until"}

// references say whose ids a column holds, to show them with their prefix.
var references = map[string]id.Prefix{
	"profile_id":          id.NotificationProfile,
	"auth_setting_id":     id.AuthSetting,
	"certificate_id":      id.Certificate,
	"next_certificate_id": id.Certificate,
	"category_id":         id.Category,
}

// auditMutations writes lines of the audit log for what a mutation changes, in the same transaction.
func auditMutations(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		mutation, ok := m.(auditedMutation)
		if !ok {
			return nil, fmt.Errorf("%s: changes of this type cannot be audited", m.Type())
		}
		if !changesConfiguration(m) {
			return next.Mutate(ctx, m)
		}
		before, err := rowsBefore(ctx, mutation)
		if err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		value, err := next.Mutate(ctx, m)
		if err != nil {
			return value, err
		}
		if err := writeAudit(ctx, mutation, before); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
		return value, nil
	})
}

// changesConfiguration reports whether a mutation is a change, and not just Hookline's own notes about an object: these
// leave its version alone.
func changesConfiguration(m ent.Mutation) bool {
	if !m.Op().Is(ent.OpUpdate | ent.OpUpdateOne) {
		return true
	}
	if _, versioned := m.(interface{ AddVersion(int) }); versioned {
		_, set := m.Field("version")
		_, added := m.AddedField("version")
		return set || added
	}
	return slices.ContainsFunc(m.Fields(), func(column string) bool { return !slices.Contains(unaudited, column) })
}

// rowsBefore returns the rows that a mutation is about to change or delete.
func rowsBefore(ctx context.Context, m auditedMutation) (map[uuid.UUID]gen.AuditedRow, error) {
	if m.Op().Is(ent.OpCreate) {
		return nil, nil
	}
	ids, err := m.IDs(ctx)
	if err != nil {
		return nil, err
	}
	return m.Client().AuditedRows(ctx, m.Type(), ids)
}

// writeAudit writes a line for each object that is not what it was before.
func writeAudit(ctx context.Context, m auditedMutation, before map[uuid.UUID]gen.AuditedRow) error {
	ids := slices.SortedFunc(maps.Keys(before), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if made, ok := m.ID(); ok && m.Op().Is(ent.OpCreate) {
		ids = append(ids, made)
	}
	after := map[uuid.UUID]gen.AuditedRow{}
	if !m.Op().Is(ent.OpDelete | ent.OpDeleteOne) {
		var err error
		if after, err = m.Client().AuditedRows(ctx, m.Type(), ids); err != nil {
			return err
		}
	}
	for _, target := range ids {
		if err := writeAuditEntry(ctx, m, target, before[target], after[target]); err != nil {
			return err
		}
	}
	return nil
}

// writeAuditEntry writes the line of one object, with the columns that differ.
func writeAuditEntry(ctx context.Context, m auditedMutation, target uuid.UUID, before, after gen.AuditedRow) error {
	was, is := differences(before, after)
	if len(was) == 0 && len(is) == 0 {
		return nil
	}
	account, ok := accountOf(ctx, before, after)
	if !ok {
		return nil
	}
	entry := m.Client().AuditEntry.Create().SetAccountID(account).SetActor(itself).SetAction(actionOf(m, is)).
		SetTargetType(m.Type()).SetTargetID(target).SetRequestID(access.RequestID(ctx))
	if p := access.PrincipalFrom(ctx); p != nil {
		entry.SetActorID(p.KeyID).SetActor(p.KeyName)
	}
	for _, side := range []struct {
		row gen.AuditedRow
		set func(string) *gen.AuditEntryCreate
	}{{was, entry.SetBefore}, {is, entry.SetAfter}} {
		if len(side.row) == 0 {
			continue
		}
		text, err := json.Marshal(side.row)
		if err != nil {
			return err
		}
		side.set(string(text))
	}
	return entry.Exec(access.WithAccount(ctx, account))
}

// accountOf returns the account whose audit log gets the line: the object's own, of an account that of whoever makes it,
// and of what belongs to all accounts that of the caller. What belongs to nobody and that nobody asked for is not noted.
func accountOf(ctx context.Context, before, after gen.AuditedRow) (uuid.UUID, bool) {
	for _, row := range []gen.AuditedRow{after, before} {
		if owner, ok := row["account_id"].(uuid.UUID); ok {
			return owner, true
		}
	}
	account, all, err := access.Confinement(ctx)
	return account, err == nil && !all
}

// actionOf names what a mutation does.
func actionOf(m ent.Mutation, after gen.AuditedRow) string {
	switch op := m.Op(); {
	case op.Is(ent.OpCreate):
		return "CREATE"
	case op.Is(ent.OpDelete | ent.OpDeleteOne):
		return "DELETE"
	case after["revokedAt"] != nil:
		return "REVOKE"
	case after["secret"] != nil:
		return "ROTATE"
	default:
		return "UPDATE"
	}
}

// differences returns what differs between two rows as it is shown: all of a row that has no other side.
func differences(before, after gen.AuditedRow) (was, is gen.AuditedRow) {
	was, is = gen.AuditedRow{}, gen.AuditedRow{}
	for column, value := range before {
		if other, both := after[column]; !both || !reflect.DeepEqual(value, other) {
			show(was, column, value)
		}
	}
	for column, value := range after {
		if other, both := before[column]; !both || !reflect.DeepEqual(value, other) {
			show(is, column, value)
		}
	}
	return was, is
}

// show adds a column to a row as the log has it: named as in the API, ids with their prefix, secrets masked.
func show(row gen.AuditedRow, column string, value any) {
	if slices.Contains(unaudited, column) {
		return
	}
	switch v := value.(type) {
	case uuid.UUID:
		value = showID(column, v)
	case *uuid.UUID:
		value = nil
		if v != nil {
			value = showID(column, *v)
		}
	case []types.Header:
		value = maskHeaders(v)
	case time.Duration:
		value = duration.Format(v)
	}
	row[camelCase(column)] = value
}

func showID(column string, value uuid.UUID) string {
	if prefix, known := references[column]; known {
		return id.Format(prefix, value)
	}
	return value.String()
}

// maskHeaders returns headers without what is sealed or lets others in.
func maskHeaders(headers []types.Header) []types.Header {
	shown := make([]types.Header, len(headers))
	for i, h := range headers {
		shown[i] = types.Header{Name: h.Name, Value: h.Value}
		if h.Secret() || strings.EqualFold(h.Name, "Authorization") {
			shown[i].Value = masked
		}
	}
	return shown
}

// camelCase is the name of a column in the API.
func camelCase(column string) string {
	words := strings.Split(column, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}
