package store

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"modernc.org/sqlite"
)

// lowerFunction is SQLite's lower function for all of Unicode; its own one knows ASCII only.
const lowerFunction = "hookline_lower"

func init() {
	sqlite.MustRegisterDeterministicScalarFunction(lowerFunction, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		switch text := args[0].(type) {
		case string:
			return strings.ToLower(text), nil
		case nil:
			return nil, nil
		default:
			return nil, fmt.Errorf("%s: %T is not a text", lowerFunction, text)
		}
	})
}

// ContainsFold selects the rows of which one of the columns contains text, whatever the case of the letters, by the rules of
// Unicode. No character of text is a wildcard.
func ContainsFold(text string, columns ...string) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		lower := func(b *entsql.Builder, write func(*entsql.Builder)) {
			if s.Dialect() == dialect.Postgres { // whose lower follows the database's locale, which may know ASCII only
				b.WriteString(`lower(`)
				write(b)
				b.WriteString(` COLLATE "und-x-icu")`)
				return
			}
			b.WriteString(lowerFunction + "(")
			write(b)
			b.WriteByte(')')
		}
		position := "instr"
		if s.Dialect() == dialect.Postgres {
			position = "strpos"
		}
		found := make([]*entsql.Predicate, len(columns))
		for i, column := range columns {
			found[i] = entsql.P(func(b *entsql.Builder) {
				b.WriteString(position + "(")
				lower(b, func(b *entsql.Builder) { b.Ident(s.C(column)) })
				b.Comma()
				lower(b, func(b *entsql.Builder) { b.Arg(text); cast(b) })
				b.WriteString(") > 0")
			})
		}
		s.Where(entsql.Or(found...))
	}
}

// cast tells PostgreSQL the type of a parameter, which it could not know from where it stands.
func cast(b *entsql.Builder) {
	if b.Dialect() == dialect.Postgres {
		b.WriteString("::text")
	}
}
