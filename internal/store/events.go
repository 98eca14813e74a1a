package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hookline/hookline/ent/schema/types"
	"github.com/hookline/hookline/internal/id"
	"github.com/hookline/hookline/internal/stream"
)

// NewEvent is an event that is about to be committed.
type NewEvent struct {
	ID             id.ID
	AccountID      id.ID
	Type           string
	OccurredAt     time.Time
	Application    string
	Entity         string
	User           string
	Resource       string
	Attributes     string // JSON; empty for none
	Intermediate   bool
	IdempotencyKey string
	Payload        string
	Targets        []byte         // the ids of the matched subscriptions, 16 bytes each
	SchemaError    string         // how the payload fails its type's JSON Schema; empty when it does not, or nobody looked
	Webhook        *types.Webhook // what it says about its own delivery; nil for nothing
	// Held are the statuses, SKIPPED or PARKED, of the last targets: those that are disabled. Their deliveries are written with the event.
	Held []stream.Status

	// KeyID stands for account and idempotency key; id.Nil without one. Of the events of one commit no two have the same.
	KeyID id.ID
	// First is set by CommitEvents when the key is known: the event that it stands for. This one is not committed then.
	First        id.ID
	FirstMatched int
}

// webhook returns what is stored of the webhook: JSON, empty for none.
func (e *NewEvent) webhook() string {
	if e.Webhook == nil {
		return ""
	}
	text, _ := json.Marshal(e.Webhook) // strings and booleans: cannot fail
	return string(text)
}

// SetWebhook notes in an event on its way what it says about its own delivery, nil for nothing.
func SetWebhook(e *stream.Event, w *types.Webhook) {
	if w != nil {
		e.CallbackData, e.NotifyURL, e.XML = w.CallbackData, w.NotifyURL, w.XML
	}
}

// Matched is how many subscriptions the event matched.
func (e *NewEvent) Matched() int { return len(e.Targets) / len(id.ID{}) }

// ToDeliver is how many of the matched subscriptions are enabled: the first targets.
func (e *NewEvent) ToDeliver() int { return e.Matched() - len(e.Held) }

// IdempotencyLife is how long an idempotency key is remembered.
const IdempotencyLife = 24 * time.Hour

// ErrAway says that the database could not be reached: nothing was written.
var ErrAway = errors.New("the database cannot be reached")

// CommitEvents writes events in one transaction; when it returns nil they are durable. Of an event whose idempotency key is
// known, First is set instead. When it fails with ErrAway nothing was written; otherwise nothing is known of the events: they may
// have been committed.
func (s *Store) CommitEvents(ctx context.Context, events []*NewEvent) error {
	var err error
	if s.Embedded() {
		err = s.tx(ctx, func(tx *sql.Tx) error { return commitSQLite(ctx, tx, events) })
	} else {
		err = s.commitPostgres(ctx, events)
	}
	if _, unconnected := errors.AsType[*pgconn.ConnectError](err); unconnected {
		return fmt.Errorf("commit events: %w: %w", ErrAway, err)
	}
	if err != nil {
		return fmt.Errorf("commit events: %w", err)
	}
	return nil
}

const insertEvents = `INSERT INTO events (id, account_id, type, occurred_at, application, entity, "user", resource, attributes,
	intermediate, idempotency_key, payload, targets, schema_error, webhook) `

func (s *Store) commitPostgres(ctx context.Context, events []*NewEvent) error {
	keyed := withKeys(events)
	if len(keyed) == 0 {
		return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return execArrays(ctx, conn.Conn(), postgresCommit(events)...) })
	}
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := claimKeysPostgres(ctx, tx, keyed); err != nil {
			return err
		}
		return execArrays(ctx, tx.Conn(), postgresCommit(slices.DeleteFunc(slices.Clone(events), isDuplicate))...)
	})
}

// postgresCommit writes events, and the deliveries of theirs that are held, if there are any.
func postgresCommit(events []*NewEvent) []arrayStatement {
	statements := []arrayStatement{postgresEvents(events)}
	if held := heldDeliveries(events); len(held) > 0 {
		statements = append(statements, postgresHeld(held))
	}
	return statements
}

func isDuplicate(e *NewEvent) bool { return e.First != id.Nil }

// withKeys returns the events that have an idempotency key, in the order of their keys' ids: transactions that wait for
// each other's keys cannot deadlock.
func withKeys(events []*NewEvent) []*NewEvent {
	var keyed []*NewEvent
	for _, e := range events {
		if e.KeyID != id.Nil {
			keyed = append(keyed, e)
		}
	}
	slices.SortFunc(keyed, func(a, b *NewEvent) int { return bytes.Compare(a.KeyID[:], b.KeyID[:]) })
	return keyed
}

