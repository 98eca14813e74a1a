package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/hookline/hookline/ent/schema/types"
)

// The log's tables have no foreign keys: they are written in bulk (internal/store), range-partitioned by id on
// PostgreSQL, and outlive what they refer to.

// Event is a published fact.
type Event struct{ ent.Schema }

// Mixin of Event.
func (Event) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Fields of Event.
func (Event) Fields() []ent.Field {
	return []ent.Field{
		field.String("type").Immutable(),
		field.Time("occurred_at").Immutable(),
		field.String("application").Default("").Immutable(),
		field.String("entity").Default("").Immutable(),
		field.String("user").Default("").Immutable(),
		field.String("resource").Default("").Immutable(),
		field.JSON("attributes", []types.Attribute{}).Optional().Immutable().
			SchemaType(map[string]string{dialect.Postgres: "text", dialect.SQLite: "text"}),
		field.Bool("intermediate").Default(false).Immutable(),
		field.String("idempotency_key").Default("").Immutable(),
		field.Text("payload").Immutable().Comment("JSON, as it was published"),
		field.Bytes("targets").Optional().Immutable().Comment("the ids of the matched subscriptions, disabled ones too, 16 bytes each; or the one of a resource route, or of the account for the webhook's own URL"),
		field.JSON("webhook", &types.Webhook{}).Optional().Immutable().
			SchemaType(map[string]string{dialect.Postgres: "text", dialect.SQLite: "text"}).Comment("null for none"),
		field.Text("schema_error").Default("").Immutable().Comment("how the payload fails its type's JSON Schema; empty when it does not, or nobody looked"),
	}
}

// Indexes of Event.
func (Event) Indexes() []ent.Index {
	return []ent.Index{index.Fields("account_id", "id")}
}

// Delivery is one event going to one subscription. Its row is written with its first result, or by the sweeper.
type Delivery struct{ ent.Schema }

// Mixin of Delivery.
func (Delivery) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Fields of Delivery.
func (Delivery) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("event_id", uuid.UUID{}).Immutable(),
		field.UUID("subscription_id", uuid.UUID{}).Immutable(),
		field.String("event_type").Immutable(),
		field.String("status").Comment("QUEUED, RETRYING, SUCCEEDED, EXHAUSTED, CANCELLED, SKIPPED or PARKED"),
		field.Int("attempt_count").Comment("attempts so far: the number of the last one"),
		field.Int("failure_count").Comment("failed attempts so far: the place in the retry schedule"),
		field.Time("next_attempt_at").Optional().Nillable().Comment("while RETRYING: when it is due"),
		field.Time("queued_at").Optional().Nillable().Comment("while QUEUED: when it was put into a work stream"),
		field.Time("completed_at").Optional().Nillable(),
	}
}

// Indexes of Delivery. The deliveries of an event are found by their ids (see id.DeliveryRange).
func (Delivery) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "id"),
		index.Fields("subscription_id", "id"),
		index.Fields("next_attempt_at").Annotations(entsql.IndexWhere("status = 'RETRYING'")),
		index.Fields("queued_at").Annotations(entsql.IndexWhere("status = 'QUEUED'")),
		index.Fields("subscription_id").Annotations(entsql.IndexWhere("status = 'PARKED'")),
	}
}

// Attempt is one HTTP request of a delivery. Its id is made when it ends.
type Attempt struct{ ent.Schema }

// Mixin of Attempt.
func (Attempt) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Fields of Attempt.
func (Attempt) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("delivery_id", uuid.UUID{}).Immutable(),
		field.UUID("event_id", uuid.UUID{}).Immutable(),
		field.UUID("subscription_id", uuid.UUID{}).Immutable(),
		field.String("event_type").Immutable(),
		field.Int("number").Immutable(),
		field.String("trigger").Immutable().Comment("FIRST, RETRY, REPLAY or TEST"),
		field.String("outcome").Immutable(),
		field.Int("status_code").Default(0).Immutable().Comment("0 without a response"),
		field.Time("started_at").Immutable(),
		field.Int64("queued_us").Default(0).Immutable().Comment("durations in microseconds; 0: not needed"),
		field.Int64("dns_us").Default(0).Immutable(),
		field.Int64("connect_us").Default(0).Immutable(),
		field.Int64("tls_us").Default(0).Immutable(),
		field.Int64("first_byte_us").Default(0).Immutable(),
		field.Int64("total_us").Default(0).Immutable(),
		field.Bool("connection_reused").Default(false).Immutable(),
		field.String("url").Immutable().Comment("without its query"),
		field.String("payload_format").Immutable().Comment("with which the request's body is made again from the event"),
		field.String("request_headers").Default("").Immutable().Comment("`Name: value` lines; secrets masked"),
		field.String("response_headers").Default("").Immutable().Comment("`Name: value` lines"),
		field.Bytes("response_body").Optional().Immutable().Comment("the first 16 KiB"),
		field.Bool("response_truncated").Default(false).Immutable(),
		field.Int("bucket_size").Default(0).Immutable().Comment("how many events the request carried; 0 if it was not a bucket"),
		field.String("remote_address").Default("").Immutable(),
		field.String("tls_version").Default("").Immutable().Comment("TLS_1_2, TLS_1_3 or empty"),
		field.String("error").Default("").Immutable(),
		field.String("hint").Default("").Immutable(),
		field.Time("next_attempt_at").Optional().Nillable().Immutable(),
		field.Int("feed_partition").Immutable().Comment("the partition of the attempts stream that it came by"),
		field.Int64("feed_position").Immutable().Comment("its place in that stream: stream.Position"),
	}
}

// Indexes of Attempt.
func (Attempt) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "id"),
		index.Fields("subscription_id", "id"),
		index.Fields("delivery_id"),
	}
}

// IdempotencyKey remembers for 24 hours which event a publisher's key stands for. Its id is a hash of account and key.
type IdempotencyKey struct{ ent.Schema }

// Fields of IdempotencyKey.
func (IdempotencyKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable(),
		field.UUID("event_id", uuid.UUID{}),
		field.Int("matched"),
		field.Time("expires_at"),
	}
}

// Indexes of IdempotencyKey.
func (IdempotencyKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("expires_at")}
}

// Marker is how far a service has come.
type Marker struct{ ent.Schema }

// Fields of Marker.
func (Marker) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().Comment("which service"),
		field.UUID("position", uuid.UUID{}).Comment("an id up to which its work is done"),
	}
}
