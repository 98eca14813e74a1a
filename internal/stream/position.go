package stream

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Position is a place in a stream: the entry's id `<ms>-<seq>` as one number that sorts alike.
type Position int64

const sequenceBits = 20

// ParsePosition reads a stream entry's id.
func ParsePosition(entry string) (Position, error) {
	ms, seq, found := strings.Cut(entry, "-")
	m, errMs := strconv.ParseInt(ms, 10, 63-sequenceBits)
	n, errSeq := strconv.ParseInt(seq, 10, sequenceBits+1)
	if !found || errMs != nil || errSeq != nil || m < 0 || n < 0 || n >= 1<<sequenceBits {
		return 0, fmt.Errorf("stream entry id %.40q: not a position", entry)
	}
	return Position(m<<sequenceBits | n), nil
}

// PositionAt returns the first position at t.
func PositionAt(t time.Time) Position { return Position(max(t.UnixMilli(), 0) << sequenceBits) }

// Time returns when the entry was written, by Redis' clock.
func (p Position) Time() time.Time { return time.UnixMilli(int64(p) >> sequenceBits).UTC() }

// String returns the entry's id.
func (p Position) String() string {
	return strconv.FormatInt(int64(p)>>sequenceBits, 10) + "-" + strconv.FormatInt(int64(p)&(1<<sequenceBits-1), 10)
}
