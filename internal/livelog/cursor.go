package livelog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/hookline/hookline/internal/stream"
)

// ErrBadCursor is returned for a cursor that Hookline has not made, or made with another number of partitions.
var ErrBadCursor = errors.New("the cursor is not one of this stream: leave `after` out to begin anew")

// cursor is a place in all partitions' attempts streams: for each the last position that has been seen.
type cursor []stream.Position

const cursorVersion = 1

func (c cursor) String() string {
	data := []byte{cursorVersion}
	for _, position := range c {
		data = binary.AppendUvarint(data, uint64(position))
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseCursor(text string, partitions int) (cursor, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(data) == 0 || data[0] != cursorVersion {
		return nil, ErrBadCursor
	}
	data = data[1:]
	var c cursor
	for len(data) > 0 {
		position, n := binary.Uvarint(data)
		if n <= 0 || position > 1<<62 {
			return nil, ErrBadCursor
		}
		c = append(c, stream.Position(position))
		data = data[n:]
	}
	if len(c) != partitions {
		return nil, fmt.Errorf("%w (it has %d partitions, there are %d)", ErrBadCursor, len(c), partitions)
	}
	return c, nil
}

// before reports whether the cursor lies before a result.
func (c cursor) before(r stream.Logged) bool {
	return r.Partition < len(c) && r.Position > c[r.Partition]
}
