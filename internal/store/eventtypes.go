package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"modernc.org/sqlite"

	"github.com/hookline/hookline/internal/match"
)

// takesFunction tells on SQLite whether a subscription takes events of a type: of its patterns, in JSON, its category and
// the type's name.
const takesFunction = "hookline_takes"

func init() {
	sqlite.MustRegisterDeterministicScalarFunction(takesFunction, 3, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		category, _ := args[1].(string)
		name, _ := args[2].(string)
		patterns, err := patternsIn(args[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", takesFunction, err)
		}
		if len(patterns) == 0 {
			patterns = []string{category + ".*"}
		}
		for _, pattern := range patterns {
			if match.MatchPattern(pattern, name) {
				return true, nil
			}
		}
		return false, nil
	})
}

func patternsIn(column driver.Value) (patterns []string, err error) {
	switch text := column.(type) {
	case string:
		err = json.Unmarshal([]byte(text), &patterns)
	case []byte:
		err = json.Unmarshal(text, &patterns)
	default:
		err = fmt.Errorf("%T is no JSON", text)
	}
	return patterns, err
}

// TakesEventType selects the event subscriptions that take events of a type: of which a pattern matches its name, or that
// have no patterns and its category. The name is one that match.ValidatePattern lets through, without a star. It looks at all
// rows that the query selects without it.
func TakesEventType(name string) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		patterns, category := s.C("event_types"), s.C("category")
		s.Where(entsql.P(func(b *entsql.Builder) {
			if b.Dialect() != dialect.Postgres {
				b.WriteString(takesFunction + "(" + patterns + ", " + category + ", ")
				b.Arg(name)
				b.WriteByte(')')
				return
			}
			// Of a pattern it makes a regular expression: a star at the end stands for all that is left, any other one for a
			// segment. Of what else a pattern may have, only dots mean anything there.
			b.WriteString(`EXISTS (SELECT FROM jsonb_array_elements_text(CASE WHEN jsonb_typeof(` + patterns + `) = 'array' AND ` + patterns +
				` <> '[]' THEN ` + patterns + ` ELSE jsonb_build_array(` + category + ` || '.*') END) AS pattern WHERE `)
			b.Arg(name)
			b.WriteString(`::text ~ ('^' || replace(regexp_replace(replace(pattern, '.', '\.'), '\*$', '.+'), '*', '[^.]+') || '$'))`)
		}))
	}
}
