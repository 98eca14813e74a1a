package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/hookline/hookline/ent/schema/types"
)

// EventSubscription is a rule: which events go to which profile.
type EventSubscription struct{ ent.Schema }

// Mixin of EventSubscription.
func (EventSubscription) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, versionMixin{}}
}

// Fields of EventSubscription.
func (EventSubscription) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255),
		field.String("category").Default("").Immutable().Comment("the category's key; empty when bound to none"),
		field.Strings("event_types"),
		field.JSON("filter", types.EventFilter{}),
		field.Text("expression").Default("").Comment("a condition in CEL besides the filter (internal/expr); empty for none"),
		field.String("rule_digest").Default("").Comment("the same for all that ask for the same: category, event types, filter and expression"),
		field.UUID("profile_id", uuid.UUID{}),
		field.Bool("enabled").Default(true),
		field.String("disabled_reason").Default("").Comment("empty while enabled"),
		field.Time("untold_since").Optional().Nillable().Comment("when Hookline disabled it, while the account is still to be told"),
		field.Bytes("secret").Sensitive().Comment("the signing secret, sealed by internal/vault"),
		field.String("secret_fingerprint"),
		field.Bytes("previous_secret").Optional().Sensitive().Comment("the secret before the last rotation, sealed; null for none"),
		field.Time("previous_secret_valid_until").Optional().Nillable().Comment("until when it signs, too"),
		field.String("while_disabled").Default("SKIP").Comment("SKIP or PARK: what becomes of events that match while it is disabled"),
	}
}

// Edges of EventSubscription.
func (EventSubscription) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("profile", NotificationProfile.Type).Ref("subscriptions").Field("profile_id").Unique().Required(),
		edge.To("health", SubscriptionHealth.Type).Unique().Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of EventSubscription.
func (EventSubscription) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "key").Unique(),
		index.Fields("account_id", "name").Unique(),
		index.Fields("account_id", "id"),
		index.Fields("account_id", "updated_at", "id"),
		index.Fields("profile_id"),
		index.Fields("account_id", "rule_digest"),
		index.Fields("untold_since").Annotations(entsql.IndexWhere("untold_since IS NOT NULL")),
	}
}

// NotificationProfile is where and how notifications are sent.
type NotificationProfile struct{ ent.Schema }

// Mixin of NotificationProfile.
func (NotificationProfile) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, versionMixin{}}
}

// Fields of NotificationProfile.
func (NotificationProfile) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255).Default(""),
		field.String("webhook_url").MaxLen(2048),
		field.String("payload_format").Default("ENVELOPE"),
		field.String("response_status_regex").Default(""),
		field.String("response_header_regex").Default(""),
		field.String("response_body_regex").Default(""),
		field.Int("max_bucket_size").Default(1).Comment("events in a request"),
		field.Int("max_bucket_delay_ms").Default(100),
		field.Int("window_size").Default(20),
		field.Int("rate_limit").Optional().Nillable().Comment("requests per second; null for no limit"),
		field.Int("connect_timeout_ms").Default(10_000),
		field.Int("read_timeout_ms").Default(10_000),
		field.Strings("tls_versions"),
		field.JSON("headers", []types.Header{}).Comment("secret values sealed by internal/vault"),
		field.JSON("retry_policy", types.RetryPolicy{}),
		field.UUID("auth_setting_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("certificate_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("next_certificate_id", uuid.UUID{}).Optional().Nillable().Comment("takes the place of certificate_id at next_certificate_at; null for none"),
		field.Time("next_certificate_at").Optional().Nillable(),
	}
}

// Edges of NotificationProfile.
func (NotificationProfile) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("subscriptions", EventSubscription.Type).Annotations(entsql.OnDelete(entsql.Restrict)),
		edge.To("resource_routes", ResourceRoute.Type).Annotations(entsql.OnDelete(entsql.Restrict)),
		edge.From("auth_setting", AuthSetting.Type).Ref("profiles").Field("auth_setting_id").Unique(),
		edge.From("certificate", Certificate.Type).Ref("profiles").Field("certificate_id").Unique(),
		edge.From("next_certificate", Certificate.Type).Ref("next_profiles").Field("next_certificate_id").Unique(),
	}
}

