package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Certificate is a client certificate with its key, for mutual TLS. Of what it is, only its name ever changes.
type Certificate struct{ ent.Schema }

// Mixin of Certificate.
func (Certificate) Mixin() []ent.Mixin {
	return []ent.Mixin{idMixin{}, accountMixin{}, timesMixin{}, versionMixin{}}
}

// Fields of Certificate.
func (Certificate) Fields() []ent.Field {
	return []ent.Field{
		field.String("key").Immutable().MaxLen(255),
		field.String("name").MaxRuneLen(255),
		field.Bytes("chain").Immutable().Comment("DER certificates, the leaf first, one after the other"),
		field.Bytes("private_key").Sensitive().Comment("PKCS #8, sealed by internal/vault"),
		field.Text("subject").Default("").Immutable().Comment("the leaf's, to search for"),
		field.String("fingerprint").Immutable().Comment("SHA-256 of the leaf, in hex"),
		field.Time("not_before").Immutable(),
		field.Time("not_after").Immutable(),
		field.Int("expiry_told").Default(0).Comment("how many days before its end the account was last told of it: 0 for never"),
	}
}

// Edges of Certificate.
func (Certificate) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("profiles", NotificationProfile.Type).Annotations(entsql.OnDelete(entsql.Restrict)),
		edge.To("next_profiles", NotificationProfile.Type).Annotations(entsql.OnDelete(entsql.Restrict)),
	}
}

// Indexes of Certificate.
func (Certificate) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "key").Unique(),
		index.Fields("account_id", "id"),
		index.Fields("account_id", "name", "id"),
		index.Fields("account_id", "not_after", "id"),
		index.Fields("not_after"),
	}
}
