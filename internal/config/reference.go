package config

import (
	"fmt"
	"reflect"
	"strings"
)

//go:generate go run ./reference ../../docs/configuration.md

// Reference returns the page docs/configuration.md, made from the tags of Settings.
func Reference() string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from internal/config/config.go by make generate. -->

# Settings

Each setting is an environment variable, or a flag of ` + "`hookline serve`, `server`, `worker` and `migrate`" + `. All are checked before anything
starts: a wrong one stops the start and names itself.

| variable | flag | default | what it sets |
|---|---|---|---|
`)
	settings := reflect.TypeFor[Settings]()
	for field := range settings.Fields() {
		tag := field.Tag
		flag := tag.Get("name")
		if flag == "" {
			flag = kebab(field.Name)
		}
		standard := tag.Get("default")
		if standard != "" {
			standard = "`" + standard + "`"
		} else if field.Type.Kind() == reflect.Bool {
			standard = "`false`"
		}
		help := strings.ReplaceAll(tag.Get("help"), "${enum}", tag.Get("enum"))
		fmt.Fprintf(&b, "| `%s` | `--%s` | %s | %s |\n", tag.Get("env"), flag, standard, help)
	}
	return b.String()
}

// kebab turns a field's name into a flag's, as kong does.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		next := i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
		before := i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z')
		if upper && i > 0 && (before || next) {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