func postgresEvents(events []*NewEvent) arrayStatement {
	n := len(events)
	var payloads, matched int
	for _, e := range events {
		payloads += len(e.Payload)
		matched += len(e.Targets)
	}
	id, account, kind, occurred := ids(n), ids(n), textsOf(n, 16), timestamps(n)
	application, entity, user, resource := textsOf(n, 16), textsOf(n, 16), textsOf(n, 16), textsOf(n, 16)
	attributes, intermediate, key := textsOf(n, 0), bools(n), textsOf(n, 0)
	payload, targets := textsOf(n, payloads/max(n, 1)+1), byteas(n, matched/max(n, 1)+1)
	schemaError, webhook := textsOf(n, 0), textsOf(n, 0)
	for _, e := range events {
		id.addID(e.ID)
		account.addID(e.AccountID)
		kind.addText(e.Type)
		occurred.addTime(e.OccurredAt)
		application.addText(e.Application)
		entity.addText(e.Entity)
		user.addText(e.User)
		resource.addText(e.Resource)
		attributes.addTextOrNull(e.Attributes)
		intermediate.addBool(e.Intermediate)
		key.addText(e.IdempotencyKey)
		payload.addText(e.Payload)
		targets.addBytes(e.Targets)
		schemaError.addText(e.SchemaError)
		webhook.addTextOrNull(e.webhook())
	}
	return arrayStatement{
		name: "insert events",
		query: insertEvents + `SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
			$7::text[], $8::text[], $9::text[], $10::bool[], $11::text[], $12::text[], $13::bytea[], $14::text[], $15::text[])`,
		columns: []*pgArray{
			id, account, kind, occurred, application, entity, user, resource, attributes, intermediate, key, payload, targets, schemaError, webhook,
		},
	}
}

// claimKeysPostgres writes the keys that are new or have expired, and sets First of the events whose keys are neither.
func claimKeysPostgres(ctx context.Context, tx pgx.Tx, keyed []*NewEvent) error {
	keys, events, matched := make([][16]byte, len(keyed)), make([][16]byte, len(keyed)), make([]int, len(keyed))
	for i, e := range keyed {
		keys[i], events[i], matched[i] = e.KeyID, e.ID, e.Matched()
	}
	now := time.Now().UTC()
	_, err := tx.Exec(ctx,
		`INSERT INTO idempotency_keys (id, event_id, matched, expires_at)
			SELECT k, e, m, $4 FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS new(k, e, m) ORDER BY k
			ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, matched = excluded.matched, expires_at = excluded.expires_at
			WHERE idempotency_keys.expires_at <= $5`,
		keys, events, matched, now.Add(IdempotencyLife), now)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT id, event_id, matched FROM idempotency_keys WHERE id = ANY($1)`, keys)
	if err != nil {
		return err
	}
	byKey := eventsByKey(keyed)
	var key, first id.ID
	var firstMatched int
	_, err = pgx.ForEachRow(rows, []any{&key, &first, &firstMatched}, func() error {
		byKey[key].foundKey(first, firstMatched)
		return nil
	})
	return err
}

func eventsByKey(keyed []*NewEvent) map[id.ID]*NewEvent {
	byKey := make(map[id.ID]*NewEvent, len(keyed))
	for _, e := range keyed {
		byKey[e.KeyID] = e
	}
	return byKey
}

// foundKey notes which event the key stands for, unless it is this one.
func (e *NewEvent) foundKey(first id.ID, matched int) {
	if first != e.ID {
		e.First, e.FirstMatched = first, matched
	}
}

func commitSQLite(ctx context.Context, tx *sql.Tx, events []*NewEvent) error {
	now := time.Now().UTC()
	for _, e := range withKeys(events) {
		_, err := tx.ExecContext(ctx,
			`INSERT INTO idempotency_keys (id, event_id, matched, expires_at) VALUES (?, ?, ?, ?)
				ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, matched = excluded.matched, expires_at = excluded.expires_at
				WHERE idempotency_keys.expires_at <= ?`,
			e.KeyID, e.ID, e.Matched(), now.Add(IdempotencyLife), now)
		if err != nil {
			return err
		}
		var first id.ID
		var matched int
		err = tx.QueryRowContext(ctx, `SELECT event_id, matched FROM idempotency_keys WHERE id = ?`, e.KeyID).Scan(&first, &matched)
		if err != nil {
			return err
		}
		e.foundKey(first, matched)
	}
	insert, err := tx.PrepareContext(ctx, insertEvents+`VALUES (?`+strings.Repeat(", ?", 14)+`)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, e := range events {
		if isDuplicate(e) {
			continue
		}
		attributes := sql.NullString{String: e.Attributes, Valid: e.Attributes != ""}
		webhook := e.webhook()
		_, err := insert.ExecContext(ctx, e.ID, e.AccountID, e.Type, e.OccurredAt.UTC(), e.Application, e.Entity, e.User, e.Resource,
			attributes, e.Intermediate, e.IdempotencyKey, e.Payload, e.Targets, e.SchemaError, sql.NullString{String: webhook, Valid: webhook != ""})
		if err != nil {
			return err
		}
	}
	return holdSQLite(ctx, tx, heldDeliveries(slices.DeleteFunc(slices.Clone(events), isDuplicate)))
}

// DropExpiredKeys forgets idempotency keys whose time is over, at most limit of them, and returns how many.
func (s *Store) DropExpiredKeys(ctx context.Context, limit int) (int64, error) {
	const query = `DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE expires_at <= $1 LIMIT $2)`
	dropped, err := s.exec(ctx, query, time.Now().UTC(), limit)
	if err != nil {
		return 0, fmt.Errorf("drop expired idempotency keys: %w", err)
	}
	return dropped, nil
}

// DropConfigChanges forgets lines of config_changes from before a time, at most limit of them, and returns how many.
func (s *Store) DropConfigChanges(ctx context.Context, before time.Time, limit int) (int64, error) {
	const query = `DELETE FROM config_changes WHERE id IN (SELECT id FROM config_changes WHERE id < $1 LIMIT $2)`
	dropped, err := s.exec(ctx, query, id.FirstAt(before), limit)
	if err != nil {
		return 0, fmt.Errorf("drop configuration changes: %w", err)
	}
	return dropped, nil
}

// exec runs a statement that both databases understand and returns how many rows it touched.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if s.Embedded() {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	result, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
