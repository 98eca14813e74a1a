package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/hookline/hookline/internal/health"
)

// Account is a tenant.
type Account struct{ ent.Schema }

// Mixin of Account.
func (Account) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, auditMixin{}} }

// Fields of Account.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Unique().Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255),
		field.Time("created_at").Default(now).Immutable(),
		field.Bool("auto_disable").Default(true).Comment("whether subscriptions that do nothing but fail are disabled"),
		field.Int64("auto_disable_after").GoType(time.Duration(0)).Default(int64(health.DefaultAutoDisable.After)).Comment("for how long they must have failed, in nanoseconds"),
		field.Int("auto_disable_attempts").Default(health.DefaultAutoDisable.LeastAttempts).Comment("how often they must have failed, at least"),
	}
}

// Indexes of Account.
func (Account) Indexes() []ent.Index {
	return []ent.Index{index.Fields("name", "id")}
}

// APIKey is an API key. It is looked up by token_id before its account is known, so it is not confined by the mixin:
// who queries it adds the account.
type APIKey struct{ ent.Schema }

// Mixin of APIKey.
func (APIKey) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, auditMixin{}} }

// Fields of APIKey.
func (APIKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("account_id", uuid.UUID{}).Immutable(),
		field.String("token_id").Unique().Immutable().MaxLen(32).Comment("the <id> of hk_<id>_<secret>"),
		field.Bytes("secret_hash").Sensitive().Comment("SHA-256 of the secret, which has at least 160 random bits"),
		field.String("name").MaxRuneLen(255),
		field.String("kind").Default("KEY").Immutable().Comment("KEY, or PORTAL: in the link of a portal session"),
		field.Strings("scopes"),
		field.Time("created_at").Default(now).Immutable(),
		field.Time("last_used_at").Optional().Nillable(),
		field.Time("expires_at").Optional().Nillable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

// Indexes of APIKey.
func (APIKey) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "id"),
		index.Fields("account_id", "name", "id"),
	}
}
