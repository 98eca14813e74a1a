// Package id makes and shows Hookline's identifiers: UUIDv7 (RFC 9562) in the database, and in the API the TypeID
// form of it: a three-letter prefix that names the type, an underscore and 26 characters of Crockford base32
// (`evt_01h455vb4pex5vsknk084sn02q`). Both forms sort by the time they were made.
package id

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.jetify.com/typeid/base32"
)

// ID is the identifier as the database holds it.
type ID = uuid.UUID

// Prefix names the type of an identifier.
type Prefix string

// The prefixes of all types that have an id.
const (
	Account             Prefix = "acc"
	APIKey              Prefix = "key"
	Category            Prefix = "cat"
	EventType           Prefix = "typ"
	EventSubscription   Prefix = "sub"
	NotificationProfile Prefix = "prf"
	AuthSetting         Prefix = "ath"
	Certificate         Prefix = "crt"
	ResourceRoute       Prefix = "rte"
	AccountSecret       Prefix = "sec"
	Event               Prefix = "evt"
	Delivery            Prefix = "dlv"
	Bucket              Prefix = "bkt"
	Attempt             Prefix = "att"
	AuditEntry          Prefix = "aud"
)

// ErrInvalid is returned for text that is not an identifier.
var ErrInvalid = errors.New("not an identifier")

// Nil is the zero ID.
var Nil = uuid.Nil

// New returns a fresh UUIDv7. Ids made by one process sort in the order in which they were made.
func New() ID { return uuid.Must(uuid.NewV7()) }

// Format shows id with its prefix.
func Format(p Prefix, id ID) string {
	return string(p) + "_" + base32.Encode(id)
}

// Parse reads an id in the form that Format writes.
func Parse(text string) (Prefix, ID, error) {
	prefix, suffix, found := strings.Cut(text, "_")
	if !found || len(suffix) != 26 || suffix[0] > '7' {
		return "", Nil, fmt.Errorf("%w: %.64q", ErrInvalid, text)
	}
	raw, err := base32.Decode(suffix)
	if err != nil || len(raw) != 16 {
		return "", Nil, fmt.Errorf("%w: %.64q", ErrInvalid, text)
	}
	return Prefix(prefix), ID(raw), nil
}

// ParseAs reads an id that must have the prefix p.
func ParseAs(p Prefix, text string) (ID, error) {
	prefix, id, err := Parse(text)
	if err != nil {
		return Nil, err
	}
	if prefix != p {
		return Nil, fmt.Errorf("%w: %.64q does not start with %s_", ErrInvalid, text, p)
	}
	return id, nil
}

// Time returns when a UUIDv7 was made, to the millisecond.
func Time(id ID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)))).UTC()
}

// FirstAt returns the smallest id that can be made at t: the lower bound of a range of ids by time.
func FirstAt(t time.Time) ID {
	var id ID
	ms := uint64(max(t.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = 0x70
	id[8] = 0x80
	return id
}

// ForDelivery derives the id of the delivery of an event to a target (a subscription's id). The same pair always gives
// the same id, so that writing a delivery twice is harmless, and it carries the event's time, so that all deliveries
// of an event lie in the range of ids that DeliveryRange returns.
func ForDelivery(event, target ID) ID {
	var pair [32]byte
	copy(pair[:16], event[:])
	copy(pair[16:], target[:])
	sum := sha256.Sum256(pair[:])
	return timed(ID(sum[:16]), event)
}

// ForBucket derives the id of a bucket, a request that carries several events, from the ids of these, of which there is at least one. The same
// events in whatever order always give the same id, and it carries the time of the oldest.
func ForBucket(events []ID) ID {
	sorted := slices.SortedFunc(slices.Values(events), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	hash := sha256.New()
	for _, event := range sorted {
		hash.Write(event[:])
	}
	return timed(ID(hash.Sum(nil)[:16]), sorted[0])
}

// timed makes a UUIDv7 of a hash, with the time of another one.
func timed(hash, at ID) ID {
	copy(hash[:6], at[:6])
	hash[6] = hash[6]&0x0f | 0x70
	hash[8] = hash[8]&0x3f | 0x80
	return hash
}

// DeliveryRange returns the bounds, both inclusive, of the ids of an event's deliveries.
func DeliveryRange(event ID) (first, last ID) {
	for i := range last {
		last[i] = 0xff
	}
	copy(first[:6], event[:6])
	copy(last[:6], event[:6])
	return first, last
}
