//go:build ignore

// entc generates the packages under ent from ent/schema.
package main

import (
	"log"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
)

func main() {
	err := entc.Generate("./schema", &gen.Config{
		Package: "github.com/hookline/hookline/ent",
		Target:  ".",
		Features: []gen.Feature{
			gen.FeatureIntercept,
			gen.FeatureVersionedMigration,
			gen.FeatureModifier,
			gen.FeatureLock,
		},
	}, entc.TemplateFiles("template/audit.tmpl"))
	if err != nil {
		log.Fatalf("generate ent: %v", err)
	}
}
