package livelog

import "github.com/hookline/hookline/internal/stream"

// CursorAt returns the cursor of these positions, one for each partition.
func CursorAt(positions ...stream.Position) string { return cursor(positions).String() }