// Indexes of NotificationProfile.
func (NotificationProfile) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "key").Unique(),
		index.Fields("account_id", "id"),
		index.Fields("account_id", "updated_at", "id"),
		index.Fields("account_id", "name", "id"),
		index.Fields("auth_setting_id"),
		index.Fields("certificate_id"),
		index.Fields("next_certificate_id"),
	}
}

// AuthSetting is how Hookline authenticates to webhooks.
type AuthSetting struct{ ent.Schema }

// Mixin of AuthSetting.
func (AuthSetting) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, versionMixin{}}
}

// Fields of AuthSetting.
func (AuthSetting) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255),
		field.String("type").Comment("BASIC, HMAC or OAUTH2"),
		field.Bytes("credentials").Sensitive().Comment("JSON, sealed by internal/vault"),
		field.String("last_error").Default(""),
		field.Time("token_expires_at").Optional().Nillable().Comment("of the access token that was had last, if its server says; never the token"),
		field.Int64("claimed_until").Optional().Nillable().Comment("µs since 1970 by the database's clock: until then one worker alone uses up the refresh token"),
	}
}

// Edges of AuthSetting.
func (AuthSetting) Edges() []ent.Edge {
	return []ent.Edge{edge.To("profiles", NotificationProfile.Type).Annotations(entsql.OnDelete(entsql.Restrict))}
}

// Indexes of AuthSetting.
func (AuthSetting) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "key").Unique(),
		index.Fields("account_id", "id"),
		index.Fields("account_id", "updated_at", "id"),
		index.Fields("account_id", "name", "id"),
	}
}

// ResourceRoute says what happens to the events of a resource (a number, a sender) in place of following the
// subscriptions. A resource without a route follows them.
type ResourceRoute struct{ ent.Schema }

// Mixin of ResourceRoute.
func (ResourceRoute) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, auditMixin{}}
}

// Fields of ResourceRoute.
func (ResourceRoute) Fields() []ent.Field {
	return []ent.Field{
		field.String("resource").Immutable().MaxRuneLen(255),
		field.String("action").Comment("FORWARD or NONE"),
		field.UUID("profile_id", uuid.UUID{}).Optional().Nillable().Comment("where FORWARD sends; null with NONE"),
		field.Strings("event_types").Optional().Comment("names and wildcards of the events that it is for; null for all"),
	}
}

// Edges of ResourceRoute.
func (ResourceRoute) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("profile", NotificationProfile.Type).Ref("resource_routes").Field("profile_id").Unique(),
	}
}

// Indexes of ResourceRoute.
func (ResourceRoute) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "resource").Unique(),
		index.Fields("account_id", "id"),
		index.Fields("profile_id"),
	}
}

// AccountSecret is the secret that signs what an account sends without a subscription: what its resource routes forward, and
// per-message webhooks. It is made when it is first needed.
type AccountSecret struct{ ent.Schema }

// Mixin of AccountSecret.
func (AccountSecret) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, versionMixin{}}
}

// Fields of AccountSecret.
func (AccountSecret) Fields() []ent.Field {
	return []ent.Field{
		field.Bytes("secret").Sensitive().Comment("sealed by internal/vault"),
		field.String("secret_fingerprint"),
		field.Bytes("previous_secret").Optional().Sensitive().Comment("the secret before the last rotation, sealed; null for none"),
		field.Time("previous_secret_valid_until").Optional().Nillable().Comment("until when it signs, too"),
	}
}

// Indexes of AccountSecret.
func (AccountSecret) Indexes() []ent.Index {
	return []ent.Index{index.Fields("account_id").Unique()}
}

// ConfigChange says that an object of an account, or of the catalogue, was created, changed or deleted: a line that every
// process reads to keep its registry true. The catalogue is one for all accounts: its lines have the account id zero, and
// only Hookline itself writes and reads them. Lines are dropped after an hour.
type ConfigChange struct{ ent.Schema }

// Mixin of ConfigChange.
func (ConfigChange) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Fields of ConfigChange.
func (ConfigChange) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().Comment("the prefix of the object's id: sub, prf, rte, sec or typ"),
		field.UUID("object_id", uuid.UUID{}).Immutable(),
	}
}
