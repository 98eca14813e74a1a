package stream

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/hookline/hookline/internal/id"
)

// Entries are CBOR (RFC 8949) maps with small integers as keys, in the stream entry's one field, whose name is the
// version of the encoding. A field may be added with a new number; a number is never used again.

// entryField is the name of the one field of an entry: the version of its encoding.
const entryField = "1"

// Work is an entry of a work stream: an event, and the targets that it is to be delivered to.
type Work struct {
	Event   Event    `cbor:"1,keyasint"`
	Targets []Target `cbor:"2,keyasint"`
	// Until is until when Redis must have taken the entry, by its clock, in milliseconds since 1970; 0 for always. Enqueue sets it.
	Until int64 `cbor:"3,keyasint,omitempty"`
}

// Event is an event as the workers need it. Its payload is empty when it is too large to be carried (InlinePayload): it
// is read from the database then.
type Event struct {
	ID          id.ID       `cbor:"1,keyasint"`
	AccountID   id.ID       `cbor:"2,keyasint"`
	Type        string      `cbor:"3,keyasint"`
	OccurredAt  int64       `cbor:"4,keyasint"` // microseconds since 1970
	Application string      `cbor:"5,keyasint,omitempty"`
	Entity      string      `cbor:"6,keyasint,omitempty"`
	User        string      `cbor:"7,keyasint,omitempty"`
	Resource    string      `cbor:"8,keyasint,omitempty"`
	Attributes  []Attribute `cbor:"9,keyasint,omitempty"`
	Payload     []byte      `cbor:"10,keyasint,omitempty"`
	// CallbackData is carried in the notification. NotifyURL is where the target that is the account itself goes, as XML or as JSON.
	CallbackData string `cbor:"11,keyasint,omitempty"`
	NotifyURL    string `cbor:"12,keyasint,omitempty"`
	XML          bool   `cbor:"13,keyasint,omitempty"`
	// PayloadSize is the size in bytes of a payload that is not carried.
	PayloadSize int `cbor:"14,keyasint,omitempty"`
}

// Attribute is a value of an event to filter on.
type Attribute struct {
	_     struct{} `cbor:",toarray"`
	Key   string
	Value string
}

// Target is a delivery of an event that is due.
type Target struct {
	_ struct{} `cbor:",toarray"`
	// SubscriptionID may also be the id of a resource route, or of the account, for the event's own NotifyURL.
	SubscriptionID id.ID
	// Attempts is how many attempts there have been; Failures, how many of them count in the retry schedule.
	Attempts int
	Failures int
	Trigger  Trigger
	// DueAt is since when it is due, and QueuedAt the queued_at of its row, 0 while it has none; in microseconds since 1970.
	DueAt    int64
	QueuedAt int64
}

// SetPayload sets the payload, or its size if it is too large to be carried.
func (e *Event) SetPayload(payload string) {
	if len(payload) > InlinePayload {
		e.PayloadSize = len(payload)
		return
	}
	e.Payload = []byte(payload)
}

// InlinePayload is the largest payload, in bytes, that a work entry carries itself.
const InlinePayload = 4 << 10

// Trigger is what set an attempt off. Its text is the GraphQL enum value.
type Trigger string

// The triggers.
const (
	TriggerFirst  Trigger = "FIRST"
	TriggerRetry  Trigger = "RETRY"
	TriggerReplay Trigger = "REPLAY"
	TriggerTest   Trigger = "TEST"
)

// Outcome is how an attempt went. Its text is the GraphQL enum value.
type Outcome string

// The outcomes.
const (
	OutcomeSuccess          Outcome = "SUCCESS"
	OutcomeHTTPError        Outcome = "HTTP_ERROR"
	OutcomeResponseMismatch Outcome = "RESPONSE_MISMATCH"
	OutcomeTimeout          Outcome = "TIMEOUT"
	OutcomeDNS              Outcome = "DNS"
	OutcomeConnect          Outcome = "CONNECT"
	OutcomeTLS              Outcome = "TLS"
	OutcomeAuth             Outcome = "AUTH"
	OutcomeBlocked          Outcome = "BLOCKED"
	OutcomeInterrupted      Outcome = "INTERRUPTED"
	OutcomeCancelled        Outcome = "CANCELLED"
)

// Status is what has become of a delivery. Its text is the GraphQL enum value.
type Status string

