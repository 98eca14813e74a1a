package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// AuditEntry is a line of the audit log: who changed what in an account. It is never changed.
type AuditEntry struct{ ent.Schema }

// Mixin of AuditEntry.
func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{idMixin{}, accountMixin{}} }

// Fields of AuditEntry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("the API key; null for Hookline itself"),
		field.String("actor").Immutable().Comment("what the API key was called, or hookline"),
		field.String("action").Immutable().Comment("CREATE, UPDATE, ROTATE, REVOKE or DELETE"),
		field.String("target_type").Immutable().Comment("a type of package ent"),
		field.UUID("target_id", uuid.UUID{}).Immutable(),
		field.Text("before").Default("").Immutable().Comment("JSON, secrets masked; empty on creation"),
		field.Text("after").Default("").Immutable().Comment("JSON, secrets masked; empty on deletion"),
		field.String("request_id").Default("").Immutable(),
	}
}

// Indexes of AuditEntry.
func (AuditEntry) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "id"),
		index.Fields("target_id", "id"),
	}
}

// auditMixin makes every change of a table a line of the audit log, in the transaction of the change.
type auditMixin struct{ mixin.Schema }

// audited is the annotation by which the generated code knows the table (ent/template/audit.tmpl).
type audited struct{ Audited bool }

func (audited) Name() string { return "Audited" }

// Hooks write the line.
func (auditMixin) Hooks() []ent.Hook { return []ent.Hook{auditMutations} }

// Annotations mark the table for the generated code.
func (auditMixin) Annotations() []schema.Annotation { return []schema.Annotation{audited{true}} }
