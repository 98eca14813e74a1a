package token

import "time"

// SetLimit bounds all that asking for one token takes by less than fetchTimeout.
func (s *Source) SetLimit(limit time.Duration) { s.limit = limit }