// The statuses; ARCHITECTURE.md draws how they follow each other.
const (
	StatusQueued    Status = "QUEUED"
	StatusRetrying  Status = "RETRYING"
	StatusSucceeded Status = "SUCCEEDED"
	StatusExhausted Status = "EXHAUSTED"
	StatusCancelled Status = "CANCELLED"
	StatusSkipped   Status = "SKIPPED"
	StatusParked    Status = "PARKED"
)

// Result is an entry of an attempts stream: what became of a delivery, and usually the attempt that made it so.
type Result struct {
	AccountID      id.ID  `cbor:"1,keyasint"`
	DeliveryID     id.ID  `cbor:"2,keyasint"`
	EventID        id.ID  `cbor:"3,keyasint"`
	SubscriptionID id.ID  `cbor:"4,keyasint"`
	EventType      string `cbor:"5,keyasint"`
	// The delivery after it.
	Status        Status `cbor:"6,keyasint"`
	Attempts      int    `cbor:"7,keyasint"`
	Failures      int    `cbor:"8,keyasint"`
	NextAttemptAt int64  `cbor:"9,keyasint,omitempty"`  // microseconds since 1970; 0 for none
	QueuedAt      int64  `cbor:"10,keyasint,omitempty"` // the target's
	// Attempt is nil when the delivery was put off or called off without one.
	Attempt *Attempt `cbor:"11,keyasint,omitempty"`
}

// Attempt is one HTTP request of a delivery. Durations are in microseconds, 0 when the part was not needed.
type Attempt struct {
	ID                id.ID   `cbor:"1,keyasint"` // made when the attempt ended
	Trigger           Trigger `cbor:"2,keyasint"`
	Outcome           Outcome `cbor:"3,keyasint"`
	StatusCode        int     `cbor:"4,keyasint,omitempty"` // 0 without a response
	StartedAt         int64   `cbor:"5,keyasint"`           // microseconds since 1970
	QueuedUs          int64   `cbor:"6,keyasint,omitempty"`
	DNSUs             int64   `cbor:"7,keyasint,omitempty"`
	ConnectUs         int64   `cbor:"8,keyasint,omitempty"`
	TLSUs             int64   `cbor:"9,keyasint,omitempty"`
	FirstByteUs       int64   `cbor:"10,keyasint,omitempty"`
	TotalUs           int64   `cbor:"11,keyasint,omitempty"`
	ConnectionReused  bool    `cbor:"12,keyasint,omitempty"`
	URL               string  `cbor:"13,keyasint"` // without its query
	PayloadFormat     string  `cbor:"14,keyasint"`
	RequestHeaders    string  `cbor:"15,keyasint,omitempty"` // `Name: value` lines, secrets masked
	ResponseHeaders   string  `cbor:"16,keyasint,omitempty"` // `Name: value` lines
	ResponseBody      []byte  `cbor:"17,keyasint,omitempty"` // the first 16 KiB
	ResponseTruncated bool    `cbor:"18,keyasint,omitempty"`
	RemoteAddress     string  `cbor:"19,keyasint,omitempty"`
	TLSVersion        string  `cbor:"20,keyasint,omitempty"` // TLS_1_2 or TLS_1_3
	Error             string  `cbor:"21,keyasint,omitempty"`
	Hint              string  `cbor:"22,keyasint,omitempty"`
	BucketSize        int     `cbor:"23,keyasint,omitempty"` // how many events the request carried; 0 if it was not a bucket
}

// Micros turns a time into an entry's form, and FromMicros back; 0 is the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros, in UTC.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

var (
	encoding = must(cbor.EncOptions{}.EncMode())
	decoding = must(cbor.DecOptions{MaxArrayElements: 1 << 17, MaxNestedLevels: 8}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that are constants
	}
	return v
}

// encode returns the fields of an entry for v.
func encode(v any) ([]any, error) {
	data, err := encoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode stream entry: %w", err)
	}
	return []any{entryField, data}, nil
}

// decode reads an entry's fields into v.
func decode(fields map[string]any, v any) error {
	text, ok := fields[entryField].(string)
	if !ok {
		return fmt.Errorf("stream entry: no field %q: it was written by another version", entryField)
	}
	if err := decoding.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("stream entry: %w", err)
	}
	return nil
}
