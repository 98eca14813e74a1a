package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"
)

// SubscriptionHealth is what attempts say of an event subscription (internal/health). The workers write it
// (internal/store/health.go), beside the subscription, so that its version stays people's. A subscription that was never attempted
// has none.
type SubscriptionHealth struct{ ent.Schema }

// Mixin of SubscriptionHealth.
func (SubscriptionHealth) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Annotations of SubscriptionHealth.
func (SubscriptionHealth) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("subscription_health")}
}

// Fields of SubscriptionHealth. Times of attempts are when they began.
func (SubscriptionHealth) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("subscription_id", uuid.UUID{}).Immutable(),
		field.Time("failing_since").Optional().Nillable().Comment("the first failed attempt since the last success; null when there is none"),
		field.Int("failed_attempts").Default(0).Comment("how many since then"),
		field.Time("last_success_at").Optional().Nillable().Comment("to within seconds"),
		field.Time("last_failure_at").Optional().Nillable(),
		field.Time("enabled_at").Optional().Nillable().Comment("when it was last enabled again: failures from before are not counted any more"),
		field.Time("warned_at").Optional().Nillable().Comment("when the account was told that it is failing, or was disabled; null again when it has been told that it recovered"),
	}
}

// Edges of SubscriptionHealth.
func (SubscriptionHealth) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("subscription", EventSubscription.Type).Ref("health").Field("subscription_id").Unique().Required().Immutable(),
	}
}

// Indexes of SubscriptionHealth.
func (SubscriptionHealth) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("failing_since").Annotations(entsql.IndexWhere("failing_since IS NOT NULL")),
		index.Fields("warned_at").Annotations(entsql.IndexWhere("warned_at IS NOT NULL")),
	}
}
