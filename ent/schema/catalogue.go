package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"
)

// Category is a family of event types. The catalogue is one for all accounts.
type Category struct{ ent.Schema }

// Mixin of Category.
func (Category) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, auditMixin{}} }

// Fields of Category.
func (Category) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Unique().Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255),
		field.String("group").MaxLen(255),
		field.Strings("filters").Comment("the standard filters that it allows"),
		field.Strings("attributes").Comment("the keys that attribute filters may use"),
	}
}

// Edges of Category.
func (Category) Edges() []ent.Edge {
	return []ent.Edge{edge.To("event_types", EventType.Type)}
}

// EventType is a kind of event.
type EventType struct{ ent.Schema }

// Mixin of EventType.
func (EventType) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, auditMixin{}} }

// Fields of EventType.
func (EventType) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique().Immutable().MaxLen(255),
		field.UUID("category_id", uuid.UUID{}).Immutable(),
		field.String("description").Default(""),
		field.Text("json_schema").Default("").Comment("JSON; empty for none"),
		field.String("validation").Default("OFF").Comment("OFF, WARN or REJECT: what a payload that fails the schema leads to"),
		field.Text("example").Default("").Comment("a payload in JSON that satisfies the schema; empty for none"),
		field.Time("deprecated_at").Optional().Nillable(),
	}
}

// Edges of EventType.
func (EventType) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("category", Category.Type).Ref("event_types").Field("category_id").Unique().Required().Immutable(),
	}
}
