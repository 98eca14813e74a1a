package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/uuid"
	"github.com/sosodev/duration"

	"github.com/hookline/hookline/internal/accept"
	"github.com/hookline/hookline/internal/id"
)

// MarshalText writes a text: that of the scalars String, ID, Key, URL and Cursor.
func MarshalText(text string) graphql.Marshaler { return graphql.MarshalString(text) }

// UnmarshalText reads a text. PostgreSQL has none with U+0000.
func UnmarshalText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return "", inputErrorf("%.64q has the character U+0000, which no text may have", v)
		}
		return v, nil
	default:
		return "", inputErrorf("%.64v is not a string", v)
	}
}

// UnmarshalTextID reads an id, which a client may also give as a whole number.
func UnmarshalTextID(v any) (string, error) {
	if number, ok := wholeNumber(v); ok {
		return strconv.FormatInt(number, 10), nil
	}
	return UnmarshalText(v)
}

// MarshalTextID writes an id that is a text.
func MarshalTextID(text string) graphql.Marshaler { return graphql.MarshalString(text) }

// MarshalInt writes a number.
func MarshalInt(i int) graphql.Marshaler { return graphql.MarshalInt(i) }

// UnmarshalInt reads a whole number of 32 bits, as GraphQL has it.
func UnmarshalInt(v any) (int, error) {
	number, ok := wholeNumber(v)
	if !ok {
		return 0, inputErrorf("%.64v is not a whole number", v)
	}
	if number != int64(int32(number)) {
		return 0, inputErrorf("%d does not fit into 32 bits, as every Int must", number)
	}
	return int(number), nil
}

// MarshalInt64 writes a number.
func MarshalInt64(i int64) graphql.Marshaler { return graphql.MarshalInt64(i) }

// UnmarshalInt64 reads a whole number of 64 bits.
func UnmarshalInt64(v any) (int64, error) {
	number, ok := wholeNumber(v)
	if !ok {
		return 0, inputErrorf("%.64v is not a whole number of 64 bits", v)
	}
	return number, nil
}

// wholeNumber reads a number as gqlparser gives it, of a literal or of a variable.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case int:
		return int64(v), true
	case json.Number:
		number, err := v.Int64()
		return number, err == nil
	default:
		return 0, false
	}
}

// MarshalFloat writes a number.
func MarshalFloat(f float64) graphql.ContextMarshaler { return graphql.MarshalFloatContext(f) }

// UnmarshalFloat reads a number.
func UnmarshalFloat(_ context.Context, v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case json.Number:
		if number, err := v.Float64(); err == nil {
			return number, nil
		}
	}
	if number, ok := wholeNumber(v); ok {
		return float64(number), nil
	}
	return 0, inputErrorf("%.64v is not a number of 64 bits", v)
}

// MarshalDateTime writes an instant by RFC 3339, in UTC.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		b := make([]byte, 0, len(time.RFC3339Nano)+2)
		b = append(b, '"')
		b = t.UTC().AppendFormat(b, time.RFC3339Nano)
		_, _ = w.Write(append(b, '"')) // gqlgen writes into a buffer
	})
}

// UnmarshalDateTime reads an instant by RFC 3339. It answers in UTC.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, inputErrorf("a DateTime is a string of the form 2026-03-01T12:00:00Z")
	}
	t, is := accept.ParseTime(text)
	if !is || t.IsZero() { // which would stand for none
		return time.Time{}, inputErrorf("%.64q is not a DateTime: RFC 3339 asks for the form 2026-03-01T12:00:00Z", text)
	}
	return t.UTC(), nil
}

// MarshalDuration writes a length of time by ISO 8601.
func MarshalDuration(d time.Duration) graphql.Marshaler {
	return graphql.MarshalString(duration.Format(d))
}

// maxDurationHours is 100 years, which time.Duration has room for.
const maxDurationHours = 100 * 365 * 24

// UnmarshalDuration reads a length of time by ISO 8601. Years and months are refused: they have no fixed length.
func UnmarshalDuration(v any) (time.Duration, error) {
	text, ok := v.(string)
	if !ok {
		return 0, inputErrorf("a Duration is a string of the form PT1H30M")
	}
	parsed, err := duration.Parse(text)
	if err != nil || !strings.ContainsAny(text, "0123456789") {
		return 0, inputErrorf("%.64q is not a Duration: ISO 8601 asks for the form PT1H30M", text)
	}
	if parsed.Years != 0 || parsed.Months != 0 {
		return 0, inputErrorf("%.64q: a Duration has no years and months, whose lengths vary", text)
	}
	if hours := 24*(7*parsed.Weeks+parsed.Days) + parsed.Hours + parsed.Minutes/60 + parsed.Seconds/3600; hours > maxDurationHours {
		return 0, inputErrorf("%.64q is too long: the limit is %d hours", text, maxDurationHours)
	}
	return parsed.ToTimeDuration(), nil
}

// MarshalJSON writes any JSON value as it is.
func MarshalJSON(raw json.RawMessage) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if len(raw) == 0 {
			raw = json.RawMessage("null")
		}
		_, _ = w.Write(raw)
	})
}

// UnmarshalJSON reads any JSON value. Numbers of variables keep all their digits; the order of an object's names and
// white space are not kept.
func UnmarshalJSON(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, inputErrorf("not a JSON value: %v", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// prefixes names the type of the ids in fields of Go type uuid.UUID, by the GraphQL field.
var prefixes = map[string]id.Prefix{
	"Account.id":              id.Account,
	"ApiKey.id":               id.APIKey,
	"Category.id":             id.Category,
	"EventType.id":            id.EventType,
	"EventSubscription.id":    id.EventSubscription,
	"NotificationProfile.id":  id.NotificationProfile,
	"AuthSetting.id":          id.AuthSetting,
	"ResourceRoute.id":        id.ResourceRoute,
	"AccountSecret.id":        id.AccountSecret,
	"Certificate.id":          id.Certificate,
	"Event.id":                id.Event,
	"Delivery.id":             id.Delivery,
	"DeliveryAttempt.id":      id.Attempt,
	"DeliveryAttempt.eventId": id.Event,
	"AuditEntry.id":           id.AuditEntry,
	"AuditEntry.actorId":      id.APIKey,
}

// MarshalID shows an id with the prefix of its type, which the field tells.
func MarshalID(value uuid.UUID) graphql.ContextMarshaler {
	return graphql.ContextWriterFunc(func(ctx context.Context, w io.Writer) error {
		field := graphql.GetFieldContext(ctx)
		prefix, ok := prefixes[field.Object+"."+field.Field.Name]
		if !ok {
			return fmt.Errorf("no prefix for ids of %s.%s", field.Object, field.Field.Name)
		}
		_, err := io.WriteString(w, strconv.Quote(id.Format(prefix, value)))
		return err
	})
}

// UnmarshalID is never used: inputs take ids as text, whose type the resolver knows.
func UnmarshalID(_ context.Context, v any) (uuid.UUID, error) {
	return id.Nil, inputErrorf("%v: not an id", v)
}
