package graph

import (
	"encoding/json"

	"github.com/hookline/hookline/ent"
	"github.com/hookline/hookline/ent/auditentry"
	"github.com/hookline/hookline/ent/predicate"
	"github.com/hookline/hookline/internal/id"
)

// entNames are the types of package ent that have another name in the schema.
var entNames = map[string]string{"APIKey": "ApiKey", "Attempt": "DeliveryAttempt"}

// graphName is the name in the schema of a type of package ent.
func graphName(entType string) string {
	if name, differs := entNames[entType]; differs {
		return name
	}
	return entType
}

// prefixOf returns the prefix of the ids of a type of the schema.
func prefixOf(typeName string) id.Prefix { return prefixes[typeName+".id"] }

// orNullJSON is the JSON value that a text holds, null for an empty text.
func orNullJSON(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	return json.RawMessage(text)
}

func auditWhere(f *AuditLogFilter) []predicate.AuditEntry {
	if f == nil {
		return nil
	}
	where := []predicate.AuditEntry{during(f.Since, f.Until)}
	if f.Actor != nil {
		where = append(where, auditentry.ActorID(parseID(id.APIKey, *f.Actor)))
	}
	if f.Action != nil {
		where = append(where, auditentry.Action(*f.Action))
	}
	if f.Target != nil {
		prefix, target, err := id.Parse(*f.Target)
		if err != nil || nodeTypes[prefix] == "" {
			target = nobody
		}
		where = append(where, auditentry.TargetID(target))
	}
	return where
}

// targetOf names the object that an entry is about.
func targetOf(entry *ent.AuditEntry) (id.Prefix, id.ID) {
	return prefixOf(graphName(entry.TargetType)), entry.TargetID
}
